"""Chapter 4's explorer: every component of every layer of both models, with its words.

324,000 words and as many scores fit into the page: words are 16-bit indices, those of a tuned
component by reference to its partner's, and everything is deflated. Filters, the map and the matched
component are worked out in the browser.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from helpers.findings.ffn.labelled import LEVEL_NAMES
from helpers.pages.explorer import BookWidget, module, squeeze, squeeze_levels, squeeze_text, style
from helpers.words.annotation import TASKS

MODELS, POLES = ("base", "tuned"), ("positive pole", "negative pole")
RUNNING_WORDS = ("spanish", "translate", "sentence")  # of the running example (pages.example)


def rules_say(limit: float) -> dict[str, object]:
    """How the labels of the rules are worded; `limit`: of random directions, in standard deviations."""
    return {
        "by": "the rules", "matched": "absolute cosine", "unit": "sd", "most": 2 * limit,
        "coherence": "coherence of the words",
        "high": f"{2 * limit:.1f} sd above random words or more; beyond random directions from {limit:.1f}",
        "beyond": ["words no more alike than random words",
                   "words more alike than random words, no more than those of random directions",
                   "words more alike than those of random directions"],
    }  # fmt: skip


@dataclass(frozen=True)
class Explorable:
    """All that the explorer shows; the first axes are (model, layer, component), poles after them.

    `partner` (a permutation of each layer) and `angle` (degrees) belong to the base model's components;
    `level` indexes LEVEL_NAMES, bit i of `tasks` stands for TASKS[i]. `beyond` counts the tests that a
    list passes, 0 to 2, on the way to `coherence`. Where there are no weights, `scores` and `angle` are
    None. `said`: the words for all this (`rules_say`).
    """

    vocabulary: tuple[str, ...]
    words: Int[np.ndarray, "model layer component pole top_k"]
    scores: Float[np.ndarray, "model layer component pole top_k"] | None
    variance: Float[np.ndarray, "model layer component"]
    partner: Int[np.ndarray, "layer component"]
    angle: Float[np.ndarray, "layer component"] | None
    concepts: tuple[str, ...]
    concept: Int[np.ndarray, "model layer component pole"]
    level: Int[np.ndarray, "model layer component pole"]
    tasks: Int[np.ndarray, "model layer component pole"]
    coherence: Float[np.ndarray, "model layer component pole"]
    beyond: Int[np.ndarray, "model layer component pole"]
    said: dict[str, object] = field(default_factory=lambda: rules_say(5.0))
    name: str = "small pair"


def from_store(store) -> Explorable:
    """Everything from the store of a pair."""
    from helpers.findings.ffn.compute import read_concepts
    from helpers.findings.ffn.tables import limit, n_layers, read_annotations, read_rotation
    from helpers.words.classes import listed_of

    layers, found = range(n_layers(store)), read_rotation(store)
    read = [[read_concepts(store, layer, role) for layer in layers] for role in MODELS]
    gather = lambda name: np.stack([[getattr(one, name) for one in own] for own in read])  # noqa: E731
    words = gather("words")
    shape = words.shape[:-1]
    table = read_annotations(store).sort_values(["role", "layer", "component", "pole"])
    column = lambda name: table[name].to_numpy().reshape(shape)  # noqa: E731  # "base" before "tuned"
    concept = pd.Categorical(table["concept"].astype(str))
    level = pd.Categorical(table["level"].astype(str), LEVEL_NAMES).codes
    return Explorable(
        vocabulary=listed_of(store).words,
        words=words,
        scores=gather("scores"),
        variance=gather("explained_variance_ratio"),
        partner=found.rank_change + np.arange(words.shape[2]),
        angle=found.matched_angle,
        concepts=tuple(concept.categories),
        concept=concept.codes.reshape(shape),
        level=level.reshape(shape),
        tasks=sum(column(task).astype(int) << i for i, task in enumerate(TASKS)),
        coherence=column("coherence"),
        beyond=column("interpretable").astype(int) + column("beyond_random"),
        said=rules_say(limit(store)),
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
    """Layer and component where the explorer opens: lists that pass both tests in both models.

    Of those that hold a word of the running example, where there are any, the one whose lesser
    coherence is the middle one; 0, 0 where none passes.
    """
    passing = np.where(shown.beyond == 2, shown.coherence, -np.inf).max(axis=-1)
    rows = np.arange(passing.shape[1])[:, None]
    lesser = np.minimum(passing[0], passing[1][rows, shown.partner])
    wanted = [at for at, word in enumerate(shown.vocabulary) if word in RUNNING_WORDS]
    holds = np.isin(shown.words[0], wanted).any(axis=(-1, -2)) & np.isfinite(lesser)
    lesser = np.where(holds | ~holds.any(), lesser, -np.inf)
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
    packed = {
        "name": shown.name,
        "shape": list(shown.words.shape),
        "poles": POLES if shown.words.shape[3] == 2 else ["words of either sign"],
        "vocabulary": squeeze_text(shown.vocabulary),
        "concepts": squeeze_text(shown.concepts),
        "levels": list(LEVEL_NAMES),
        "tasks": list(TASKS),
        "said": shown.said,
        **refer(shown.words, shown.partner),
        "variance": squeeze_levels(shown.variance, 65535),
        "partner": squeeze(shown.partner, "<u2"),
        "concept": squeeze(shown.concept, "<u2"),
        "level": squeeze(shown.level, "u1"),
        "taskBits": squeeze(shown.tasks, "u1"),
        "beyond": squeeze(shown.beyond, "u1"),
        "opening": opening(shown),
        "coherence": squeeze(np.round(100 * shown.coherence), "<i2"),
    }
    if shown.scores is not None:
        scale = np.abs(shown.scores).max(axis=-1)
        steps = squeeze(score_steps(shown.scores, scale), "u1")
        packed |= {"steps": steps, "scale": squeeze_levels(scale)}
    return packed | ({} if shown.angle is None else {"angle": squeeze_levels(shown.angle)})


class ComponentExplorer(BookWidget):
    """Choose a pair, a layer and a component, see both models' words, filter, and map all of them."""

    _esm, _css = module(__file__), style(__file__)

    def __init__(self, *shown: Explorable, **options) -> None:
        super().__init__(data=[pack_components(one) for one in shown], **options)
