"""The three questions asked of a list of words, and what an annotator answers.

Source: method.md, section 4; Wu et al. (NAACL 2024), section 3.4 and appendix: is the concept
interpretable, which linguistic level does it belong to, for which tasks is it useful.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LINGUISTIC_LEVELS = ("phonology", "morphology", "syntax", "semantics")
TASKS = ("writing", "coding", "mathematics", "translation")
NO_LEVEL = "none"


@dataclass(frozen=True)
class Annotation:
    """One annotator's answers for one list of words.

    `level` is one of LINGUISTIC_LEVELS or "none", `tasks` a subset of TASKS in their order, `concept`
    a short name of what the words share ("" where there is none). `evidence` holds the numbers behind the
    answers: statistics over their thresholds for `wordnet`, shares of votes for `chat`.
    `answered` is False where the annotator could not say anything (all answers unusable).
    """

    interpretable: bool
    level: str = NO_LEVEL
    tasks: tuple[str, ...] = ()
    concept: str = ""
    evidence: Mapping[str, float] = field(default_factory=dict)
    answered: bool = True
