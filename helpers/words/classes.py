"""Classes that words belong to (sounds, forms, parts of speech, meanings), ready for counting.

`data/annotations` holds them for the words of the concept lists, with the words' vectors;
scripts/build_lexicon.py says where they come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.stats import binom

from helpers.paths import lexicon_path
from helpers.store.store import Store
from helpers.words.ranked import Ranked, ranked_of

FAMILIES = ("sound", "form", "pos", "meaning")


@dataclass(frozen=True)
class Classes:
    """One family's classes as numbers.

    `of_word[w]` lists the classes of word w, padded with -1. `surprise[c, k]` is -log10 of the
    chance that k or more of 15 words drawn at random belong to class c.
    """

    names: tuple[str, ...]
    of_word: Int[ndarray, "word slot"]
    surprise: Float[ndarray, "class count"]


@dataclass(frozen=True)
class Shared:
    """For each list, the class that more of its words share than chance allows."""

    surprise: Float[ndarray, " list"]
    class_index: Int[ndarray, " list"]


@dataclass(frozen=True, eq=False)
class ListedWords:
    """The words of concept lists, most frequent first: unit vectors (0: none), classes by family."""

    words: tuple[str, ...]
    vectors: Float[ndarray, "word dimension"]
    classes: dict[str, list[list[str]]]


@lru_cache(maxsize=2)
def listed_words(given: Ranked | None = None) -> ListedWords:
    """The book's words of concept lists, or the given words with the book's vectors and classes.

    Of a word that the book lacks nothing is known but its form, which is its own.
    """
    table = pd.read_parquet(lexicon_path()).set_index("word")
    classes = {family: [text.split() for text in table[family]] for family in FAMILIES}
    stored = np.load(lexicon_path().with_name("vectors.npy")).astype(np.float32)
    vectors = stored / np.linalg.norm(stored, axis=1, keepdims=True)
    if given is None:
        return ListedWords(tuple(table.index), vectors, classes)
    at = given.among(tuple(table.index))
    known = {family: [own[i] if i >= 0 else [] for i in at] for family, own in classes.items()}
    stems = zip(known["form"], given.lowered, strict=True)
    known["form"] = [own or [f"stem:{word}"] for own, word in stems]
    return ListedWords(given.words, np.where(at[:, None] >= 0, vectors[at], 0), known)


def listed_of(store: Store) -> ListedWords:
    """The words of concept lists of a store. RefusedFile, Mendable where their file cannot be used."""
    return listed_words(ranked_of(store))


def number(classes: Sequence[Sequence[str]], list_length: int) -> Classes:
    """Number the classes that at least two words share and tabulate their surprise."""
    names, counts = np.unique([name for own in classes for name in own], return_counts=True)
    kept = {str(name): i for i, name in enumerate(names[counts > 1])}
    of_word = np.full((len(classes), max((len(own) for own in classes), default=1) or 1), -1)
    for word, own in enumerate(classes):
        known = [kept[name] for name in own if name in kept]
        of_word[word, : len(known)] = known
    rate = counts[counts > 1] / max(len(classes), 1)
    counted = np.arange(list_length + 1)
    surprise = -binom.logsf(counted[None] - 1, list_length, rate[:, None]) / np.log(10)
    return Classes(tuple(kept), of_word, surprise + 0.0)  # no negative zeros


def most_surprising(lists: Int[ndarray, "list word"], classes: Classes, *, fewest: int) -> Shared:
    """The class shared by `fewest` words or more of each list that surprises most (0 if none)."""
    n_lists, n_classes = len(lists), max(len(classes.names), 1)
    own = classes.of_word[lists].reshape(n_lists, -1)
    row = np.repeat(np.arange(n_lists), own.shape[1])[own.ravel() >= 0]
    keys, counts = np.unique(row * n_classes + own[own >= 0], return_counts=True)
    keys, counts = keys[counts >= fewest], counts[counts >= fewest]
    row, index = np.divmod(keys, n_classes)
    value = classes.surprise[index, counts] if len(keys) else np.zeros(0)
    best = np.lexsort((value, row))  # the last entry of each list is its most surprising class
    result = Shared(np.zeros(n_lists), np.full(n_lists, -1))
    result.surprise[row[best]] = value[best]
    result.class_index[row[best]] = index[best]
    return result


def vocabulary() -> tuple[str, ...]:
    """The book's words of concept lists, most frequent first."""
    return listed_words().words
