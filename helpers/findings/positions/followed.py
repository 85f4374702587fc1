"""Chapter 2: how often each model follows, by the place of the instruction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats

from helpers.findings.positions.placed import dips
from helpers.methods.statistics import RESAMPLES, Comparison, holm, mcnemar
from helpers.models.roles import ROLES
from helpers.prompts.placement import PLACES
from helpers.store.store import Store


def followed(store: Store) -> pd.DataFrame:
    """Items by (model, place): whether the response followed. All items, whatever else is done."""
    answers = {role: store.read(f"positions/responses-{role}") for role in ROLES}
    wide = {role: rows.pivot(index="id", columns="place", values="followed")[list(PLACES)]
            for role, rows in answers.items()}  # fmt: skip
    return pd.concat(wide, axis=1, names=["model", "place"])


def rates(wide: pd.DataFrame) -> pd.DataFrame:
    """Share of items followed, by place and model, with a 95 % Wilson interval."""
    from statsmodels.stats.proportion import proportion_confint

    rows = []
    for model, place in wide.columns:
        kept, n = int(wide[(model, place)].sum()), len(wide)
        low, high = proportion_confint(kept, n, method="wilson")
        row = dict(model=model, place=place, n=n, followed=kept, mean=kept / n)
        rows.append(row | dict(low=float(low), high=float(high)))
    return pd.DataFrame(rows)


def by_place(wide: pd.DataFrame) -> list[Comparison]:
    """Base against tuned at each place: exact McNemar tests."""
    return holm(
        [
            mcnemar(
                wide[("base", place)],
                wide[("tuned", place)],
                label=place,
                null_hypothesis="both models follow equally often at this place",
            )
            for place in PLACES
        ]
    )


def any_place(wide: pd.DataFrame) -> pd.DataFrame:
    """Does the place matter at all? Cochran's Q over the five places, one row a model."""
    from statsmodels.stats.contingency_tables import cochrans_q
    from statsmodels.stats.multitest import multipletests

    rows = []
    for model in ROLES:
        values = wide[model][list(PLACES)].to_numpy(int)
        varies = int((values.min(1) < values.max(1)).sum())  # only such items carry information
        found = cochrans_q(values) if varies else None
        row = {"items": len(values), "items that change with the place": varies}
        row |= {"Q": found.statistic if varies else 0.0, "df": len(PLACES) - 1}
        rows.append(row | {"p": float(found.pvalue) if varies else 1.0})
    shown = pd.DataFrame(rows, index=list(ROLES))
    shown["p (Holm)"] = multipletests(shown["p"], method="holm")[1]
    shown["null hypothesis"] = "the model follows equally often at all five places"
    return shown


def _sign_flips(differences: np.ndarray) -> float:
    """Two-sided p-value of a mean of differences by flipping their signs at random, seeded."""
    if not differences.any():
        return 1.0
    found = stats.permutation_test(
        (differences,),
        lambda x, axis: x.mean(axis=axis),
        permutation_type="samples",
        n_resamples=RESAMPLES,
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)


def middle_against_ends(wide: pd.DataFrame) -> list[Comparison]:
    """Following in the middle against the ends, and the change by tuning.

    An item's rate takes few values, so p-values come from flipping signs, not from Student's t.
    """
    found = []
    for one, differences in dips(wide.astype(float), "rate of following"):
        p = _sign_flips(differences)
        found.append(replace(one, p_value=p, test="sign flips of items, two-sided"))
    return holm(found)
