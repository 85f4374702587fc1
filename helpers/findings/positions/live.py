"""One item of the placement experiment recomputed beside its stored importance."""

from __future__ import annotations

import pandas as pd

from helpers.findings.parts import described, encoded, importance_of
from helpers.findings.positions.read import PLACEMENT, RESPONSES, expected_ids, placed
from helpers.models.pair import Pair
from helpers.models.roles import ROLES
from helpers.pages import live
from helpers.prompts.placement import Item, read_items
from helpers.store.store import Store


def recompute(pair: Pair, store: Store, item: Item, place: str) -> pd.DataFrame:
    """One item at one place explained again by both models, beside what the store holds."""
    [code], rows = encoded([item.at(place)], pair), []
    stored = {(o.id, o.place, o.model, o.response): o for o in placed(store)}
    for role in ROLES:
        own = PLACEMENT.own_ids(PLACEMENT.answers(store, role), item, place)
        for response, ids in zip(RESPONSES, (own, expected_ids(pair, item)), strict=True):
            fresh = described(code, importance_of(pair, role, code, ids), "instruction")
            kept, levels = stored[(item.id, place, role, response)], fresh["normalised"]
            row = {"model": role, "response": response, "entries of S": levels.size}
            row |= {"entries that differ": int((levels != kept.normalised).sum())}
            rows.append(row | {"share, stored": kept.share, "share, now": fresh["share"]})
    return pd.DataFrame(rows)


def live_check(name: str, store: Store, item_id: str, place: str) -> pd.DataFrame | str:
    """Load the pair and explain one stored item again; a sentence where there are no weights."""
    held = store.read("positions/items")["id"]
    item = live.one_of(item_id, held, {one.id: one for one in read_items()})
    pair = live.models(name, store)
    return pair if isinstance(pair, str) else recompute(pair, store, item, place)
