"""Chapter 2's explorer: one instruction moved through a context, and position profiles.

The page holds S above `LEAST` for every item, place, model and response, so that density for any
threshold from there on and any p is worked out in the browser; shares of plain importance, what blanking
takes and profiles with their bands are held as numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd

from helpers.findings.positions import profiles
from helpers.findings.positions.read import RESPONSES, Placed, losses, placed
from helpers.findings.recognition.explorer import LETTERS
from helpers.models.roles import ROLES
from helpers.pages.explorer import BookWidget, module, number_words, squeeze, squeeze_json
from helpers.prompts.placement import PLACES

LEAST = 3  # levels up to here are left out: rare above it, S deflates well
NO_SHARE = 65535  # an empty response has no share
Logs = Mapping[tuple[str, str, str], tuple[float, float]]  # (id, place, model): with, without


def _ordered(items: Sequence[Placed]) -> list[Placed]:
    """Every item at every place, for every model and response, in that order."""
    found = {(one.id, one.place, one.model, one.response): one for one in items}
    ids = dict.fromkeys(one.id for one in items)
    return [found[cell] for cell in product(ids, PLACES, ROLES, RESPONSES)]


def pack_placement(
    items: Sequence[Placed], answers: dict[tuple, Sequence[str]], logs: Logs
) -> dict:
    """Items and their matrices as deflated arrays.

    `answers[(id, place, model)]` are the tokens of the own response, `answers[id]` the expected text;
    `logs` the expected answer's log-probability (nats a token) with and without the instruction.
    """
    ordered = _ordered(items)
    prompts = ordered[:: len(ROLES) * len(RESPONSES)]
    sides = [(one.id, one.place, one.model) for one in ordered[:: len(RESPONSES)]]
    own = [answers[side] for side in sides]
    words, numbered = number_words([*(one.tokens for one in prompts), *own])
    prompt, answer = numbered[: len(prompts)], numbered[len(prompts) :]
    shares = [NO_SHARE if np.isnan(one.share) else round(one.share * 50000) for one in ordered]
    levels = [np.where(one.normalised > LEAST, one.normalised, 0).ravel() for one in ordered]
    join = lambda parts: np.concatenate([np.asarray(part, int) for part in parts])  # noqa: E731
    held = [logs.get(side, (np.nan, np.nan)) for side in sides]
    return {
        "places": list(PLACES),
        "least": LEAST,
        "opening": typical(ordered, logs),
        "items": [
            {"id": one.id, "kind": one.kind, "expected": str(answers[one.id])}
            for one in prompts[:: len(PLACES)]
        ],
        "words": squeeze_json(words),
        "prompt": squeeze(join(prompt), "<u2"),
        "promptLength": squeeze(np.array([len(text) for text in prompt]), "<u2"),
        "roles": squeeze_json("".join(LETTERS[role] for one in prompts for role in one.roles)),
        "answer": squeeze(join(answer), "<u2"),
        "columns": squeeze(np.array([one.normalised.shape[1] for one in ordered]), "<u2"),
        "followed": squeeze(np.array([one.followed for one in ordered[:: len(RESPONSES)]]), "u1"),
        "share": squeeze(np.array(shares), "<u2"),
        "logs": squeeze(np.array(held).round(4), "<f4") if logs else "",
        "levels": squeeze(np.concatenate(levels), "u1"),
    }


def typical(ordered: Sequence[Placed], logs: Logs) -> str:
    """The item where the explorer opens: losses by place and model nearest the mean (shares without them).

    Of the items that the tuned model follows at some places and not at others, and the base nowhere, as
    far as there are any: moving the instruction then changes an answer.
    """
    one_each = [one for one in ordered if one.response == "expected"]
    loss = lambda one: np.subtract(*logs.get((one.id, one.place, one.model), (np.nan,) * 2))  # noqa: E731
    values = np.array([loss(one) if logs else one.share for one in one_each], float)
    values = values.reshape(-1, len(PLACES) * len(ROLES))
    followed = np.array([one.followed for one in one_each]).reshape(-1, len(PLACES), len(ROLES))
    base, tuned = followed[..., 0], followed[..., 1]
    moves = ~base.any(1) & tuned.any(1) & ~tuned.all(1)
    off = np.nansum((values - np.nanmean(values, axis=0)) ** 2, axis=1)
    at = int(np.argmin(np.where(moves, off, np.inf) if moves.any() else off))
    return one_each[at * values.shape[1]].id


def pack_profiles(sets: Mapping[str, pd.DataFrame]) -> list[dict]:
    """Profile bands by data set, bins, p and threshold, to four decimals (`profiles.bands`).

    Each table has the columns bins, p, threshold, model, bin, n, mean, low and high.
    """
    packed = []
    for name, table in sets.items():
        cells = {}
        for (bins, p, b, model), part in table.groupby(["bins", "p", "threshold", "model"]):
            rows = part.sort_values("bin")
            lines = [rows[column].round(4).tolist() for column in ("mean", "low", "high")]
            cells.setdefault(f"{bins}/{p}/{b}", {})[model] = lines
        packed.append({"name": name, "n": int(table["n"].iloc[0]), "cells": cells})
    return packed


class PositionExplorer(BookWidget):
    """Move an instruction along its context; compare position profiles.

    Without `sets` there are no profiles; `compact` shows the opening item alone, and only the drag.
    """

    _esm = module(__file__, "density", "strip")

    def __init__(
        self, items: Sequence[Placed], answers: dict[tuple, Sequence[str]],
        sets: Mapping[str, pd.DataFrame], logs: Logs | None = None, *, compact: bool = False, **options,
    ) -> None:  # fmt: skip
        opening = typical(_ordered(items), logs or {})
        shown = [one for one in items if one.id == opening] if compact else items
        packed = pack_placement(shown, answers, logs or {})
        packed |= {"sets": [] if compact else pack_profiles(sets), "compact": compact}
        super().__init__(data=packed, **options)


def from_store(own, released=None, *, compact: bool = False) -> PositionExplorer:
    """The explorer of a pair's store, with the profiles of the `released` 7B one if it is given."""
    items = own.read("positions/items")
    answers: dict = dict(zip(items["id"], items["expected"], strict=True))
    for role in ROLES:
        for row in own.read(f"positions/responses-{role}").itertuples():
            answers[(row.id, row.place, role)] = list(row.tokens)
    rows = losses(own).itertuples(index=False)
    logs = {(r.id, r.place, r.model): (r.whole, r.whole - r.instruction) for r in rows}
    sets, tables = {}, {} if compact else {"": profiles.ours(own)}
    if released is not None and not compact:
        tables = {"7B: ": profiles.released(released)} | tables
    for prefix, table in tables.items():
        for kind in () if table.empty else profiles.data_sets(table):
            sets[prefix + kind] = _bands(table[table["kind"] == kind])
    return PositionExplorer(placed(own), answers, sets, logs, compact=compact)


def _bands(table: pd.DataFrame) -> pd.DataFrame:
    """Bands of one data set for every bin count, p and threshold that it has profiles of."""
    own = table[(table["response"] == "own") & (table["tokens"] == "all")]
    cells = own[["bins", "p", "threshold"]].drop_duplicates().to_dict("records")
    return pd.concat([profiles.bands(table, **cell).assign(**cell) for cell in cells])
