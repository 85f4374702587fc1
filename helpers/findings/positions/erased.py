"""The placement experiment by erasure: what the expected answer loses when the instruction is zeroed whole.

Exact where the share of importance is a first-order estimate: two forward passes instead of a slope. As
many tokens of the context, in one stretch, are erased for comparison. Parts are
`positions/erased-MODEL/BLOCK`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool

from helpers.findings.parts import encoded
from helpers.findings.positions.read import PLACEMENT, expected_ids
from helpers.methods.erasure import scaled_probabilities
from helpers.models.pair import Pair
from helpers.prompts.placement import PLACES, Item
from helpers.store.origin import inputs_hash
from helpers.store.store import Part

STRETCHES = 2  # of the context, as long as the instruction


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


def make_block(pair: Pair, role: str, block: Sequence[Item], first: int) -> pd.DataFrame:
    """Log-probability of the expected answer (nats, its `tokens` together): whole and erased."""
    rows = []
    for (number, item), place in product(enumerate(block, first), PLACES):
        [code] = encoded([item.at(place)], pair)
        instruction, ids = code.mask("instruction"), expected_ids(pair, item)
        others = stretches(code.mask("context"), int(instruction.sum()), seed=number)
        erased = np.stack([np.zeros_like(instruction), instruction, *others])
        found = scaled_probabilities(pair.model(role), code.ids, ids, torch.from_numpy(~erased))
        logs = found.double().clamp(min=1e-45).log().sum(dim=1).numpy()
        row = {"id": item.id, "place": place, "tokens": len(ids), "whole": logs[0]}
        row |= {"without instruction": logs[1], "without context": logs[2:].mean()}
        rows.append(row)
    return pd.DataFrame(rows)


def parts(pair: Pair, items: Sequence[Item], role: str) -> list[Part]:
    """The parts of one model."""
    found, first = [], 0
    for number, block in enumerate(PLACEMENT.blocks(items)):
        source = {"inputs": inputs_hash([[*vars(item).values()] for item in block] + [first])}
        make = partial(make_block, pair, role, block, first)
        name = f"positions/erased-{role}/{number:02d}"
        found.append(Part(name, make, source, {"stretches": STRETCHES}))
        first += len(block)
    return found
