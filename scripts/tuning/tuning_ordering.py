"""Skills of order: the alphabet, sizes, the other way round, one item of a list."""

from __future__ import annotations

import re

from tuning_formatting import some_items
from tuning_lists import DAYS, Filler, load
from tuning_rows import Answer, Task, Unfit, skill
from tuning_tasks import every, holds, same


def _in_order(filler: Filler, phrasing: str, before: list[str], after: list[str], **more) -> Task:
    if before == after:
        raise Unfit("in order already")
    loose = r",?\s+".join(re.escape(item) for item in after)
    return Task(
        ", ".join(before),
        Answer(", ".join(after), {"type": "matches", "pattern": loose}),
        phrasing,
        filler=filler,
        **more,
    )


@skill("alphabetical", "formatting", "lists school", 68)
def alphabetical(filler: Filler) -> Task:
    """Words from A to Z."""
    items, noun = some_items(filler)
    return _in_order(filler, "alphabetical", items, sorted(items, key=str.lower), noun=noun)


@skill("by_size", "formatting", "lists puzzle", 48)
def by_size(filler: Filler) -> Task:
    """Things or numbers by size."""
    draw = filler.draw
    small, large = draw.choice([("smallest", "largest"), ("largest", "smallest")])
    if draw.random() < 0.5:
        chain = filler.pick(load("sizes")["chain"]).split()
        rank = sorted(draw.sample(range(len(chain)), draw.randint(3, min(5, len(chain)))))
        after, noun = [chain[i] for i in rank], "things+"
        if chain[0] in ("second", "letter", "village", "twig"):
            noun = "words+"
    else:
        after = [str(n) for n in sorted(draw.sample(range(1, draw.choice([50, 200, 1000])), 4))]
        noun = "numbers+"
    if small == "largest":
        after.reverse()
    return _in_order(
        filler,
        "by_size",
        draw.sample(after, len(after)),
        after,
        noun=noun,
        fields={"small": small, "large": large},
    )


@skill("reverse", "formatting", "lists", 50)
def reverse(filler: Filler) -> Task:
    """The same items from last to first."""
    items, noun = some_items(filler)
    if filler.draw.random() < 0.3:
        start = filler.draw.randrange(7)
        items, noun = [DAYS[(start + i) % 7] for i in range(filler.draw.randint(3, 5))], "days+"
    return _in_order(filler, "reverse", items, items[::-1], noun=noun)


@skill("last_item", "formatting", "lists", 35)
def one_item(filler: Filler) -> Task:
    """The item at a named place of a list."""
    items, noun = some_items(filler, 4, 6)
    places = ["first", "second", "third", "fourth", "fifth", "sixth"][: len(items)] + ["last"]
    place = filler.draw.choice(places)
    answer = items[-1] if place == "last" else items[places.index(place)]
    no_other = {"type": "forbids", "words": [item for item in items if item != answer]}
    return Task(
        ", ".join(items),
        Answer(answer, same(answer)),
        "one_item",
        {"place": place},
        noun=noun,
        filler=filler,
        only="text",
        full=Answer(f"The {place} one is {answer}.", every(holds([answer], 9), no_other)),
    )
