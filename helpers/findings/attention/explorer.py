"""Chapter 3's explorer: every head of both models, with the word pairs that it knows.

A pair of words is known by several heads, so pairs are listed once and heads refer to them. Each
dimension that holds a pair is kept, with the model in which it does: what was gained, lost and kept
is worked out in the browser. Pairs that a single dimension holds in both models are counted, not
listed: there are about thirty times as many.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import traitlets
from jaxtyping import Float, Int

from helpers.pages.explorer import BookWidget, module, squeeze, squeeze_levels, squeeze_text

CLASSES = ("other", "instruction", "general")


@dataclass(frozen=True)
class Explorable:
    """All that the explorer shows; heads are numbered through all layers.

    Pair i of the table links words `first[i]` and `second[i]`. Head h knows the table's pairs
    `known[start[h]:start[h + 1]]` (rising) in either model; entry j of `known` is held by
    `n_held[j]` dimensions: `dimension`, with bit 0 of `held_in` for the base, bit 1 for the tuned
    model. `norms` and `n_pairs` are by (model, head, dimension). `word_class` indexes CLASSES.
    """

    words: tuple[str, ...]
    word_class: Int[np.ndarray, " word"]
    first: Int[np.ndarray, " pair"]
    second: Int[np.ndarray, " pair"]
    similarity: Float[np.ndarray, " pair"]
    n_layers: int
    start: Int[np.ndarray, " head+1"]
    known: Int[np.ndarray, " entry"]
    n_held: Int[np.ndarray, " entry"]
    dimension: Int[np.ndarray, " held"]
    held_in: Int[np.ndarray, " held"]
    norms: Float[np.ndarray, "model head dimension"]
    n_pairs: Int[np.ndarray, "model head dimension"]


def from_store(store, lexicon=None) -> Explorable:
    """Everything from the store of a pair; words without any pair are left out."""
    from helpers.findings.attention.pairs import n_layers, read_layer
    from helpers.words.verbs import read_lexicon

    lexicon = lexicon or read_lexicon()
    layers = [read_layer(store, layer) for layer in range(n_layers(store))]
    heads = [head for own, _, _ in layers for head in own]
    gather = lambda name: np.concatenate([getattr(head, name) for head in heads])  # noqa: E731
    size = len(lexicon.vocabulary)
    table, at, known = np.unique(
        gather("first") * size + gather("second"), return_index=True, return_inverse=True
    )
    used, ends = np.unique(np.stack(np.divmod(table, size)), return_inverse=True)
    word_class = np.zeros(size, dtype=int)
    word_class[lexicon.places] = np.select([lexicon.is_instruction, lexicon.is_general], [1, 2])
    first, second = ends.reshape(2, -1)
    return Explorable(
        words=tuple(lexicon.vocabulary.words[i] for i in used),
        word_class=word_class[used],
        first=first,
        second=second,
        similarity=gather("similarity")[at],
        n_layers=len(layers),
        start=np.cumsum([0, *(len(head.first) for head in heads)]),
        known=known.ravel(),
        n_held=np.concatenate([np.diff(head.start) for head in heads]),
        dimension=gather("dimension"),
        held_in=gather("held_in"),
        norms=np.concatenate([norms for _, norms, _ in layers], axis=1),
        n_pairs=np.concatenate([counts for _, _, counts in layers], axis=1),
    )


def _steps(start: np.ndarray, rising: np.ndarray) -> np.ndarray:
    """Rising numbers of each stretch as differences, the first from -1: small, and never 0."""
    parts = [np.diff(rising[begin:end], prepend=-1) for begin, end in pairwise(start)]
    return np.concatenate(parts) if parts else rising


def pack_heads(shown: Explorable) -> dict:
    """One JSON object with deflated arrays."""
    if max(len(shown.words), shown.norms.shape[2]) > 2**16:
        raise ValueError(f"words holds {len(shown.words)} words: indices of 16 bits reach 65,536.")
    steps = _steps(shown.start, shown.known)
    if steps.max(initial=0) >= 2**16:
        raise ValueError(f"first holds {len(shown.first)} pairs: too sparse for 16-bit steps.")
    code = shown.first * len(shown.words) + shown.second
    held_start = np.concatenate([[0], shown.n_held.cumsum()])
    return {
        "layers": shown.n_layers,
        "shape": list(shown.norms.shape),
        "words": squeeze_text(shown.words),
        "wordClass": squeeze(shown.word_class, "u1"),
        "pairSteps": squeeze(np.diff(code, prepend=0), "<u4"),
        "similarity": squeeze(np.round(255 * shown.similarity), "u1"),
        "counts": squeeze(np.diff(shown.start), "<u4"),
        "known": squeeze(steps, "<u2"),
        "nHeld": squeeze(shown.n_held, "<u2"),
        "dimensions": squeeze(_steps(held_start, shown.dimension), "<u2"),
        "heldIn": squeeze(shown.held_in, "u1"),
        "norms": squeeze_levels(np.sqrt(shown.norms), 65535),
        "nPairs": squeeze(shown.n_pairs, "<u2"),
    }


class HeadExplorer(BookWidget):
    """Map all heads, open one, and see which pairs of words it gained, lost and kept."""

    _esm = module(__file__)
    data = traitlets.Dict().tag(sync=True)

    def __init__(self, shown: Explorable, **options) -> None:
        super().__init__(data=pack_heads(shown), **options)
