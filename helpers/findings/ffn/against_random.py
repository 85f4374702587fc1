"""Chapter 4's lists of words against those of random directions: shares with their bootstrap."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from helpers.findings.ffn.tables import KS, PERCENTILE
from helpers.methods.statistics import RESAMPLES, Comparison, from_draws, holm, resamples
from helpers.models.roles import ROLES
from helpers.words.annotation import TASKS


def _limits(
    coherence: Float[ndarray, "direction pole"], rng: np.random.Generator
) -> Float[ndarray, " draw"]:
    """The limit of `beyond_random`, from resampled random directions.

    A quantile by counts of values sorted once: as np.quantile gives it, without sorting every draw.
    """
    (n, poles), order = coherence.shape, np.argsort(coherence, axis=None)
    values, direction = coherence.ravel()[order], order // poles
    place = PERCENTILE * (len(values) - 1)
    limits = []
    for _ in range(RESAMPLES):
        up_to = np.bincount(rng.integers(n, size=n), minlength=n)[direction].cumsum()
        at = np.searchsorted(up_to, [np.floor(place), np.ceil(place)], side="right")
        low, high = values[at]
        limits.append(low + place % 1 * (high - low))
    return np.array(limits)


def _drawn_difference(
    table: pd.DataFrame, baseline: pd.DataFrame, question: str, rng: np.random.Generator
) -> Float[ndarray, " draw"]:
    """Share of lists answered yes, less that of random directions: layers and directions resampled."""
    by_layer = [own for _, own in table.groupby("layer")]
    weights = resamples(len(by_layer), rng)
    sizes = weights @ [len(own) for own in by_layer]
    column = "coherence" if question == "beyond_random" else question
    random = baseline.pivot(index="component", columns="pole", values=column).to_numpy(float)
    if question != "beyond_random":
        means, n = random.mean(axis=1), len(random)
        chance = [means[rng.integers(n, size=n)].mean() for _ in range(RESAMPLES)]
        return weights @ [own[question].sum() for own in by_layer] / sizes - chance
    limits = _limits(random, rng)  # in every draw, one list in twenty of the directions is above it
    above = [
        len(own) - np.searchsorted(np.sort(own["coherence"].to_numpy(float)), limits, side="right")
        for own in by_layer
    ]
    return (weights * np.stack(above, axis=1)).sum(axis=1) / sizes - baseline[question].mean()


def against_random(
    table: pd.DataFrame, baseline: pd.DataFrame, question: str, label: str, *, seed: int = 0
) -> Comparison:
    """Share of a model's lists answered yes against that of random directions."""
    drawn = _drawn_difference(table, baseline, question, np.random.default_rng(seed))
    return from_draws(
        baseline[question].mean(), table[question].mean(), drawn, label=label, n=len(table),
        test="bootstrap over layers and random directions, two-sided",
        null_hypothesis="components are answered yes as often as random directions",
    )  # fmt: skip


def rank_bins(n: int, ks=KS) -> dict[str, range]:
    """All components, and those between the numbers at which rotation is tested."""
    ends = [0, *dict.fromkeys(min(k, n) for k in ks)]
    bins = {f"components {a + 1} to {b}": range(a, b) for a, b in zip(ends, ends[1:], strict=False)}
    return {f"all {n} components": range(n)} | (bins if len(bins) > 1 else {})


def beyond_random_by_rank(
    annotations: pd.DataFrame, baseline: pd.DataFrame, ks=KS
) -> list[Comparison]:
    """The stricter reading against random directions: both models, all ranks and parts of them."""
    n = int(annotations["component"].max()) + 1
    own = {role: annotations[annotations["role"] == role] for role in ROLES}
    parts = [
        (f"{role}, {name}", own[role][own[role]["component"].isin(ranks)])
        for role in ROLES
        for name, ranks in rank_bins(n, ks).items()
    ]
    return holm([against_random(x, baseline, "beyond_random", label) for label, x in parts])


def tasks_against_random(annotations: pd.DataFrame, baseline: pd.DataFrame) -> list[Comparison]:
    """Share of lists with each task against that of random directions, both models."""
    own = {role: annotations[annotations["role"] == role] for role in ROLES}
    return holm(
        [
            against_random(own[role], baseline, task, f"{task}, {role}")
            for task in TASKS
            for role in ROLES
        ]
    )
