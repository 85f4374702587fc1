"""Instruction, input and context side by side: shares of importance, and scores with placebos.

The share of importance on a segment, the template left out, is the simplest statement of "rests on
the instruction"; the paper's score is given with all rows and with the segments' rows alone, and both
of the other segments too, as placebos. All from the stored matrices (part `recognition/segments`).
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from helpers.findings.recognition.read import explained
from helpers.methods.density import segment_scores, shares
from helpers.methods.statistics import Comparison, compare_paired, holm
from helpers.models.roles import ROLES
from helpers.store.store import Store

PART = "recognition/segments"
READINGS = ("share", "all rows", "segments alone")
SEGMENTS = ("instruction", "input", "context")


def make_segments(store: Store, settings: tuple[str, ...]) -> pd.DataFrame:
    """One row a prompt, setting, model, author of the response and segment."""
    rows = []
    for setting, model, author in product(settings, ROLES, ROLES):
        for item in explained(store, setting, model, author):
            labels = dict(id=item.id, setting=setting, model=model, author=author)
            labels |= dict(kind=item.kind, response_tokens=len(item.response))
            found = {
                "share": shares(item.importance, item.roles) if item.importance.size else {},
                "all rows": segment_scores(item.importance, item.roles),
                "segments alone": segment_scores(item.importance, item.roles, rows="segments"),
            }
            rows += [
                labels | {"segment": role} | {r: found[r].get(role, np.nan) for r in READINGS}
                for role in found["all rows"]
            ]
    return pd.DataFrame(rows)


def read_segments(store: Store) -> pd.DataFrame:
    return store.read(PART)


def sides(
    table: pd.DataFrame, setting: str, response: str, segment: str, column: str, least: int = 1
) -> pd.DataFrame:
    """Base and tuned side by side, index id: `response` is "own", or whose response both read."""
    rows = table[(table["setting"] == setting) & (table["segment"] == segment)]
    written_by = rows["model"] if response == "own" else response
    rows = rows[(rows["author"] == written_by) & (rows["response_tokens"] >= least)]
    return rows.pivot(index="id", columns="model", values=column).reindex(columns=ROLES).dropna()


def compare_sides(wide: pd.DataFrame, label: str, what: str) -> Comparison:
    base, tuned = wide["base"].to_numpy(float), wide["tuned"].to_numpy(float)
    return compare_paired(
        base, tuned, label=label, null_hypothesis=f"the tuned model's mean {what} equals the base's"
    )


def family(
    table: pd.DataFrame,
    column: str,
    *,
    settings: tuple[str, ...] = ("template", "plain"),
    responses: tuple[str, ...] = ("own", *ROLES),
    segments: tuple[str, ...] = SEGMENTS,
) -> list[Comparison]:
    """Base against tuned in one reading, by segment, setting and response: one Holm family."""
    found = []
    for segment, setting, response in product(segments, settings, responses):
        if setting in set(table["setting"]):
            wide = sides(table, setting, response, segment, column)
            whose = "own responses" if response == "own" else f"the {response}'s response"
            where = "in the template" if setting == "template" else "in plain text"
            found.append(compare_sides(wide, f"{segment}, {where}, {whose}", column))
    return holm(found)
