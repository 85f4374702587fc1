"""What chapter 2 reads of the placement experiment: measures of every item, and their comparisons.

The item is the unit: it stands at five places, in both models. Density needs many response tokens, and
expected answers are short, so the share of plain importance stands before it (method.md, sections 1, 2, 5).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
from scipy import stats

from helpers.findings.positions.read import Placed, placed
from helpers.methods.chance import holm_adjusted
from helpers.methods.density import THRESHOLD, P, density, instruction_score, relative_density
from helpers.methods.statistics import (
    RESAMPLES,
    BadSample,
    Comparison,
    bootstrap_interval,
    compare_paired,
    holm,
    mcnemar,
)
from helpers.models.roles import ROLES
from helpers.prompts.placement import PLACES
from helpers.store.store import Store

MIDDLE, ENDS = PLACES[1:4], (PLACES[0], PLACES[-1])
MATCHED = "matched"  # own responses, both cut to the shorter one's length


def measure(one: Placed, columns: slice = slice(None)) -> dict:
    """Density and score of the instruction over some response tokens; NaN where there is none."""
    levels = one.normalised[:, columns]
    row = dict(id=one.id, kind=one.kind, place=one.place, model=one.model, response=one.response)
    row |= dict(response_tokens=levels.shape[1], followed=one.followed, share=one.share)
    row |= dict(density=np.nan, score=np.nan)
    if levels.size:
        values = density(levels, P, threshold=THRESHOLD)
        row["density"] = float(relative_density(values)[one.mask].mean())
        row["score"] = instruction_score(values, one.mask)
    return row


def measures(store: Store) -> pd.DataFrame:
    """One row an item, place, model and response (own, expected, and own cut to equal length).

    `followed` is that of the own response. The share of a cut response is not stored: it is missing.
    """
    everything = placed(store)
    rows = [measure(one) for one in everything]
    own = {(one.id, one.place, one.model): one for one in everything if one.response == "own"}
    for (id, place, _), one in own.items():
        shorter = min(own[(id, place, role)].normalised.shape[1] for role in ROLES)
        rows.append(measure(one, slice(shorter)) | dict(response=MATCHED, share=np.nan))
    return pd.DataFrame(rows)


def grid(table: pd.DataFrame, column: str, response: str = "expected") -> pd.DataFrame:
    """Items by (model, place) of one measure; items that lack a value anywhere are left out."""
    rows = table[table["response"] == response]
    wide = rows.pivot(index="id", columns=["model", "place"], values=column).astype(float).dropna()
    if len(wide) < 3:
        raise BadSample(
            f"{column} of {response} responses: {len(wide)} items have all places and both models, "
            "3 are needed."
        )
    return wide


def by_place(table: pd.DataFrame, column: str, response: str = "expected") -> pd.DataFrame:
    """Mean of a measure by place and model, with a 95 % interval: Wilson's for a rate, bootstrap else."""
    from statsmodels.stats.proportion import proportion_confint

    wide, rows = grid(table, column, response), []
    for model, place in product(ROLES, PLACES):
        values = wide[(model, place)]
        if column == "followed":
            low, high = proportion_confint(int(values.sum()), len(values), method="wilson")
        else:
            low, high = bootstrap_interval(values)
        row = dict(model=model, place=place, n=len(values), mean=float(values.mean()))
        rows.append(row | dict(low=float(low), high=float(high)))
    return pd.DataFrame(rows)


def levels(losses: pd.DataFrame) -> pd.DataFrame:
    """How likely the expected answer is at all, with and without the instruction (`read.losses`).

    Nats a token, means over items with the 95 % bootstrap interval of the loss, and the geometric mean
    of the whole answer's probability: where that is nearly 0 there is little to lose. One row a model
    and place.
    """
    losses = losses.assign(sum=losses["whole"] * losses["tokens"])
    shown = by_place(losses, "instruction").rename(columns={"mean": "lost with the instruction"})
    names = {
        "whole": "with the instruction",
        "without instruction": "without it",
        "without context": "without as much context",
        "context": "lost with as much context",
    }
    for column, name in names.items():
        shown[name] = by_place(losses, column)["mean"]
    return shown.assign(**{"probability of the answer": np.exp(by_place(losses, "sum")["mean"])})


# --- comparisons: b against a, paired by item


def _flips(differences: np.ndarray) -> float:
    """Two-sided p-value of a mean of differences by flipping their signs at random, seeded."""
    if not differences.any():
        return 1.0
    options = dict(permutation_type="samples", n_resamples=RESAMPLES, rng=np.random.default_rng(0))
    return float(stats.permutation_test((differences,), np.mean, vectorized=True, **options).pvalue)


def paired(a: pd.Series, b: pd.Series, label: str, null_hypothesis: str) -> Comparison:
    """Paired t, but rates of following: an item's takes few values, so signs are flipped instead."""
    about = dict(label=label, null_hypothesis=null_hypothesis)
    values = np.unique(np.concatenate([a, b]))
    if set(values) <= {0.0, 1.0}:
        return mcnemar(a, b, **about)
    found = compare_paired(a, b, **about)
    if len(values) > 7 or not found.possible:
        return found
    return replace(found, p_value=_flips((b - a).to_numpy()), test="sign flips of items, two-sided")


def family(cells: list[tuple[pd.Series, pd.Series, str]], null_hypothesis: str) -> list[Comparison]:
    """Comparisons of (a, b, label) under one null hypothesis, Holm-corrected together."""
    return holm([paired(*cell, null_hypothesis) for cell in cells])


def middle(wide: pd.DataFrame, model: str, places: tuple[str, ...] = MIDDLE) -> pd.Series:
    return wide[[(model, place) for place in places]].mean(axis=1)


def base_against_tuned(table: pd.DataFrame, column: str, response: str = "expected") -> list:
    """Both models at each place."""
    wide = grid(table, column, response)
    cells = [(wide[("base", place)], wide[("tuned", place)], place) for place in PLACES]
    return family(cells, f"both models have the same mean at this place ({column})")


def against_before(table: pd.DataFrame, column: str) -> list:
    """Within each model, every other place against the place before the context."""
    wide = grid(table, column)
    cells = [
        (wide[(model, PLACES[0])], wide[(model, place)], f"{model}: {place}")
        for model, place in product(ROLES, PLACES[1:])
    ]
    return family(cells, f"the place makes no difference to the mean ({column})")


def gain_by_place(table: pd.DataFrame, column: str) -> list:
    """What tuning adds at every other place against what it adds before the context."""
    wide = grid(table, column)
    gain = {place: wide[("tuned", place)] - wide[("base", place)] for place in PLACES}
    cells = [(gain[PLACES[0]], gain[place], place) for place in PLACES[1:]]
    return family(cells, f"tuning adds as much at this place as before the context ({column})")


def against_each_end(table: pd.DataFrame, column: str, response: str = "expected") -> list:
    """The middle against either end alone: only where it is below both is there a dip.

    What stands last is nearest to the response, so a mean over both ends can mislead.
    """
    wide = grid(table, column, response)
    cells = [
        (wide[(model, end)], middle(wide, model), f"{model}: middle against {end}")
        for model, end in product(ROLES, ENDS)
    ]
    return family(cells, f"the mean is the same in the middle as at this end ({column})")


def middle_against_ends(table: pd.DataFrame, column: str, response: str = "expected") -> list:
    """The dip in the middle of each model, and the change of it by tuning, as one family."""
    wide = grid(table, column, response)
    same = f"the mean is the same in the middle as at the ends ({column})"
    sides = {model: (middle(wide, model, ENDS), middle(wide, model)) for model in ROLES}
    found = [paired(*sides[m], f"{m}: middle against ends", same) for m in ROLES]
    changes = [inside - ends for ends, inside in sides.values()]
    left = f"tuning leaves the difference of middle and ends as it was ({column})"
    return holm([*found, paired(*changes, "base against tuned: middle minus ends", left)])


def any_place(table: pd.DataFrame) -> pd.DataFrame:
    """Does the place matter to following at all? Cochran's Q over the five places, one row a model."""
    from statsmodels.stats.contingency_tables import cochrans_q

    wide, rows = grid(table, "followed", "own"), []
    for model in ROLES:
        values = wide[model][list(PLACES)].to_numpy(int)
        varies = int((values.min(1) < values.max(1)).sum())  # only such items carry information
        found = cochrans_q(values) if varies else None
        row = {"items": len(values), "items that change with the place": varies}
        row |= {"Q": found.statistic if varies else 0.0, "df": len(PLACES) - 1}
        rows.append(row | {"p": float(found.pvalue) if varies else 1.0})
    shown = pd.DataFrame(rows, index=list(ROLES))
    shown["p (Holm)"] = holm_adjusted(shown["p"])
    return shown.assign(**{"null hypothesis": "it follows equally often at all five places"})
