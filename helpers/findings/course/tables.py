"""Comparisons of chapter 5: runs with the base and each other, dose, and where the update went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd

from helpers.findings.course import read
from helpers.findings.course.points import MAIN, START, Point
from helpers.methods.chance import among
from helpers.methods.statistics import Comparison, compare_paired, holm, untested
from helpers.pages.forest import clear
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
GROUPS = ("seen", "unseen kinds", "unseen verbs")
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
    ends, about = read.finished(store), read.prompts(store)
    label = f"{read.RUNS[run]}, {group or 'all prompts'}"
    if run not in ends or other not in ends:
        return untested(label, "not computed yet")
    ids = None if group is None else about.index[about["group"] == group]
    found = read.effect(store, key, ends[run], ends[other], label=label, ids=ids)
    return replace(found, null_hypothesis="both runs end alike")


def groups_of(store: Store) -> list[str]:
    """The groups of prompts that a store has."""
    return [name for name in GROUPS if name in set(read.prompts(store)["group"])]


def diversity(store: Store, key: str = "following") -> list[Comparison]:
    """Fewer kinds of task against all of them at equal rows, by what the tuning had seen."""
    cells = product(groups_of(store), ("four-kinds", "one-kind"))
    return holm([_against(store, key, run, SHORT, group) for group, run in cells])


def parts_of_model(store: Store, key: str = "following") -> list[Comparison]:
    """Feed-forward alone against attention alone, equal numbers of trained parameters."""
    groups = [None, *groups_of(store)]
    return holm([_against(store, key, "feed-forward", "attention", group) for group in groups])


def what_else(store: Store, key: str = "following") -> dict[str, list[Comparison]]:
    """All comparisons of ends of runs in one measure, by question: for the chapter's forest."""
    controls = [_against(store, key, run, SHORT) for run in CONTROLS]
    return {
        "Is it the instruction? Less the short run": holm(controls),
        "Does diversity matter? Less the short run": diversity(store, key),
        "Feed-forward alone less attention alone": parts_of_model(store, key),
    }


def moved(store: Store) -> pd.DataFrame:
    """Which way each measure moves in the short run and its controls, and what it is therefore *about*."""
    rows = {}
    for key, own in of_question(store, "Is it the instruction?").items():
        signs = {one.label.split(",")[0]: int(np.sign(one.difference)) * clear(one) for one in own}
        row = {name: {1: "+", -1: "\u2212"}.get(sign, "none") for name, sign in signs.items()}
        main, *others = signs.values() if signs else (0,)
        same = sum(sign == main for sign in others)
        told = {0: "instructions with their responses", len(others): "tuning or format"}
        about = told.get(same, "one of the two") if main else "does not move"
        rows[read.MEASURES[key].label] = row | {"about": about}
    return pd.DataFrame.from_dict(rows, orient="index")


# --- dose


def size(store: Store, point: Point) -> float:
    """Norm of all that was added to the base's matrices."""
    if point == START:
        return 0.0
    return float(np.sqrt(store.read(f"{point.folder}/update")["update"].pow(2).sum()))


def dose(store: Store) -> pd.DataFrame:
    """Each measure's effect as a share of the finished run's, along the training and by strength, beside
    the update's norm over the finished one's (`dose`). What the finished run does not move is left out."""
    end = read.last(store)
    paths = {
        "training": [p for p in read.along(store) if p != START],
        "strength": [p for p in read.points(store) if p.run == MAIN and p.step == end.step],
    }
    rows = []
    for path, at in paths.items():
        for key, own in effects(store, at).items():
            held = holding(store, key, at)
            whole = own[held.index(end)] if end in held else None
            if whole is None or not clear(whole):
                continue
            for point, one in zip(held, own, strict=True):
                ends = sorted(x / whole.difference for x in (one.low, one.high))
                row = dict(measure=read.MEASURES[key].label, path=path, step=point.step)
                row |= dict(strength=point.strength, dose=size(store, point) / size(store, end))
                row |= dict(share=one.difference / whole.difference, low=ends[0], high=ends[1])
                rows.append(row | dict(n=one.n))
    return pd.DataFrame(rows)


def halfway(store: Store) -> list[Comparison]:
    """At half strength: the effect against half of the finished one's, prompt by prompt (Holm)."""
    end, found = read.last(store), []
    half = replace(end, strength=0.5)
    for key in ("following", "reliance", "share", "length", "dip"):
        if not holding(store, key, [half]):
            continue
        wide = read.values(store, key, [START, half, end])
        linear = (wide[START] + wide[end]) / 2
        label, null = read.MEASURES[key].label, "half the dose, half the effect"
        found.append(compare_paired(linear, wide[half], label=label, null_hypothesis=null))
    return holm(found)


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
