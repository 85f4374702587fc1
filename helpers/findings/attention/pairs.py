"""Word pairs of every head in both models: computed layer by layer, kept small, read back.

Source: method.md, section 3. A part of the store, `attention/pairs/LL`, holds the pairs that some
head of a layer knows in either model, with the dimensions that hold them in each: enough to say what
was gained, lost and kept, and where.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from helpers.methods.heads import each_head
from helpers.methods.weights import weights
from helpers.methods.word_pairs import (
    LEAST,
    Knowledge,
    WordPairs,
    WordSpace,
    word_pairs,
    word_space,
)
from helpers.models.pair import Pair
from helpers.models.roles import ROLES
from helpers.store.origin import inputs_hash
from helpers.store.store import Part, Store
from helpers.words.verbs import Lexicon
from helpers.words.vocabulary import word_embeddings


@dataclass(frozen=True)
class HeadPairs:
    """Pairs that a head knows in the base or in the tuned model, `first` < `second`.

    Pair i is held by the dimensions `dimension[start[i]:start[i + 1]]`; bit 0 of `held_in` stands
    for the base model, bit 1 for the tuned one. A pair that one model knows may be held by a single
    dimension of the other, or by none.
    """

    first: Int[ndarray, " pair"]
    second: Int[ndarray, " pair"]
    similarity: Float[ndarray, " pair"]
    start: Int[ndarray, " pair+1"]
    dimension: Int[ndarray, " held"]
    held_in: Int[ndarray, " held"]
    n_words: int

    def n_dimensions(self, role: str) -> Int[ndarray, " pair"]:
        """How many dimensions of the head hold each pair in one model."""
        held = (self.held_in >> ROLES.index(role)) & 1
        return np.diff(np.concatenate([[0], held.cumsum()])[self.start])

    def knowledge(self, role: str) -> Knowledge:
        """As `helpers.methods.word_pairs.head_knowledge` finds it."""
        counts = self.n_dimensions(role)
        whole = Knowledge(self.first, self.second, counts, self.similarity, self.n_words)
        return whole.where(counts >= LEAST)


def held_pairs(pairs: WordPairs) -> tuple[Int[ndarray, " held"], Float[ndarray, " held"]]:
    """(pair, dimension) as one rising number, whichever word is the query, and similarities."""
    first, second = np.minimum(pairs.query, pairs.key), np.maximum(pairs.query, pairs.key)
    dimension = np.repeat(pairs.dimensions, np.diff(pairs.start))
    code = first.astype(np.int64) * pairs.n_words + second
    held, at = np.unique(code * len(pairs.dimensions) + dimension, return_index=True)
    return held, pairs.similarity[at]


def head_pairs(base: WordPairs, tuned: WordPairs) -> HeadPairs:
    """What either model knows in one head (LEAST dimensions or more), and which dimensions hold it."""
    sides = [held_pairs(pairs) for pairs in (base, tuned)]
    held, at = np.unique(np.concatenate([own for own, _ in sides]), return_index=True)
    inside = [np.isin(held, own) for own, _ in sides]
    n_dimensions = len(base.dimensions)
    codes, pair = np.unique(held // n_dimensions, return_inverse=True)
    counts = [np.bincount(pair, weights=own, minlength=len(codes)) for own in inside]
    known = np.maximum(*counts) >= LEAST
    keep = known[pair]
    sizes = np.bincount(pair[keep], minlength=len(codes))[known]
    start = np.concatenate([[0], sizes.cumsum()]).astype(int)
    first, second = np.divmod(codes[known], base.n_words)
    similarity = np.concatenate([own for _, own in sides])[at][keep][start[:-1]]
    held_in = (inside[0] + 2 * inside[1])[keep]
    return HeadPairs(
        first, second, similarity, start, held[keep] % n_dimensions, held_in, base.n_words
    )


def pack(heads: list[HeadPairs], base: list[WordPairs], tuned: list[WordPairs]) -> dict:
    """A layer as small numbers; similarities as 255ths, norms and pair counts by dimension."""
    gather = lambda name: np.concatenate([getattr(head, name) for head in heads])  # noqa: E731
    both = base, tuned
    stacked = lambda name: np.array([[_by_dimension(p, name) for p in own] for own in both])  # noqa: E731
    n_held = np.concatenate([np.diff(head.start) for head in heads])
    return {
        "start": np.cumsum([0, *(len(head.first) for head in heads)]).astype(np.int32),
        "similarity": np.round(255 * gather("similarity")).astype(np.uint8),
        "held_in": gather("held_in").astype(np.uint8),
        "n_held": n_held.astype(np.uint16),
        **{name: gather(name).astype(np.uint16) for name in ("first", "second", "dimension")},
        "norms": stacked("norms").astype(np.float32),
        "n_pairs": stacked("n_pairs").astype(np.uint16),
        "n_words": np.array([heads[0].n_words], dtype=np.int32),
    }


def _by_dimension(pairs: WordPairs, name: str) -> ndarray:
    """Norms, or numbers of pairs, in the order of the head's own dimensions."""
    values = pairs.norms if name == "norms" else np.diff(pairs.start)
    return values[np.argsort(pairs.dimensions)]


def read_layer(store: Store, layer: int) -> tuple[list[HeadPairs], ndarray, ndarray]:
    """Pairs of each head; norms and numbers of pairs, (model, head, dimension)."""
    part = store.read(f"attention/pairs/{layer:02d}")
    held = np.concatenate([[0], part["n_held"].astype(int).cumsum()])
    heads = []
    for begin, end in zip(part["start"][:-1], part["start"][1:], strict=True):
        pairs, inner = slice(begin, end), slice(held[begin], held[end])
        first, second = (part[name][pairs].astype(int) for name in ("first", "second"))
        heads.append(
            HeadPairs(first, second, part["similarity"][pairs] / 255,
                      held[begin : end + 1] - held[begin], part["dimension"][inner].astype(int),
                      part["held_in"][inner].astype(int), int(part["n_words"][0]))
        )  # fmt: skip
    return heads, part["norms"], part["n_pairs"].astype(int)


def n_layers(store: Store) -> int:
    return sum(name.startswith("attention/pairs/") for name in store.manifest())


def read_heads(store: Store) -> dict[tuple[int, int], HeadPairs]:
    """Pairs of all heads by (layer, head)."""
    layers = range(n_layers(store))
    return {(x, i): own for x in layers for i, own in enumerate(read_layer(store, x)[0])}


def make_pairs(pair: Pair, store: Store, lexicon: Lexicon, top_k: int, progress: bool) -> None:
    """One part a layer. Where models take turns in memory, the base is read whole first."""
    made_from = {"words": lexicon.hash, "inputs": inputs_hash([top_k, LEAST])}
    layers, words = range(weights(pair.model("base")).n_layers), lexicon.vocabulary.words

    @cache  # only if some layer is left to make
    def shared(role: str) -> tuple[Tensor, WordSpace]:
        rows = word_embeddings(weights(pair.model(role)), pair.tokenizer, words)
        return rows, word_space(lexicon.vectors).to(rows.device)

    def found(role: str, layer: int) -> list[WordPairs]:
        rows, space = shared(role)
        heads = each_head(pair.model(role), rows, layers=[layer])
        return [word_pairs(own.query, own.key, space, top_k=top_k) for _, _, own in heads]

    @cache
    def whole_base() -> list[list[WordPairs]]:
        return [found("base", layer) for layer in layers]

    def make(layer: int) -> dict:
        base = whole_base()[layer] if pair.alone else found("base", layer)
        tuned = found("tuned", layer)
        heads = [head_pairs(*both) for both in zip(base, tuned, strict=True)]
        return pack(heads, base, tuned)

    about = {"top_k": top_k, "least": LEAST}
    parts = [Part(f"attention/pairs/{x:02d}", partial(make, x), made_from, about) for x in layers]
    store.fill(parts, desc="word pairs", progress=progress)
