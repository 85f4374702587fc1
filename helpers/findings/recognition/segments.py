"""Instruction, input and context side by side: shares of importance, and scores with placebos.

The share of importance on a segment, the template left out, is the simplest statement of "rests on
the instruction"; the paper's score is given with all rows and with the segments' rows alone, and both
of the other segments too, as placebos. All from the stored matrices (part `recognition/segments`).
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from helpers.findings.recognition import tables
from helpers.findings.recognition.read import WHERE, WHOSE, explained
from helpers.methods.density import segment_scores, shares
from helpers.methods.statistics import Comparison, holm
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
    """Base and tuned side by side on one segment (`tables.sides`)."""
    return tables.sides(table[table["segment"] == segment], setting, response, column, least)


def family(
    table: pd.DataFrame,
    column: str,
    *,
    settings: tuple[str, ...] = tuple(WHERE),
    responses: tuple[str, ...] = tuple(WHOSE),
    segments: tuple[str, ...] = SEGMENTS,
) -> list[Comparison]:
    """Base against tuned in one reading, by segment, setting and response: one Holm family."""
    found = []
    for segment, setting, response in product(segments, settings, responses):
        wide = sides(table, setting, response, segment, column)
        if len(wide):  # plain text has no template, and no prompt need have every segment
            label = f"{segment}, {WHERE[setting]}, {WHOSE[response]}"
            found.append(tables.compare(wide, label, column))
    return holm(found)
