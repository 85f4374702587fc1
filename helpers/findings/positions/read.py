"""The placement experiment as it lies in the store."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from helpers.findings.parts import Experiment, read_all
from helpers.models.pair import Pair
from helpers.models.roles import ROLES
from helpers.prompts.placement import PLACES, Item
from helpers.prompts.rules import follows
from helpers.store.store import Store

RESPONSES = ("own", "expected")
PLACEMENT = Experiment(
    "positions",
    key="place",
    asked=PLACES,
    explained=PLACES,
    size=4,
    at=Item.at,
    labels=lambda item, place: dict(kind=item.kind, expected=item.expected),
    judge=lambda item, text: {"followed": follows(item.rule, text)},
)


def expected_ids(pair: Pair, item: Item) -> list[int]:
    return pair.tokenizer(item.expected, add_special_tokens=False)["input_ids"]


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


def placed(store: Store) -> list[Placed]:
    """Every item at every place, for both models and both responses; a run must be finished."""
    items = store.read("positions/items").set_index(["id", "place"])
    ids = list(items.index.get_level_values("id").unique())
    answers, found = {role: PLACEMENT.answers(store, role) for role in ROLES}, []
    for (number, block), role in product(enumerate(PLACEMENT.blocks(ids)), ROLES):
        cells = product(block, PLACES, RESPONSES)
        read = PLACEMENT.read_block(store, role, number)
        for (id, place, response), one in zip(cells, read, strict=True):
            item = items.loc[(id, place)]
            labels = dict(id=id, kind=item["kind"], place=place, model=role, response=response)
            text = dict(tokens=tuple(item["tokens"]), roles=tuple(item["roles"]))
            followed = bool(answers[role].loc[(id, place), "followed"])
            found.append(Placed(**labels, **text, followed=followed, **one))
    return found


def losses(store: Store) -> pd.DataFrame:
    """One row an item, place and model: log-probabilities of the expected answer, in nats a token.

    `whole` is its level, `without instruction` and `without context` what is left of it; `instruction`
    and `context` are the losses, `difference` is the first less the second, `tokens` their number.
    `response` is "expected", so that the tables of `placed` take it.
    """
    asked = dict(finding="positions", what="erasure of the placement experiment")
    read = read_all(store, "positions/erased-", **asked).items()
    tables = [table.assign(model=name.split("/")[0]) for name, table in read]
    found = pd.concat(tables, ignore_index=True).assign(response="expected")
    for name in ("whole", "without instruction", "without context"):
        found[name] /= found["tokens"]
    for name in ("instruction", "context"):
        found[name] = found["whole"] - found[f"without {name}"]
    return found.assign(difference=found["instruction"] - found["context"])
