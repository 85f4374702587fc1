"""Simple clauses drawn from the lists: a subject, a verb, an object, a tail."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tuning_english import Verb, verb
from tuning_lists import Filler, capital, cut, load

_HABITUAL = re.compile(
    r"every|days\b|nights\b|weekends|twice a|\bin (the )?(summer|winter|spring|"
    r"autumn|April|July|August|December)|at night|when|first of the month"
)
_TIMED = re.compile(
    _HABITUAL.pattern + r"|before|after|at (dawn|noon|dusk|eight)|\bfor\b|until|"
    r"morning|evening|afternoon|during|once more"
)


@dataclass
class Subject:
    """Who does it."""

    text: str
    plural: bool
    pronoun: str  # he, she or they


@dataclass
class Clause:
    """Subject, verb, object and tail, to be written in any tense."""

    subject: Subject
    verb: Verb
    object: str
    object_plural: bool
    tail: str

    @property
    def rest(self) -> str:
        """What stands after the verb."""
        return " ".join(part for part in (self.object, self.tail) if part)

    @property
    def present(self) -> str:
        """The verb in the simple present."""
        return self.verb.base if self.subject.plural else self.verb.third

    @property
    def be(self) -> str:
        """is or are"""
        return "are" if self.subject.plural else "is"

    def write(self, predicate: str) -> str:
        """The sentence with this predicate before object and tail."""
        return capital(f"{self.subject.text} {predicate} {self.rest}.")


def subject(filler: Filler, kinds: str = "name relative plural") -> Subject:
    """A subject of one of the kinds: name, relative, plural, pronoun."""
    kind = filler.draw.choice([kind for kind in kinds.split() for _ in range(1 + (kind == "name"))])
    people = load("people")
    if kind == "plural":
        return Subject(filler.pick(people["plural_subject"]), True, "they")
    female = filler.draw.random() < 0.5
    pronoun = "she" if female else "he"
    if kind == "name":
        return Subject(filler.pick(people["female" if female else "male"]), False, pronoun)
    if kind == "pronoun":
        pronoun = filler.draw.choice(["she", "he", "they"])
        return Subject(pronoun, pronoun == "they", pronoun)
    return Subject(filler.pick(people["relative_f" if female else "relative_m"]), False, pronoun)


def clause(
    filler: Filler, kinds: str = "name relative plural", *, section: str = "", tails: str = "any"
) -> Clause:
    """A clause; tails are any, momentary (fit for is ...ing) or placed (name no time)."""
    section = section or filler.draw.choice(["action"] * 5 + ["intransitive"])
    entry = filler.pick(load("actions")[section])
    base, objects, after = cut(entry)
    thing = filler.draw.choice(cut(objects, ";"))
    unfit = {"any": None, "momentary": _HABITUAL, "placed": _TIMED}[tails]
    fit = [tail for tail in cut(after, ";") if not (unfit and unfit.search(tail))]
    tail = filler.draw.choice(fit) if fit and filler.draw.random() < 0.7 else ""
    if re.search(r"\b(by|for|with|before)\b", thing) and section == "action":
        tail = ""
    return Clause(subject(filler, kinds), verb(base), thing.rstrip("+"), thing.endswith("+"), tail)


def possessive(pronoun: str) -> str:
    """his, her, their"""
    return {"he": "his", "she": "her", "they": "their", "i": "my"}[pronoun]
