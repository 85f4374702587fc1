"""Chapter 4's explorer: every component of every layer of both models, with its words.

Words are 16-bit indices into the vocabulary and scores bytes, so that 324,000 of each fit into the
page; filters, the map and the matched component are worked out in the browser.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import traitlets
from jaxtyping import Float, Int

from helpers.annotate import LEVELS, NO_LEVEL, TASKS
from helpers.widgets.base import BookWidget, module, pack

MODELS = ("base", "tuned")
LEVEL_NAMES = (NO_LEVEL, *LEVELS)


@dataclass(frozen=True)
class Explorable:
    """All that the explorer shows; the first axes are (model, layer, component), poles after them.

    `partner` and `angle` (degrees) belong to the base model's components; `level` indexes
    LEVEL_NAMES, bit i of `tasks` stands for TASKS[i], `coherence` is in standard deviations.
    """

    vocabulary: tuple[str, ...]
    words: Int[np.ndarray, "model layer component pole top_k"]
    scores: Float[np.ndarray, "model layer component pole top_k"]
    variance: Float[np.ndarray, "model layer component"]
    partner: Int[np.ndarray, "layer component"]
    angle: Float[np.ndarray, "layer component"]
    concepts: tuple[str, ...]
    concept: Int[np.ndarray, "model layer component pole"]
    level: Int[np.ndarray, "model layer component pole"]
    tasks: Int[np.ndarray, "model layer component pole"]
    coherence: Float[np.ndarray, "model layer component pole"]
    limit: float


def from_store(store) -> Explorable:
    """Everything from the store of a pair; `limit` is that of random directions."""
    from helpers.annotate.lexicon import vocabulary
    from helpers.findings.ffn import read_concepts
    from helpers.findings.ffn_view import n_layers, read_rotation

    layers, found = range(n_layers(store)), read_rotation(store)
    read = [[read_concepts(store, layer, role) for layer in layers] for role in MODELS]
    gather = lambda name: np.stack([[getattr(one, name) for one in own] for own in read])  # noqa: E731
    words = gather("words")
    order = ["role", "layer", "component", "pole"]
    table = store.read("ffn/annotations").sort_values(order)  # "base" before "tuned"
    concept = pd.Categorical(table["concept"].astype(str))
    bits = sum(table[task].to_numpy().astype(int) << i for i, task in enumerate(TASKS))
    level = pd.Categorical(table["level"].astype(str), LEVEL_NAMES).codes
    shape = words.shape[:-1]
    return Explorable(
        vocabulary=vocabulary(),
        words=words,
        scores=gather("scores"),
        variance=gather("explained_variance_ratio"),
        partner=found.rank_change + np.arange(words.shape[2]),
        angle=found.matched_angle,
        concepts=tuple(concept.categories),
        concept=concept.codes.reshape(shape),
        level=level.reshape(shape),
        tasks=bits.reshape(shape),
        coherence=table["coherence"].to_numpy().reshape(shape),
        limit=float(store.read("ffn/baseline")["coherence"].quantile(0.95)),
    )


def pack_components(shown: Explorable) -> dict:
    """One JSON object with base64 arrays; scores are bytes relative to each list's highest."""
    if max(len(shown.vocabulary), len(shown.concepts)) > 2**16:
        raise ValueError(
            f"vocabulary has {len(shown.vocabulary)} words: indices of 16 bits reach 65,536."
        )
    size = np.abs(shown.scores)
    scale = size.max(axis=-1)
    return {
        "shape": list(shown.words.shape),
        "vocabulary": "\n".join(shown.vocabulary),
        "concepts": list(shown.concepts),
        "levels": list(LEVEL_NAMES),
        "tasks": list(TASKS),
        "limit": round(shown.limit, 3),
        "words": pack(shown.words, "<u2"),
        "scores": pack(np.round(255 * size / np.where(scale > 0, scale, 1)[..., None]), "u1"),
        "scale": pack(scale, "<f4"),
        "variance": pack(shown.variance, "<f4"),
        "partner": pack(shown.partner, "<u2"),
        "angle": pack(shown.angle, "<f4"),
        "concept": pack(shown.concept, "<u2"),
        "level": pack(shown.level, "u1"),
        "taskBits": pack(shown.tasks, "u1"),
        "coherence": pack(shown.coherence, "<f4"),
    }


class ComponentExplorer(BookWidget):
    """Choose a layer and a component, see both models' words, filter, and map all of them."""

    _esm = module("components")
    data = traitlets.Dict().tag(sync=True)

    def __init__(self, shown: Explorable, **options) -> None:
        super().__init__(data=pack_components(shown), **options)
