"""Chapter 4's lists of words against those of random directions: shares with their bootstrap."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from helpers.findings.ffn.tables import KS, PERCENTILE
from helpers.methods.statistics import Comparison, from_draws, holm
from helpers.models.roles import ROLES
from helpers.words.annotation import TASKS

RESAMPLES = 2_000


def _limits(
    coherence: Float[ndarray, "direction pole"], rng: np.random.Generator
) -> Float[ndarray, " draw"]:
    """The limit of `beyond_random`, from resampled random directions."""
    n = len(coherence)
    drawn = (coherence[rng.integers(n, size=n)] for _ in range(RESAMPLES))
    return np.array([np.quantile(one, PERCENTILE) for one in drawn])


def _drawn_difference(
    table: pd.DataFrame, baseline: pd.DataFrame, question: str, rng: np.random.Generator
) -> Float[ndarray, " draw"]:
    """Share of lists answered yes, less that of random directions: layers and directions resampled."""
    by_layer = [own for _, own in table.groupby("layer")]
    weights = rng.multinomial(len(by_layer), np.full(len(by_layer), 1 / len(by_layer)), RESAMPLES)
    sizes = weights @ [len(own) for own in by_layer]
    column = "coherence" if question == "beyond_random" else question
    random = baseline.pivot(index="component", columns="pole", values=column).to_numpy(float)
    if question != "beyond_random":
        counts = rng.multinomial(len(random), np.full(len(random), 1 / len(random)), RESAMPLES)
        chance = counts @ random.mean(axis=1) / len(random)
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
        float(baseline[question].mean()),
        float(table[question].mean()),
        drawn,
        label=label,
        n=len(table),
        test="bootstrap over layers and random directions, two-sided",
        null_hypothesis="components are answered yes as often as random directions",
    )


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
    return holm(
        [
            against_random(
                own[own["component"].isin(ranks)], baseline, "beyond_random", f"{role}, {name}"
            )
            for role, own in ((role, annotations[annotations["role"] == role]) for role in ROLES)
            for name, ranks in rank_bins(n, ks).items()
        ]
    )


def tasks_against_random(annotations: pd.DataFrame, baseline: pd.DataFrame) -> list[Comparison]:
    """Share of lists with each task against that of random directions, both models."""
    return holm(
        [
            against_random(
                annotations[annotations["role"] == role], baseline, task, f"{task}, {role}"
            )
            for task in TASKS
            for role in ROLES
        ]
    )
