"""Skills of simple reasoning: weekdays, comparisons in a chain, queues, times, who is missing."""

from __future__ import annotations

import re

from tuning_lists import DAYS, Filler, capital, cut, listed, load
from tuning_rows import Answer, Task, skill
from tuning_tasks import every, holds, same


def _concluded(
    answer: str, full: str, lines: list[str], others: list[str] | None = None
) -> dict[str, Answer]:
    """The full sentence, which names the answer and no other, and the worked answer."""
    rule = holds([answer], 20)
    wrong = [other for other in others or [] if other != answer]
    if wrong:
        rule = every(rule, {"type": "forbids", "words": wrong})
    ends = {"type": "matches", "pattern": rf".*{re.escape(full)}"}
    return {"full": Answer(full, rule), "steps": Answer("\n".join([*lines, full]), ends)}


@skill("weekday", "reasoning", "calendar puzzle", 60)
def weekday(filler: Filler) -> Task:
    """Which day it is n days after another."""
    day, count = filler.pick(DAYS), filler.draw.randrange(2, 31)
    weeks, rest = divmod(count, 7)
    answer = DAYS[(DAYS.index(day) + count) % 7]
    lines = []
    if weeks:
        lines.append(f"{weeks * 7} days after {day} it is {day} again.")
    if rest:
        way = [DAYS[(DAYS.index(day) + i) % 7] for i in range(1, rest + 1)]
        lines.append(
            f"{rest} more day{'s' * (rest > 1)}: {', '.join(way)}."
            if weeks
            else f"The days after {day} are {', '.join(way)}."
        )
    full = f"{count} days after {day} it is {answer}."
    return Task(
        day,
        Answer(answer, same(answer)),
        "weekday",
        {"n": str(count)},
        inline=day,
        filler=filler,
        **_concluded(answer, full, lines),
    )


@skill("chain", "reasoning", "puzzle", 65)
def chain(filler: Filler) -> Task:
    """A is taller than B, B is taller than C: who is the tallest?"""
    draw = filler.draw
    more, most, least, _ = cut(filler.pick(load("problems")["compare"]))
    people = [filler.fill(f"{{{key}}}") for key in "abcd"[: draw.choice([3, 3, 4])]]
    facts = [f"{one} is {more} {two}." for one, two in zip(people, people[1:], strict=False)]
    material = " ".join(draw.sample(facts, len(facts)))
    top = draw.random() < 0.5
    answer, degree = (people[0], most) if top else (people[-1], least)
    order = f"From {most} to {least}: {', '.join(people)}."
    return Task(
        material,
        Answer(answer, same(answer)),
        "chain",
        {"most": degree},
        filler=filler,
        **_concluded(answer, f"{answer} is the {degree}.", [order], people),
    )


@skill("queue", "reasoning", "puzzle", 52)
def queue(filler: Filler) -> Task:
    """Who stands first, last or in the middle of a queue."""
    draw = filler.draw
    people = [filler.fill(f"{{{key}}}") for key in "abc"]
    one, two, three = people
    facts = draw.choice(
        [
            [f"{one} stands in front of {two}.", f"{three} stands behind {two}."],
            [f"{two} stands behind {one}.", f"{two} stands in front of {three}."],
            [f"{three} is behind {two}.", f"{one} is in front of {two}."],
            [f"{one} is first in the queue.", f"{three} stands right behind {two}."],
            [f"{three} is last in the queue.", f"{one} stands right in front of {two}."],
        ]
    )
    facts = draw.sample(facts, 2)
    material = f"Three people are waiting in a queue. {' '.join(facts)}"
    place = draw.choice(["first", "last", "in the middle"])
    answer = {"first": one, "last": three, "in the middle": two}[place]
    order = f"From front to back: {', '.join(people)}."
    return Task(
        material,
        Answer(answer, same(answer)),
        "queue",
        {"place": place},
        filler=filler,
        **_concluded(answer, f"{answer} is {place}.", [order], people),
    )


@skill("earliest", "reasoning", "calendar", 55)
def earliest(filler: Filler) -> Task:
    """The first or last of some events with times."""
    draw = filler.draw
    events = filler.pick_many(load("note_slots")["event"], draw.choice([3, 4, 4, 5]))
    times = draw.sample(range(7 * 4, 21 * 4), len(events))
    parts = [
        f"{event} at {time // 4}:{time % 4 * 15:02d}"
        for event, time in zip(events, times, strict=True)
    ]
    first = draw.choice(["first", "last", "earliest", "latest"])
    best = min(times) if first in ("first", "earliest") else max(times)
    answer = events[times.index(best)]
    clock = f"{best // 4}:{best % 4 * 15:02d}"
    word = {"earliest": "first", "latest": "last"}.get(first, first)
    full = capital(f"{answer} comes {word}, at {clock}.")
    order = sorted(zip(times, events, strict=True))
    line = "By time: " + ", ".join(f"{t // 4}:{t % 4 * 15:02d} {e}" for t, e in order) + "."
    return Task(
        capital(listed(parts)) + ".",
        Answer(answer, same(answer)),
        "earliest",
        {"first": word},
        filler=filler,
        only="phrase",
        **_concluded(answer, full, [line], events),
    )


@skill("missing", "reasoning", "puzzle lists", 55)
def missing(filler: Filler) -> Task:
    """Who of those invited has not arrived."""
    draw = filler.draw
    people = filler.pick_many(
        load("people")["female"] + load("people")["male"], draw.choice([4, 5, 5, 6])
    )
    answer = draw.choice(people)
    there = draw.sample([one for one in people if one != answer], len(people) - 1)
    whom, done = draw.choice(
        [
            ("Invited", "Arrived"),
            ("On the list", "Already here"),
            ("Expected", "Present"),
            ("The group", "On the bus"),
            ("Signed up", "In the room"),
        ]
    )
    material = f"{whom}: {', '.join(people)}. {done}: {', '.join(there)}."
    rule = {"type": "one_of", "labels": people, "answer": answer, "longest": 12}
    return Task(
        material,
        Answer(answer, same(answer)),
        "missing",
        filler=filler,
        full=Answer(f"{answer} is missing.", rule),
    )
