"""When a curve changes level: the best of two levels, with what resampled prompts say of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from helpers.findings.course import read
from helpers.methods.statistics import Comparison, resamples
from helpers.pages.forest import clear
from helpers.store.store import Store

WATCHED = ("following", "reliance", "share", "length")


def best_split(curves: Float[np.ndarray, "curve point"]) -> Int[np.ndarray, " curve"]:
    """Points before the change: where two constant levels leave the least squared error."""
    halves = [np.split(curves, [k], axis=1) for k in range(1, curves.shape[1])]
    errors = [sum(half.var(axis=1) * half.shape[1] for half in both) for both in halves]
    return np.argmin(errors, axis=0) + 1


@dataclass(frozen=True)
class Change:
    """A change of level between two neighbouring steps; `early` to `late` holds 95 % of resamples."""

    label: str
    before: int
    after: int
    early: int
    late: int
    drawn: Int[np.ndarray, " draw"]
    whole: Comparison  # the end of the run against the base

    @property
    def found(self) -> bool:
        """Whether there is a change to speak of: the end is told apart from the base."""
        return clear(self.whole)


def changes(store: Store, keys: tuple[str, ...] = WATCHED) -> dict[str, Change]:
    """The change of each measure along the main run, over prompts that have all of them, and over the
    same resamples of these, so that the order of changes can be told."""
    at = read.along(store)
    wide = {key: read.values(store, key, at) for key in keys}
    shared = sorted(set.intersection(*(set(one.index) for one in wide.values())))
    weights = resamples(len(shared), np.random.default_rng(0))
    found, steps = {}, [point.step for point in at]
    for key, own in wide.items():
        own = own.loc[shared].to_numpy()
        split = int(best_split(own.mean(axis=0)[None])[0])
        drawn = best_split(weights @ own / len(shared))
        low, high = np.percentile(drawn, [2.5, 97.5], method="nearest").astype(int)
        ends = steps[split - 1], steps[split], steps[low - 1], steps[high]
        whole = read.effect(store, key, at[-1], ids=shared)
        found[key] = Change(read.EVERY[key].label, *ends, drawn, whole)
    return found


@dataclass(frozen=True)
class Order:
    """How often, in resamples of the prompts, one change comes before, with and after another."""

    first: str
    second: str
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


def order(found: dict[str, Change], key: str, other: str = "following") -> Order:
    """Lead and lag of one change against another."""
    gap = found[key].drawn - found[other].drawn
    shares = [float(share) for share in ((gap < 0).mean(), (gap == 0).mean(), (gap > 0).mean())]
    labels = found[key].label, found[other].label
    return Order(*labels, *shares, found[key].found and found[other].found)


def table(found: dict[str, Change]) -> pd.DataFrame:
    """For reading: between which steps each measure changes, and its order against following."""
    rows = []
    for key, one in found.items():
        steps, drawn = f"{one.before} and {one.after}", f"{one.early} to {one.late}"
        row = {
            "measure": one.label,
            "n": one.whole.n,
            "base to end": f"{one.whole.difference:+.2f}",
            "changes between steps": steps if one.found else "no change told apart",
            "95 % of resamples": drawn if one.found else "",
        }
        if key != "following":
            lag = order(found, key)
            told = f"{lag.before:.0%} / {lag.together:.0%} / {lag.after:.0%}"
            row["before / with / after following"] = told
        rows.append(row)
    return pd.DataFrame(rows).fillna("").set_index("measure")
