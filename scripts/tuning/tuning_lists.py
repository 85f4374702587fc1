"""Word lists of the tuning rows, and slots in templates filled from them.

Lists lie in data/tuning/lists as text: `[section]` heads, then one entry a line. A slot is written
`{a}`, `{fruit}`, `{pl fruit2}` or `{a tool}`; the same slot keeps its value within one `Filler`.
"""

from __future__ import annotations

import functools
import random
import re
from pathlib import Path

from tuning_english import article, plural

LISTS = Path(__file__).resolve().parents[2] / "data" / "tuning" / "lists"
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
NUMBER_WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight"]
_SLOT = re.compile(r"\{(?:(a|pl|cap) )?([A-Za-z_]+?)(\d*)\}")
_OF_WORDS = ("people", "places", "things", "plurals")
_WORDS_A_LINE = {
    "female",
    "male",
    "surname",
    "town",
    "animal",
    "fruit",
    "vegetable",
    "tool",
    "clothes",
    "furniture",
    "instrument",
    "transport",
    "flower",
    "desk",
    "kitchen",
    "colour",
    "material",
    "sport",
    "subject",
    "counted",
    "noun",
}


@functools.cache
def load(name: str) -> dict[str, list[str]]:
    """Sections of a list file; `[head | more]` keeps what follows the bar as the first entry."""
    sections: dict[str, list[str]] = {}
    entries: list[str] = []
    for line in (LISTS / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if re.fullmatch(r"\[[^>\]]+\]", line):
            entries = sections.setdefault(line.strip("[]"), [])
        elif line.strip():
            many = name in _OF_WORDS and next(reversed(sections)) in _WORDS_A_LINE
            entries.extend(line.split() if many else [line])
    return sections


def cut(entry: str, mark: str = "|") -> list[str]:
    """Fields of an entry, without the spaces around them."""
    return [part.strip() for part in entry.split(mark)]


class Filler:
    """Slots and their values for one row: people, towns, things, dates, prices and the like."""

    def __init__(self, draw: random.Random, **given: str) -> None:
        self.draw = draw
        self.values: dict[str, str] = dict(given)
        self.taken: set[str] = set()
        self.pools: dict[str, list[str]] = {}  # values of a slot in this row only

    def pick(self, options: list):
        """One of the options that this row has not used."""
        free = [option for option in options if option not in self.taken] or options
        choice = self.draw.choice(free)
        self.taken.add(choice)
        return choice

    def pick_many(self, options: list, count: int) -> list:
        """Several different options."""
        chosen = self.draw.sample(options, count)
        self.taken.update(chosen)
        return chosen

    def fill(self, template: str) -> str:
        """The template with every slot filled."""
        return _SLOT.sub(self._slot, template)

    def _slot(self, match: re.Match) -> str:
        form, name, digit = match.groups()
        key = name + digit
        if key not in self.values:
            self.values[key] = self._value(name)
        value = self.values[key]
        if form == "a":
            return f"{article(value)} {value}"
        if form == "pl":
            return plural(value)
        return value[:1].upper() + value[1:] if form == "cap" else value

    def _value(self, name: str) -> str:
        if name in self.pools:
            return self.pick(self.pools[name])
        people, places, things = load("people"), load("places"), load("things")
        if name in ("a", "b", "c", "d"):
            return self.pick(people["female"] + people["male"])
        if name in ("f", "m"):
            return self.pick(people["female" if name == "f" else "male"])
        for source in (people, places, things):
            if name in source:
                return self.pick(source[name])
        return getattr(self, f"_{name}")()

    def _day(self) -> str:
        return self.pick(DAYS)

    def _month(self) -> str:
        return self.pick(MONTHS)

    def _date(self) -> str:
        return self.pick([f"{day} {month}" for month in MONTHS for day in range(1, 29)])

    def _time(self) -> str:
        return self.pick(
            [f"{hour}:{minute}" for hour in range(7, 22) for minute in ("00", "15", "30", "45")]
        )

    def prices(self, low: int = 2, high: int = 60) -> list[str]:
        """Prices in this row's currency."""
        forms = ["{} euros", "${}.50", "£{}", "{} dollars"]
        form = self.values.setdefault("_currency", self.draw.choice(forms))
        return [form.format(whole) for whole in range(low, high)]

    def _price(self) -> str:
        return self.pick(self.prices())

    def _n(self) -> str:
        return self.pick([str(number) for number in range(3, 25)])

    def _phone(self) -> str:
        blocks = self.draw.choice([(3, 4, 3), (4, 3, 3), (3, 3, 3)])
        digits = ["".join(str(self.draw.randrange(10)) for _ in range(size)) for size in blocks]
        return " ".join([f"0{self.draw.randrange(2, 10)}{digits[0][2:]}", *digits[1:]])

    def _email(self) -> str:
        user = self.draw.choice(
            [
                self.fill("{email_user}.{surname9}"),
                self.fill("{email_user}"),
                "office",
                "info",
                "hello",
                "contact",
            ]
        )
        return f"{user}@{self.pick(load('places')['town'])}.example".lower()

    def _email_user(self) -> str:
        return self.draw.choice(load("people")["female"] + load("people")["male"])


def listed(items: list[str], last: str = "and") -> str:
    """Items as running text: a, b and c."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + f" {last} {items[-1]}"


def capital(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def lower_first(text: str) -> str:
    """The text with its first letter in lower case."""
    return text[:1].lower() + text[1:]
