"""Skills of having ideas: counted lists of gifts, dishes, games, names, uses and the like."""

from __future__ import annotations

import functools
from collections import defaultdict

from tuning_lists import LISTS, NUMBER_WORDS, Filler, capital, cut, listed
from tuning_rows import Answer, Task, skill, style_suffixes

# section of ideas.txt: skill, phrasing, rows
SORTS = {
    "gift": ("ideas_gift", 52),
    "dish": ("ideas_dish", 46),
    "game": ("ideas_game", 34),
    "names": ("ideas_name", 46),
    "uses": ("ideas_use", 52),
    "activities": ("ideas_activity", 34),
    "pack": ("ideas_pack", 36),
    "saving": ("ideas_tip", 52),
    "topic": ("ideas_topic", 28),
    "sounds": ("ideas_place", 18),
    "things": ("ideas_place", 34),
    "words": ("ideas_word", 32),
    "adjectives": ("ideas_adjective", 30),
}
SENTENCES = {
    "gift": "Good gifts are {}.",
    "dish": "Good dishes are {}.",
    "game": "Good games are {}.",
    "names": "Good names are {}.",
    "uses": "Good uses are {}.",
    "activities": "Good activities are {}.",
    "pack": "You should pack {}.",
    "saving": "It helps to {}.",
    "topic": "You could write about {}.",
    "sounds": "One can hear {}.",
    "things": "There one finds {}.",
    "words": "Such words are {}.",
    "adjectives": "Fitting adjectives are {}.",
}
STYLES = ["comma", "comma", "numbered", "bullet", "lines", "sentence"]


@functools.cache
def ideas() -> dict[str, list[tuple[str, list[str]]]]:
    """Topics of every sort with their ideas."""
    known = defaultdict(list)
    lines = [
        line for line in (LISTS / "ideas.txt").read_text(encoding="utf-8").splitlines() if line
    ]
    for head, items in zip(lines[::2], lines[1::2], strict=True):
        sort, topic = head[2:].split(": ", 1)
        known[sort].append((topic, cut(items, ";")))
    return known


def _set(items: list[str], style: str, sort: str) -> tuple[str, dict]:
    """The items in a style, and the rule for it."""
    holds = {"type": "contains", "words": items}
    if style == "sentence":
        text = SENTENCES[sort].format(listed(items))
        return text, {"type": "all_of", "rules": [{"type": "sentence_count", "count": 1}, holds]}
    if style == "comma":
        text = ", ".join(items)
    else:
        mark = {"numbered": "{}. ", "bullet": "- ", "lines": ""}[style]
        text = "\n".join(mark.format(i) + capital(item) for i, item in enumerate(items, 1))
    rule = {"type": "list_items", "count": len(items), "style": style}
    return text, {"type": "all_of", "rules": [rule, holds]}


def _task(filler: Filler, sort: str) -> Task:
    """A counted list on one topic."""
    draw = filler.draw
    topic = filler.pick([topic for topic, _ in ideas()[sort]])
    pool = dict(ideas()[sort])[topic]
    count, style = draw.randint(2, 6), draw.choice(STYLES)
    items = draw.sample(pool, count)
    text, rule = _set(items, style, sort)
    place = {"sounds": "sounds that one can hear", "things": "things that one finds"}.get(sort)
    shown = draw.choice([str(count), NUMBER_WORDS[count], NUMBER_WORDS[count]])
    return Task(
        topic.split(" ", 1)[1] if place else topic,
        Answer(text, rule),
        SORTS[sort][0],
        {"n": shown, "what": place or ""},
        inline=topic,
        prefix="at " if place else "",
        suffix=draw.choice(style_suffixes(style)),
        filler=filler,
        only="none",
    )


def _register(sort: str) -> None:
    def make(filler: Filler) -> Task:
        return _task(filler, sort)

    skill(f"ideas_{sort}", "brainstorming", "ideas", SORTS[sort][1])(make)


for _sort in SORTS:
    _register(_sort)
