"""Where in a prompt density lies, and one instruction at five places of the same context.

A position profile is an observation: instructions tend to stand first, so position and content are
confounded. The placement experiment separates them: the same instruction before, at a quarter, half
and three quarters of, and after the same context (method.md, section 2).
"""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from helpers.prompts.prompt import Prompt, Segment
from helpers.prompts.records import Filled, read_lines
from helpers.prompts.rules import follows

PLACES = ("before", "quarter", "half", "three quarters", "after")
SHARES = dict(zip(PLACES, (0.0, 0.25, 0.5, 0.75, 1.0), strict=True))


@dataclass(frozen=True)
class Item:
    """One instruction and one context, cut into sentences; `expected` is an answer that follows."""

    id: Filled
    kind: Filled
    instruction: Filled
    sentences: tuple[Filled, ...]
    expected: Filled
    rule: dict

    def __post_init__(self) -> None:
        if len(self.sentences) < 4:
            raise ValueError(f"{len(self.sentences)} sentences cannot be cut at quarters: give 4")
        self.at("before")  # what a prompt refuses, its rule among it, is refused here
        if not follows(self.rule, self.expected):
            raise ValueError(f"expected {self.expected!r} does not follow the rule: change one")

    def at(self, place: str) -> Prompt:
        """The prompt with the instruction at a place, between two sentences of the context."""
        if place not in SHARES:
            raise ValueError(f"place={place!r} is unknown: use one of {', '.join(PLACES)}.")
        cut = round(SHARES[place] * len(self.sentences))
        parts = (" ".join(self.sentences[:cut]), " ".join(self.sentences[cut:]))
        segments = [Segment("context", text) for text in parts if text]
        segments.insert(1 if parts[0] else 0, Segment("instruction", self.instruction))
        return Prompt(self.id, self.kind, tuple(segments), self.rule)


def read_items(path: str | Path | None = None) -> list[Item]:
    """Items of a JSONL file, the book's own unless another is named; bad lines are named."""
    return read_lines(path, "placement.jsonl", TypeAdapter(Item).validate_python)
