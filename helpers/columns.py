"""Which columns of a prompt record are read, and which look like one of them misspelt.

A column that nobody reads is left alone, since data sets hold many; but a prompt whose `inptu` was
passed over would be computed without its input, and nothing would say so.
"""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from helpers.prompts import ROLES, PromptError

LAYOUTS = ("segments", "instruction", "text")
BESIDE = ("id", "kind", "rule")
KNOWN = {*LAYOUTS, *ROLES, *BESIDE}
ALIKE = 0.75  # of difflib's ratio: two letters of four or five in the wrong order
# Columns of public data sets that are alike by chance, or whose loss changes no result.
OTHERS = {"role", "idx", "ids", "uid"}


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
