"""What chapter 5 reads from the store: the points that are there, and what each measure says of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from helpers.findings.attention.lift import compare_verbs, lifts
from helpers.findings.course.points import BASE, MAIN, START, Point
from helpers.methods.statistics import Comparison, compare_paired, mcnemar
from helpers.store.store import MissingResult, Store
from helpers.words.verbs import lexicon_of

PART = re.compile(r"course/([^/]+)/(\d+)(?:/s(\d+))?/(\w+)$")
# Runs of the book as figures name them; a folder of one's own has names of its own.
RUNS = {
    MAIN: "main run", "seed-1": "main run, seed 1", "seed-2": "main run, seed 2",
    "short": "short run", "short-seed-1": "short run, seed 1", "responses-only": "responses only",
    "shuffled": "shuffled responses", "one-kind": "one kind of task", "four-kinds": "four kinds",
    "attention": "attention alone", "feed-forward": "feed-forward alone",
}  # fmt: skip


@dataclass(frozen=True)
class Measure:
    """A number a prompt (an item, a verb, a layer) at every point, from one part of it."""

    label: str
    unit: str
    part: str
    of: Callable[[pd.DataFrame], pd.Series]
    null: str = "the point is as the base"


def _blanked(on: str, segment: str) -> Callable[[pd.DataFrame], pd.Series]:
    def of(table: pd.DataFrame) -> pd.Series:
        rows = table[(table["on"] == on) & (table["segment"] == segment)]
        return rows.set_index("id")["loss"]

    return of


def _dip(table: pd.DataFrame) -> pd.Series:
    wide = table.pivot(index="id", columns="place", values="loss")
    return wide["half"] - wide[["before", "after"]].mean(axis=1)


def _beyond(table: pd.DataFrame) -> pd.Series:
    """What the instruction counts beyond the input, prompt by prompt."""
    wide = table[table["on"] == "shared"].pivot(index="id", columns="segment", values="loss")
    return wide["instruction"] - wide["input"] if "input" in wide else wide["instruction"] * np.nan


def _turned(table: pd.DataFrame) -> pd.Series:
    """Degrees that tuning turns a layer's components beyond the mean of random updates."""
    angles = table.pivot(index="layer", columns="draw", values="angle")
    return angles[0] - angles.drop(columns=0).mean(axis=1)


NATS = "nats a token"
MEASURES = {
    "following": Measure("prompts followed", "share", "responses",
                         lambda t: t.dropna(subset="followed").set_index("id")["followed"].astype(float)),
    "reliance": Measure("lost without the instruction", NATS, "blanked",
                        _blanked("shared", "instruction")),
    "beyond": Measure("lost without it, less without the input", NATS, "blanked", _beyond),
    "share": Measure("gradient's share on the instruction", "share", "gradient",
                     lambda t: t[t["segment"] == "instruction"].set_index("id")["share"]),
    "length": Measure("length of the response", "tokens", "responses",
                      lambda t: t.set_index("id")["ids"].map(len)),
    "dip": Measure("middle against ends, lost without the instruction", NATS, "placed", _dip),
    "lift": Measure("verb lift, instruction less general verbs", "lift", "verbs",
                    lambda t: t.set_index("verb")[["rose", "fell"]],
                    "instruction verbs change as other verbs do"),
    "turned": Measure("components turned, beyond random updates", "degrees", "turned", _turned,
                      "tuning turns components as random updates of its norm do"),
}  # fmt: skip
# Beside them, for the robustness page: the placebos, and each point on its own response.
PLACEBOS = {
    f"{segment}, {on}": Measure(f"lost without the {segment}, {name}", NATS, "blanked",
                                _blanked(on, segment))
    for on, name in (("shared", "same response"), ("own", "own response"))
    for segment in ("instruction", "input", "context", "template")
}  # fmt: skip
MOVED = Measure("lost without an instruction moved through a text", NATS, "placed",
                lambda table: table.groupby("id")["loss"].mean())  # fmt: skip
EVERY = MEASURES | PLACEBOS | {"moved": MOVED}


def points(store: Store, part: str = "responses") -> list[Point]:
    """The points that hold a part: the base, runs by step, strengths below 1 before the whole."""
    held, rank = [], {run: number for number, run in enumerate([BASE, *RUNS])}
    for found in filter(None, map(PART.match, store.manifest())):
        run, step, dose, own = found.groups()
        if own == part:
            held.append(Point(run, int(step), int(dose or 100) / 100))
    return sorted(held, key=lambda p: (rank.get(p.run, len(rank)), p.run, p.step, p.strength))


def is_there(store: Store) -> bool:
    """Whether the base and two checkpoints of the main run are there: less is no course."""
    return START in points(store) and len(along(store)) > 2


def missing(store: Store) -> str:
    """The line that stands where a course is not in the store."""
    return f"{store.lacks('course')} With --course FOLDER for your own checkpoints."


def along(store: Store, part: str = "responses") -> list[Point]:
    """The base and the main run, step by step."""
    return [p for p in points(store, part) if p.run in (BASE, MAIN) and p.strength == 1]


def finished(store: Store, part: str = "responses") -> dict[str, Point]:
    """The last point of every run."""
    return {p.run: p for p in points(store, part) if p.strength == 1 and p.run != BASE}


def last(store: Store) -> Point:
    """The end of the main run."""
    if MAIN not in (found := finished(store)):
        raise MissingResult(missing(store))
    return found[MAIN]


def values(store: Store, key: str, at: Sequence[Point]) -> pd.DataFrame:
    """One row a prompt, one column a point; prompts that lack one are left out. Nothing turns the base."""
    one = EVERY[key]
    held = [point for point in at if point != START or key != "turned"]
    wide = pd.DataFrame({p: one.of(store.read(f"{p.folder}/{one.part}")) for p in held})
    return wide.reindex(columns=list(at), fill_value=0.0).astype(float).dropna()


def effect(
    store: Store, key: str, point: Point, against: Point = START, *, label: str = "",
    ids: Sequence[str] | None = None,
) -> Comparison:  # fmt: skip
    """What a measure changed by, from the base (or another point) to a point, over all prompts or `ids`.

    Lift and turning are changes since the base: they stand against general verbs and random updates.
    """
    label, null = label or named(point), EVERY[key].null if against == START else "both end alike"
    if key == "lift":
        lexicon = lexicon_of(store)
        held = (store.read(f"{one.folder}/verbs") for one in (point, against) if one != START)
        lift, *less = (lifts(changes, len(lexicon.verbs)) for changes in held)
        return replace(compare_verbs(lift - sum(less), lexicon, label), null_hypothesis=null)
    wide = values(store, key, [against, point])
    wide = wide if ids is None else wide[wide.index.isin(list(ids))]
    compare = mcnemar if key == "following" else compare_paired
    return compare(wide[against], wide[point], label=label, null_hypothesis=null)


def named(point: Point) -> str:
    """A point as tables call it."""
    run = RUNS.get(point.run, point.run)
    dose = "" if point.strength == 1 else f", strength {point.strength:g}"
    return "base" if point == START else f"{run}, step {point.step}{dose}"


def prompts(store: Store) -> pd.DataFrame:
    """Kind, group and segments of every prompt by id."""
    return store.read("course/prompts").set_index("id")
