"""Sentences of chapter 5: each is built from its comparison, and says so where there is none yet."""

from __future__ import annotations

import numpy as np

from helpers.findings.course import change, read, tables
from helpers.methods.statistics import Comparison
from helpers.pages.forest import clear
from helpers.pages.prose import direction, number, percent
from helpers.store.store import MissingResult, Store

NOT_YET = "the runs that would tell are not computed yet"


def when(store: Store) -> str:
    """Between which steps following rises, and where reliance stands to it."""
    found = change.changes(store, ("following", "reliance"))
    own, steps = found["following"], read.last(store).step
    if not own.found:
        return f"Over {steps} steps following does not change in a way that can be told."
    word = "rises" if own.whole.difference > 0 else "falls"
    lead = change.order(found, "reliance")
    place = {
        "not testable": "reliance on the instruction does not change",
        "not told apart from": "reliance on the instruction changes at a step that cannot be told "
        "apart from it",
    }.get(lead.said, f"reliance on the instruction changes {lead.said} it")
    return f"Following {word} most between steps {own.before} and {own.after} of {steps}; {place}."


def instruction(store: Store) -> str:
    """Which measures move without the instruction too."""
    table = tables.moved(store)
    if len(table.columns) < 1 + len(tables.QUESTIONS["Is it the instruction?"]):
        return f"Whether it needs the instruction: {NOT_YET}."
    moves = table[table["about"] != "does not move"]
    alike = (moves["about"] == "tuning or format").sum()
    alone = (moves["about"] == "instructions with their responses").sum()
    return (
        f"Measures that move in the short run: {number(len(moves))}; the same way in both controls (no "
        f"instruction shown, responses shuffled): {number(alike)}; in neither control: {number(alone)}."
    )


def _told(found: Comparison, less: str, more: str, none: str) -> str:
    if not found.possible:
        return f"{NOT_YET}."
    n = round(100 * abs(found.difference))  # percentage points
    word = direction(found, up=more, down=less, none="")
    return f"{word} (by {n} point{'' if n == 1 else 's'})." if word else f"{none} (n = {found.n})."


def diversity(store: Store) -> str:
    """One kind of task against all, on kinds that no run saw."""
    group = "unseen kinds" if "unseen kinds" in tables.groups_of(store) else "seen"
    asked = f"{read.RUNS['one-kind']}, {group}"
    found = next(one for one in tables.diversity(store) if one.label == asked)
    which = "all prompts" if group == "seen" else f"prompts of {group}"
    return f"Does diversity matter? Tuned on one kind of task, a model follows {which} " + _told(
        found, "less often than tuned on all", "more often than tuned on all",
        "as often as tuned on all, as far as these prompts tell",
    )  # fmt: skip


def attention(store: Store) -> str:
    """Feed-forward alone against attention alone."""
    found = tables.parts_of_model(store)[0]
    return "Train attention first? Trained alone, feed-forward makes a model follow " + _told(
        found, "less often than attention", "more often than attention",
        "as often as attention, as far as these prompts tell",
    )  # fmt: skip


def dose(store: Store) -> str:
    """What half of the finished update does."""
    found = tables.halfway(store)
    if not found:
        return f"What half of the update does: {NOT_YET}."
    apart = [one for one in found if clear(one)]
    if not apart:
        return "Half of the finished update gives about half of each effect, as far as can be told."
    names = ", ".join(f"{one.label} ({'more' if one.difference > 0 else 'less'})" for one in apart)
    return f"At half of the finished update it is not half of the effect for: {names}."


def seeds(store: Store) -> str:
    """The size of the effect on following over the seeds of the main run."""
    ends = [p for run, p in read.finished(store).items() if run in ("main", "seed-1", "seed-2")]
    found = [read.effect(store, "following", point) for point in ends]
    if len(found) < 2:
        return "Other seeds of the main run are not computed yet."
    ends = dict.fromkeys(percent(pick(one.mean_b for one in found)) for pick in (min, max))
    return f"Over {number(len(found))} seeds the finished run follows {' to '.join(ends)} of the prompts."


def sentences(store: Store) -> dict[str, str]:
    """All sentences by name; without a course the first says so, the others are empty."""
    found, there = {"when": "Not computed yet for this pair."}, read.is_there(store)
    for make in (when, instruction, diversity, attention, dose, seeds):
        name = make.__name__
        try:
            found[name] = make(store) if there else found.get(name, "")
        except (MissingResult, KeyError):
            found[name] = f"{name.capitalize()}: {NOT_YET}."
    return found


def how_sure(store: Store) -> dict[str, str]:
    """The strip of the chapter: direction, size, measures that agree, models."""
    keys = ("direction", "size", "measures", "models")
    if not read.is_there(store):
        return dict.fromkeys(keys, "not computed yet")
    end = read.last(store)
    found = {key: read.effect(store, key, end) for key in ("following", "reliance", "share")}
    own = found["following"]
    agree = [np.sign(one.difference) for one in found.values() if clear(one)]
    together = ", all one way" if len(set(agree)) == 1 else ""
    return {
        "direction": direction(own, up="following rises", down="following falls", none="not told"),
        "size": f"{percent(own.mean_a)} to {percent(own.mean_b)} of {own.n} prompts",
        "measures": f"{len(agree)} of {len(found)} move{together}",
        "models": f"{len(read.finished(store))} runs of one base",
    }
