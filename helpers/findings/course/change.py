"""When a curve has come half of its way, and which of two gets there first, as resampled prompts tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from helpers.findings.course import read
from helpers.methods.statistics import Comparison, shared_resamples
from helpers.pages.prose import clear
from helpers.store.store import Store

WATCHED = ("following", "reliance", "share", "length")
PARTS = (0.25, 0.5)  # of the way: one measure comes before another where it does at both


def reached(
    curves: Float[np.ndarray, "curve point"], part: float = 0.5
) -> Int[np.ndarray, " curve"]:
    """The first point that has come this part of the way from a curve's first value to its last."""
    way = curves - curves[:, :1]
    whole = way[:, -1:]
    there = (way * np.sign(whole) >= part * np.abs(whole)) & (whole != 0)
    there[:, -1] = True
    return there.argmax(axis=1)


def _drawn(wide: pd.DataFrame, part: float = 0.5) -> Int[np.ndarray, " draw"]:
    """The same in resamples of the rows."""
    return reached(shared_resamples(len(wide)) @ wide.to_numpy() / len(wide), part)


@dataclass(frozen=True)
class Change:
    """Half of the way lies between two neighbouring steps; `early` to `late` holds 95 % of resamples."""

    label: str
    before: int
    after: int
    early: int
    late: int
    whole: Comparison  # the end of the run against the base

    @property
    def found(self) -> bool:
        """Whether there is a change to speak of: the end is told apart from the base."""
        return clear(self.whole)


def changes(store: Store, keys: tuple[str, ...] = WATCHED) -> dict[str, Change]:
    """The change of each measure along the main run, over all prompts that have it."""
    at, found = read.along(store), {}
    steps = [point.step for point in at]
    for key in keys:
        wide = read.values(store, key, at)
        half = int(reached(wide.mean().to_numpy()[None])[0])
        low, high = np.percentile(_drawn(wide), [2.5, 97.5], method="nearest").astype(int)
        ends = steps[half - 1], steps[half], steps[low - 1], steps[high]
        found[key] = Change(read.EVERY[key].label, *ends, read.effect(store, key, at[-1]))
    return found


@dataclass(frozen=True)
class Order:
    """How often, in resamples of the prompts, one change comes before, with and after another.

    Each share is the smaller of two: at a quarter and at half of the way.
    """

    first: str
    second: str
    n: int
    before: float
    together: float
    after: float
    possible: bool

    @property
    def said(self) -> str:
        """ "before", "after", "with" where 95 % of resamples agree; else that it cannot be told."""
        if not self.possible:
            return "not testable"
        words = "before", "in the same interval as", "after"
        shares = zip(words, (self.before, self.together, self.after), strict=True)
        return next((word for word, share in shares if share >= 0.95), "not told apart from")


def order(store: Store, key: str, other: str = "following") -> Order:
    """Lead and lag of one change against another, over prompts that have both, in the same resamples."""
    at = read.along(store)
    wide = [read.values(store, one, at) for one in (key, other)]
    ids = wide[0].index.intersection(wide[1].index)
    gaps = np.stack([np.subtract(*(_drawn(one.loc[ids], part) for one in wide)) for part in PARTS])
    shares = [float(own.mean(axis=1).min()) for own in (gaps < 0, gaps == 0, gaps > 0)]
    ends = [read.effect(store, one, at[-1], ids=ids) for one in (key, other)]
    labels = read.EVERY[key].label, read.EVERY[other].label
    return Order(*labels, len(ids), *shares, all(map(clear, ends)))


def table(store: Store, keys: tuple[str, ...] = WATCHED) -> pd.DataFrame:
    """For reading: between which steps each measure comes half of its way, and its order to following."""
    rows = []
    for key, one in changes(store, keys).items():
        row = {
            "measure": one.label,
            "n": one.whole.n,
            "base to end": f"{one.whole.difference:+.2f}",
            "half of the way": f"{one.before} to {one.after}"
            if one.found
            else "no change told apart",
            "95 % of resamples": f"{one.early} to {one.late}" if one.found else "",
        }
        if key != "following":
            lag = order(store, key)
            told = f"{lag.before:.0%} / {lag.together:.0%} / {lag.after:.0%} (n = {lag.n})"
            row["before / with / after following"] = told
        rows.append(row)
    return pd.DataFrame(rows).fillna("").set_index("measure")
