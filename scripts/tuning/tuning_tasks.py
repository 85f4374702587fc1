"""Rules and tasks that many skills share."""

from __future__ import annotations

import re

from tuning_lists import Filler
from tuning_rows import Answer, Task, quoted


def same(text: str, *others: str) -> dict:
    """The rule that a response is one of these."""
    return {"type": "exact", "answers": [text, *others]}


def literal(text: str) -> dict:
    """The rule that a response is this text, letter by letter."""
    return {"type": "matches", "pattern": re.escape(text).replace(r"\ ", " ")}


def holds(words: list[str], longest: int | None = None) -> dict:
    """The rule that a response holds all of the words."""
    rule: dict = {"type": "contains", "words": words}
    return rule if longest is None else {**rule, "longest": longest}


def every(*rules: dict) -> dict:
    """The rule that all of the rules are followed."""
    return rules[0] if len(rules) == 1 else {"type": "all_of", "rules": list(rules)}


def rewrite(filler: Filler, phrasing: str, before: str, after: str, **more) -> Task:
    """A task that turns one sentence into another."""
    others = more.pop("others", [])
    rule = more.pop("rule", None) or same(after, *others)
    more.setdefault("inline", quoted(before))
    return Task(before, Answer(after, rule), phrasing, filler=filler, **more)
