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

from helpers.attribution import scaled_probabilities
from helpers.findings.positions import _expected_ids, blocks
from helpers.findings.recognition import inputs_hash
from helpers.pairs import ROLES, Pair
from helpers.positions import PLACES, Item
from helpers.prompts import encode
from helpers.results import MissingResult, Part, Store

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
    """Log-probability of the expected answer (nats, all its tokens): whole and with tokens erased."""
    rows = []
    for (number, item), place in product(enumerate(block, first), PLACES):
        code = encode(item.at(place), pair.tokenizer, pair.template)
        instruction = code.mask("instruction")
        others = stretches(code.mask("context"), int(instruction.sum()), seed=number)
        erased = np.stack([np.zeros_like(instruction), instruction, *others])
        found = scaled_probabilities(
            pair.model(role), code.ids, _expected_ids(pair, item), torch.from_numpy(~erased)
        )
        logs = found.double().clamp(min=1e-45).log().sum(dim=1).numpy()
        row = {"id": item.id, "place": place, "whole": logs[0], "without instruction": logs[1]}
        rows.append(row | {"without context": logs[2:].mean()})
    return pd.DataFrame(rows)


def parts(pair: Pair, items: Sequence[Item]) -> list[Part]:
    found, first = [], 0
    for number, block in enumerate(blocks(items)):
        source = {"inputs": inputs_hash([[*vars(item).values()] for item in block] + [first])}
        for role in ROLES:
            make = partial(make_block, pair, role, block, first)
            name = f"positions/erased-{role}/{number:02d}"
            found.append(Part(name, make, source, {"stretches": STRETCHES}))
        first += len(block)
    return found


def losses(store: Store) -> pd.DataFrame:
    """One row an item, place and model: nats that the expected answer loses.

    Columns `instruction` and `context` (what is erased) and `difference`; `response` is "expected", so
    that the tables of `positions_view` take it.
    """
    held, tables = store.manifest(), []
    for role in ROLES:
        names = [name for name in held if name.startswith(f"positions/erased-{role}/")]
        tables += [store.read(name).assign(model=role) for name in sorted(names)]
    if not tables:
        raise MissingResult(
            f"The store {store.folder} holds no erasure of the placement experiment. Compute it with "
            f"`{store.command('positions')}`."
        )
    found = pd.concat(tables, ignore_index=True).assign(response="expected")
    found["instruction"] = found["whole"] - found["without instruction"]
    found["context"] = found["whole"] - found["without context"]
    found["difference"] = found["instruction"] - found["context"]
    return found
