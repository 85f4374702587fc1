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
from helpers.methods.statistics import Comparison, adjusted, holm
from helpers.models.roles import ROLES
from helpers.store.store import Store

# The share of I on a segment; the paper's score by two sets of rows; the shares of S and of density.
READINGS = ("share", "all rows", "segments alone", "share of S", "share of density")
SEGMENTS = ("instruction", "input", "context")


def read_segments(store: Store) -> pd.DataFrame:
    """One row a prompt, setting, model, author of the response and segment (about a second).

    `slot`: 0 for the prompt's first segment, 2 for its last (or only) one, 1 between.
    """
    rows = []
    settings = [one for one in WHERE if one in set(store.read("recognition/prompts")["setting"])]
    for setting, model, author in product(settings, ROLES, ROLES):
        for item in explained(store, setting, model, author):
            labels = dict(id=item.id, setting=setting, model=model, author=author)
            labels |= dict(kind=item.kind, place=item.place, response_tokens=len(item.response))
            found = dict(zip(READINGS, _readings(item), strict=True))
            roles = [role for role in dict.fromkeys(item.roles) if role != TEMPLATE]
            rows += [
                labels
                | {"segment": role, "slot": min(number, 1) if role != roles[-1] else 2}
                | {name: on.get(role, np.nan) for name, on in found.items()}
                for number, role in enumerate(roles)
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


def in_its_slot(table: pd.DataFrame, setting: str, response: str) -> Comparison:
    """How much more the score of the instruction rises than that of another segment in the same slot.

    Tuned minus base of every segment, on a prompt's instruction and on its placebos, slots held equal;
    prompts of one segment have no placebo. Not of the share, since shares add up to one: what the
    instruction gains the placebos must lose. n counts prompts.
    """
    wide = pd.concat({one: sides(table, setting, response, one, "all rows") for one in SEGMENTS})
    at = table.drop_duplicates(["id", "setting", "segment"]).set_index(["segment", "id"])
    wide["slot"] = at.loc[at["setting"] == setting, "slot"].reindex(wide.index)
    ids = wide.index.get_level_values(1)
    wide = wide[ids.duplicated(keep=False)]
    spread = np.sqrt(wide[list(ROLES)].astype(float).var().mean())
    found = adjusted(
        (wide["tuned"] - wide["base"]).astype(float), wide.index.get_level_values(0) == SEGMENTS[0],
        pd.get_dummies(wide["slot"], drop_first=True).to_numpy(float).T,
        clusters=wide.index.get_level_values(1), spread=spread,
        label=f"{'same' if setting == 'template' else 'plain'} slot, {WHOSE[response]}",
        null_hypothesis="the instruction's score changes as that of what else stands there",
    )  # fmt: skip
    return replace(found, n=wide.index.get_level_values(1).nunique())


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
