"""Position profiles: how density runs along a prompt, and the middle against the ends."""

from __future__ import annotations

from itertools import product

import numpy as np
from jaxtyping import Bool, Float, UInt8

from helpers.methods.density import LEVELS, THRESHOLD, P, density, relative_density

LEAST_PROMPT, LEAST_RESPONSE = 20, 5
BINS, POWERS = (5, 10, 20), (2, 4, 8)
# (bins, b, p): the main setting first, then bins and p, then every b.
GRID = [(10, THRESHOLD, P)]
GRID += [(n, THRESHOLD, p) for n, p in product(BINS, POWERS) if (n, p) != (10, P)]
GRID += [(10, b, P) for b in range(LEVELS) if b != THRESHOLD]


def profile_of(
    normalised: UInt8[np.ndarray, "prompt response"],
    kept: Bool[np.ndarray, " prompt"],
    *,
    bins: int = 10,
    threshold: int = THRESHOLD,
    p: float = P,
) -> dict:
    """Profile over the kept tokens of one S (without a threshold), and its middle ratio."""
    profile = position_profile(density(normalised, p, threshold=threshold)[kept], bins)
    return dict(middle_ratio=middle_ratio(profile), profile=profile.astype(np.float32))


def position_profile(
    density: Float[np.ndarray, " prompt"], bins: int = 10
) -> Float[np.ndarray, " bins"]:
    """Mean of a_n / max a in equal bins by relative position: token n of N falls in bin n bins // N.

    The prompt must have a token for every bin (`len(density) >= bins`). method.md, section 2.
    """
    if len(density) < bins:
        raise ValueError(f"density has {len(density)} tokens: give {bins} or more for {bins} bins.")
    where = np.arange(len(density)) * bins // len(density)
    return np.bincount(where, relative_density(density), bins) / np.bincount(where, minlength=bins)


def stretches(bins: int) -> tuple[Bool[np.ndarray, " bins"], Bool[np.ndarray, " bins"]]:
    """Which of equal bins lie in the middle (30 to 70 %), and which at the ends (20 % each)."""
    edges = np.linspace(0, 1, bins + 1).round(9)
    start, stop = edges[:-1], edges[1:]
    return (start >= 0.3) & (stop <= 0.7), (stop <= 0.2) | (start >= 0.8)


def middle_ratio(profile: Float[np.ndarray, " bins"]) -> float:
    """Mean of the middle over the mean of both ends; NaN where the ends are zero.

    With 10 bins: bins 4 to 7 over bins 1, 2, 9 and 10. Other bin counts take the bins that lie
    wholly inside these stretches (see `stretches`).
    """
    middle, ends = (profile[part] for part in stretches(len(profile)))
    return float(middle.mean() / ends.mean()) if ends.mean() > 0 else float("nan")
