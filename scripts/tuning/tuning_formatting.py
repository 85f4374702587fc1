"""Skills of form: lists, JSON, CSV, tables."""

from __future__ import annotations

import csv
import io
import json
import re

from tuning_lists import Filler, capital, cut, listed, load
from tuning_rows import Answer, Task, skill
from tuning_tasks import literal

CATEGORIES = {
    "animal": "animals",
    "fruit": "kinds of fruit",
    "vegetable": "vegetables",
    "tool": "tools",
    "clothes": "clothes",
    "furniture": "pieces of furniture",
    "instrument": "instruments",
    "flower": "flowers",
    "desk": "things",
    "kitchen": "kitchen things",
    "sport": "sports",
    "material": "materials",
    "transport": "vehicles",
    "colour": "colours",
    "subject": "school subjects",
}


def some_items(filler: Filler, low: int = 3, high: int = 6) -> tuple[list[str], str]:
    """Different things of one sort, and what to call them."""
    lot = filler.draw.random()
    count = filler.draw.randint(low, high)
    if lot < 0.2:
        pool, noun = load("people")["female"] + load("people")["male"], "names"
    elif lot < 0.3:
        pool, noun = load("places")["town"], "towns"
    elif lot < 0.4:
        pool, noun = load("things")["dish"], "dishes"
    else:
        sort = filler.draw.choice(sorted(CATEGORIES))
        pool, noun = load("things")[sort], filler.draw.choice([CATEGORIES[sort], "words"])
    return filler.pick_many(pool, min(count, len(pool))), noun + "+"


def as_given(filler: Filler, items: list[str], not_as: str) -> str:
    """The items as material, in a form that is not the wanted one."""
    forms = {
        "commas": ", ".join(items),
        "lines": "\n".join(items),
        "semicolons": "; ".join(items),
        "and": listed(items),
    }
    return forms[filler.draw.choice([form for form in forms if form != not_as])]


def _list_skill(style: str, rows: int, mark: str) -> None:
    """A skill that sets items in one style."""

    def make(filler: Filler) -> Task:
        items, noun = some_items(filler)
        lines = [mark.format(number) + item for number, item in enumerate(items, 1)]
        text = ", ".join(items) if style == "commas" else "\n".join(lines)
        rules = [
            {
                "type": "list_items",
                "count": len(items),
                "style": {"commas": "comma", "bullets": "bullet"}.get(style, style),
            },
            {"type": "contains", "words": items},
        ]
        return Task(
            as_given(filler, items, style),
            Answer(text, {"type": "all_of", "rules": rules}),
            style,
            noun=noun,
            filler=filler,
        )

    skill(style, "formatting", "lists", rows)(make)


_list_skill("commas", 45, "")
_list_skill("bullets", 48, "- ")
_list_skill("numbered", 48, "{}. ")
_list_skill("lines", 40, "")


def _record(filler: Filler) -> dict[str, str | int]:
    """Two to four named details of a person, a thing or an event."""
    draw = filler.draw
    details: dict[str, str | int] = {}
    for part in cut(filler.pick(load("templates")["record"])):
        key, value = part.split("=")
        if value.startswith("#"):
            low, high = value[1:].split("-")
            details[key] = draw.randrange(int(low), int(high))
        else:
            details[key] = filler.fill(value)
    chosen = draw.sample(list(details), draw.choice([2, 3, 3, 4]))
    return {key: value for key, value in details.items() if key in chosen}


def _details(filler: Filler, record: dict) -> str:
    """A record as plain material."""
    shown = {key.replace("_", " "): value for key, value in record.items()}
    forms = [
        ", ".join(f"{key}: {value}" for key, value in shown.items()),
        "\n".join(f"{capital(key)}: {value}" for key, value in shown.items()),
        "; ".join(f"{key} {value}" for key, value in shown.items()),
    ]
    return capital(filler.draw.choice(forms))


def _keys(record: dict, json_names: bool = True) -> str:
    if json_names:
        return listed([f'"{key}"' for key in record])
    return ", ".join(key.replace("_", " ") for key in record)


@skill("json", "formatting", "data", 90)
def as_json(filler: Filler) -> Task:
    """Details as a JSON object."""
    record = _record(filler)
    text = json.dumps(record, ensure_ascii=False)
    if filler.draw.random() < 0.25:
        text = json.dumps(record, ensure_ascii=False, indent=2)
    assert json.loads(text) == record
    rules = [
        {"type": "json_object", "keys": list(record)},
        {"type": "contains", "words": [str(value) for value in record.values()]},
    ]
    return Task(
        _details(filler, record),
        Answer(text, {"type": "all_of", "rules": rules}),
        "json",
        {"keys": _keys(record)},
        filler=filler,
    )


@skill("csv", "formatting", "data", 48)
def as_csv(filler: Filler) -> Task:
    """Details as one line of CSV."""
    record = _record(filler)
    out = io.StringIO()
    csv.writer(out).writerow(record.values())
    text = out.getvalue().strip()
    return Task(
        _details(filler, record),
        Answer(text, literal(text)),
        "csv",
        {"keys": _keys(record, False)},
        filler=filler,
    )


@skill("table", "formatting", "data", 42)
def as_table_row(filler: Filler) -> Task:
    """Details as a row of a Markdown table."""
    record = _record(filler)
    text = "| " + " | ".join(str(value) for value in record.values()) + " |"
    loose = r"\s*\|\s*".join(re.escape(str(value)) for value in record.values())
    return Task(
        _details(filler, record),
        Answer(text, {"type": "matches", "pattern": rf"\|\s*{loose}\s*\|"}),
        "table",
        {"keys": _keys(record, False)},
        filler=filler,
    )
