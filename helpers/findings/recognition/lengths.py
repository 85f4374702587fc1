"""Chapter 1: how far the score goes with the length of a response, and how many lengths are alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import BootstrapMethod, pearsonr, rankdata

from helpers.findings.recognition.read import WHOSE
from helpers.findings.recognition.tables import own_lengths
from helpers.methods.statistics import LEAST, RESAMPLES
from helpers.models.roles import ROLES

NEAR = 0.3  # of log lengths, to count as equally long


def near_equal(table: pd.DataFrame, setting: str = "template") -> tuple[int, int]:
    """How many prompts the covariate's intercept rests on: log lengths within NEAR, and of how many."""
    _, length = own_lengths(table, setting)
    ratio = np.log(length["tuned"].astype(float) / length["base"].astype(float))
    return int((ratio.abs() <= NEAR).sum()), len(ratio)


def correlation(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float]:
    """Spearman's rho with a 95 % bootstrap interval over items, which keep the ranks that they have.

    NaN where one of both is the same everywhere, or of too few items.
    """
    if len(a) < LEAST or not (np.ptp(a) and np.ptp(b)):
        return np.nan, np.nan, np.nan
    found, rng = pearsonr(rankdata(a), rankdata(b)), np.random.default_rng(0)
    resampled = BootstrapMethod(n_resamples=RESAMPLES, method="percentile", rng=rng)
    return float(found.statistic), *map(float, found.confidence_interval(method=resampled))


def score_and_length(table: pd.DataFrame, setting: str = "template") -> pd.DataFrame:
    """How far the score goes with the length of a model's own response: rank correlation over prompts."""
    wide, length = own_lengths(table, setting)
    rows = [correlation(wide[role], length[role]) for role in ROLES]
    found = pd.DataFrame(rows, index=list(ROLES), columns=["rho", "low", "high"])
    return found.assign(n=len(wide), response=WHOSE["own"])
