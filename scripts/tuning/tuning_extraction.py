"""Skills of finding: a name, a date, a place and the like in a short note with distractors."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field

from tuning_lists import LISTS, MONTHS, Filler, capital, cut, listed, load
from tuning_rows import Answer, Task, Unfit, skill

ROWS = {
    "name": 95,
    "date": 62,
    "time": 62,
    "place": 65,
    "price": 58,
    "phone": 50,
    "colour": 58,
    "job": 52,
    "count": 62,
    "items": 58,
    "email": 48,
    "reason": 52,
}


@dataclass
class Note:
    """A note with slots, contexts around it, and what can be asked."""

    topic: str
    contexts: list[str] = field(default_factory=list)
    text: str = ""
    asks: list[list[str]] = field(default_factory=list)


@functools.cache
def notes() -> list[Note]:
    """Every note of the list."""
    known: list[Note] = []
    for line in (LISTS / "notes.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            known.append(Note(line[2:]))
        elif line.startswith("ctx: "):
            known[-1].contexts.append(line[5:])
        elif line.startswith("text: "):
            known[-1].text = line[6:]
        elif line:
            known[-1].asks.append(cut(line))
    return known


def special_slots(note: Note, filler: Filler) -> list[str]:
    """Slots from the note's own lists, later times after earlier ones; the items are handed back."""
    slots = load("note_slots")
    for name in ("time", "n", "colour", "job", "dish"):
        if f"{name}_{note.topic}" in slots:
            filler.pools[name] = slots[f"{name}_{note.topic}"]
    if f"price_{note.topic}" in slots:
        low, high = map(int, slots[f"price_{note.topic}"][0].split("-"))
        filler.pools["price"] = filler.prices(low, high)
    if note.topic == "ticket_office":  # adults pay more
        less, more = sorted(filler.draw.sample(range(len(filler.pools["price"])), 2))
        prices = filler.pools["price"]
        filler.values |= {"price": prices[more], "price2": prices[less]}
    if note.topic in ("hotel", "trip_cancelled"):
        first, month = filler.draw.randrange(1, 20), filler.pick(MONTHS)
        last = first + filler.draw.randrange(2, 9)
        filler.values |= {"date": f"{first} {month}", "date2": f"{last} {month}"}
    if note.topic == "train_delay":
        hour, late = filler.draw.randrange(7, 20), filler.draw.choice(["20", "35", "40", "55"])
        filler.values |= {"time": f"{hour}:15", "time2": f"{hour}:{late}"}
    if f"reason_{note.topic}" in slots:
        filler.values["reason"] = filler.pick(slots[f"reason_{note.topic}"])
    size = re.search(r"\{items(\d)\}", note.text)
    if not size:
        return []
    items = filler.pick_many(slots[f"items_{note.topic}"], int(size[1]))
    filler.values[f"items{size[1]}"] = listed(items)
    return items


def note_text(note: Note, filler: Filler) -> str:
    """The filled text, every sentence with a capital."""
    text = capital(filler.fill(note.text))
    return re.sub(r"(?<=[.!?] )[a-z]", lambda match: match[0].upper(), text)


def _rules(what: str, answers: list[str], wrong: list[str], items: list[str]) -> tuple[dict, dict]:
    """Rules of the bare answer and of the full sentence."""
    holds = {"type": "contains", "words": items if what == "items" else answers[:1], "longest": 30}
    if what == "items":
        bare = {"type": "contains", "words": items, "longest": 3 + len(" ".join(items).split())}
        return bare, holds
    rules = [holds, {"type": "sentence_count", "count": 1}]
    rules += [{"type": "forbids", "words": wrong}] if wrong else []
    return {"type": "exact", "answers": answers}, {"type": "all_of", "rules": rules}


def find(filler: Filler, what: str) -> Task:
    """A task that asks for one piece of a note."""
    note = filler.pick([note.topic for note in notes() if any(a[0] == what for a in note.asks)])
    note = next(one for one in notes() if one.topic == note)
    items = special_slots(note, filler)
    text = note_text(note, filler)
    ask = filler.draw.choice([ask for ask in note.asks if ask[0] == what])
    _, asked, thing, answer, full, wrong = ask
    answers = [filler.fill(one) for one in cut(answer, ";")]
    wrong = [filler.fill(one) for one in cut(wrong, ",") if one]
    asked, thing, full = filler.fill(asked), filler.fill(thing), capital(filler.fill(full))
    if any(one in full for one in wrong) or any(one in answers[0] for one in wrong):
        raise Unfit("the answer holds a distractor")
    bare, whole = _rules(what, answers, wrong, items)
    words = answers[0].split()
    only = "number" if answers[0].isdigit() else "word" if len(words) == 1 else "phrase"
    only = {"email": "text", "phone": "text", "time": "phrase", "price": "phrase"}.get(what, only)
    form = filler.draw.choice(["question", "command"])
    long = len(text.split()) > 14
    return Task(
        text,
        Answer(answers[0], bare),
        f"extraction_{form}",
        only=only,
        filler=filler,
        fields={"q": asked, "Q": capital(asked), "w": thing},
        full=Answer(full, whole),
        contexts=note.contexts,
        noun=filler.draw.choice(["note", "text", "message"] if long else ["note", "line"]),
    )


def _register(what: str, rows: int) -> None:
    def make(filler: Filler) -> Task:
        return find(filler, what)

    skill(f"find_{what}", "extraction", "desk", rows)(make)


for _what, _rows in ROWS.items():
    _register(_what, _rows)
