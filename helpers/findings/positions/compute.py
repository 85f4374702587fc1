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

from helpers.findings.parts import encoded, pack_levels
from helpers.findings.positions import erased
from helpers.findings.positions.read import PLACEMENT, expected_ids
from helpers.methods.density import normalise, share_on
from helpers.methods.importance import importance
from helpers.models.pair import Pair
from helpers.prompts.placement import PLACES, Item, read_items
from helpers.prompts.prompt import Encoded
from helpers.store.store import Store

MAX_TOKENS = 16


def explain_item(pair: Pair, role: str, code: Encoded, ids: Sequence[int]) -> dict:
    """S without a threshold as bytes, and the share of plain importance on the instruction."""
    return _described(code, _importance(pair, role, code, ids))


def _importance(pair: Pair, role: str, code: Encoded, ids: Sequence[int]) -> np.ndarray:
    empty = np.zeros((len(code.tokens), 0), np.float32)
    return importance(pair.model(role), code.ids, ids).numpy() if ids else empty


def _described(code: Encoded, found: np.ndarray) -> dict:
    share = share_on(found, code.mask("instruction")) if found.size else np.nan
    return dict(normalised=normalise(found) if found.size else found.astype(np.uint8), share=share)


def make_block(pair: Pair, role: str, block: Sequence[Item], answers: pd.DataFrame) -> dict:
    """S of all items of a block: at each place, for the own and the expected response."""
    found = []
    for item, place in product(block, PLACES):
        [code] = encoded([item.at(place)], pair)
        own, expected = PLACEMENT.own_ids(answers, item, place), expected_ids(pair, item)
        first = _importance(pair, role, code, own)
        # A response that begins with the expected one has its importance already.
        begins = own[: len(expected)] == expected
        other = first[:, : len(expected)] if begins else _importance(pair, role, code, expected)
        found += [_described(code, first), _described(code, other)]
    return pack_levels(found)


def compute(
    pair: Pair, store: Store, *, items: Sequence[Item] | None = None, max_tokens: int = MAX_TOKENS,
    progress: bool = True,
) -> None:  # fmt: skip
    """Fill the store with the placement experiment; what is there already is kept."""
    items = items or read_items()
    more = partial(erased.parts, pair, items)
    PLACEMENT.fill(
        pair, store, items, make_block, max_tokens=max_tokens, more=more, progress=progress
    )
