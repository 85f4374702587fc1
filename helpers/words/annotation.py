"""The three questions asked of a list of words, and what an annotator answers.

Source: method.md, section 4; Wu et al. (NAACL 2024), section 3.4 and appendix: is the concept
interpretable, which linguistic level does it belong to, for which tasks is it useful.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pandas as pd
from sklearn.metrics import cohen_kappa_score, confusion_matrix

LEVELS = ("phonology", "morphology", "syntax", "semantics")


TASKS = ("writing", "coding", "mathematics", "translation")


NO_LEVEL = "none"


@dataclass(frozen=True)
class Annotation:
    """One annotator's answers for one list of words.

    `level` is one of LEVELS or "none", `tasks` a subset of TASKS in their order, `concept` a short
    name of what the words share ("" where there is none). `evidence` holds the numbers behind the
    answers: statistics over their thresholds for `wordnet`, shares of votes for `chat`.
    `answered` is False where the annotator could not say anything (all answers unusable).
    """

    interpretable: bool
    level: str = NO_LEVEL
    tasks: tuple[str, ...] = ()
    concept: str = ""
    evidence: Mapping[str, float] = field(default_factory=dict)
    answered: bool = True

    def __post_init__(self) -> None:
        if self.level not in (*LEVELS, NO_LEVEL):
            raise ValueError(f"level={self.level!r} is unknown: use one of {LEVELS} or 'none'.")
        unknown = set(self.tasks) - set(TASKS)
        if unknown:
            raise ValueError(f"tasks={sorted(unknown)} are unknown: use some of {TASKS}.")


class Annotator(Protocol):
    """Anything that answers the three questions; the name goes into tables and the store."""

    name: str

    def annotate(self, lists: Sequence[Sequence[str]]) -> list[Annotation]:
        """One annotation for each list of words, in the same order."""
        ...


@dataclass(frozen=True)
class Agreement:
    """How two sets of answers to one question agree; rows of `confusion` are the first's."""

    question: str
    n: int
    kappa: float
    accuracy: float
    confusion: pd.DataFrame


def _answers(annotations: Sequence[Annotation], question: str) -> list[str]:
    if question == "interpretable":
        return ["yes" if one.interpretable else "no" for one in annotations]
    if question == "level":
        return [one.level for one in annotations]
    return ["yes" if question in one.tasks else "no" for one in annotations]


def agreement(
    first: Sequence[Annotation], second: Sequence[Annotation], question: str
) -> Agreement:
    """Cohen's kappa, raw agreement and confusion matrix for one question.

    `question` is "interpretable", "level" or the name of a task. Lists that either side could not
    answer are left out; `n` counts those that remain. Kappa is NaN where both sides give one and
    the same answer throughout: chance agreement is then complete and kappa is not defined.
    """
    if question not in ("interpretable", "level", *TASKS):
        raise ValueError(
            f"question={question!r} is unknown: use 'interpretable', 'level' or one of {TASKS}."
        )
    if len(first) != len(second):
        raise ValueError(
            f"first has {len(first)} annotations, second {len(second)}: annotate the same lists."
        )
    both = [(a, b) for a, b in zip(first, second, strict=True) if a.answered and b.answered]
    if not both:
        raise ValueError("No list was answered by both annotators: nothing can be compared.")
    ours, theirs = (_answers(side, question) for side in zip(*both, strict=True))
    labels = [*LEVELS, NO_LEVEL] if question == "level" else ["yes", "no"]
    table = pd.DataFrame(confusion_matrix(ours, theirs, labels=labels), labels, labels)
    trivial = len(set(ours) | set(theirs)) == 1
    kappa = np.nan if trivial else cohen_kappa_score(ours, theirs, labels=labels)
    same = np.mean([a == b for a, b in zip(ours, theirs, strict=True)])
    return Agreement(question, len(both), float(kappa), float(same), table)
