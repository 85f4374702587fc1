"""What a list of words has in common, in numbers, and what random lists of its kind have.

The statistics of the rules in `helpers.words.rules`. Random lists have as many words in each band of
frequency as the list: frequent words are alike in ways that rare words are not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from helpers.paths import data_folder
from helpers.words import classes as lexicon
from helpers.words.annotation import TASKS
from helpers.words.classes import Classes, ListedWords, Shared

# A class must hold a third of the list to be what it shares; a part of speech, two thirds.
SMALLEST_SHARE = {"sound": 1 / 3, "form": 1 / 3, "pos": 2 / 3, "meaning": 1 / 3}
BANDS = 5  # of word frequency
DRAWS, PERCENTILE = 1000, 95.0  # random lists behind a threshold, and where it lies among them


# Mean, standard deviation and upper percentile of each statistic over random lists.
Thresholds = dict[str, tuple[float, float, float]]


@dataclass(frozen=True)
class Measured:
    """Statistics of lists (name -> one number a list) and the classes behind them."""

    values: Mapping[str, Float[ndarray, " list"]]
    shared: Mapping[str, Shared]


class ListStatistics:
    """Measures lists of words, which stand in order of falling frequency: the book's, or others.

    A word without a vector adds nothing to a list's nearness to anything; a list is compared with random
    lists that hold as many words without one.
    """

    def __init__(self, words: ListedWords | None = None) -> None:
        words = words or lexicon.listed_words()
        self.words, self.vectors, self._lexicon = words.words, words.vectors, words.classes
        self.index = {word: i for i, word in enumerate(self.words)}
        # Words of each band of frequency with a vector, then those without.
        band, there = (
            np.arange(len(self.words)) * BANDS // len(self.words),
            self.vectors.any(axis=1),
        )
        self._group = band + BANDS * ~there
        self._groups = [np.flatnonzero(self._group == i) for i in range(BANDS * (2 - there.all()))]
        self._thresholds: dict[tuple[int, ...], Thresholds] = {}
        self._classes: dict[int, dict[str, Classes]] = {}

    def classes(self, length: int) -> dict[str, Classes]:
        """The lexicon's classes with their surprise in lists of `length` words."""
        if length not in self._classes:
            self._classes[length] = {
                family: lexicon.number(own, length) for family, own in self._lexicon.items()
            }
        return self._classes[length]

    @cached_property
    def _stems(self) -> Int[ndarray, " word"]:
        stems = [next(c for c in own if c.startswith("stem:")) for own in self._lexicon["form"]]
        return np.unique(stems, return_inverse=True)[1]

    @cached_property
    def _task_directions(self) -> Float[ndarray, "task dimension"]:
        path = data_folder() / "annotations" / "task_seeds.json"
        seeds = json.loads(path.read_text(encoding="utf-8"))
        known = [[self.index[word] for word in seeds[task] if word in self.index] for task in TASKS]
        rows = [np.mean(self.vectors[own], axis=0, dtype=np.float64) for own in known]
        return np.stack([row / np.linalg.norm(row) for row in rows])

    def coherence(self, lists: Int[ndarray, "list word"]) -> Float[ndarray, " list"]:
        """Mean cosine similarity of pairs; pairs of one stem, alike by spelling, are left out."""
        rows = self.vectors[lists]
        similarity = rows @ rows.transpose(0, 2, 1)
        stems = self._stems[lists]
        different = stems[:, :, None] != stems[:, None, :]
        return (similarity * different).sum((1, 2)) / np.maximum(different.sum((1, 2)), 1)

    def measure(self, lists: Int[ndarray, "list word"]) -> Measured:
        """All statistics of lists of equal length, given as indices into the vocabulary."""
        length = lists.shape[1]
        shared = {
            family: lexicon.most_surprising(
                lists, classes, fewest=int(np.ceil(SMALLEST_SHARE[family] * length))
            )
            for family, classes in self.classes(length).items()
        }
        nearness = self.vectors[lists].mean(axis=1) @ self._task_directions.T
        values = {"coherence": self.coherence(lists)}
        values |= {family: one.surprise for family, one in shared.items()}
        values |= {task: nearness[:, i] for i, task in enumerate(TASKS)}
        return Measured(values, shared)

    def composition(self, lists: Int[ndarray, "list word"]) -> Int[ndarray, "list group"]:
        """How many words of each list fall in each band of frequency, with a vector and without."""
        return (self._group[lists][:, :, None] == np.arange(len(self._groups))).sum(axis=1)

    def thresholds(self, composition: Sequence[int]) -> Thresholds:
        """From DRAWS random lists of this `composition`."""
        key = tuple(int(count) for count in composition)
        if key not in self._thresholds:
            rng = np.random.default_rng([0, *key])
            drawn = [
                own[rng.integers(len(own), size=(DRAWS, count))]
                if count
                else np.empty((DRAWS, 0), int)
                for own, count in zip(self._groups, key, strict=True)
            ]
            values = self.measure(np.concatenate(drawn, axis=1)).values
            self._thresholds[key] = {
                name: (float(v.mean()), float(v.std()), float(np.percentile(v, PERCENTILE)))
                for name, v in values.items()
            }
        return self._thresholds[key]
