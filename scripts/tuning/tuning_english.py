"""Forms of English words: verbs, plurals, articles, comparatives."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import NamedTuple

_LISTS = Path(__file__).resolve().parents[2] / "data" / "tuning" / "lists"
_DOUBLED = re.compile(r"^[^aeiou]*[aeiou][^aeiouwxy]$")  # one short syllable: stop, plan
_SILENT_H = ("hour", "honest", "honour")
_LIKE_Y = ("uni", "use", "usual", "euro", "one", "ukulele")
_COMPARED = {"good": ("better", "best"), "bad": ("worse", "worst"), "far": ("farther", "farthest")}
_WITH_MORE = {
    "expensive",
    "beautiful",
    "interesting",
    "dangerous",
    "comfortable",
    "careful",
    "difficult",
    "famous",
    "modern",
    "useful",
    "patient",
    "popular",
    "colourful",
    "powerful",
}


class Verb(NamedTuple):
    """The forms of a verb."""

    base: str
    past: str
    participle: str

    @property
    def third(self) -> str:
        """he walks"""
        return third_person(self.base)

    @property
    def ing(self) -> str:
        """walking"""
        return ing_form(self.base)


def article(noun: str) -> str:
    """`a` or `an`, by the sound of the next word."""
    word = noun.lower()
    if word.startswith(_SILENT_H):
        return "an"
    return "an" if word[0] in "aeiou" and not word.startswith(_LIKE_Y) else "a"


def third_person(base: str) -> str:
    """The form after he, she or it."""
    if base in ("have", "be"):
        return {"have": "has", "be": "is"}[base]
    if re.search(r"(s|sh|ch|x|z|o)$", base):
        return base + "es"
    return base[:-1] + "ies" if re.search(r"[^aeiou]y$", base) else base + "s"


def _doubles(base: str) -> bool:
    """Whether the last consonant doubles before an ending."""
    return bool(_DOUBLED.match(base)) or base in ("forget", "travel")


def ing_form(base: str) -> str:
    """The present participle."""
    if re.search(r"[^eoy]e$", base):
        return base[:-1] + "ing"
    if _doubles(base):
        return base + base[-1] + "ing"
    return base + "ing"


def past_form(base: str) -> str:
    """The past of a regular verb."""
    if base.endswith("e"):
        return base + "d"
    if re.search(r"[^aeiou]y$", base):
        return base[:-1] + "ied"
    return base + base[-1] + "ed" if _doubles(base) else base + "ed"


def verb(entry: str) -> Verb:
    """A verb from `base` (regular) or `base/past/participle`."""
    forms = entry.split("/")
    if len(forms) == 3:
        return Verb(*forms)
    return Verb(entry, past_form(entry), past_form(entry))


@functools.cache
def irregular_plurals() -> dict[str, str]:
    """Singular to plural of the listed irregular nouns."""
    lines = (_LISTS / "plurals.txt").read_text(encoding="utf-8").split("[noun]")[0].splitlines()
    return dict(line.split() for line in lines if line and not line.startswith("["))


def plural(noun: str) -> str:
    """The plural of a noun (of the last word of a phrase)."""
    *before, word = noun.split(" ")
    if word in irregular_plurals():
        word = irregular_plurals()[word]
    elif re.search(r"[^aeiou]y$", word):
        word = word[:-1] + "ies"
    else:
        word += "es" if re.search(r"(s|sh|ch|x|z)$", word) else "s"
    return " ".join([*before, word])


def comparative(adjective: str) -> str:
    """faster, more useful"""
    if adjective in _COMPARED:
        return _COMPARED[adjective][0]
    if adjective in _WITH_MORE:
        return f"more {adjective}"
    return _graded(adjective) + "r"


def superlative(adjective: str) -> str:
    """fastest, most useful"""
    if adjective in _COMPARED:
        return _COMPARED[adjective][1]
    if adjective in _WITH_MORE:
        return f"most {adjective}"
    return _graded(adjective) + "st"


def _graded(adjective: str) -> str:
    """The stem of both degrees, up to their common e."""
    if adjective.endswith("e"):
        return adjective
    if re.search(r"[^aeiou]y$", adjective) and adjective not in ("dry", "shy"):
        return adjective[:-1] + "ie"
    if adjective == "dry":
        return "drie"
    return adjective + (adjective[-1] if _DOUBLED.match(adjective) else "") + "e"
