"""The authors' released components for the explorer of components."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Int
from numpy import ndarray
from scipy.optimize import linear_sum_assignment

from helpers.findings.ffn.explorer import Explorable
from helpers.findings.release import concepts
from helpers.findings.release.fill_concepts import WORDS, shared_words
from helpers.models.roles import ROLES
from helpers.store.store import Store
from helpers.words.annotation import LINGUISTIC_LEVELS, TASKS
from helpers.words.verbs import read_lexicon

NAME, REFUSED = "LLaMA-7B and Vicuna-7B", "–"
SAID = {
    "by": "ChatGPT", "matched": "words in common", "unit": "of 5 readings", "most": 5, "high": "5",
    "coherence": "readings in which ChatGPT could tell a concept",
    "beyond": ["a concept in less than half of the readings", "a concept in most readings",
               "a concept in every reading"],
}  # fmt: skip


def explorable(store: Store) -> list[Explorable]:
    """One entry of the pair selector; none where the store lacks the released components.

    A word outside the book's vocabulary is shown as # and a number, a component that was refused or
    that one model lacks as a list of "–".
    """
    if not concepts.is_there(store):
        return []
    lists = store.read("ffn/released/components")
    labels = concepts.components(concepts.read_votes(store))
    layers = np.unique(lists["layer"])
    shape = (len(ROLES), len(layers), int(lists["rank"].max()))

    def placed(table: pd.DataFrame, values: ndarray, fill: int = 0) -> ndarray:
        rows = table["role"].map(ROLES.index), np.searchsorted(layers, table["layer"])
        whole = np.full((*shape, *values.shape[1:]), fill, values.dtype)
        whole[(*rows, table["rank"] - 1)] = values
        return whole

    names, words = _spelled(np.stack([np.resize(own[:WORDS], WORDS) for own in lists["words"]]))
    words = placed(lists, words, len(names) - 1)[..., None, :]
    tasks = labels[[*TASKS]].ge(0.5).to_numpy() << np.arange(len(TASKS))
    levels = labels[[*LINGUISTIC_LEVELS]].fillna(0).to_numpy()
    level = np.where(levels.max(axis=1) >= 0.5, 1 + levels.argmax(axis=1), 0)
    told = placed(labels, 5 * labels["told"].to_numpy(float))[..., None]
    return [
        Explorable(
            vocabulary=names, words=words, scores=None, angle=None,
            variance=placed(lists, lists["variance"].to_numpy(float)),
            partner=np.stack([partners(*words[:, layer, :, 0]) for layer in range(len(layers))]),
            concepts=("",), concept=np.zeros_like(told, int), coherence=told,
            level=placed(labels, level)[..., None], tasks=placed(labels, tasks.sum(axis=1))[..., None],
            beyond=(told >= 2.5).astype(int) + (told == 5), said=SAID, name=NAME,
        )
    ]  # fmt: skip


def _spelled(codes: Int[ndarray, "list word"]) -> tuple[tuple[str, ...], Int[ndarray, "list word"]]:
    """Names of all words, the sign of a refused list last, and the lists as numbers among them."""
    known, outside = read_lexicon().vocabulary.words, np.unique(codes[codes < 0])
    names = (*known, *(f"#{number}" for number in range(1, len(outside) + 1)), REFUSED)
    return names, np.where(codes < 0, len(known) + np.searchsorted(outside, codes), codes)


def partners(
    base: Int[ndarray, "component word"], tuned: Int[ndarray, "component word"]
) -> Int[ndarray, " component"]:
    """Partners one to one that have most words in common (the Hungarian method)."""
    return linear_sum_assignment(-shared_words(pd.Series([*base]), pd.Series([*tuned])))[1]
