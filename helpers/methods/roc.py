"""How well a score tells two kinds of responses apart: the area under the ROC curve, by item.

The area is the chance that a positive case scores higher than a negative one (ties count half; Hanley
and McNeil, 1982). Cases of one item are not independent, so the bootstrap draws items with all their
cases. With `strata`, only pairs of the same stratum are compared.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from helpers.methods.statistics import RESAMPLES, BadSample, Comparison, from_draws, resamples


@dataclass(frozen=True)
class Cases:
    """Labelled cases: whether each is positive, the item it belongs to, its stratum if any."""

    positive: Bool[np.ndarray, " cases"]
    items: Sequence[Hashable]
    strata: Sequence[Hashable] | None = None

    def __post_init__(self) -> None:
        given = len(self.items) if self.strata is None else min(len(self.items), len(self.strata))
        if not len(self.positive) == len(self.items) == given:
            raise BadSample(
                f"{len(self.positive)} labels, {len(self.items)} items: give one each a case."
            )
        if self.positive.all() or not self.positive.any():
            raise BadSample(
                f"positive: {int(self.positive.sum())} of {len(self.positive)} cases are positive: "
                "an ROC curve needs both kinds."
            )
        if not self.comparable().any():
            raise BadSample("strata: no stratum holds both kinds of cases: make them coarser.")

    def comparable(self) -> Bool[np.ndarray, "positive negative"]:
        """Which pairs of a positive and a negative case are compared."""
        if self.strata is None:
            return np.ones((self.positive.sum(), (~self.positive).sum()), dtype=bool)
        strata = np.unique(np.asarray(self.strata), return_inverse=True)[1]
        return strata[self.positive][:, None] == strata[~self.positive]

    def weights(self, draws: int, seed: int) -> Float[np.ndarray, "draws cases"]:
        """How often each case is in each resample of the items."""
        known, number = np.unique(np.asarray(self.items), return_inverse=True)
        return resamples(len(known), np.random.default_rng(seed), draws)[:, number]


def _scores(scores: Sequence[float], cases: Cases) -> Float[np.ndarray, " cases"]:
    found = np.asarray(scores, dtype=float)
    if found.shape != cases.positive.shape or not np.isfinite(found).all():
        raise BadSample(
            f"scores: {found.shape[0]} for {len(cases.positive)} cases, "
            f"{int((~np.isfinite(found)).sum())} not finite: give one number a case."
        )
    return found


def _wins(scores: Float[np.ndarray, " cases"], cases: Cases) -> np.ndarray:
    """1 where the positive case scores higher, a half where equal, 0 where not compared."""
    first, second = scores[cases.positive][:, None], scores[~cases.positive]
    return ((first > second) + 0.5 * (first == second)) * cases.comparable()


def area(scores: Sequence[float], cases: Cases) -> float:
    """Area under the ROC curve."""
    return float(_wins(_scores(scores, cases), cases).sum() / cases.comparable().sum())


def area_draws(
    scores: Sequence[float], cases: Cases, *, seed: int = 0
) -> Float[np.ndarray, " draws"]:
    """The area in 10,000 resamples of the items; NaN where a resample has no pair to compare."""
    wins, compared = _wins(_scores(scores, cases), cases), cases.comparable().astype(float)
    weights = cases.weights(RESAMPLES, seed).astype(float)
    first, second = weights[:, cases.positive], weights[:, ~cases.positive]
    pairs = ((first @ compared) * second).sum(axis=1)
    won = ((first @ wins) * second).sum(axis=1)
    return np.divide(won, pairs, out=np.full(len(won), np.nan), where=pairs > 0)


def compare_areas(
    other: Sequence[float] | None, scores: Sequence[float], cases: Cases, **about
) -> Comparison:
    """Area of `scores` against that of another score, or against chance when `other` is None.

    `about`: label and null hypothesis. The p-value is two-sided: twice the share of resamples on the
    other side of no difference.
    """
    reference = 0.5 if other is None else area(other, cases)
    draws = area_draws(scores, cases) - (0.5 if other is None else area_draws(other, cases))
    draws = draws[np.isfinite(draws)]
    test, n = "bootstrap by item, two-sided", len(cases.positive)
    return from_draws(reference, area(scores, cases), draws, n=n, test=test, **about)
