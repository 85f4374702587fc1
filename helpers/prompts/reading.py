"""Prompts of one's own: JSONL, CSV, a Hub data set, or the authors' prompts with their span notes.

A record is a line of JSON, a row of a table or a row of a data set. Its columns say how the roles are
given, by the first of these that it has:

segments     a list of {"role": ..., "text": ...} (in CSV, as JSON), as in the book's own file
instruction  one column a role, joined in the order instruction, context, input, cue; empty ones are
             left out (Alpaca's layout; its `output` is not read)
text         marked text: `<instruction>Count the vowels.</instruction> The word is banana.`

`id`, `kind` and `rule` (see `helpers.prompts.rules`) may stand beside them; other columns are not
read, and one that looks like a misspelt one of these is refused. `marks` describes the marks.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from helpers.prompts.marks import read_marked
from helpers.prompts.prompt import ROLES, Prompt, Segment, read_segments
from helpers.prompts.records import (
    PromptError,
    Record,
    csv_rows,
    filled,
    gather,
    jsonl_records,
    read_json,
    refused,
)
from helpers.prompts.released import released_prompts
from helpers.prompts.rules import RULE

LAYOUTS = ("segments", "instruction", "text")
BESIDE = ("id", "kind", "rule")
KNOWN = {*LAYOUTS, *ROLES, *BESIDE}
ALIKE = 0.75  # of difflib's ratio: two letters of four or five in the wrong order
# Columns of public data sets that are alike by chance, or whose loss changes no result.
OTHERS = {"role", "idx", "ids", "uid"}
KIND = "imported"  # where none is given; "own" is what is typed into an explorer
FEWEST = 3  # prompts; no difference can be tested with fewer
FETCHED = "released"
_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def _segments(record: dict) -> tuple[Segment, ...]:
    given = record.get("segments")
    if given is not None:
        return read_segments(read_json(given, "segments") if isinstance(given, str) else given)
    if "instruction" in record:
        filled(record["instruction"], "instruction")
        held = [role for role in ROLES if record.get(role) not in (None, "")]
        return tuple(Segment(role, record[role]) for role in held)
    if "text" in record:
        return read_marked(filled(record["text"], "text"))
    raise ValueError(f"it has none of {', '.join(map(repr, LAYOUTS))}: name a column so")


def _rule(given: object) -> object:
    try:
        return read_json(given, "rule") if isinstance(given, str) else given
    except ValueError as error:
        raise ValueError(f"{error}: a rule is an object such as {RULE}") from error


def _prompt(record: dict, default_id: str) -> Prompt:
    held = {name: value for name, value in record.items() if value not in (None, "")}
    if wrong := misspelt(held, record):
        raise ValueError(wrong)
    id, kind = held.get("id", default_id), filled(held.get("kind", KIND), "kind")
    id = filled(str(id) if type(id) is int else id, "id")
    return Prompt(id, kind, _segments(record), _rule(held.get("rule")))


def collect(records: Iterable[Record[dict]], name: str) -> list[Prompt]:
    """Prompts of records; the first that cannot be used is refused by place and reason."""
    numbered = ((where, (n, record)) for n, (where, record) in enumerate(records, 1))
    return gather(numbered, lambda one: _prompt(one[1], f"row-{one[0]}"), name, "prompt")


def csv_records(content: bytes, name: str) -> Iterator[Record[dict]]:
    """Rows of a comma-separated table whose first line names the columns."""
    rows = csv_rows(content, name)
    for _, row in islice(rows, 1):
        columns = _columns(row, name)
    for where, row in rows:
        with refused(f"{name}, {where}"):
            if len(row) != len(columns):
                raise ValueError(
                    f"it has {len(row)} cells, the first line names {len(columns)} columns: look at "
                    "its commas and quotes"
                )
        yield where, dict(zip(columns, row, strict=True))


READERS = {".jsonl": jsonl_records, ".ndjson": jsonl_records, ".csv": csv_records}


def hub_records(name: str) -> Iterator[Record]:
    """Rows of the training split of a data set of the Hub, one after the other."""
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise PromptError(
            f"{name}: reading a data set of the Hub needs the package datasets: "
            "pip install 'instruction-shift[tuning]', or save it as JSONL or CSV."
        ) from error
    try:
        rows = load_dataset(name, split="train")
    except Exception as error:  # the library fails in many ways; each has a name and a sentence
        why = (str(error).strip().splitlines() or [""])[0]
        raise PromptError(
            f"{name} is no file here, and as a data set of the Hub (its split train) it cannot be "
            f"read: {type(error).__name__}: {why} Check the name and the connection."
        ) from error
    yield from ((f"row {number}", row) for number, row in enumerate(rows, 1))


def load_prompts(source: str | Path) -> list[Prompt]:
    """Prompts of one's own, enough of them for a test; a refusal names file, line and reason."""
    found = read_source(source)
    if len(found) < FEWEST:
        raise PromptError(
            f"{source} holds {len(found)} prompt{'s' * (len(found) > 1)}, and no difference between "
            f"the models can be tested with fewer than {FEWEST}: add some."
        )
    return found


def read_source(source: str | Path) -> list[Prompt]:
    """Prompts of a JSONL or CSV file, a data set of the Hub, or the authors' table.

    `source`: a file by its ending, a clone of the authors' repository, "released" (which fetches the
    authors' table), or a data set's name (`owner/name`).
    """
    path, name = Path(source), str(source)
    ending = path.suffix.lower()
    try:
        there = path.exists()
        if path.is_dir() or (there and ending == ".tsv"):
            return released_prompts(path)
        if there and ending in READERS:
            return collect(READERS[ending](path.read_bytes(), name), name)
    except OSError as error:
        raise PromptError(f"{name} cannot be read ({error.strerror}): check the path.") from error
    if name == FETCHED:
        return released_prompts()
    if not there and ending not in READERS and _HUB.fullmatch(name):
        return collect(hub_records(name), name)
    array = " A .json file has to become lines, one object each." if ending == ".json" else ""
    raise PromptError(
        f"{name} is no file ending in {', '.join(READERS)}, no clone of the authors' repository, not "
        f"{FETCHED!r} (their prompts, fetched) and no data set's name (owner/name): give one of "
        f"these.{array}"
    )


def _read(columns: Collection[str]) -> tuple[str, ...]:
    """The columns that are read beside those that are there."""
    layout = next((name for name in LAYOUTS if name in columns), None)
    if layout is None:
        return LAYOUTS
    return (*ROLES, *BESIDE) if layout == "instruction" else BESIDE


def misspelt(columns: Collection[str], named: Collection[str] | None = None) -> str | None:
    """What is wrong with the columns that hold something, of all that are `named`; None if nothing."""
    absent = [name for name in _read(columns) if name not in (named or columns)]
    for column in columns:
        if column in KNOWN or column in OTHERS:
            continue
        meant = get_close_matches(column.strip().lower(), absent, 1, ALIKE)
        if meant:
            return (
                f"column {column!r:.40} is not known: did you mean {meant[0]!r}? Rename it, or leave "
                "it out"
            )
    return None


def _columns(row: list[str], name: str) -> list[str]:
    """The columns that the first row of a table names."""
    columns = [column.strip() for column in row]
    wrong = misspelt([column for column in columns if column])
    if not set(LAYOUTS) & set(columns):
        semicolons = " It is separated by semicolons: save it with commas." if (
            len(columns) == 1 and ";" in columns[0]
        ) else ""  # fmt: skip
        raise PromptError(
            f"{name}, line 1: no column is called {' or '.join(map(repr, LAYOUTS))}, but the first "
            f"line must name the columns.{semicolons}{f' {wrong}.' if wrong else ''}"
        )
    if len(set(columns)) < len(columns):
        raise PromptError(f"{name}, line 1: two columns have one name: change one.")
    if wrong:
        raise PromptError(f"{name}, line 1: {wrong}.")
    return columns
