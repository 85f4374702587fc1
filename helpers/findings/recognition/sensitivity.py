"""How the effect of chapter 1 depends on L, b and p: every choice instead of the one reported.

Everything is computed from the stored importance; nothing is run again.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import t as student

from helpers.findings.recognition.read import Explained, both
from helpers.methods.density import density, instruction_score, normalise
from helpers.methods.profiles import LEAST_RESPONSE
from helpers.models.roles import ROLES
from helpers.store.store import Store

LEVELS, THRESHOLD_SHARES, POWERS = (5, 10, 20), (0.0, 0.3, 0.5, 0.7, 0.9), (2, 4, 8)
COMPARISONS = ("own response", "first k tokens of both", "on the base's", "on the tuned's")


def _scores(one: Explained, k: int | None, levels: int) -> list[float]:
    """The score for each cell (threshold, power), on the first k response tokens."""
    normal = normalise(one.importance[:, :k], levels)
    return [
        instruction_score(density(normal, p, threshold=int(levels * share)), one.mask)
        for share, p in product(THRESHOLD_SHARES, POWERS)
    ]


def _differences(pairs, matched: bool, levels: int) -> Float[np.ndarray, "prompt cell"]:
    """Tuned minus base score of every prompt with a response, for each cell (threshold, power).

    `matched`: on the first tokens of both, as many as the shorter one has, 5 or more.
    """
    rows = []
    for pair in pairs:
        k = min(len(one.response) for one in pair)
        if k >= (LEAST_RESPONSE if matched else 1):
            base, tuned = (_scores(one, k if matched else None, levels) for one in pair)
            rows.append(np.subtract(tuned, base))
    return np.array(rows)


def grid(store: Store) -> pd.DataFrame:
    """Mean difference tuned minus base, its 95 % interval (paired t) and g, in every cell.

    The threshold is given as a share of L, so that cells of different L compare.
    """
    rows, own = [], both(store)
    cells = list(product(THRESHOLD_SHARES, POWERS))
    read = zip(COMPARISONS, (own, own, *(both(store, role) for role in ROLES)), strict=True)
    for (name, pairs), levels in product(read, LEVELS):
        values = _differences(pairs, name == COMPARISONS[1], levels)
        mean, spread = values.mean(axis=0), values.std(axis=0, ddof=1)
        reach = student.ppf(0.975, len(values) - 1) * spread / np.sqrt(len(values))
        for at, (share, p) in enumerate(cells):
            row = {"comparison": name, "L": levels, "b / L": share, "p": p, "n": len(values)}
            row |= {"difference": mean[at], "low": mean[at] - reach[at]}
            rows.append(row | {"high": mean[at] + reach[at], "g": mean[at] / spread[at]})
    return pd.DataFrame(rows)


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """For each comparison: in how many cells the interval lies above, across and below zero."""
    above, below = found["low"] > 0, found["high"] < 0
    signs = {"cells": 1, "tuned higher": above, "interval holds 0": ~(above | below)}
    groups = found.assign(**signs, **{"tuned lower": below}).groupby("comparison", sort=False)
    shown = groups[[*signs, "tuned lower"]].sum().rename_axis(None)
    ends = groups["difference"].agg(["min", "max"]).round(3)
    return shown.assign(**{"smallest difference": ends["min"], "largest difference": ends["max"]})
