"""The placement experiment as it lies in the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from helpers.models.pair import Pair
from helpers.models.roles import ROLES
from helpers.prompts.placement import PLACES, Item
from helpers.store.store import MissingResult, Store

RESPONSES = ("own", "expected")
BLOCK = 4  # items


def part_name(model: str, block: int) -> str:
    return f"positions/{model}/{block:02d}"


def blocks(items: Sequence[Item]) -> list[Sequence[Item]]:
    return [items[start : start + BLOCK] for start in range(0, len(items), BLOCK)]


def expected_ids(pair: Pair, item: Item) -> list[int]:
    return pair.tokenizer(item.expected, add_special_tokens=False)["input_ids"]


def read_block(store: Store, role: str, number: int) -> list[tuple[np.ndarray, float]]:
    """(S, share) in the order item, place, response (see PLACES and RESPONSES)."""
    arrays = store.read(part_name(role, number))
    sizes = arrays["shape"].prod(axis=1)
    pieces = np.split(arrays["normalised"], np.cumsum(sizes)[:-1])
    return [
        (piece.reshape(shape), float(share))
        for piece, shape, share in zip(pieces, arrays["shape"], arrays["share"], strict=True)
    ]


@dataclass(frozen=True)
class Placed:
    """One item at one place, one model, one response: S without a threshold, and its labels."""

    id: str
    kind: str
    place: str
    model: str
    response: str
    tokens: tuple[str, ...]
    roles: tuple[str, ...]
    normalised: UInt8[np.ndarray, "prompt response"]
    share: float
    followed: bool

    @property
    def mask(self) -> np.ndarray:
        return np.array([role == "instruction" for role in self.roles])


def _ids(store: Store) -> list[str]:
    return list(store.read("positions/items")["id"].unique())


def complete(store: Store) -> list[tuple[int, list[str]]]:
    """Number and item ids of the blocks that both models have finished."""
    held = store.manifest()
    found = [
        (number, block)
        for number, block in enumerate(blocks(_ids(store)))
        if all(part_name(role, number) in held for role in ROLES)
    ]
    if not found:
        raise MissingResult(
            f"The store {store.folder} holds no finished item of the placement experiment. Compute "
            f"it with `{store.command('positions')}`."
        )
    return found


def missing(store: Store) -> int:
    """How many items are not finished by both models."""
    return len(_ids(store)) - sum(len(block) for _, block in complete(store))


def placed(store: Store) -> list[Placed]:
    """Every finished item at every place, for both models and both responses."""
    done, items = complete(store), store.read("positions/items").set_index(["id", "place"])
    answers = {r: store.read(f"positions/responses-{r}").set_index(["id", "place"]) for r in ROLES}
    found = []
    for (number, block), role in product(done, ROLES):
        cells = product(block, PLACES, RESPONSES)
        for (id, place, response), read in zip(cells, read_block(store, role, number), strict=True):
            item = items.loc[(id, place)]
            labels = dict(id=id, kind=item["kind"], place=place, model=role, response=response)
            text = dict(tokens=tuple(item["tokens"]), roles=tuple(item["roles"]))
            followed = bool(answers[role].loc[(id, place), "followed"])
            found.append(
                Placed(**labels, **text, followed=followed, normalised=read[0], share=read[1])
            )
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
