"""Prompts made of labelled segments, so that token masks are exact by construction.

A prompt is a list of segments (instruction, context, input, cue) joined by a newline. Where the
instruction stands among them is the prompt's place. The text is tokenised as a whole, as a user's
would be, and each token belongs to the segment that its characters come from.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from transformers import PreTrainedTokenizerBase

from helpers.prompts.records import PromptError, filled, read_lines
from helpers.prompts.rules import check_rule

ROLES = ("instruction", "context", "input", "cue")
JOINT = "\n"
LONGEST = 1_000_000  # characters of a prompt; a tokenizer takes some 400 bytes for each
MOST_SEGMENTS = 1_000


def few(given: Sequence, limit: int | None) -> list:
    """`limit` of the given prompts or items, drawn at random (seeded), in their order; all for None."""
    if limit is None or limit >= len(given):
        return list(given)
    return [given[i] for i in sorted(random.Random(0).sample(range(len(given)), limit))]


@dataclass(frozen=True)
class Segment:
    """A piece of a prompt with one role."""

    role: str
    text: str

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise ValueError(f"segment role {self.role!r:.40} is unknown: use {', '.join(ROLES)}")
        filled(self.text, self.role)


@dataclass(frozen=True)
class Prompt:
    """One prompt; `rule` decides whether a response follows it (None: no rule can)."""

    id: str
    kind: str
    segments: tuple[Segment, ...]
    rule: dict | None = None

    def __post_init__(self) -> None:
        if not any(segment.role == "instruction" for segment in self.segments):
            raise ValueError("the prompt has no instruction: label one segment 'instruction'")
        if len(self.segments) > MOST_SEGMENTS or len(self.text) > LONGEST:
            raise ValueError(
                f"the prompt has {len(self.text):,} characters in {len(self.segments):,} segments, "
                f"and at most {LONGEST:,} in {MOST_SEGMENTS:,} are read: shorten it"
            )
        if self.rule is not None:
            check_rule(self.rule)

    @property
    def text(self) -> str:
        return JOINT.join(segment.text for segment in self.segments)

    @property
    def place(self) -> str:
        """Where the instruction stands: first, middle or last (a cue at the end does not count)."""
        roles = [segment.role for segment in self.segments if segment.role != "cue"]
        if roles[0] == "instruction":
            return "first"
        return "last" if roles[-1] == "instruction" else "middle"


@dataclass(frozen=True)
class Template:
    """The text around a prompt that the tuning data used; `markers` end a response.

    `complete`: it holds all special tokens itself, so that a tokenizer adds none. `trims`: white space
    around the prompt is left out.
    """

    name: str
    before: str
    between: str
    after: str
    markers: tuple[str, ...]
    complete: bool = False
    trims: bool = False

    def render(self, instruction: str, given: str | None = None) -> str:
        """A prompt text with the instruction, and the input in its own slot when there is one."""
        middle = f"{self.between}{given}" if given else ""
        return f"{self.before}{self.shown(instruction)}{middle}{self.after}"

    def shown(self, text: str) -> str:
        return text.strip() if self.trims else text

    def cut(self, response: str) -> str:
        """The response up to the first marker, where a model runs on into a next example."""
        found = [at for at in (response.find(marker) for marker in self.markers) if at >= 0]
        return response[: min(found)].rstrip() if found else response


TEMPLATE = Template(
    name="instruction-response",
    before="### Instruction:\n",
    between="\n\n### Input:\n",
    after="\n\n### Response:\n",
    markers=("###",),
)
PLAIN = Template(name="plain", before="", between="", after="", markers=())


@dataclass(frozen=True)
class Encoded:
    """Token ids with a leading BOS where there is one; tokens and roles without it."""

    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    roles: tuple[str, ...]

    def mask(self, role: str) -> Bool[np.ndarray, " prompt"]:
        """Which tokens have this role ("template": the template's own and what a tokenizer adds)."""
        return np.array([found == role for found in self.roles])


def _spans(prompt: Prompt, template: Template) -> list[tuple[int, int, str]]:
    """First and last character of every segment in the rendered text, and its role."""
    shown, start, spans = template.shown(prompt.text), len(template.before), []
    offset = start - prompt.text.index(shown)
    for segment in prompt.segments:
        end = offset + len(segment.text)
        spans.append((max(offset, start), min(end, start + len(shown)), segment.role))
        offset = end + len(JOINT)
    return spans


def _role_at(spans: list[tuple[int, int, str]], joints: int, start: int, end: int) -> str:
    """Role of the segment that shares most characters with a token.

    Joints, which stand before the character `joints`, go to what precedes.
    """
    shared = [(min(end, stop) - max(start, first), role) for first, stop, role in spans]
    most, role = max(shared, key=lambda pair: pair[0])
    if most > 0:
        return role
    before = [role for first, _, role in spans if first <= start < joints]
    return before[-1] if before else "template"


def encode(
    prompt: Prompt, tokenizer: PreTrainedTokenizerBase, template: Template | None = None
) -> Encoded:
    """Token ids of a prompt, in the template's instruction slot when one is given, with roles.

    What the tokenizer adds to the text is of no segment: a leading BOS is in the ids alone, any other
    token bears its own name and the role "template". Raises PromptError without character offsets.
    """
    if not tokenizer.is_fast:
        raise PromptError(
            f"tokenizer {type(tokenizer).__name__} gives no character offsets, which the masks "
            "need: load the fast one (AutoTokenizer.from_pretrained(..., use_fast=True)), or choose "
            "a model that has one."
        )
    template = template or PLAIN
    text, spans = template.render(prompt.text), _spans(prompt, template)
    # In the book's template a line's end after the prompt has always counted as the last segment's.
    last = spans[-1][1]
    joints = last + int(not template.complete and text[last : last + 1].isspace())
    coded = tokenizer(text, return_offsets_mapping=True, add_special_tokens=not template.complete)
    ids = coded["input_ids"]
    first = int(
        bool(ids) and tokenizer.bos_token_id is not None and ids[0] == tokenizer.bos_token_id
    )
    offsets = coded["offset_mapping"]
    before = [0, *(end for _, end in offsets[:-1])]  # a character's further tokens are empty
    written = [
        (text[max(start, done) : end], _role_at(spans, joints, start, end))
        if of == 0
        else (name, "template")
        for (start, end), done, of, name in zip(
            offsets, before, coded.sequence_ids(0), coded.tokens(0), strict=True
        )
    ][first:]
    tokens, roles = zip(*written, strict=True) if written else ((), ())
    return Encoded(tuple(ids), tokens, roles)


def read_segments(given: object) -> tuple[Segment, ...]:
    """Segments of a list of {"role": ..., "text": ...}."""
    if not isinstance(given, list) or not given:
        raise ValueError("'segments' is missing, empty or no list")
    if not all(isinstance(one, dict) and set(one) == {"role", "text"} for one in given):
        raise ValueError("each segment needs exactly 'role' and 'text'")
    return tuple(Segment(**one) for one in given)


def read_prompts(path: str | Path | None = None) -> list[Prompt]:
    """Prompts of a JSONL file, the book's own unless another is named."""

    def parse(record: dict) -> Prompt:
        id, kind = (filled(record.get(key), key) for key in ("id", "kind"))
        return Prompt(id, kind, read_segments(record.get("segments")), record.get("rule"))

    return read_lines(path, "prompts.jsonl", parse, "prompt")
