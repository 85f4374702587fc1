"""Lists of words with what the rules say of them: a row a list."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from jaxtyping import Int

from helpers.words.annotation import LINGUISTIC_LEVELS, NO_LEVEL, TASKS, Annotation
from helpers.words.classes import ListedWords
from helpers.words.rules import WordNetAnnotator

LEVEL_NAMES = (NO_LEVEL, *LINGUISTIC_LEVELS)


@cache
def rules(words: ListedWords | None = None) -> WordNetAnnotator:
    """The rules for the book's words, or for others."""
    return WordNetAnnotator(words)


def annotation_table(annotations: list[Annotation], labels: pd.DataFrame) -> pd.DataFrame:
    """One row a list: answers beside `labels` (layer, role, component, pole)."""
    answers = {
        "interpretable": [one.interpretable for one in annotations],
        "level": pd.Categorical([one.level for one in annotations], LEVEL_NAMES),
        "concept": pd.Categorical([one.concept for one in annotations]),
        "coherence": np.float32([one.evidence["coherence"] for one in annotations]),
    }
    answers |= {task: [task in one.tasks for one in annotations] for task in TASKS}
    return labels.assign(**answers)


def annotate_words(
    words: Int[np.ndarray, "component pole top_k"], named: ListedWords | None = None, **labels
) -> pd.DataFrame:
    """Annotations of all lists of one layer of one model; `named`: which words the numbers stand for."""
    n, poles, _ = words.shape
    index = {"component": np.repeat(np.arange(n), poles), "pole": np.tile(np.arange(poles), n)}
    table = pd.DataFrame(labels | {k: v.astype(np.int16) for k, v in index.items()})
    found = rules(named).annotate_indices(words.reshape(-1, words.shape[-1]))
    return annotation_table(found, table)
