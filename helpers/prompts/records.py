"""Records of a file with their places, so that what cannot be used is refused by file, line and reason.

Files are cut by the standard library: of those that were tried (pandas, datasets), no reader keeps
the line that a row begins on, and without it nobody finds the row that a refusal speaks of.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, ValidationError

from helpers.methods.errors import Mendable
from helpers.paths import data_folder

Item, Given = TypeVar("Item"), TypeVar("Given")
Record = tuple[str, Given]  # where it stands ("line 3"), and what stands there
NOT_UTF8 = "not UTF-8: save the file so."


class PromptError(Mendable):
    """A prompt file cannot be used; the message names file, line and reason."""


def sentence(error: Exception | str) -> str:
    """With one full stop at its end."""
    return str(error).rstrip(". ") + "."


def told(error: ValidationError) -> str:
    """The first thing that a schema refuses, after the name of the field."""
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"]))[:80]
    said = first["msg"].removeprefix("Value error, ")
    return f"{where}: {said}" if where else said


@contextmanager
def refused(place: str) -> Iterator[None]:
    """Whatever is wrong with a record becomes a PromptError that begins with its place."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise PromptError(f"{place}: {NOT_UTF8}") from error
    except ValidationError as error:
        raise PromptError(f"{place}: {sentence(told(error))}") from error
    except ValueError as error:
        raise PromptError(f"{place}: {sentence(error)}") from error


def filled(value: object, name: str = "") -> str:
    """A text with something in it that can be written as UTF-8."""
    shown = repr(name) if name else "it"
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{shown} is missing, empty or no text: give it text")
    if re.search("[\ud800-\udfff]", value):
        raise ValueError(f"{shown} holds half of a surrogate pair, which is no character")
    return value


Filled = Annotated[str, AfterValidator(lambda text: filled(text))]  # a field of a schema


def _unique(pairs: list[tuple[str, object]]) -> dict:
    """A JSON object; a key that stands twice would hide one of its values."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one JSON object")
    return found


def read_json(text: str, what: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except RecursionError as error:
        raise ValueError(f"{what}: JSON is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"{what} is no JSON ({error})") from error


def jsonl_records(content: bytes, name: str) -> Iterator[Record[dict]]:
    """Lines of JSON, one object a line; empty lines do not count.

    Only a line feed ends a line: U+2028 and U+0085 may stand in a text.
    """
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        with refused(f"{name}, line {number}"):
            record = read_json(line.decode("utf-8-sig"), "the line")
            if not isinstance(record, dict):
                raise ValueError("it is no JSON object: write one object a line")
        yield f"line {number}", record


def csv_rows(content: bytes, name: str) -> Iterator[Record[list[str]]]:
    """Rows of a comma-separated table that hold something; quotes as in RFC 4180."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise PromptError(f"{name}, line {number}: {NOT_UTF8}") from error
    rows, number = csv.reader(io.StringIO(text, newline=""), strict=True), 1
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            why = f"it cannot be cut into cells ({error}): look at its quotes"
            if "field limit" in str(error):
                why = (
                    f"a cell holds more than {csv.field_size_limit():,} characters: shorten it, "
                    "write the prompt into a JSONL file, or close a quote that was left open"
                )
            raise PromptError(f"{name}, line {number}: {why}.") from error
        if row is None:
            return
        if row:
            yield f"line {number}", row
        number = rows.line_num + 1


def gather(
    records: Iterable[Record[Given]], parse: Callable[[Given], Item], name: str, what: str
) -> list[Item]:
    """Items of records that say where they stand; the first that `parse` refuses is named so."""
    items: dict[str, Item] = {}
    for where, record in records:
        with refused(f"{name}, {where}"):
            item = parse(record)
            if item.id in items:
                raise ValueError(f"id {item.id!r} was used before: change it")
        items[item.id] = item
    if not items:
        raise PromptError(f"{name} holds no {what}: give it one record (in JSONL, one line) each.")
    return list(items.values())


def read_lines(
    path: str | Path | None, own: str, parse: Callable[[dict], Item], what: str = "item"
) -> list[Item]:
    """Items of a JSONL file, the book's `own` unless a path is given."""
    file = Path(path) if path else data_folder() / own
    if not file.exists():
        raise PromptError(f"{file} does not exist: give the path of a JSONL file.")
    return gather(jsonl_records(file.read_bytes(), str(file)), parse, str(file), what)
