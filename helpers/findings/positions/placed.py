"""What chapter 2 reads of the placement experiment: measures, comparisons, models of effects.

The item is the unit: it stands at five places, in both models. Only items that both models have
finished are used; `missing` says how many are not. Density needs many response tokens, and expected
answers are short, so the share of plain importance is the main measure (method.md, sections 1, 2, 5).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import numpy as np
import pandas as pd

from helpers.findings.positions.read import Placed, placed
from helpers.methods.density import THRESHOLD, P, density, instruction_score, relative_density
from helpers.methods.statistics import (
    BadSample,
    Comparison,
    bootstrap_interval,
    compare_paired,
    holm,
)
from helpers.models.roles import ROLES
from helpers.prompts.placement import PLACES
from helpers.store.store import Store

MIDDLE, ENDS = PLACES[1:4], (PLACES[0], PLACES[-1])
MEASURES = {
    "share": "share of importance on the instruction",
    "density": "mean relative density of the instruction",
    "score": "instruction score",
}
MATCHED = "matched"  # own responses, both cut to the shorter one's length


def measure(one: Placed, columns: slice = slice(None)) -> dict:
    """Density and score of the instruction over some response tokens; NaN where there is none."""
    levels = one.normalised[:, columns]
    row = dict(id=one.id, kind=one.kind, place=one.place, model=one.model, response=one.response)
    row |= dict(response_tokens=levels.shape[1], instruction_tokens=int(one.mask.sum()))
    row |= dict(share=one.share, density=np.nan, score=np.nan, followed=one.followed)
    if levels.size:
        values = density(levels, P, threshold=THRESHOLD)
        row["density"] = float(relative_density(values)[one.mask].mean())
        row["score"] = instruction_score(values, one.mask)
    return row


def measures(store: Store) -> pd.DataFrame:
    """One row an item, place, model and response (own, expected, and own cut to equal length).

    The share of importance of a cut response is not stored: it is missing there.
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
    wide = rows.pivot(index="id", columns=["model", "place"], values=column).astype(float)
    wide = wide.dropna()
    if len(wide) < 3:
        raise BadSample(
            f"{column} of {response} responses: {len(wide)} items have all places and both models, "
            "3 are needed."
        )
    return wide


def by_place(table: pd.DataFrame, column: str, response: str = "expected") -> pd.DataFrame:
    """Mean of a measure by place and model, with a 95 % bootstrap interval over items."""
    wide, rows = grid(table, column, response), []
    for model, place in product(ROLES, PLACES):
        values = wide[(model, place)]
        low, high = bootstrap_interval(values)
        row = dict(model=model, place=place, n=len(values), mean=values.mean())
        rows.append(row | dict(low=low, high=high))
    return pd.DataFrame(rows)


def levels(losses: pd.DataFrame) -> pd.DataFrame:
    """How likely the expected answer is at all, with and without the instruction (`read.losses`).

    Nats a token, means over items with the 95 % bootstrap interval of the loss, and the geometric mean
    of the whole answer's probability: where that is nearly 0 there is little to lose. One row a model
    and place.
    """
    whole = losses.assign(sum=losses["whole"] * losses["tokens"])
    columns = ("whole", "without instruction", "without context", "instruction", "sum")
    means = {column: by_place(whole, column) for column in columns}
    loss = means["instruction"]
    return pd.DataFrame(
        {
            "model": loss["model"],
            "place": loss["place"],
            "n": loss["n"],
            "with the instruction": means["whole"]["mean"],
            "without it": means["without instruction"]["mean"],
            "without as much context": means["without context"]["mean"],
            "lost with the instruction": loss["mean"],
            "low": loss["low"],
            "high": loss["high"],
            "probability of the answer": np.exp(means["sum"]["mean"]),
        }
    )


def family(cells: Iterable[tuple[pd.Series, pd.Series, str]], null_hypothesis: str) -> list:
    """Paired comparisons of (a, b, label), b against a, under one null hypothesis; Holm."""
    return holm(
        [compare_paired(a, b, label=name, null_hypothesis=null_hypothesis) for a, b, name in cells]
    )


def _middle(wide: pd.DataFrame, model: str) -> pd.Series:
    return wide[[(model, place) for place in MIDDLE]].mean(axis=1)


def base_against_tuned(table: pd.DataFrame, column: str, response: str = "expected") -> list:
    """Both models at each place, paired by item."""
    wide = grid(table, column, response)
    cells = [(wide[("base", place)], wide[("tuned", place)], place) for place in PLACES]
    return family(cells, f"both models have the same mean at this place ({column})")


def against_before(table: pd.DataFrame, column: str, response: str = "expected") -> list:
    """Within each model, every other place against the place before the context."""
    wide = grid(table, column, response)
    cells = [
        (wide[(model, PLACES[0])], wide[(model, place)], f"{model}: {place}")
        for model, place in product(ROLES, PLACES[1:])
    ]
    return family(cells, f"the place makes no difference to the mean ({column})")


def dips(wide: pd.DataFrame, column: str) -> list[tuple[Comparison, np.ndarray]]:
    """Middle against ends in each model, and whether the two differ in that; with item differences."""
    same = f"the mean is the same in the middle as at the ends ({column})"
    found, changes = [], []
    for model in ROLES:
        ends, middle = wide[[(model, p) for p in ENDS]].mean(axis=1), _middle(wide, model)
        found.append((ends, middle, f"{model}: middle against ends", same))
        changes.append(middle - ends)
    left = f"tuning leaves the difference of middle and ends as it was ({column})"
    found.append((*changes, "base against tuned: middle minus ends", left))
    return [
        (compare_paired(a, b, label=label, null_hypothesis=null), (b - a).to_numpy())
        for a, b, label, null in found
    ]


def against_each_end(table: pd.DataFrame, column: str, response: str = "expected") -> list:
    """The middle against either end alone: only where it is below both is there a dip.

    What stands last is nearest to the response, so a mean over both ends can mislead.
    """
    wide = grid(table, column, response)
    cells = [
        (wide[(model, end)], _middle(wide, model), f"{model}: middle against {end}")
        for model, end in product(ROLES, ENDS)
    ]
    return family(cells, f"the mean is the same in the middle as at this end ({column})")


def middle_against_ends(table: pd.DataFrame, column: str, response: str = "expected") -> list:
    """The dip in the middle of each model, and the change of it by tuning (paired, Holm)."""
    return holm([one for one, _ in dips(grid(table, column, response), column)])
