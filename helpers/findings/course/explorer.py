"""Chapter 5's explorer: one prompt and what is answered to it at every point of the training.

A segment's tint is what blanking it takes from the point's own response; in the compact form from the
finished model's, which every point reads.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import traitlets

from helpers.findings.course import read
from helpers.findings.course.points import BASE, MAIN, Point
from helpers.findings.recognition.before_after import before_after
from helpers.pages.example import RUNNING
from helpers.pages.explorer import BookWidget, module, squeeze_json
from helpers.store.store import Store

CURVES = {"following": "followed", "reliance": "reliance", "length": "length"}


def _number(value: float, digits: int = 2) -> float | None:
    return None if pd.isna(value) else round(float(value), digits)


def _cells(store: Store, point: Point, ids: Sequence[str], on: str) -> list[dict]:
    """What every prompt shows at one point; tints are of the response `on`, "own" or "shared"."""
    said = store.read(f"{point.folder}/responses").set_index("id")
    lost = store.read(f"{point.folder}/blanked")
    read_on = lost[lost["on"] == on].pivot(index="id", columns="segment", values="loss")
    shared = read.EVERY["reliance"].of(lost)
    cells = []
    for id in ids:
        one = said.loc[id]
        tints = read_on.loc[id].dropna().round(2).to_dict() if id in read_on.index else {}
        followed = None if one["followed"] is None else bool(one["followed"])
        cell = {"text": one["text"], "followed": followed, "length": len(one["ids"])}
        cells.append(cell | {"tints": tints, "reliance": _number(shared.get(id, np.nan))})
    return cells


def items(store: Store, ids: Sequence[str] | None = None, on: str = "own") -> dict:
    """What the explorer shows of a store's course: its points, prompts, and a cell for each of both."""
    at, about = read.points(store, "blanked"), read.prompts(store)
    kept = [id for id in about.index[about["fixed"]] if ids is None or id in ids]
    points = [
        {"run": p.run, "label": read.RUNS.get(p.run, p.run), "step": p.step, "strength": p.strength}
        | {"means": {CURVES[k]: _number(read.values(store, k, [p])[p].mean(), 3) for k in CURVES}}
        for p in at
    ]
    end = max((p.step for p in at if p.run == MAIN), default=0)
    main = [n for n, p in enumerate(at) if p.run in (BASE, MAIN)]
    numbers = {
        "training": [n for n in main if at[n].strength == 1],
        "strength": [n for n in main if at[n].run == BASE or at[n].step == end],
        "runs": [n for n, p in enumerate(at) if n not in main and p.strength == 1],
    }
    columns = [_cells(store, point, kept, on) for point in at]
    prompts = [
        {"id": id, "kind": about.loc[id, "kind"]}
        | {"segments": [*zip(about.loc[id, "roles"], about.loc[id, "texts"], strict=True)]}
        | {"cells": [column[n] for column in columns]}
        for n, id in enumerate(kept)
    ]
    return {"unit": "nats", "points": points, "prompts": prompts} | numbers


def two_points(store: Store, id: str = RUNNING) -> dict:
    """The same of base and tuned model alone, for a store without a course (`before_after`)."""
    found = before_after(store, id)
    points = [{"run": role, "label": role, "step": n, "strength": 1, "means": {}}
              for n, role in enumerate(found["models"])]  # fmt: skip
    cells = [
        {"text": one["text"], "followed": one["followed"], "length": None, "reliance": None}
        | {"tints": {role: _number(weight) for role, weight in one["weights"].items()}}
        for one in found["models"].values()
    ]
    segments = [(one["role"], one["text"]) for one in found["segments"]]
    prompt = {"id": id, "kind": "", "segments": segments, "cells": cells}
    return {"unit": found["unit"], "points": points, "prompts": [prompt], "runs": [],
            "training": [0, 1], "strength": []}  # fmt: skip


class CourseExplorer(BookWidget):
    """Move through the training: the response to one prompt, and what it rests on."""

    _esm = module(__file__)
    opening = traitlets.Unicode().tag(sync=True)

    def __init__(self, found: dict, *, opening: str = RUNNING, compact: bool = False, **options):
        if not found["prompts"] or len(found["training"]) < 2:
            raise ValueError("found holds no prompt, or one point only: give two points or more.")
        packed = squeeze_json(found)
        super().__init__(data=packed, opening=opening, compact=compact, **options)


def from_store(store: Store) -> CourseExplorer:
    """The whole explorer on a store with a course."""
    return CourseExplorer(items(store))


def compact(store: Store, id: str = RUNNING) -> CourseExplorer:
    """One prompt and the slider: the course where the store holds one, else base and tuned model."""
    found = items(store, [id], "shared") if read.is_there(store) else {"prompts": []}
    found = found if found["prompts"] else two_points(store, id)
    return CourseExplorer(found, opening=found["prompts"][0]["id"], compact=True)
