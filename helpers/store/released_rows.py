"""Rows of the authors' released tables of heads and components, each checked; the rest is refused.

The tables are UTF-8 text with tabs between fields, one row a line, the column names in the first line.
A row that does not fit is refused with its file, line and reason, and counted. A row is good or bad
by itself and by its neighbours: ranks rise within a head (or a layer's components), whose rows stand
together; of two rows out of order neither is used.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from helpers.store.release import RefusedFile, refuse
from helpers.store.released_files import open_parts

HEAD_COLUMNS = ("Model", "Size", "Layer", "Type", "Head", "Dim", "Rank", "Score", "TopK")
COLUMNS = ("Model", "Size", "Layer", "Type", "Head", "Rank", "Score", "TopK")
MODELS = ("llama", "vicuna", "mistral", "mistral_inst")
TYPES = {True: ("QK",), False: ("FFN", "down")}  # of heads, of components
LIMITS = {"Layer": 256, "Head": 256, "Dim": 1024, "Rank": 8193}
LONGEST = 1 << 20  # bytes of a row
MOST = 1000  # refusals of a kind that are listed


# --- what is refused


class _Bad(ValueError):
    """A row cannot be used; the message says why, without a word of it."""


@dataclass
class Refusals:
    """What was read, passed over (models that were not asked for) and refused; no text of the files.

    `counts` counts by file, what (row, pair or word) and reason; `listed` holds the first `MOST` of
    each file and what, with their line and how many there are of them on it.
    """

    listed: list[tuple[str, int, str, str, int]] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)
    read: Counter = field(default_factory=Counter)
    passed_over: Counter = field(default_factory=Counter)
    _lines: Counter = field(default_factory=Counter)

    def add(self, file: str, line: int, reason: object, what: str = "row", n: int = 1) -> None:
        self.counts[file, what, str(reason)] += n
        self._lines[file, what] += 1
        if self._lines[file, what] <= MOST:
            self.listed.append((file, line, what, str(reason), n))

    def rows(self, file: str) -> int:
        return sum(n for (name, what, _), n in self.counts.items() if (name, what) == (file, "row"))

    def check(self, file: str) -> None:
        """RefusedFile where more rows of a file were refused than read: it has another format."""
        if self.rows(file) < self.read[file]:
            return
        first = next((f"line {one[1]}: {one[3]}" for one in self.listed if one[0] == file), "empty")
        raise RefusedFile(
            f"{file}: {self.read[file]} rows of the models asked for could be used, "
            f"{self.rows(file)} were refused ({first}). The file is not used: it is damaged, or has "
            "another format than this version of the package reads."
        )


# --- rows


class Row(NamedTuple):
    line: int
    place: tuple[str, int, int]  # model, layer, head
    rank: int
    dimension: int  # 0 for components
    score: float
    text: str
    said: tuple[str, ...]


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) < LIMITS[name]):
        raise _Bad(f"{name} is no whole number below {LIMITS[name]}")
    return int(text)


def _parsed(line: int, fields: list[str], of_heads: bool) -> Row:
    said, own = ([], fields) if of_heads else (fields[: -len(COLUMNS)], fields[-len(COLUMNS) :])
    row = dict(zip(HEAD_COLUMNS if of_heads else COLUMNS, own, strict=True))
    if row["Model"] not in MODELS:
        raise _Bad("unknown model")
    if row["Size"] != "7B" or row["Type"] not in TYPES[of_heads]:
        raise _Bad("unknown Size or Type")
    numbers = {name: _whole(row[name], name) for name in LIMITS if name in row}
    if not numbers["Rank"]:
        raise _Bad("ranks begin at 1")
    if not of_heads and numbers["Head"]:
        raise _Bad("a component has Head 0")
    if not re.fullmatch(r"\d{1,15}(\.\d{1,9})?", row["Score"], re.ASCII):
        raise _Bad("Score is no number of 0 or more")
    place = row["Model"], numbers["Layer"], numbers["Head"]
    return Row(line, place, numbers["Rank"], numbers.get("Dim", 0), float(row["Score"]),
                row["TopK"], tuple(said))  # fmt: skip


def _fields(
    paths: Sequence[Path], file: str, columns: Sequence[str], refused: Refusals
) -> Iterator[tuple[int, list[str]]]:
    """Fields of each line with their number; the first line may stand again further down."""
    head = "\t".join(columns).encode() + b"\n"
    with open_parts(paths) as stream:
        if stream.readline(LONGEST) != head:
            raise refuse(file, f"its first line is not {' '.join(columns)}")
        line = 1
        while raw := stream.readline(LONGEST):
            line += 1
            if not raw.endswith(b"\n"):
                refused.add(file, line, "the line is cut, or over a million bytes long")
                while raw and not raw.endswith(b"\n"):
                    raw = stream.readline(LONGEST)
                continue
            try:
                fields = raw[:-1].decode("utf-8").split("\t")
            except UnicodeDecodeError:
                refused.add(file, line, "not UTF-8")
                continue
            if len(fields) != len(columns):
                refused.add(file, line, f"{len(fields)} columns instead of {len(columns)}")
            elif raw != head:
                yield line, fields


def rows_of(
    paths: Sequence[Path],
    file: str,
    said: Sequence[str] | None,
    models: Sequence[str],
    refused: Refusals,
) -> Iterator[Row]:
    """Rows of the models asked for whose fields are what they should be: of heads, or of components
    with the columns `said` in front."""
    of_heads = said is None
    columns = HEAD_COLUMNS if of_heads else (*said, *COLUMNS)
    for line, fields in _fields(paths, file, columns, refused):
        try:
            row = _parsed(line, fields, of_heads)
        except _Bad as error:
            refused.add(file, line, error)
            continue
        if row.place[0] in models:
            yield row
        else:
            refused.passed_over[row.place[0]] += 1


def _without_strays(rows: Iterable[Row], file: str, refused: Refusals) -> Iterator[Row]:
    """A row that stands alone between rows of other heads or layers is refused: its place is wrong."""
    before = None
    for row, after in pairwise(chain(rows, [None])):
        beside = [one.place for one in (before, after) if one]
        before = row
        if beside and row.place not in beside:
            refused.add(file, row.line, "stands among the rows of another head or layer")
        else:
            yield row


def _unordered(rows: Sequence[Row], one_each: Callable[[Row], int]) -> Bool[ndarray, " row"]:
    """Rows whose rank is not above the one before or below the one after, or whose number is twice."""
    ranks = np.array([row.rank for row in rows])
    falls = np.diff(ranks) <= 0
    numbers = np.array([one_each(row) for row in rows])
    _, inverse, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    return np.append(falls, False) | np.append(False, falls) | (counts[inverse] > 1)


def groups(
    rows: Iterable[Row], file: str, refused: Refusals, one_each: Callable[[Row], int], most: int
) -> Iterator[list[Row]]:
    """Rows of each head (or layer of components), in order; they stand together in the file."""
    seen: set[tuple[str, int, int]] = set()
    for place, group in groupby(_without_strays(rows, file, refused), key=lambda row: row.place):
        again, held = place in seen, []
        for row in group:
            if again or len(held) == most:
                reason = "its head or layer ended further up" if again else "more rows than can be"
                refused.add(file, row.line, reason)
            else:
                held.append(row)
        seen.add(place)
        if not held:
            continue
        bad = _unordered(held, one_each)
        for row in (row for row, is_bad in zip(held, bad, strict=True) if is_bad):
            refused.add(file, row.line, "ranks out of order, or a rank or dimension twice")
        yield [row for row, is_bad in zip(held, bad, strict=True) if not is_bad]
