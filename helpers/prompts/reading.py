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

import csv
import io
import json
import re
from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from helpers.prompts.marks import read_marked
from helpers.prompts.prompt import ROLES, Prompt, PromptError, Segment, gather
from helpers.prompts.released import released_prompts
from helpers.prompts.rules import RULE

LAYOUTS = ("segments", "instruction", "text")


BESIDE = ("id", "kind", "rule")


KNOWN = {*LAYOUTS, *ROLES, *BESIDE}


ALIKE = 0.75  # of difflib's ratio: two letters of four or five in the wrong order


# Columns of public data sets that are alike by chance, or whose loss changes no result.
OTHERS = {"role", "idx", "ids", "uid"}


FEWEST = 3  # prompts; no difference can be tested with fewer


LINES, TABLES, RELEASED = (".jsonl", ".ndjson"), (".csv",), (".tsv",)


FETCHED = "released"


_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


Record = tuple[str, object]  # where it stands ("line 3"), and what stands there


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name!r} is missing, empty or no text")
    if re.search("[\ud800-\udfff]", value):
        raise ValueError(f"{name!r} holds half of a surrogate pair, which is no character")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict:
    """A JSON object; a key that stands twice would hide one of its values."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one JSON object")
    return found


def _json(text: str, what: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except RecursionError as error:
        raise ValueError(f"{what}: JSON is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"{what} is no JSON ({error})") from error


def _segments(record: dict) -> tuple[Segment, ...]:
    given = record.get("segments")
    if given is not None:
        given = _json(given, "segments") if isinstance(given, str) else given
        if not isinstance(given, list) or not given:
            raise ValueError("'segments' is no list, or an empty one")
        if not all(isinstance(one, dict) and set(one) == {"role", "text"} for one in given):
            raise ValueError("each segment needs exactly 'role' and 'text'")
        return tuple(Segment(one["role"], _text(one["text"], "text")) for one in given)
    if "instruction" in record:
        _text(record["instruction"], "instruction")
        held = [role for role in ROLES if record.get(role) not in (None, "")]
        return tuple(Segment(role, _text(record[role], role)) for role in held)
    if "text" in record:
        return read_marked(_text(record["text"], "text"))
    raise ValueError(f"it has none of {', '.join(map(repr, LAYOUTS))}: name a column so")


def _rule(text: str) -> object:
    try:
        return _json(text, "rule")
    except ValueError as error:
        raise ValueError(
            f"{error}: a rule is an object such as {RULE}, not {text[:40]!r}"
        ) from error


def _prompt(record: object, default_id: str) -> Prompt:
    if not isinstance(record, dict):
        raise ValueError("it is no JSON object: write one object a line")
    check_record(record)
    id, kind, rule = (record.get(key) for key in ("id", "kind", "rule"))
    id = str(id) if isinstance(id, int) and not isinstance(id, bool) else id
    id = default_id if id in (None, "") else _text(id, "id")
    kind = "own" if kind in (None, "") else _text(kind, "kind")
    rule = _rule(rule) if isinstance(rule, str) and rule else rule
    return Prompt(id, kind, _segments(record), None if rule == "" else rule)


def collect(records: Iterable[Record], name: str) -> list[Prompt]:
    """Prompts of records; the first that cannot be used is refused by place and reason."""
    numbered = ((where, (n, record)) for n, (where, record) in enumerate(records, 1))
    return gather(numbered, lambda one: _prompt(one[1], f"row-{one[0]}"), name, "prompt")


def jsonl_records(content: bytes, name: str) -> Iterator[Record]:
    """Lines of JSON, one object a line; empty lines do not count."""
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            record = _json(line.decode("utf-8"), "the line")
        except UnicodeDecodeError as error:
            raise PromptError(f"{name}, line {number}: not UTF-8: save the file so.") from error
        except ValueError as error:
            raise PromptError(
                f"{name}, line {number}: {error}: write one object a line."
            ) from error
        yield f"line {number}", record


def csv_records(content: bytes, name: str) -> Iterator[Record]:
    """Rows of a comma-separated table whose first line names the columns; quotes as in RFC 4180."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise PromptError(f"{name}, line {number}: not UTF-8: save the file so.") from error
    rows, columns, number = csv.reader(io.StringIO(text, newline=""), strict=True), None, 1
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            why = f"it cannot be cut into cells ({error}): look at its quotes"
            raise PromptError(f"{name}, line {number}: {why}.") from error
        if row is None:
            return
        if row and columns is None:
            columns = check_table(row, name)
        elif row:
            if len(row) != len(columns):
                why = f"it has {len(row)} cells, the first line names {len(columns)} columns"
                raise PromptError(f"{name}, line {number}: {why}: look at its commas and quotes.")
            yield f"line {number}", dict(zip(columns, row, strict=True))
        number = rows.line_num + 1


def hub_records(name: str, *, split: str, revision: str | None) -> Iterator[Record]:
    """Rows of a data set of the Hub, one after the other."""
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise PromptError(
            f"{name}: reading a data set of the Hub needs the package datasets: "
            "pip install 'instruction-shift[tuning]', or save it as JSONL or CSV."
        ) from error
    try:
        rows = load_dataset(name, split=split, revision=revision)
    except Exception as error:  # the library fails in many ways; each has a name and a sentence
        why = (str(error).strip().splitlines() or [""])[0]
        raise PromptError(
            f"{name} is no file here, and as a data set of the Hub (split {split!r}) it cannot be "
            f"read: {type(error).__name__}: {why} Check the name, the split and the connection."
        ) from error
    yield from ((f"row {number}", row) for number, row in enumerate(rows, 1))


def load_prompts(
    source: str | Path,
    *,
    split: str = "train",
    revision: str | None = None,
    limit: int | None = None,
    at_least: int = FEWEST,
) -> list[Prompt]:
    """Prompts of a JSONL or CSV file, a Hub data set, or the authors' table; the first `limit`.

    `source`: a file by its ending, a clone of the authors' repository, "released" (which fetches the
    authors' table), or a data set's name (`owner/name`, with `split` and `revision`). Fewer than
    `at_least` are refused, unless the limit asks for so few.

    Raises PromptError with file, line and reason.
    """
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise ValueError(f"limit={limit!r}: give a number of prompts, or leave it out for all.")
    found = _load(source, split, revision, limit)
    if len(found) < min(at_least, limit or at_least):
        raise PromptError(
            f"{source} holds {len(found)} prompt{'s' * (len(found) > 1)}, and no difference between "
            f"the models can be tested with fewer than {at_least}: add some."
        )
    return found


def _load(source: str | Path, split: str, revision: str | None, limit: int | None) -> list[Prompt]:
    path, name = Path(source), str(source)
    if name == FETCHED and not path.exists():
        return released_prompts()[:limit]
    if path.is_dir() or (path.suffix.lower() in RELEASED and path.exists()):
        return released_prompts(path)[:limit]
    readers = {ending: jsonl_records for ending in LINES} | {
        ending: csv_records for ending in TABLES
    }
    reader = readers.get(path.suffix.lower())
    if reader is None and not path.exists() and _HUB.fullmatch(name):
        return collect(islice(hub_records(name, split=split, revision=revision), limit), name)
    if reader is None:
        raise PromptError(_unread(name, path, readers))
    try:
        records = reader(path.read_bytes(), name)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise PromptError(f"{name} cannot be read ({why}): check the path.") from error
    return collect(islice(records, limit), name)


def _unread(name: str, path: Path, endings: Iterable[str]) -> str:
    """Why a source is nothing that prompts are read from."""
    if path.suffix.lower() == ".json":
        return (
            f"{name}: prompts are not read from .json: write one object a line, with no brackets "
            "around them and no commas between them, into a file ending in .jsonl."
        )
    return (
        f"{name} is no file ending in {', '.join(endings)}, no clone of the authors' repository, not "
        f"{FETCHED!r} (their prompts, fetched) and no data set's name (owner/name): give one of these."
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
                f"column {column!r} is not known: did you mean {meant[0]!r}? Rename it, or leave "
                "it out"
            )
    return None


def check_record(record: dict) -> None:
    """Refuse a record whose misspelt column would be passed over."""
    held = [name for name, value in record.items() if value not in (None, "")]
    if wrong := misspelt(held, record):
        raise ValueError(wrong)


def check_table(row: list[str], name: str) -> list[str]:
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
