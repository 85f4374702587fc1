"""The default annotator: rules over word vectors and a lexicon, calibrated on random lists.

Every threshold is the 95th percentile of the same statistic over random lists of as many words with
the same frequencies, so a rule is passed by one random list in twenty. The rules are a page of the
book (the appendix on the annotator), which also shows their error against labels by hand.

    interpretable  the words cohere: mean cosine similarity over pairs of different stems
    phonology      a rime or an onset is shared      } the class of sound, form or part of speech
    morphology     an affix or a stem is shared      } that surprises most, by the binomial chance
    syntax         one part of speech dominates      } of as many words of that class
    semantics      the words cohere
    tasks          an interpretable list lies near the seed words of the task

Among the levels that pass, the one furthest above its random lists (in their standard deviations)
is taken; syntax only where the words do not cohere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from helpers.words.annotation import NO_LEVEL, TASKS, Annotation
from helpers.words.classes import ListedWords
from helpers.words.list_statistics import ListStatistics, Measured, Thresholds

FAMILY_OF_LEVEL = {"phonology": "sound", "morphology": "form", "syntax": "pos"}
BLOCK = 512  # lists measured at a time


class WordNetAnnotator:
    """Answers from rules, without a network."""

    name = "wordnet"

    def __init__(self, words: ListedWords | None = None) -> None:
        self.statistics = ListStatistics(words)

    def annotate(self, lists: Sequence[Sequence[str]]) -> list[Annotation]:
        """Answers for lists of words; all words must be in the vocabulary."""
        index = self.statistics.index
        unknown = sorted({word for words in lists for word in words} - index.keys())
        if unknown:
            raise ValueError(
                f"lists hold words outside the annotator's vocabulary ({unknown[:5]}...): leave them out."
            )
        indices = [np.array([index[word] for word in words]) for words in lists]
        answers: dict[int, Annotation] = {}
        for length in {len(own) for own in indices}:
            where = [i for i, own in enumerate(indices) if len(own) == length]
            found = self.annotate_indices(np.stack([indices[i] for i in where]))
            answers.update(zip(where, found, strict=True))
        return [answers[i] for i in range(len(lists))]

    def annotate_indices(self, lists: Int[ndarray, "list word"]) -> list[Annotation]:
        """The same for lists of equal length given as indices into the vocabulary."""
        found, vectors = [], self.statistics.vectors
        for start in range(0, len(lists), BLOCK):
            own = lists[start : start + BLOCK]
            measured, bands = self.statistics.measure(own), self.statistics.composition(own)
            nearest = (vectors[own].mean(axis=1, dtype=np.float32) @ vectors.T).argmax(axis=1)
            limits = [self.statistics.thresholds(band) for band in bands]
            found += [
                self._answer(i, nearest[i], own.shape[1], measured, limits[i])
                for i in range(len(own))
            ]
        return found

    def _answer(
        self, i: int, nearest: int, length: int, measured: Measured, limits: Thresholds
    ) -> Annotation:
        """Of the i-th list, of so many words; `nearest` is the word nearest to all of them."""
        value = {name: float(values[i]) for name, values in measured.values.items()}
        excess = {
            name: (value[name] - mean) / max(deviation, 1e-9)
            for name, (mean, deviation, _) in limits.items()
        }
        # A surprise of 0 says that no class is shared, even where random lists share none either.
        passed = {name for name in value if value[name] > max(limits[name][2], 0.0)}
        coherent = "coherence" in passed
        levels = {level: excess[f] for level, f in FAMILY_OF_LEVEL.items() if f in passed}
        if coherent:
            levels = levels | {"semantics": excess["coherence"]}
            levels.pop("syntax", None)
        level = max(levels, key=levels.__getitem__, default=NO_LEVEL)
        return Annotation(
            interpretable=coherent,
            level=level,
            tasks=tuple(task for task in TASKS if coherent and task in passed),
            concept=self._concept(i, nearest, length, level, measured, passed),
            evidence={name: round(number, 3) for name, number in excess.items()},
        )

    def _concept(
        self, i: int, nearest: int, length: int, level: str, measured: Measured, passed: set[str]
    ) -> str:
        """A name for what is shared: the class, or the word nearest to all where none passes."""
        if level == NO_LEVEL:
            return ""
        family = FAMILY_OF_LEVEL.get(level, "meaning")
        if family in passed:
            classes = self.statistics.classes(length)[family]
            name = classes.names[measured.shared[family].class_index[i]]
            if family == "meaning":  # WordNet's "fruit.n.01"
                return name.split(".")[0].replace("_", " ")
            return name.replace(":", " ")
        return self.statistics.words[nearest]
