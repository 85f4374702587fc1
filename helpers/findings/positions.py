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

from helpers.attribution import importance
from helpers.density import normalise
from helpers.findings.recognition import inputs_hash
from helpers.following import follows
from helpers.pairs import ROLES, Pair
from helpers.positions import PLACES, Item, read_items
from helpers.prompts import Encoded, encode
from helpers.responses import Response, respond
from helpers.results import Part, Store

RESPONSES = ("own", "expected")
LEVELS = 10
BLOCK = 4  # items
MAX_TOKENS = 16


def part_name(model: str, block: int) -> str:
    return f"positions/{model}/{block:02d}"


def blocks(items: Sequence[Item]) -> list[Sequence[Item]]:
    return [items[start : start + BLOCK] for start in range(0, len(items), BLOCK)]


def _expected_ids(pair: Pair, item: Item) -> list[int]:
    return pair.tokenizer(item.expected, add_special_tokens=False)["input_ids"]


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


def share_on(found: np.ndarray, mask: np.ndarray) -> float:
    """Share of the positive importance that lies on the masked rows; NaN where there is none."""
    positive = found.clip(min=0)
    return float(positive[mask].sum() / positive.sum()) if positive.sum() > 0 else float("nan")


def _explain(pair: Pair, role: str, code: Encoded, ids: Sequence[int]) -> tuple[np.ndarray, float]:
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
        for ids in (answers.loc[(item.id, place), "ids"], _expected_ids(pair, item)):
            normalised, share = _explain(pair, role, code, ids)
            levels.append(normalised)
            shares.append(share)
    return {
        "shape": np.array([one.shape for one in levels], dtype=np.int32),
        "normalised": np.concatenate([one.ravel() for one in levels]),
        "share": np.array(shares, dtype=np.float32),
    }


def read_block(store: Store, role: str, number: int) -> list[tuple[np.ndarray, float]]:
    """(S, share) in the order item, place, response (see PLACES and RESPONSES)."""
    arrays = store.read(part_name(role, number))
    sizes = arrays["shape"].prod(axis=1)
    pieces = np.split(arrays["normalised"], np.cumsum(sizes)[:-1])
    return [
        (piece.reshape(shape), float(share))
        for piece, shape, share in zip(pieces, arrays["shape"], arrays["share"], strict=True)
    ]


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
    from helpers.findings import placement_erased  # it takes its items and blocks from here

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
