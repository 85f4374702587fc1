"""Comparisons of chapter 5: runs with the base and each other, dose, and where the update went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd

from helpers.findings import following
from helpers.findings.course import read
from helpers.findings.course.points import MAIN, START, Point
from helpers.methods.chance import among
from helpers.methods.statistics import Comparison, compare_paired, holm, shared_resamples, untested
from helpers.pages.prose import clear
from helpers.store.store import Store

SHORT = "short"
# The runs that each question sets beside one another; the first is what the others are held against.
QUESTIONS = {
    "Is it the instruction?": (SHORT, "responses-only", "shuffled"),
    "Does diversity matter?": (SHORT, "four-kinds", "one-kind"),
    "Attention or feed-forward?": ("attention", "feed-forward"),
    "How sure?": (MAIN, "seed-1", "seed-2", SHORT, "short-seed-1"),
}
CONTROLS = ("responses-only", "shuffled", "short-seed-1")
UNSEEN = ("unseen kinds", "unseen verbs")  # groups of prompts that no tuning row is like
SIGNS = {1: "+", -1: "\u2212", 0: "none"}
Effects = dict[str, list[Comparison]]


def effects(
    store: Store, points: Sequence[Point], keys: Sequence[str] = tuple(read.MEASURES)
) -> Effects:
    """Each measure's change since the base at each point that has it; a Holm family a measure."""
    held = {key: holding(store, key, points) for key in keys}
    return {key: holm([read.effect(store, key, one) for one in at]) for key, at in held.items()}


def holding(store: Store, key: str, points: Sequence[Point]) -> list[Point]:
    """Those of the points that have a measure."""
    held = read.points(store, read.EVERY[key].part)
    return [point for point in points if point in held]


def of_question(store: Store, question: str) -> Effects:
    """The runs of one question, at their ends."""
    ends = read.finished(store)
    return effects(store, [ends[run] for run in QUESTIONS[question] if run in ends])


def _against(store: Store, key: str, run: str, other: str, group: str | None = None) -> Comparison:
    """The end of a run less the end of another one, on all prompts or on one group."""
    ends = read.finished(store)
    label = f"{read.RUNS[run]}, {group or 'all prompts'}"
    if run not in ends or other not in ends:
        return untested(label, "not computed yet")
    ids = None if group is None else groups_of(store, run)[group]
    return read.effect(store, key, ends[run], ends[other], label=label, ids=ids)


def groups_of(store: Store, run: str) -> dict[str, pd.Index]:
    """Prompts by what a run of the book was tuned on: kinds that it saw, that it did not, and `UNSEEN`."""
    about = read.prompts(store)
    kinds = tuned_on(run) or set(about["kind"])
    seen, own = about["group"] == "seen", about["kind"].isin(kinds)
    rows = {"kinds it saw": seen & own, "kinds it did not see": seen & ~own}
    rows |= {name: about["group"] == name for name in UNSEEN}
    return {name: about.index[own] for name, own in rows.items() if own.any()}


def tuned_on(run: str) -> set[str]:
    """The kinds of task that a run of the book is restricted to, from its record; none: all of them."""
    try:
        return set(following.record(run)["settings"]["kinds"])
    except FileNotFoundError:
        return set()


def epochs(run: str) -> float:
    """How often a run of the book, of so many steps, went through the rows of its kinds."""
    record = following.record(run)
    settings = record["settings"]
    return settings["steps"] * settings["batch_size"] / record["data"]["shown_each_epoch"]


def diversity(store: Store, key: str = "following") -> list[Comparison]:
    """Fewer kinds of task against all of them at equal steps, by what the run with fewer had seen."""
    runs = ("four-kinds", "one-kind")
    cells = [(run, group) for run in runs for group in groups_of(store, run)]
    return holm([_against(store, key, run, SHORT, group) for run, group in cells])


def parts_of_model(store: Store, key: str = "following") -> list[Comparison]:
    """Feed-forward alone against attention alone, equal numbers of trained parameters."""
    groups = [None, *groups_of(store, SHORT)]
    return holm([_against(store, key, "feed-forward", "attention", group) for group in groups])


def seeds_apart(store: Store, key: str = "following") -> Comparison:
    """The short run from another seed: what chance alone makes of two runs."""
    return _against(store, key, "short-seed-1", SHORT)


def what_else(store: Store, key: str = "following") -> dict[str, list[Comparison]]:
    """All comparisons of ends of runs in one measure, by question: for the chapter's forest."""
    controls = [_against(store, key, run, SHORT) for run in CONTROLS]
    return {
        "Is it the instruction? Less the short run": holm(controls),
        "Does diversity matter? Less the short run": diversity(store, key),
        "Feed-forward alone less attention alone": parts_of_model(store, key),
    }


STILL, FORMAT, FURTHER, ALONE, OPEN = (
    "does not move", "tuning or format", "more with the real pairs", "the real pairs alone", "not told",
)  # fmt: skip


def about_what(main: int, controls: Sequence[int], further: Sequence[bool]) -> str:
    """What a measure is about: signs of its change in the real run and in each control, and whether it
    moves further in the real run than in each."""
    if not main:
        return STILL
    alike = [sign == main for sign in controls]
    if all(further):
        return FURTHER if any(alike) else ALONE
    return FORMAT if all(alike) and not any(further) else OPEN


def moved(store: Store) -> pd.DataFrame:
    """Which way each measure moves in the short run and its controls, in which it moves less, and what it
    is therefore *about*; measures that one of these runs lacks are left out."""
    rows, controls = {}, QUESTIONS["Is it the instruction?"][1:]
    for key, own in of_question(store, "Is it the instruction?").items():
        if len(own) <= len(controls):
            continue
        main, *signs = map(_sign, own)
        further = [
            _sign(one) == main for one in holm([_against(store, key, SHORT, c) for c in controls])
        ]
        row = {read.RUNS[SHORT]: SIGNS[main]}
        for control, sign, less in zip(controls, signs, further, strict=True):
            row[read.RUNS[control]] = SIGNS[sign] + ", less" * (less and bool(main))
        rows[read.MEASURES[key].label] = row | {"about": about_what(main, signs, further)}
    return pd.DataFrame.from_dict(rows, orient="index")


def _sign(one: Comparison) -> int:
    return int(np.sign(one.difference)) if clear(one) else 0


# --- dose


def size(store: Store, point: Point) -> float:
    """Norm of all that was added to the base's matrices."""
    if point == START:
        return 0.0
    return float(np.sqrt(store.read(f"{point.folder}/update")["update"].pow(2).sum()))


def dose(store: Store) -> pd.DataFrame:
    """Each measure's effect as a share of the finished run's, along the training and by strength, beside
    the update's norm over the finished one's (`dose`). Intervals are of the ratio, over resampled prompts.

    Left out: what the finished run does not move, and lift, which is the same however few pairs change.
    """
    end = read.last(store)
    paths = {
        "training": [p for p in read.along(store) if p != START],
        "strength": [p for p in read.points(store) if p.run == MAIN and p.step == end.step],
    }
    rows, moving = [], _moving(store, end)
    for (path, at), key in product(paths.items(), moving):
        held = [START, *holding(store, key, at)]
        wide = read.values(store, key, held)
        means = pd.DataFrame(shared_resamples(len(wide)) @ wide / len(wide), columns=held)
        gained, drawn = (one.sub(one[START], axis=0) for one in (wide.mean().to_frame().T, means))
        shares, draws = (one.div(one[end], axis=0) for one in (gained, drawn))
        for point in held[1:]:
            low, high = np.nanpercentile(draws[point], [2.5, 97.5])
            row = dict(measure=read.MEASURES[key].label, path=path, step=point.step)
            row |= dict(strength=point.strength, dose=size(store, point) / size(store, end))
            rows.append(row | dict(share=shares[point].item(), low=low, high=high, n=len(wide)))
    return pd.DataFrame(rows)


def _moving(store: Store, end: Point) -> dict[str, int]:
    """Which way the finished run moves each measure that it moves; without lift."""
    found = effects(store, [end], [key for key in read.MEASURES if key != "lift"])
    return {key: _sign(own[0]) for key, own in found.items() if own and _sign(own[0])}


def halfway(store: Store) -> dict[str, Comparison]:
    """At half strength: the effect against half of the finished one's, prompt by prompt (Holm), of what
    the finished run moves. More is more of the effect: the sign is turned where that is a fall."""
    end, found = read.last(store), {}
    half = replace(end, strength=0.5)
    for key, sign in _moving(store, end).items():
        if holding(store, key, [half]):
            wide = sign * read.values(store, key, [START, half, end])
            label, null = read.MEASURES[key].label, "half the dose, half the effect"
            linear = (wide[START] + wide[end]) / 2
            found[key] = compare_paired(linear, wide[half], label=label, null_hypothesis=null)
    return dict(zip(found, holm([*found.values()]), strict=True))


# --- in the weights


def where(store: Store, point: Point) -> pd.DataFrame:
    """Norm of the update over the base's, by layer, of attention and of feed-forward matrices."""
    table = store.read(f"{point.folder}/update")
    attends = table["matrix"].str.contains("attn|attention")
    kind = np.where(attends, "attention", "feed-forward")
    squares = table[["update", "base"]].pow(2).groupby([table["layer"], kind]).sum()
    return np.sqrt(squares["update"] / squares["base"]).unstack().rename_axis("layer")


def share_of_update(store: Store, point: Point) -> float:
    """Share of the update's squared norm in attention matrices, over their share of the base's."""
    table = store.read(f"{point.folder}/update")
    squares = table[["update", "base"]].pow(2)
    part = squares[table["matrix"].str.contains("attn|attention")].sum() / squares.sum()
    return float(part["update"] / part["base"])


def turned(store: Store) -> pd.DataFrame:
    """Degrees that components turned by point, beside random updates of the same norm and rank."""
    rows = {}
    for point in read.points(store, "turned"):
        table = store.read(f"{point.folder}/turned").groupby("draw")["angle"].mean()
        one = among(table[0], table.drop(0))
        shown = {"tuning": one.value, "random": one.mean, "lowest": one.low, "highest": one.high}
        rows[read.named(point)] = shown | {"draws": one.draws, "tuning is": one.said}
    return pd.DataFrame.from_dict(rows, orient="index")


def accounted(store: Store) -> pd.DataFrame:
    """What the store holds: the points of each run."""
    at = read.points(store)
    dose = ["" if point.strength == 1 else f" x {point.strength:g}" for point in at]
    steps = pd.Series([f"{point.step}{x}" for point, x in zip(at, dose, strict=True)])
    by_run = steps.groupby([read.RUNS.get(point.run, point.run) for point in at], sort=False)
    return by_run.agg(points="size", steps=", ".join)
