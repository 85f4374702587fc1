"""Chapter 4's explorer: every component of every layer of both models, with its words.

324,000 words and as many scores fit into the page: words are 16-bit indices, those of a tuned
component by reference to its partner's, and everything is deflated. Filters, the map and the matched
component are worked out in the browser.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import traitlets
from jaxtyping import Float, Int

from helpers.pages.explorer import BookWidget, module, squeeze, squeeze_levels, squeeze_text
from helpers.words.annotation import LINGUISTIC_LEVELS, NO_LEVEL, TASKS

MODELS = ("base", "tuned")
LEVEL_NAMES = (NO_LEVEL, *LINGUISTIC_LEVELS)


@dataclass(frozen=True)
class Explorable:
    """All that the explorer shows; the first axes are (model, layer, component), poles after them.

    `partner` and `angle` (degrees) belong to the base model's components; `level` indexes
    LEVEL_NAMES, bit i of `tasks` stands for TASKS[i], `coherence` is in standard deviations. `beyond`
    counts the baselines that a list is more coherent than: random words 1, random directions 2.
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
    beyond: Int[np.ndarray, "model layer component pole"]
    limit: float


def from_store(store) -> Explorable:
    """Everything from the store of a pair; `limit` is that of random directions."""
    from helpers.findings.ffn.compute import read_concepts
    from helpers.findings.ffn.tables import PERCENTILE, n_layers, read_annotations, read_rotation
    from helpers.words.classes import vocabulary

    layers, found = range(n_layers(store)), read_rotation(store)
    read = [[read_concepts(store, layer, role) for layer in layers] for role in MODELS]
    gather = lambda name: np.stack([[getattr(one, name) for one in own] for own in read])  # noqa: E731
    words = gather("words")
    order = ["role", "layer", "component", "pole"]
    table = read_annotations(store).sort_values(order)  # "base" before "tuned"
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
        beyond=table["interpretable"].to_numpy().astype(int).reshape(shape)
        + table["beyond_random"].to_numpy().astype(int).reshape(shape),
        limit=float(store.read("ffn/baseline")["coherence"].quantile(PERCENTILE)),
    )


def refer(words: np.ndarray, partner: np.ndarray) -> dict:
    """Words of both models: the base's as they are, the tuned ones as places in the partner's.

    Most words of a tuned component stand in its base partner's lists too: there a byte says how
    many places further (30 lists' places at most); -128 stands for a word of its own.
    """
    rows = np.arange(words.shape[1])[:, None]
    base = words[0].reshape(*words.shape[1:3], -1)
    tuned = words[1][rows, partner].reshape(base.shape)
    same = tuned[..., :, None] == base[..., None, :]
    known = same.any(axis=-1)
    shift = np.where(known, same.argmax(axis=-1) - np.arange(base.shape[-1]), -128)
    return {
        "words": squeeze(base, "<u2"),
        "shift": squeeze(shift, "i1"),
        "ownWords": squeeze(tuned[~known], "<u2"),
    }


def opening(shown: Explorable) -> tuple[int, int]:
    """Layer and component where the explorer opens: lists that pass both baselines in both models.

    Of such pairs the one whose lesser coherence is the middle one; 0, 0 where there is none.
    """
    passing = np.where(shown.beyond == 2, shown.coherence, -np.inf).max(axis=-1)
    rows = np.arange(passing.shape[1])[:, None]
    lesser = np.minimum(passing[0], passing[1][rows, shown.partner])
    order = np.argsort(lesser, axis=None, kind="stable")[int(np.isinf(lesser).sum()) :]
    if not len(order):
        return 0, 0
    layer, component = divmod(int(order[(len(order) - 1) // 2]), lesser.shape[1])
    return layer, component


def score_steps(scores: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Falling scores as steps of 127ths of each list's highest: small numbers deflate well."""
    levels = np.round(127 * np.abs(scores) / np.where(scale > 0, scale, 1)[..., None]).astype(int)
    return -np.diff(levels, axis=-1, prepend=127)


def pack_components(shown: Explorable) -> dict:
    """One JSON object with deflated arrays."""
    if max(len(shown.vocabulary), len(shown.concepts)) > 2**16:
        raise ValueError(
            f"vocabulary has {len(shown.vocabulary)} words: indices of 16 bits reach 65,536."
        )
    if shown.words.shape[3] * shown.words.shape[4] > 100:
        raise ValueError(f"words has shape {shown.words.shape}: at most 100 words a component.")
    scale = np.abs(shown.scores).max(axis=-1)
    return {
        "shape": list(shown.words.shape),
        "vocabulary": squeeze_text(shown.vocabulary),
        "concepts": squeeze_text(shown.concepts),
        "levels": list(LEVEL_NAMES),
        "tasks": list(TASKS),
        "limit": round(shown.limit, 3),
        **refer(shown.words, shown.partner),
        "steps": squeeze(score_steps(shown.scores, scale), "u1"),
        "scale": squeeze_levels(scale),
        "variance": squeeze_levels(shown.variance, 65535),
        "partner": squeeze(shown.partner, "<u2"),
        "angle": squeeze_levels(shown.angle),
        "concept": squeeze(shown.concept, "<u2"),
        "level": squeeze(shown.level, "u1"),
        "taskBits": squeeze(shown.tasks, "u1"),
        "beyond": squeeze(shown.beyond, "u1"),
        "opening": opening(shown),
        "coherence": squeeze(np.round(100 * shown.coherence), "<i2"),
    }


class ComponentExplorer(BookWidget):
    """Choose a layer and a component, see both models' words, filter, and map all of them."""

    _esm = module(__file__)
    data = traitlets.Dict().tag(sync=True)

    def __init__(self, shown: Explorable, **options) -> None:
        super().__init__(data=pack_components(shown), **options)
