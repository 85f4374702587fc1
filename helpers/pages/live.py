"""What live cells begin with: the models behind a store, or a sentence that says why they are not here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import torch

from helpers.methods.errors import Mendable
from helpers.models import pair as pairs
from helpers.models import registry, sources
from helpers.models.devices import GIB, place
from helpers.store.store import Store

Held = TypeVar("Held")


def choice(name: str, store: Store) -> registry.Choice:
    """The pair of the registry, or the reader's own as the store recorded it."""
    own = store.origin()
    return registry.own(**own, name=name) if own else registry.find(name)


def load(name: str, store: Store) -> pairs.Pair:
    """The pair of a store on the CPU, as exactly as memory allows.

    Raises Mendable, with the remedy, where its weights cannot be had or do not fit.
    """
    chosen = choice(name, store)
    size = chosen.parameters or sources.find(chosen.base).parameters()
    where = place(size, device="cpu")
    if where.layout == "spread":
        raise Mendable(
            f"pair={name!r}: one model alone has {size / 1e9:.1f} billion parameters, and "
            f"{where.free / GIB:.0f} GiB of memory are free: run this cell on a larger machine."
        )
    return pairs.load(chosen, dtype=getattr(torch, where.dtype), layout=where.layout)


def models(name: str, store: Store) -> pairs.Pair | str:
    """The loaded pair; a sentence where it cannot be had."""
    try:
        return load(name, store)
    except Mendable as error:
        return f"This cell needs the models. {error}"


def one_of(wanted: str, held: Iterable[str], known: dict[str, Held]) -> Held | None:
    """The item asked for, or another that the store holds too (a pair may have few items)."""
    both = [key for key in held if key in known]
    chosen = wanted if wanted in both else next(iter(both), None)
    return None if chosen is None else known[chosen]
