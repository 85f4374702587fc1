"""Chapter 2, the placement experiment: one instruction at five places of one context.

Every item is run at every place by both models, in the tuning template: the greedy response (does
it follow?), and importance for two responses, the model's own and the expected answer, which is the
same tokens at every place and for both models. Parts are `positions/MODEL/BLOCK`.

By erasure, `positions/erased-MODEL/BLOCK`: what the expected answer loses when the instruction is zeroed
whole. Exact where the share of importance is a first-order estimate: two forward passes instead of a
slope. As many tokens of the context, in one stretch, are erased for comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool

from helpers.findings.parts import described, encoded, importance_of, pack_levels
from helpers.findings.positions.read import PLACEMENT, expected_ids
from helpers.methods.erasure import scaled_probabilities
from helpers.models.pair import Pair
from helpers.prompts.placement import PLACES, Item, read_items
from helpers.store.origin import inputs_hash
from helpers.store.store import Part, Store

MAX_TOKENS = 16
STRETCHES = 2  # of the context, as long as the instruction


def make_block(pair: Pair, role: str, block: Sequence[Item], answers: pd.DataFrame) -> dict:
    """S of all items of a block: at each place, for the own and the expected response."""
    found = []
    for item, place in product(block, PLACES):
        [code] = encoded([item.at(place)], pair)
        own, expected = PLACEMENT.own_ids(answers, item, place), expected_ids(pair, item)
        first = importance_of(pair, role, code, own)
        # A response that begins with the expected one has its importance already.
        begins = own[: len(expected)] == expected
        other = first[:, : len(expected)] if begins else importance_of(pair, role, code, expected)
        found += [described(code, one, "instruction") for one in (first, other)]
    return pack_levels(found)


def stretches(
    context: Bool[np.ndarray, " prompt"], length: int, seed: int, n: int = STRETCHES
) -> Bool[np.ndarray, "n prompt"]:
    """Random stretches of the context (what stands in its middle is passed over)."""
    at, rng = np.flatnonzero(context), np.random.default_rng(seed)
    masks = np.zeros((n, len(context)), dtype=bool)
    for mask in masks:
        start = rng.integers(0, max(1, len(at) - length + 1))
        mask[at[start : start + length]] = True
    return masks


def erase_block(pair: Pair, role: str, block: Sequence[Item], first: int) -> pd.DataFrame:
    """Log-probability of the expected answer (nats, its `tokens` together): whole and erased."""
    rows = []
    for (number, item), place in product(enumerate(block, first), PLACES):
        [code] = encoded([item.at(place)], pair)
        instruction, ids = code.mask("instruction"), expected_ids(pair, item)
        others = stretches(code.mask("context"), int(instruction.sum()), seed=number)
        gone = np.stack([np.zeros_like(instruction), instruction, *others])
        found = scaled_probabilities(pair.model(role), code.ids, ids, torch.from_numpy(~gone))
        logs = found.double().clamp(min=1e-45).log().sum(dim=1).numpy()
        row = {"id": item.id, "place": place, "tokens": len(ids), "whole": logs[0]}
        row |= {"without instruction": logs[1], "without context": logs[2:].mean()}
        rows.append(row)
    return pd.DataFrame(rows)


def erased(pair: Pair, items: Sequence[Item], role: str) -> list[Part]:
    """The parts of one model, by erasure."""
    found, first = [], 0
    for number, block in enumerate(PLACEMENT.blocks(items)):
        source = {"inputs": inputs_hash([[*vars(item).values()] for item in block] + [first])}
        make = partial(erase_block, pair, role, block, first)
        name = f"positions/erased-{role}/{number:02d}"
        found.append(Part(name, make, source, {"stretches": STRETCHES}))
        first += len(block)
    return found


def compute(
    pair: Pair, store: Store, *, items: Sequence[Item] | None = None, max_tokens: int = MAX_TOKENS,
    progress: bool = True,
) -> None:  # fmt: skip
    """Fill the store with the placement experiment; what is there already is kept."""
    items = items or read_items()
    more = partial(erased, pair, items)
    PLACEMENT.fill(
        pair, store, items, make_block, max_tokens=max_tokens, more=more, progress=progress
    )
