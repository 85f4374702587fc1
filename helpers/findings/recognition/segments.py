"""Instruction, input and context side by side: shares of importance, and scores with placebos.

The share of importance on a segment, the template left out, is the simplest statement of "rests on
the instruction"; the paper's score is given with all rows and with the segments' rows alone, and both
of the other segments too, as placebos. All from the stored matrices.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd

from helpers.findings.recognition import tables
from helpers.findings.recognition.read import WHERE, WHOSE, Explained, explained
from helpers.methods.density import (
    TEMPLATE,
    THRESHOLD,
    P,
    density,
    normalise,
    segment_scores,
    shares,
)
from helpers.methods.statistics import Comparison, holm
from helpers.models.roles import ROLES
from helpers.store.store import Store

# The share of I on a segment; the paper's score by two sets of rows; the shares of S and of density.
READINGS = ("share", "all rows", "segments alone", "share of S", "share of density")
SEGMENTS = ("instruction", "input", "context")


def read_segments(store: Store) -> pd.DataFrame:
    """One row a prompt, setting, model, author of the response and segment (about a second)."""
    rows = []
    settings = [one for one in WHERE if one in set(store.read("recognition/prompts")["setting"])]
    for setting, model, author in product(settings, ROLES, ROLES):
        for item in explained(store, setting, model, author):
            labels = dict(id=item.id, setting=setting, model=model, author=author)
            labels |= dict(kind=item.kind, place=item.place, response_tokens=len(item.response))
            found = dict(zip(READINGS, _readings(item), strict=True))
            rows += [
                labels
                | {"segment": role}
                | {name: on.get(role, np.nan) for name, on in found.items()}
                for role in dict.fromkeys(item.roles)
                if role != TEMPLATE
            ]
    return pd.DataFrame(rows)


def _readings(item: Explained) -> list[dict[str, float]]:
    """READINGS by segment; empty where there is no response to read."""
    if not item.importance.size:
        return [{}] * len(READINGS)
    found, roles, levels = item.importance, item.roles, normalise(item.importance)
    counted = density(levels, P, threshold=THRESHOLD)[:, None]
    scored = [segment_scores(found, roles, rows=rows) for rows in ("all", "segments")]
    return [shares(found, roles), *scored, shares(levels, roles), shares(counted, roles)]


def sides(
    table: pd.DataFrame, setting: str, response: str, segment: str, column: str, least: int = 1
) -> pd.DataFrame:
    """Base and tuned side by side on one segment (`tables.sides`)."""
    return tables.sides(table[table["segment"] == segment], setting, response, column, least)


def family(
    table: pd.DataFrame, column: str, segments: tuple[str, ...] = SEGMENTS
) -> list[Comparison]:
    """Base against tuned in one reading, by segment, setting and response: one Holm family."""
    found = []
    for segment, setting, response in product(segments, WHERE, WHOSE):
        wide = sides(table, setting, response, segment, column)
        if len(wide):  # plain text has no template, and no prompt need have every segment
            label = f"{segment}, {WHERE[setting]}, {WHOSE[response]}"
            found.append(tables.compare(wide, label, column))
    return holm(found)


def chosen(
    found: list[Comparison], wanted: dict[str, tuple[str, str]], responses: tuple[str, ...]
) -> list[Comparison]:
    """Of a family, some comparisons under shorter names: {name: (segment, setting)}, a response each."""
    by_label = {one.label: one for one in found}
    cells = [
        (f"{name}, {WHOSE[r]}", f"{segment}, {WHERE[setting]}, {WHOSE[r]}")
        for (name, (segment, setting)), r in product(wanted.items(), responses)
    ]
    return [replace(by_label[old], label=new) for new, old in cells if old in by_label]
