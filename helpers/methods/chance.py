"""Chance: what a test would have found, and where a value stands among random draws.

A test that finds nothing says little unless it says what it would have found. Both readings take the
usual level, 5 % two-sided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

LEVEL, POWER = 0.05, 0.8


def detectable(error: float, *, power: float = POWER, degrees: float = np.inf) -> float:
    """Smallest difference that a two-sided test at the 5 % level finds with a given power.

    `error`: standard error of the difference. A power of a half gives what is found as often as missed.
    """
    return float(error * (stats.t.ppf(1 - LEVEL / 2, degrees) + stats.t.ppf(power, degrees)))


def holm_adjusted(p_values: Sequence[float]) -> Float[np.ndarray, " test"]:
    """Holm's step-down p-values (statsmodels' own take 0.4 s a call, to collect garbage)."""
    found = np.array(p_values, float)
    order = np.argsort(found)
    found[order] = np.maximum.accumulate(found[order] * np.arange(len(found), 0, -1)).clip(max=1)
    return found


@dataclass(frozen=True)
class Ranked:
    """A value among random draws of the same quantity; `as_high` and `as_low` count ties too."""

    value: float
    draws: int
    mean: float
    low: float
    high: float
    as_high: int
    as_low: int
    detectable: float  # shift that is found, were the value as uncertain as one draw

    @property
    def p_value(self) -> float:
        """Two-sided, as if the value were one more draw; never below 2 / (draws + 1)."""
        if np.isnan(self.value) or not self.draws:
            return np.nan
        return min(1.0, 2 * (1 + min(self.as_high, self.as_low)) / (1 + self.draws))

    @property
    def said(self) -> str:
        """For a sentence: "less than every one of 40 draws", "more than 3 of 40 draws"."""
        if np.isnan(self.p_value):
            return "not testable"
        if not self.as_low:
            return f"less than every one of {self.draws} draws"
        above = self.draws - self.as_high
        return f"more than {'every one' if not self.as_high else above} of {self.draws} draws"


def among(value: float, drawn: Float[np.ndarray, " draw"], *, power: float = POWER) -> Ranked:
    """The rank of a value among draws, with the shift of it that would be found with this power."""
    drawn = np.asarray(drawn, float)
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return Ranked(float(value), 0, *[np.nan] * 3, 0, 0, np.nan)
    low, missed, found, high = np.quantile(drawn, [LEVEL / 2, 1 - power, power, 1 - LEVEL / 2])
    shift = max(high - missed, found - low)
    counts = int((drawn >= value).sum()), int((drawn <= value).sum())
    ends = drawn.mean(), drawn.min(), drawn.max()
    return Ranked(float(value), len(drawn), *map(float, ends), *counts, float(shift))
