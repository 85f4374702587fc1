"""Recompute parts of a store, drawn at random, and compare: `python -m helpers recheck --parts 20`.

A store grows over weeks, and the package with it: every part names the state of the code that made it.
This asks whether the present code makes the same parts. Nothing is written.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.commands.filling import QUICK, at_least, inputs
from helpers.findings.registry import BY_NAME
from helpers.models.pair import fingerprint
from helpers.pages import live
from helpers.paths import DEFAULT_PAIR
from helpers.prompts.reading import load_prompts
from helpers.store.store import Part, Store, Value, open_store


@dataclass
class Rechecked(Store):
    """A store that makes the chosen parts anew instead of filling what is missing."""

    chosen: set[str] = field(default_factory=set)
    compared: list[dict] = field(default_factory=list)

    def fill(self, parts: Iterable[Part], *, desc: str = "", progress: bool = False) -> None:
        for part in parts:
            if part.name in self.chosen:
                found = compare(part.name, self.read(part.name), part.make())
                told = f"{found['differing']} of {found['values']} differ"
                print(f"{part.name}: {told}", flush=True)
                self.compared.append(found)


def columns_of(value: Value) -> dict[str, pd.Series]:
    """Columns of a table, or arrays, each as one flat series; lists in cells are joined."""
    flat = {k: one if isinstance(one, pd.Series) else np.ravel(one) for k, one in value.items()}
    return {k: pd.Series(one).explode(ignore_index=True).infer_objects() for k, one in flat.items()}


def compare(name: str, stored: Value, now: Value) -> dict:
    """A part as it is stored and as it is made now; a missing column differs whole.

    `values` are compared, numbers and texts; `largest` is the largest difference of numbers, relative
    to the largest of their column or array; `differing` are texts, and numbers apart by more than a
    thousandth of that largest.
    """
    old, new = columns_of(stored), columns_of(now)
    values = sum(map(len, old.values()))
    largest, differing = 0.0, 0
    for key in old.keys() | new.keys():
        before, after = old.get(key, pd.Series()), new.get(key, pd.Series())
        if len(before) != len(after):
            differing += max(len(before), len(after))
        elif not pd.api.types.is_numeric_dtype(before):
            differing += int((before.astype(str) != after.astype(str)).sum())
        else:
            before, after = before.astype(float), after.astype(float)
            scale = before.abs().max() or 1.0
            largest = np.nanmax([largest, (before - after).abs().max() / scale])
            near = np.isclose(before, after, rtol=0, atol=1e-3 * scale, equal_nan=True)
            differing += int((~near).sum())
    return {"part": name, "values": values, "largest": float(largest), "differing": differing}


def recheck(name: str, folder: Path | None = None, *, parts: int = 20, seed: int = 0) -> list:
    """Compare `parts` parts of a store, drawn with the seed, with what the present code makes."""
    stored = open_store(name, folder)
    held = [part for part in stored.manifest() if part.split("/")[0] in BY_NAME]
    chosen = set(random.Random(seed).sample(sorted(held), min(parts, len(held))))
    choice = live.choice(name, stored)
    store = Rechecked(stored.folder, fingerprint(choice), chosen=chosen)
    held = stored.recorded()["conditions"]
    prompts = load_prompts(held["prompts"]) if "prompts" in held else None
    pair = live.load(name, stored)
    for finding in BY_NAME:
        if any(part.startswith(f"{finding}/") for part in chosen):
            made = BY_NAME[finding].compute()
            own = inputs(finding, prompts, held.get("limit"))
            own |= QUICK[finding] if "quick" in held else {}
            made(pair, store, **own, progress=False)
    return store.compared


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m helpers recheck", description=__doc__)
    parser.add_argument("--pair", default=DEFAULT_PAIR)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--parts", type=at_least(1), default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    found = recheck(given.pair, given.folder, parts=given.parts, seed=given.seed)
    if not found:
        raise SystemExit(f"pair={given.pair!r}: its store holds no part that a finding makes.")
    table = pd.DataFrame(found).set_index("part")
    print(table.to_string(float_format="{:.1e}".format))
    total = table[["values", "differing"]].sum()
    print(f"{len(table)} parts, {total['values']:,} values: {total['differing']:,} differ.")
