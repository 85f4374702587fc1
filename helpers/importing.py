"""Prompts of one's own: JSONL, CSV, a Hub data set, or the authors' prompts with their span notes.

A record is a line of JSON, a row of a table or a row of a data set. Its columns say how the roles are
given, by the first of these that it has:

segments     a list of {"role": ..., "text": ...} (in CSV, as JSON), as in the book's own file
instruction  one column a role, joined in the order instruction, context, input, cue; empty ones are
             left out (Alpaca's layout; its `output` is not read)
text         marked text: `<instruction>Count the vowels.</instruction> The word is banana.`

`id`, `kind` and `rule` (see `helpers.following`) may stand beside them; other columns are not
read. `helpers.marks` describes the marks.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from helpers import release
from helpers.following import BadRule
from helpers.marks import in_lines, read_marked
from helpers.prompts import ROLES, Prompt, PromptError, Segment

LAYOUTS = ("segments", "instruction", "text")
LINES, TABLES, RELEASED = (".jsonl", ".ndjson"), (".csv",), (".tsv",)
FETCHED = "released"
# Where the authors took a prompt from, by the beginning of its id.
ORIGINS = {"user": "Self-Instruct", "lima": "LIMA", "mtbench": "MT-Bench"}
_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_CUE = re.compile(r"\n(Output:)\s*$")
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


def _prompt(record: object, default_id: str) -> Prompt:
    if not isinstance(record, dict):
        raise ValueError("it is no JSON object: write one object a line")
    id, kind, rule = (record.get(key) for key in ("id", "kind", "rule"))
    id = str(id) if isinstance(id, int) and not isinstance(id, bool) else id
    id = default_id if id in (None, "") else _text(id, "id")
    kind = "own" if kind in (None, "") else _text(kind, "kind")
    rule = _json(rule, "rule") if isinstance(rule, str) and rule else rule
    return Prompt(id, kind, _segments(record), None if rule == "" else rule)


def collect(records: Iterable[Record], name: str) -> list[Prompt]:
    """Prompts of records; the first that cannot be used is refused by place and reason."""
    found: dict[str, Prompt] = {}
    for number, (where, record) in enumerate(records, 1):
        try:
            prompt = _prompt(record, f"row-{number}")
        except (BadRule, ValueError) as error:
            raise PromptError(f"{name}, {where}: {error}.") from error
        if prompt.id in found:
            raise PromptError(f"{name}, {where}: id {prompt.id!r} was used before: change it.")
        found[prompt.id] = prompt
    if not found:
        raise PromptError(f"{name} holds no prompt: give it one record a prompt.")
    return list(found.values())


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


def _columns(row: list[str], name: str) -> list[str]:
    columns = [column.strip() for column in row]
    if not set(LAYOUTS) & set(columns):
        semicolons = " It is separated by semicolons: save it with commas." if (
            len(columns) == 1 and ";" in columns[0]
        ) else ""  # fmt: skip
        raise PromptError(
            f"{name}, line 1: no column is called {' or '.join(map(repr, LAYOUTS))}, but the first "
            f"line must name the columns.{semicolons}"
        )
    if len(set(columns)) < len(columns):
        raise PromptError(f"{name}, line 1: two columns have one name: change one.")
    return columns


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
            columns = _columns(row, name)
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


def _noted(prompt: release.ReleasedPrompt) -> Iterator[tuple[str, str]]:
    """Role and text by the authors' notes, each widened to whole words and the signs at them."""
    text, held = prompt.text, [False] * len(prompt.text)
    for span in filter(None, (span.strip() for span in prompt.spans)):
        start = text.find(span)
        if start < 0:
            raise ValueError(f"the noted span {span[:40]!r} is not in the prompt")
        stop = start + len(span)
        start -= len(re.search(r"\S*$", text[:start])[0])
        stop += len(re.match(r"\S*", text[stop:])[0])
        held[start:stop] = [True] * (stop - start)
    if not any(held):
        raise ValueError("no instruction is noted")
    cue = _CUE.search(text)
    end = cue.start(1) if cue and not any(held[cue.start(1) :]) else len(text)
    edges = [i for i in range(1, end) if held[i] != held[i - 1]]
    for start, stop in zip([0, *edges], [*edges, end], strict=True):
        yield ("instruction" if held[start] else "context"), text[start:stop]
    yield "cue", text[end:]


def released_prompts(source: str | Path | None = None) -> list[Prompt]:
    """The authors' prompts of Self-Instruct, LIMA and MT-Bench, by their notes of the instruction.

    `source`: a clone of their repository or its table of prompts; left out, the table is fetched.
    `kind` is the data set. `Output:` at the end, which Self-Instruct's prompts have, is the cue.
    """
    path = Path(source) if source else release_table()
    if path.is_dir():
        path = next((p for p in (path / release.PROMPTS, path / "prompts.tsv") if p.exists()), path)
    if not path.is_file():
        raise PromptError(f"{path} holds no {release.PROMPTS}: give a clone of {release.URL}.")
    found = []
    try:
        noted = release.read_prompts(path)
    except release.RefusedFile as error:
        raise PromptError(str(error)) from error
    for id, prompt in noted.items():
        try:
            segments = in_lines(_noted(prompt))
            found.append(Prompt(id, ORIGINS.get(id.split("_")[0], "other"), segments))
        except ValueError as error:
            raise PromptError(f"{path}, prompt {id}: {error}.") from error
    return found


def release_table() -> Path:
    """The authors' table of prompts in the cache, fetched at one commit and checked by its hash."""
    import pooch

    from helpers.pairs import cache_folder

    folder = cache_folder() / f"release-{release.COMMIT[:7]}"
    known = {release.PROMPTS: f"sha256:{release.KNOWN[release.PROMPTS]}"}
    try:
        return Path(
            pooch.create(folder, base_url=release.URL, registry=known).fetch(release.PROMPTS)
        )
    except Exception as error:  # network, disk, or another file than the known one
        raise PromptError(
            f"{release.URL}{release.PROMPTS} could not be fetched ({error}): try again, or give the "
            "folder of a clone."
        ) from error


def load_prompts(
    source: str | Path,
    *,
    split: str = "train",
    revision: str | None = None,
    limit: int | None = None,
) -> list[Prompt]:
    """Prompts of a JSONL or CSV file, a Hub data set, or the authors' table; the first `limit`.

    `source`: a file by its ending, a clone of the authors' repository, "released" (which fetches the
    authors' table), or a data set's name (`owner/name`, with `split` and `revision`).

    Raises PromptError with file, line and reason.
    """
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise ValueError(f"limit={limit!r}: give a number of prompts, or leave it out for all.")
    path, name = Path(source), str(source)
    if name == FETCHED and not path.exists():
        return released_prompts()[:limit]
    if path.is_dir() or path.suffix.lower() in RELEASED:
        return released_prompts(path)[:limit]
    readers = {ending: jsonl_records for ending in LINES} | {
        ending: csv_records for ending in TABLES
    }
    reader = readers.get(path.suffix.lower())
    if reader is None and not path.exists() and _HUB.fullmatch(name):
        records = hub_records(name, split=split, revision=revision)
    elif reader is None:
        raise PromptError(
            f"{name} is no file ending in {', '.join(readers)}, no clone of the authors' repository, "
            f"not {FETCHED!r} (their prompts, fetched) and no data set's name (owner/name): give one "
            "of these."
        )
    else:
        try:
            records = reader(path.read_bytes(), name)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise PromptError(f"{name} cannot be read ({why}): check the path.") from error
    return collect(islice(records, limit), name)
