"""Chapter 4's quiz: ten lists of words, from components or from random directions?

The lists are those of the blind reading (`trust`), so that a reader's score stands beside that of the
blind reader on the very same lists; who found sense in a list is taken to say *component*.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.findings.ffn import trust
from helpers.findings.ffn.explorer import POLES
from helpers.pages.explorer import BookWidget, module, squeeze_json, style

ROUND = 10


def rounds(lists: pd.DataFrame, *, seed: int = 0) -> list[list[int]]:
    """Row numbers of `lists` in rounds of ten: five components and five random directions, mixed."""
    rng = np.random.default_rng(seed)
    random = (lists["role"] == trust.RANDOM).to_numpy()
    sides = [rng.permutation(np.flatnonzero(side)) for side in (random, ~random)]
    n = min(map(len, sides)) // (ROUND // 2)
    parts = [side[: n * ROUND // 2].reshape(n, -1) for side in sides]
    return [rng.permutation(both).tolist() for both in np.concatenate(parts, axis=1)]


def pack_quiz(lists: pd.DataFrame, *, seed: int = 0) -> dict[str, object]:
    """What the quiz needs of `lists` (role, layer, component, pole, words, interpretable)."""
    rows = [
        [one.words, "" if one.role == trust.RANDOM else
         f"{POLES[one.pole]} of component {one.component}, layer {one.layer}, {one.role} model",
         int(one.interpretable)]
        for one in lists.itertuples()
    ]  # fmt: skip
    return {"lists": squeeze_json(rows), "rounds": rounds(lists, seed=seed)}


class ConceptQuiz(BookWidget):
    """Ten lists at a time, a score at the end; `lists` as `trust.read_blind` gives them."""

    _esm, _css = module(__file__), style(__file__)

    def __init__(self, lists: pd.DataFrame, *, seed: int = 0, **options) -> None:
        super().__init__(data=pack_quiz(lists, seed=seed), **options)
