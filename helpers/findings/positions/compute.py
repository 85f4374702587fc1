"""Finding 2, the placement experiment: one instruction at five places of one context.

Every item is run at every place by both models, in the tuning template: the greedy response (does
it follow?), and importance for two responses, the model's own and the expected answer, which is the
same tokens at every place and for both models. Parts are `positions/MODEL/BLOCK`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from helpers.findings.positions.read import blocks, expected_ids, part_name
from helpers.methods.density import normalise, share_on
from helpers.methods.importance import importance
from helpers.models.pair import Pair
from helpers.models.responses import Response, respond
from helpers.models.roles import ROLES
from helpers.prompts.placement import PLACES, Item, read_items
from helpers.prompts.prompt import Encoded, encode
from helpers.prompts.rules import follows
from helpers.store.origin import inputs_hash
from helpers.store.store import Part, Store

LEVELS = 10
MAX_TOKENS = 16


def make_items(pair: Pair, items: Sequence[Item]) -> pd.DataFrame:
    """Tokens and roles of every item at every place."""
    rows = []
    for item, place in product(items, PLACES):
        code = encode(item.at(place), pair.tokenizer, pair.template)
        labels = dict(id=item.id, kind=item.kind, place=place, expected=item.expected)
        rows.append(labels | dict(tokens=list(code.tokens), roles=list(code.roles)))
    return pd.DataFrame(rows)


def make_responses(pair: Pair, items: Sequence[Item], role: str, max_tokens: int) -> pd.DataFrame:
    """Greedy responses of one model to every item at every place."""
    rows = []
    for block in tqdm(blocks(items), desc=f"responses {role}", leave=False):
        asked = [(item, place) for item in block for place in PLACES]
        ids = [encode(i.at(place), pair.tokenizer, pair.template).ids for i, place in asked]
        answers = respond(
            pair.model(role), pair.tokenizer, ids, pair.template, max_tokens=max_tokens
        )
        rows += [_row(pair, *one, answer) for one, answer in zip(asked, answers, strict=True)]
    return pd.DataFrame(rows)


def _row(pair: Pair, item: Item, place: str, answer: Response) -> dict:
    return {
        "id": item.id,
        "place": place,
        "text": answer.text,
        "ids": list(answer.ids),
        "tokens": [pair.tokenizer.decode([token]) for token in answer.ids],
        "ended": answer.ended,
        "followed": follows(item.rule, answer.text),
    }


def explain_item(
    pair: Pair, role: str, code: Encoded, ids: Sequence[int]
) -> tuple[np.ndarray, float]:
    """S without a threshold as bytes, and the share of plain importance on the instruction."""
    if not len(ids):
        return np.zeros((len(code.tokens), 0), np.uint8), float("nan")
    found = importance(pair.model(role), code.ids, list(ids)).numpy()
    return normalise(found, LEVELS).astype(np.uint8), share_on(found, code.mask("instruction"))


def make_block(pair: Pair, role: str, block: Sequence[Item], answers: pd.DataFrame) -> dict:
    """S of all items of a block: at each place, for the own and the expected response."""
    levels, shares = [], []
    for item, place in product(block, PLACES):
        code = encode(item.at(place), pair.tokenizer, pair.template)
        for ids in (answers.loc[(item.id, place), "ids"], expected_ids(pair, item)):
            normalised, share = explain_item(pair, role, code, ids)
            levels.append(normalised)
            shares.append(share)
    return {
        "shape": np.array([one.shape for one in levels], dtype=np.int32),
        "normalised": np.concatenate([one.ravel() for one in levels]),
        "share": np.array(shares, dtype=np.float32),
    }


def compute(
    pair: Pair,
    store: Store,
    *,
    items: Sequence[Item] | None = None,
    max_tokens: int = MAX_TOKENS,
    progress: bool = True,
) -> None:
    """Fill the store with the placement experiment; what is there already is kept."""
    items = items or read_items()
    about = {"levels": LEVELS, "max_tokens": max_tokens}
    source = {"inputs": inputs_hash([[*vars(item).values()] for item in items] + [max_tokens])}
    store.get("positions/items", lambda: make_items(pair, items), made_from=source, **about)
    for role in ROLES:
        store.get(
            f"positions/responses-{role}",
            lambda r=role: make_responses(pair, items, r, max_tokens),
            made_from=source,
            **about,
        )
    parts = [
        _part(pair, store, role, number, block, about)
        for number, block in enumerate(blocks(items))
        for role in ROLES
    ]
    store.fill(parts, desc="placement", progress=progress)
    from helpers.findings.positions import erased as placement_erased

    store.fill(placement_erased.parts(pair, items), desc="by erasure", progress=progress)


def _part(
    pair: Pair, store: Store, role: str, number: int, block: Sequence[Item], about: dict
) -> Part:
    """One block of one model, tied to the items and to the responses it is computed from."""
    answers = store.read(f"positions/responses-{role}").set_index(["id", "place"])
    asked = [[*vars(item).values()] for item in block]
    own = [[int(i) for i in answers.loc[(item.id, p), "ids"]] for item in block for p in PLACES]
    return Part(
        part_name(role, number),
        partial(make_block, pair, role, block, answers),
        {"inputs": inputs_hash([asked, own])},
        about,
    )
