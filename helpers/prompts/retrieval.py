"""Questions with three documents each: one answers, one contradicts the answer, one is beside it.

A retrieved document may be read or ignored, and the response does not say which. These items make it
visible: where the document contradicts the truth, a response with the document's answer can only come
from the document, and one with the true answer only from memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from helpers.prompts.prompt import Prompt, Segment
from helpers.prompts.records import Filled, read_lines
from helpers.prompts.rules import follows

DOCUMENTS = ("true", "contradicting", "absent")
CONDITIONS = (*DOCUMENTS, "none")  # "none": the question alone


Answers = Annotated[tuple[Filled, ...], Field(min_length=1)]


@dataclass(frozen=True, config={"extra": "forbid"})
class Item:
    """A question, the spellings of its true and of a contradicting answer, and three documents."""

    id: Filled
    question: Filled
    true: Answers
    contradicting: Answers
    documents: Annotated[dict[Literal[DOCUMENTS], Filled], Field(min_length=len(DOCUMENTS))]

    def says(self, text: str) -> str:
        """Which answer a text names: "true", "contradicting", "both" or "neither"."""
        rule = {"type": "contains", "any": True}
        answers = {"true": self.true, "contradicting": self.contradicting}
        held = [key for key, own in answers.items() if follows(rule | {"words": list(own)}, text)]
        return "neither" if not held else "both" if len(held) == 2 else held[0]

    def under(self, condition: str) -> Prompt:
        """The prompt: the document, if there is one, and then the question."""
        if condition not in CONDITIONS:
            raise ValueError(f"condition={condition!r} is unknown: use one of {CONDITIONS}.")
        given = [] if condition == "none" else [Segment("context", self.documents[condition])]
        segments = (*given, Segment("instruction", self.question))
        return Prompt(self.id, "retrieval", segments)


def used(condition: str, said: str, without: str) -> bool | None:
    """Whether a response under a document used it; None where nobody can tell.

    `said` is what the response names, `without` what the same model's response to the question alone
    names. A document without an answer cannot have been used. The document's answer counts as taken
    from it unless the model gives that answer without it too (or names both answers).
    """
    if condition not in DOCUMENTS:
        raise ValueError(f"condition={condition!r} has no document: use one of {DOCUMENTS}.")
    if condition == "absent":
        return False
    if said == "both":
        return None
    if said != condition:
        return False
    return None if without in (condition, "both") else True


def read_items(path: str | Path | None = None) -> list[Item]:
    """Items of a JSONL file, the book's own unless another is named; bad lines are named."""
    return read_lines(path, "retrieval.jsonl", TypeAdapter(Item).validate_python)
