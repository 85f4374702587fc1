"""What a tuning run shows: rows of instructions and responses, mixed, held out, or with a part taken away.

Rows are JSON objects, one a line: `segments` and `response` (labelled pieces as in prompts, shown in
their order), or `instruction`, `input` (may be empty) and `output`.

Controls take one thing away: `responses only` shows no instruction (Hewitt et al., 2024, arXiv
2409.14254), `shuffled` pairs each instruction with another row's response, `kinds` keeps a few kinds of
task, `trained` adapts attention or feed-forward matrices alone.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from helpers.methods.errors import Mendable
from helpers.prompts.prompt import JOINT
from helpers.prompts.records import filled

HELD_OUT_SEED = 2024  # held-out rows are the same for every seed of a run


@dataclass(frozen=True)
class Settings:
    """Everything that decides the result of a tuning run, beside data and base.

    `written` is how often rows without a rule are seen for once that rows with one are; `rows` caps
    the rows of one epoch, `steps` the run. `course` adapters are kept along the way, log-spaced.
    """

    rank: int = 8
    alpha: int = 16
    learning_rate: float = 1e-3
    epochs: float = 1.0
    batch_size: int = 16
    max_length: int = 256
    warmup: float = 0.05
    held_out: int = 240
    written: int = 2
    rows: int | None = None
    steps: int = -1
    seed: int = 2024
    compute_dtype: str = "bfloat16"
    control: Literal["none", "responses only", "shuffled"] = "none"
    kinds: tuple[str, ...] = ()
    trained: Literal["all", "attention", "feed-forward"] = "all"
    course: int = 0


@dataclass(frozen=True)
class Row:
    """A prompt text and the response to it; `rule` where code can check one."""

    kind: str
    prompt: str
    response: str
    rule: dict | None = None


def _text(record: dict, key: str, default: str | None = None) -> str:
    value = record.get(key, default)
    if not isinstance(value, str):
        raise ValueError(f"{key!r} is missing or no text: add it")
    return filled(value, key).strip() if value.strip() else ""


def parse_row(record: object) -> Row:
    """A row of either form; ValueError says what is wrong with it."""
    if not isinstance(record, dict):
        raise ValueError("the line is no JSON object")
    kind = record.get("kind") or record.get("source") or "own"
    if "segments" not in record:
        given = _text(record | {"input": record.get("input") or ""}, "input")
        pieces = [_text(record, "instruction"), given]
        return Row(str(kind), JOINT.join(filter(None, pieces)), _text(record, "output"))
    segments = record["segments"]
    if not isinstance(segments, list) or not all(isinstance(one, dict) for one in segments):
        raise ValueError("'segments' is no list of objects")
    prompt = JOINT.join(_text(one, "text") for one in segments)
    return Row(str(kind), prompt, _text(record, "response"), record.get("rule"))


def read_rows(path: str | Path) -> list[Row]:
    """Rows of a JSONL file; rows with an empty response are left out by the caller."""
    if not Path(path).is_file():
        raise Mendable(f"{path} does not exist: give the path of a JSONL file.")
    rows = []
    for number, line in enumerate(Path(path).read_bytes().split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            rows.append(parse_row(json.loads(line.decode("utf-8-sig"))))
        except (ValueError, RecursionError) as error:
            raise Mendable(f"{path}, line {number}: {error}.") from error
    return rows


def _controlled(rows: list[Row], settings: Settings, draw: random.Random) -> list[Row]:
    """Rows as the control shows them."""
    if settings.control == "responses only":
        return [Row(row.kind, "", row.response) for row in rows]
    if settings.control == "shuffled":  # a cycle through a random order: no row keeps its own
        order = draw.sample(range(len(rows)), len(rows))
        after = dict(zip(order, order[1:] + order[:1], strict=True))
        return [Row(row.kind, row.prompt, rows[after[n]].response) for n, row in enumerate(rows)]
    return rows


def held_out(rows: Sequence[Row], settings: Settings) -> tuple[list[Row], list[Row]]:
    """Rows to train on and rows that are held out, the same ones for every seed."""
    usable = [row for row in rows if row.response]
    if len(usable) <= settings.held_out:
        raise Mendable(
            f"{len(usable)} rows hold a response, and {settings.held_out} are held out: give more "
            "rows, or hold out fewer (--held-out)."
        )
    chosen = set(random.Random(HELD_OUT_SEED).sample(range(len(usable)), settings.held_out))
    kept = [row for n, row in enumerate(usable) if n not in chosen]
    return kept, [usable[n] for n in sorted(chosen)]


def mixed(rows: Sequence[Row], settings: Settings) -> list[Row]:
    """What one epoch shows, in seeded order."""
    draw = random.Random(settings.seed)
    wanted = [row for row in rows if not settings.kinds or row.kind in settings.kinds]
    if not wanted:
        known = ", ".join(sorted({row.kind for row in rows}))
        raise Mendable(f"kinds={settings.kinds!r}: no row is of that kind: use some of {known}.")
    shown = [row for row in wanted for _ in range(settings.written if row.rule is None else 1)]
    draw.shuffle(shown)
    if settings.rows is not None:  # few kinds are seen more often, so that rows are equal
        shown = (shown * -(-settings.rows // len(shown)))[: settings.rows]
    return _controlled(shown, settings, draw)
