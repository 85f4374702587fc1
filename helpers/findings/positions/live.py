"""One item of the placement experiment recomputed beside its stored importance."""

from __future__ import annotations

import pandas as pd

from helpers.findings.positions import placed as positions_view
from helpers.findings.positions.compute import explain_item
from helpers.findings.positions.read import RESPONSES, expected_ids
from helpers.models.pair import Pair
from helpers.models.roles import ROLES
from helpers.pages import live
from helpers.prompts.placement import Item, read_items
from helpers.prompts.prompt import encode
from helpers.store.store import Store


def recompute(pair: Pair, store: Store, item: Item, place: str) -> pd.DataFrame:
    """One item at one place explained again by both models, beside what the store holds."""
    code, rows = encode(item.at(place), pair.tokenizer, pair.template), []
    stored = {(o.id, o.place, o.model, o.response): o for o in positions_view.placed(store)}
    for role in ROLES:
        answers = store.read(f"positions/responses-{role}").set_index(["id", "place"])
        own = [int(token) for token in answers.loc[(item.id, place), "ids"]]
        for response, ids in zip(RESPONSES, (own, expected_ids(pair, item)), strict=True):
            fresh, share = explain_item(pair, role, code, ids)
            kept = stored[(item.id, place, role, response)]
            rows.append(
                {
                    "model": role,
                    "response": response,
                    "entries of S": fresh.size,
                    "entries that differ": int((fresh != kept.normalised).sum()),
                    "share, stored": kept.share,
                    "share, now": share,
                }
            )
    return pd.DataFrame(rows)


def live_check(name: str, store: Store, item_id: str, place: str) -> pd.DataFrame | str:
    """Load the pair and explain one stored item again; a sentence where there are no weights."""
    held = store.read("positions/items")["id"]
    item = live.one_of(item_id, held, {one.id: one for one in read_items()})
    pair = live.models(name, store)
    return pair if isinstance(pair, str) else recompute(pair, store, item, place)
