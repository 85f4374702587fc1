r"""Marked text: `<instruction>Count the vowels.</instruction> The word is banana.`

Marks are `<instruction>`, `<context>`, `<input>` and `<cue>`, each closed by `</...>`, not nested; what
no mark holds is context. A backslash before a mark makes it text (`\<input>`), two are one backslash
before a real mark; any other `<` or backslash stands for itself.

As in every prompt of this book, each piece is a line of its own: a line end beside a mark is kept, so
that text laid out in lines is read unchanged, and other white space there becomes a line end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from helpers.prompts.prompt import ROLES, Segment

_MARK = re.compile(rf"(?<!\\)(\\*)<(/?)({'|'.join(ROLES)})>", re.IGNORECASE)


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """Role and text of each stretch of marked text; put together they are the text without marks."""
    role, plain, start = None, "", 0
    for mark in _MARK.finditer(text):
        slashes, closing, name = mark.groups()
        plain += text[start : mark.start()] + "\\" * (len(slashes) // 2)
        start, shown = mark.end(), mark[0].lstrip("\\")
        if len(slashes) % 2:
            plain += shown
            continue
        if name != name.lower():
            raise ValueError(f"write the mark {shown} in lower case, or \\{shown} if it is text")
        if closing and role != name:
            raise ValueError(f"{shown} closes what is not open: write \\{shown} if it is text")
        if not closing and role:
            raise ValueError(f"{shown} stands within <{role}>: close that, or write \\{shown}")
        if closing and not plain.strip():
            raise ValueError(f"<{name}> is empty: give it text")
        yield role or "context", plain
        role, plain = (None if closing else name), ""
    if role:
        raise ValueError(
            f"<{role}> is never closed: add </{role}>, or write \\<{role}> if it is text"
        )
    yield "context", plain + text[start:]


def in_lines(pieces: Iterable[tuple[str, str]]) -> tuple[Segment, ...]:
    """Segments that `Prompt.text` joins to the given text again, where it has a line end between."""
    found: list[list[str]] = []
    gap = ""
    for role, text in pieces:
        body = text.strip()
        if not body:
            gap += text
            continue
        gap += text[: text.index(body)]
        if not found:
            body = gap + body
        elif "\n" in gap:
            before, _, after = gap.partition("\n")
            found[-1][1] += before
            body = after + body
        found.append([role, body])
        gap = text[len(text.rstrip()) :]
    if found:
        found[-1][1] += gap
    return tuple(Segment(role, text) for role, text in found)


def read_marked(text: str) -> tuple[Segment, ...]:
    """Segments of marked text (see the module's first lines); ValueError says what is wrong."""
    return in_lines(_pieces(text))
