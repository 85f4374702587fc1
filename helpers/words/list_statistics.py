"""What a list of words has in common, in numbers, and what random lists of its kind have.

The statistics are those of the rules in `helpers.words.rules`: coherence of word vectors,
surprise of the most over-represented class of sound, form, part of speech and meaning, nearness to
the seed words of each task. Random lists follow a list's frequencies: they have as many words in
each band of frequency, since frequent words are alike in ways that rare words are not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from helpers.paths import data_folder
from helpers.words.annotation import TASKS
from helpers.words.classes import Classes, Shared, most_surprising, number, read_lexicon

# A class must hold a third of the list to be what it shares; a part of speech, two thirds.
SMALLEST_SHARE = {"sound": 1 / 3, "form": 1 / 3, "pos": 2 / 3, "meaning": 1 / 3}
BANDS = 5  # of word frequency
DRAWS, PERCENTILE = 1000, 95.0  # random lists behind a threshold, and where it lies among them


@dataclass(frozen=True)
class Thresholds:
    """Mean, standard deviation and upper percentile of each statistic over random lists."""

    mean: Mapping[str, float]
    deviation: Mapping[str, float]
    limit: Mapping[str, float]


@dataclass(frozen=True)
class Measured:
    """Statistics of lists (name -> one number a list) and the classes behind them."""

    values: Mapping[str, Float[ndarray, " list"]]
    shared: Mapping[str, Shared]


@dataclass(frozen=True)
class ListStatistics:
    """Measures lists of words of one vocabulary. `words` stand in order of falling frequency.

    `vectors` are word vectors with unit rows in the same order.
    """

    words: Sequence[str]
    vectors: Float[ndarray, "word dimension"]
    _thresholds: dict[tuple[int, ...], Thresholds] = field(default_factory=dict, repr=False)
    _classes: dict[int, dict[str, Classes]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if len(self.words) != len(self.vectors):
            raise ValueError(
                f"words has {len(self.words)} entries, vectors {len(self.vectors)} rows: give one "
                "vector for each word, in the same order."
            )
        if len(self.words) < 10 * BANDS:
            raise ValueError(
                f"words has {len(self.words)} entries: random lists of the same frequencies need "
                f"at least {10 * BANDS}."
            )

    @cached_property
    def index(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words)}

    @cached_property
    def _lexicon(self) -> Mapping[str, Sequence[Sequence[str]]]:
        return read_lexicon(list(self.words))

    def classes(self, length: int) -> dict[str, Classes]:
        """The lexicon's classes with their surprise in lists of `length` words."""
        if length not in self._classes:
            self._classes[length] = {
                family: number(own, length) for family, own in self._lexicon.items()
            }
        return self._classes[length]

    @cached_property
    def _stems(self) -> Int[ndarray, " word"]:
        stems = [next(c for c in own if c.startswith("stem:")) for own in self._lexicon["form"]]
        return np.unique(stems, return_inverse=True)[1]

    @cached_property
    def _task_directions(self) -> Float[ndarray, "task dimension"]:
        path, rows = data_folder() / "annotations" / "task_seeds.json", []
        seeds = json.loads(path.read_text(encoding="utf-8"))
        for task in TASKS:
            known = [self.index[word] for word in seeds[task] if word in self.index]
            if not known:
                raise ValueError(f"seeds[{task!r}]: none of its words is in the vocabulary.")
            rows.append(np.mean(self.vectors[known], axis=0, dtype=np.float64))
        return np.stack([row / np.linalg.norm(row) for row in rows])

    def coherence(self, lists: Int[ndarray, "list word"]) -> Float[ndarray, " list"]:
        """Mean cosine similarity of pairs; pairs of one stem, alike by spelling, are left out."""
        rows = np.asarray(self.vectors)[lists].astype(np.float32)
        similarity = rows @ rows.transpose(0, 2, 1)
        stems = self._stems[lists]
        different = stems[:, :, None] != stems[:, None, :]
        return (similarity * different).sum((1, 2)) / np.maximum(different.sum((1, 2)), 1)

    def measure(self, lists: Int[ndarray, "list word"]) -> Measured:
        """All statistics of lists of equal length, given as indices into the vocabulary."""
        length = lists.shape[1]
        shared = {
            family: most_surprising(
                lists, classes, fewest=int(np.ceil(SMALLEST_SHARE[family] * length))
            )
            for family, classes in self.classes(length).items()
        }
        nearness = self.vectors[lists].mean(axis=1) @ self._task_directions.T
        values = {"coherence": self.coherence(lists)}
        values |= {family: one.surprise for family, one in shared.items()}
        values |= {task: nearness[:, i] for i, task in enumerate(TASKS)}
        return Measured(values, shared)

    def _band_edges(self) -> Int[ndarray, " edge"]:
        return np.linspace(0, len(self.words), BANDS + 1).astype(int)

    def composition(self, lists: Int[ndarray, "list word"]) -> Int[ndarray, "list band"]:
        """How many words of each list fall in each band of frequency."""
        band = np.searchsorted(self._band_edges(), lists, side="right") - 1
        return (band[:, :, None] == np.arange(BANDS)).sum(axis=1)

    def thresholds(self, composition: Sequence[int]) -> Thresholds:
        """From DRAWS random lists with so many words of each band of frequency."""
        key = tuple(int(count) for count in composition)
        if key not in self._thresholds:
            rng = np.random.default_rng([0, *key])
            edges = self._band_edges()
            drawn = [
                rng.integers(edges[band], edges[band + 1], (DRAWS, count))
                for band, count in enumerate(key)
            ]
            values = self.measure(np.concatenate(drawn, axis=1)).values
            self._thresholds[key] = Thresholds(
                {name: float(v.mean()) for name, v in values.items()},
                {name: float(v.std()) for name, v in values.items()},
                {name: float(np.percentile(v, PERCENTILE)) for name, v in values.items()},
            )
        return self._thresholds[key]
