"""One pair of words in two dimensions of its head: what the chapter draws to say what a pair is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy import ndarray

from helpers.findings.attention.pairs import read_pairs
from helpers.methods.heads import head_activations
from helpers.methods.weights import weights
from helpers.methods.word_pairs import LEAST, word_pairs, word_space
from helpers.models.pair import Pair
from helpers.store.origin import inputs_hash
from helpers.store.store import Part, Store
from helpers.words.verbs import Lexicon
from helpers.words.vocabulary import word_embeddings

VERB = "translate"  # of the running example (helpers.pages.example)
PART = "attention/example"
SIDES = ("query", "key")


@dataclass(frozen=True)
class Dimension:
    """Words of one sign, strongest first, with their rank, of queries and of keys; linked words."""

    number: int
    words: tuple[list[tuple[str, int]], ...]
    links: set[tuple[str, str]]


@dataclass(frozen=True)
class Example:
    layer: int
    head: int
    role: str
    pair: tuple[str, str]
    dimensions: list[Dimension]


def chosen(store: Store, lexicon: Lexicon) -> pd.Series:
    """The pair to draw: the most similar with VERB, else with an instruction verb, else any; the
    tuned model's before the base's."""
    table, place = read_pairs(store), lexicon.vocabulary.place.get(VERB, -1)
    verbs, ends = lexicon.places[lexicon.is_instruction], table[["first", "second"]]
    order = {"verb": ends.eq(place).any(axis=1), "other": ends.isin(verbs).any(axis=1)}
    order["known"] = table["tuned"] >= LEAST
    return table.assign(**order).sort_values([*order, "similarity"], kind="stable").iloc[-1]


def _dimensions(pair: Pair, lexicon: Lexicon, row: pd.Series, top_k: int) -> dict[str, ndarray]:
    """The first two dimensions that hold the pair: strongest words of its sign, pairs among them."""
    of_model = weights(pair.model("tuned" if row["known"] else "base"))
    rows = word_embeddings(of_model, pair.tokenizer, lexicon.vocabulary.words)
    own = head_activations(of_model, row["layer"], row["head"], rows)
    space = word_space(lexicon.vectors).to(rows.device)
    found = word_pairs(own.query, own.key, space, top_k=top_k)
    number = np.repeat(found.dimensions, np.diff(found.start))
    sought = sorted((row["first"], row["second"]))
    holds = (np.sort([found.query, found.key], axis=0).T == sought).all(axis=1)
    lists, signs, links = [], [], []
    for dimension in list(dict.fromkeys(number[holds]))[:LEAST]:
        at = np.flatnonzero(holds & (number == dimension))[0]
        inside = number == dimension
        both = zip(found.query[inside], found.key[inside], strict=True)
        links += [(dimension, *words) for words in both]
        sign = float(own.query[found.query[at], dimension].sign())
        for side in SIDES:
            column = getattr(own, side)[:, dimension].numpy(force=True)
            lists.append(np.argsort(-np.abs(column), kind="stable")[:top_k])
            signs.append(np.sign(column[lists[-1]]) == sign)
    return {
        "head": np.array([row["layer"], row["head"], row["known"]]), "pair": np.array(sought),
        "words": np.array(lists), "same_sign": np.array(signs), "links": np.array(links),
    }  # fmt: skip


def make_example(pair: Pair, store: Store, lexicon: Lexicon, top_k: int) -> None:
    row = chosen(store, lexicon)
    place = [int(row[name]) for name in ("layer", "head", "first", "second", "known")]
    made_from = {"words": lexicon.hash, "inputs": inputs_hash([*place, top_k])}
    store.fill([Part(PART, partial(_dimensions, pair, lexicon, row, top_k), made_from)])


def read_example(store: Store, lexicon: Lexicon) -> Example:
    """The pair that was stored to be drawn. MissingResult where the store has none."""
    part, spelled = store.read(PART), lexicon.vocabulary.words
    layer, head, known = part["head"].tolist()
    sides = [
        [(spelled[word], rank) for rank, (word, same) in enumerate(zip(*own, strict=True), 1) if same]
        for own in zip(part["words"], part["same_sign"], strict=True)
    ]  # fmt: skip
    numbers = list(dict.fromkeys(part["links"][:, 0].tolist()))
    dimensions = []
    for i, number in enumerate(numbers):
        own = part["links"][part["links"][:, 0] == number, 1:]
        links = {(spelled[q], spelled[k]) for q, k in own}
        dimensions.append(Dimension(number, tuple(sides[2 * i : 2 * i + 2]), links))
    pair = tuple(spelled[i] for i in part["pair"])
    return Example(layer, head, "tuned" if known else "base", pair, dimensions)
