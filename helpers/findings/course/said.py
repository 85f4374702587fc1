"""Sentences of chapter 5: each is built from its comparison, and says so where there is none yet."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.findings.course import change, read, tables
from helpers.findings.course.figures import SEGMENTS
from helpers.findings.course.points import START
from helpers.methods.statistics import Comparison, compare_paired
from helpers.pages.prose import clear, direction, number, percent
from helpers.store.store import MissingResult, Store

NOT_YET = "the runs that would tell are not computed yet"


def when(store: Store) -> str:
    """Between which steps following comes half of its way, and where reliance stands to it."""
    found = change.changes(store, ("following", "reliance"))
    own = found["following"]
    if not own.found:
        return f"Over {read.last(store).step} steps following does not change in a way that can be told."
    word = "rises" if own.whole.difference > 0 else "falls"
    lead, whole = change.order(store, "reliance"), found["reliance"].whole
    moves = direction(whole, up="rises", down="falls", none="does not clearly change")
    place = {
        "not testable": "",
        "not told apart from": ", whether sooner or later than following cannot be told",
    }.get(lead.said, f" {lead.said} it")
    return (
        f"Following {word}: half of the way lies between steps {own.before} and {own.after}. "
        f"Reliance on the instruction {moves}{place}; {_beyond(store)}."
    )


def _beyond(store: Store) -> str:
    """Whether it is the instruction that comes to matter, or the prompt."""
    end = read.last(store)
    found = read.effect(store, "beyond", end)
    words = dict(up="more", down="less", none="no more, as far as can be told,")
    said = f"it gains {direction(found, **words)} than the input does"
    lost = {one: read.values(store, f"{one}, shared", [START, end]) for one in SEGMENTS}
    gains = pd.DataFrame({one: of[end] - of[START] for one, of in lost.items()}).dropna(
        axis=1, how="all"
    )
    most = gains.mean().idxmax()
    both = gains[["instruction", most]].dropna().to_numpy().T
    more = compare_paired(*both, label=most, null_hypothesis=f"{most} and instruction gain alike")
    return f"{said}, and less than the {most}" if clear(more) else said


# Parts of a run in words: the least that holds.
WITHIN = {
    0.1: "a tenth",
    0.25: "a quarter",
    0.34: "a third",
    0.5: "half",
    0.75: "three quarters",
    1: "all",
}


def in_short(store: Store) -> str:
    """For the intro, without numbers: by which part of the run following comes half of its way, and what
    it needs."""
    if not read.is_there(store):
        return sentences(store)["when"]
    own = change.changes(store, ("following",))["following"]
    if not own.found:
        return when(store)
    share = own.after / read.last(store).step
    part = next(name for most, name in WITHIN.items() if share <= most)
    about = tables.moved(store).get("about", {}).get(own.label)
    needs = f"; it {ABOUT[about]}" if about else ""
    return f"Following comes half of its way within {part} of the tuning{needs}."


ABOUT = {
    tables.STILL: "does not move",
    tables.FORMAT: "moves as much without the instruction as with it",
    tables.FURTHER: "moves without the instruction too, and further with it",
    tables.ALONE: "moves so only where instructions stand before their own responses",
    tables.OPEN: "moves, but differs between the two controls",
}


def instruction(store: Store) -> str:
    """Which measures move without the instruction too."""
    about = tables.moved(store).get("about")
    if about is None:
        return f"Whether it needs the instruction: {NOT_YET}."
    moves = int((about != tables.STILL).sum())
    count = lambda name: number(int((about == name).sum()))  # noqa: E731
    own = about.get(read.MEASURES["following"].label, tables.OPEN)
    return (
        f"Of {number(moves)} measures that move in the short run, {count(tables.FORMAT)} move alike in "
        f"both controls (no instruction shown, responses shuffled), {count(tables.FURTHER)} move there "
        f"too but less, {count(tables.ALONE)} do so in neither; {count(tables.OPEN)} cannot be told. "
        f"Following {ABOUT[own]}."
    )


def _points(share: float) -> str:
    n = round(100 * abs(share))
    return f"{n} point{'' if n == 1 else 's'}"


def _told(store: Store, asked: str, found: Comparison, less: str, more: str, none: str) -> str:
    """A sentence on two runs: how far apart they end, beside what another seed alone does."""
    if not found.possible:
        return f"{asked} {found.test[:1].upper()}{found.test[1:]}."
    word = direction(found, up=more, down=less, none="")
    seed = abs(tables.seeds_apart(store).difference)  # NaN is not more
    beside = ", more than two seeds of one run differ" if abs(found.difference) > seed else ""
    if not word:
        between = " to ".join(
            f"{100 * one:+.1f}".replace("-", "−") for one in (found.low, found.high)
        )
        return f"{asked} {none}, as far as these prompts tell (n = {found.n}; {between} points)."
    return f"{asked} {word} (by {_points(found.difference)}{beside})."


def diversity(store: Store) -> str:
    """One kind of task against all, on kinds that no run saw; then four kinds."""
    group = "unseen kinds"
    if group not in tables.groups_of(store, "one-kind"):
        group = "kinds it saw"
    held = {one.label: one for one in tables.diversity(store)}
    found = held[f"{read.RUNS['one-kind']}, {group}"]
    few = held.get(f"{read.RUNS['four-kinds']}, {group}")
    which = f"prompts of {group}".replace("it saw", "that it saw")
    start = f"Tuned on one kind of task, a model follows {which}"
    words = (
        f"{start} {one} tuned on all"
        for one in ("less often than", "more often than", "as often as")
    )
    said = _told(store, "Does diversity matter?", found, *words)
    if few is None or not few.possible:
        return said
    told = direction(few, up="more often", down="less often", none="not told apart from all")
    return f"{said} Tuned on four kinds: {told}."


def epochs(store: Store) -> dict[str, str]:
    """How often each short run went through its rows; of the book's runs alone, whose records are kept."""
    runs = [
        run for run in tables.QUESTIONS["Does diversity matter?"] if run in read.finished(store)
    ]
    times = [f"{read.RUNS[run]} {tables.epochs(run):.1f} times" for run in runs]
    return {"epochs": ", ".join(times) or "not computed yet"}


def attention(store: Store) -> str:
    """Feed-forward alone against attention alone."""
    start = "Trained alone, feed-forward makes a model follow"
    words = (
        f"{start} {one} attention" for one in ("less often than", "more often than", "as often as")
    )
    return _told(store, "Train attention first?", tables.parts_of_model(store)[0], *words)


def dose(store: Store) -> str:
    """What half of the finished update does."""
    found = tables.halfway(store)
    if not found:
        return f"What half of the update does: {NOT_YET}."
    apart = [one for one in found.values() if clear(one)]
    of = f"of the {number(len(found))} measures that move"
    if not apart:
        return f"Half of the finished update gives about half of each effect, as far as can be told, {of}."
    names = ", ".join(f"{one.label} ({'more' if one.difference > 0 else 'less'})" for one in apart)
    return f"At half of the finished update it is not half of the effect for {names}, {of}."


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
    together = ", all one way" if len(agree) > 1 and len(set(agree)) == 1 else ""
    return {
        "direction": direction(own, up="following rises", down="following falls", none="not told"),
        "size": f"{percent(own.mean_a)} to {percent(own.mean_b)} of the prompts",
        "measures": f"{number(len(agree))} of {number(len(found))} move{together}",
        "models": f"one run watched; {number(len(read.finished(store)) - 1)} others at their ends",
    }
