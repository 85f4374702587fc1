"""Skills on a whole note: several questions at once, and its details as JSON."""

from __future__ import annotations

import json
import re

from tuning_extraction import Note, note_text, notes, special_slots
from tuning_lists import Filler, capital, cut, listed
from tuning_rows import Answer, Task, Unfit, skill
from tuning_tasks import every, holds

NAMED = ("name", "date", "time", "place", "price", "phone", "colour", "job", "email")


def _note(filler: Filler, fit: list[Note]) -> tuple[Note, str]:
    """One of the notes, and its text."""
    topic = filler.pick([note.topic for note in fit])
    note = next(one for one in fit if one.topic == topic)
    special_slots(note, filler)
    return note, note_text(note, filler)


@skill("find_several", "extraction", "desk", 70)
def find_several(filler: Filler) -> Task:
    """Two or three questions on a note, answered one by one."""
    note, text = _note(filler, [note for note in notes() if len(note.asks) > 3])
    asks = filler.draw.sample(note.asks, filler.draw.choice([2, 2, 3]))
    asked = [capital(filler.fill(ask[1])) + "?" for ask in asks]
    answers = [filler.fill(cut(ask[3], ";")[0]) for ask in asks]
    whole = [capital(filler.fill(ask[4])) for ask in asks]
    if len(set(answers)) < len(answers):
        raise Unfit("the same answer twice")
    numbered = [f"{i}. {question}" for i, question in enumerate(asked, 1)]
    response = "\n".join(f"{i}. {sentence}" for i, sentence in enumerate(whole, 1))
    rule = {"type": "list_items", "count": len(asks), "style": "numbered"}
    return Task(
        "\n".join([text, *numbered]),
        Answer(response, every(rule, holds([re.sub(r"^the ", "", answer) for answer in answers]))),
        "find_several",
        filler=filler,
        contexts=note.contexts,
        only="none",
    )


def _clear(note: Note) -> list[list[str]]:
    """What can be asked under a one-word name: no other detail of the note has that name."""
    sorts = [ask[0] for ask in note.asks]
    return [ask for ask in note.asks if ask[0] in NAMED and sorts.count(ask[0]) == 1 and not ask[5]]


@skill("note_json", "extraction", "desk", 70)
def note_json(filler: Filler) -> Task:
    """Details of a note as JSON."""
    note, text = _note(filler, [note for note in notes() if len(_clear(note)) > 1])
    asks = _clear(note)
    asks = filler.draw.sample(asks, min(len(asks), filler.draw.choice([2, 2, 3, 4])))
    record = {ask[0]: filler.fill(cut(ask[3], ";")[0]) for ask in asks}
    details = listed([f'"{ask[0]}" ({filler.fill(ask[2])})' for ask in asks])
    rule = every({"type": "json_object", "keys": list(record)}, holds(list(record.values())))
    return Task(
        text,
        Answer(json.dumps(record, ensure_ascii=False), rule),
        "note_json",
        {"keys": details},
        filler=filler,
        contexts=note.contexts,
    )
