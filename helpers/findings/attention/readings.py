"""How the number of pairs of each verb changed, for several ways to read heads and for chance.

A verb's lift needs no more than the number of heads in which its count rose and fell. That is kept
by layer and verb: for pairs found in two dimensions or more (`rose`, `fell`, `change`), the paper's
knowledge, and for pairs found in one or more (`..._any`), of which there are about thirty times as
many. Chance is a random update of all query and key projections, as large as the real one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from typing import Literal

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from helpers.methods.heads import Form, each_head
from helpers.methods.rotation import NULLS, Factors, Null, random_factors
from helpers.methods.verbs import Strongest, VerbSpace, linked_verbs, verb_counts, verb_space
from helpers.methods.weights import Weights, weights
from helpers.methods.word_pairs import LEAST, TOP_K, strongest, word_space
from helpers.models.pair import Pair
from helpers.models.roles import ROLES
from helpers.store.origin import inputs_hash
from helpers.store.store import Part, Store
from helpers.words.verbs import Lexicon
from helpers.words.vocabulary import word_embeddings

COUNTED_FROM = (LEAST, 1)  # dimensions that a pair must be found in, to be counted
BLOCK = 5  # random updates in a part of the store
SIDES = ("query", "key")


@dataclass(frozen=True)
class Reading:
    """One way to read heads. `vectors` "own": the base model's output embeddings as word vectors."""

    label: str
    top_k: int = TOP_K
    vectors: Literal["sentence", "own"] = "sentence"
    lemmas: bool = False
    unit: bool = False
    form: Form = "dimensions"


READINGS = {
    "main": Reading("as in the paper, 100 words a side"),
    "k20": Reading("20 words a side", top_k=20),
    "k50": Reading("50 words a side", top_k=50),
    "k200": Reading("200 words a side", top_k=200),
    "own-vectors": Reading("word vectors: the base model's own embeddings", vectors="own"),
    "lemmas": Reading("words in their base form only", lemmas=True),
    "unit": Reading("word embeddings at unit length", unit=True),
    "bilinear": Reading("singular pairs instead of dimensions", form="bilinear"),
}


@dataclass(frozen=True)
class Prepared:
    """What a reading needs of the words, made once: their spellings, and the verbs among them."""

    words: Sequence[str]
    space: VerbSpace


def prepare(pair: Pair, lexicon: Lexicon, reading: Reading) -> Prepared:
    vocabulary = lexicon.vocabulary
    kept = np.arange(len(vocabulary))
    if reading.lemmas:  # verbs stay, whatever their most frequent part of speech makes their lemma
        kept = np.union1d(kept[vocabulary.is_lemma], lexicon.places)
    words, of_model = [vocabulary.words[i] for i in kept], weights(pair.model("base"))
    vectors = lexicon.vectors[kept]
    if reading.vectors == "own":
        vectors = word_embeddings(of_model, pair.tokenizer, words, output=True)
    space = word_space(vectors).to(of_model.input_embedding.device)
    return Prepared(words, verb_space(space, np.searchsorted(kept, lexicon.places)))


def count_verbs(
    pair: Pair, role: str, prepared: Prepared, reading: Reading
) -> Int[ndarray, "least head verb"]:
    """In how many pairs of each head each verb occurs: pairs of 2 dimensions or more, of 1 or more."""
    of_model = weights(pair.model(role))
    rows = word_embeddings(of_model, pair.tokenizer, prepared.words)
    if reading.unit:
        rows = rows / rows.norm(dim=1, keepdim=True)
    options = {"least": COUNTED_FROM, "top_k": reading.top_k}
    heads = each_head(of_model, rows, form=reading.form)
    counts = [verb_counts(own.query, own.key, prepared.space, **options) for _, _, own in heads]
    return np.stack(counts, axis=1)


def verb_changes(
    base: Int[ndarray, "least head verb"], tuned: Int[ndarray, "least head verb"], n_layers: int
) -> pd.DataFrame:
    """One row a layer and verb: heads where its count rose and fell, and the sum of changes."""
    change = (tuned - base).reshape(len(COUNTED_FROM), n_layers, -1, base.shape[-1])
    columns = {}
    for suffix, one in zip(("", "_any"), change, strict=True):
        columns[f"rose{suffix}"] = (one > 0).sum(axis=1).ravel().astype(np.uint8)
        columns[f"fell{suffix}"] = (one < 0).sum(axis=1).ravel().astype(np.uint8)
        columns[f"change{suffix}"] = one.sum(axis=1).ravel().astype(np.int16)
    layer, verb = np.divmod(np.arange(n_layers * base.shape[-1]), base.shape[-1])
    return pd.DataFrame(
        {"layer": layer.astype(np.uint8), "verb": verb.astype(np.uint16), **columns}
    )


def make_reading(pair: Pair, lexicon: Lexicon, reading: Reading) -> pd.DataFrame:
    prepared = prepare(pair, lexicon, reading)
    counts = [count_verbs(pair, role, prepared, reading) for role in ROLES]
    return verb_changes(*counts, weights(pair.model("tuned")).n_layers)


def make_readings(
    pair: Pair, store: Store, lexicon: Lexicon, readings: dict[str, Reading] | None, progress: bool
) -> None:
    parts = []
    for name, reading in (READINGS if readings is None else readings).items():
        settings = {k: v for k, v in asdict(reading).items() if k != "label"}
        made_from = {"words": lexicon.hash, "inputs": inputs_hash(settings)}
        make = partial(make_reading, pair, lexicon, reading)
        parts.append(Part(f"attention/readings/{name}", make, made_from, settings))
    store.fill(parts, desc="readings", progress=progress)


# --- random updates of the same size

Updates = dict[tuple[int, str], list[Factors]]  # by layer and side, one a draw


def all_projections(
    pair: Pair, role: str
) -> dict[tuple[int, str], Float[Tensor, "hidden columns"]]:
    """Copies of all query and key projections of one model, on the CPU: it may go meanwhile."""
    of_model = weights(pair.model(role))
    return {
        (layer, side): of_model.projection(layer, side).to("cpu", torch.float32, copy=True)
        for layer in range(of_model.n_layers)
        for side in SIDES
    }


def real_updates(pair: Pair) -> dict[tuple[int, str], tuple[Tensor, Float[ndarray, " value"]]]:
    """What tuning added to all query and key projections, with singular values; one model at a time."""
    base, tuned = (all_projections(pair, role) for role in ROLES)
    added = {key: tuned[key] - base[key] for key in base}
    return {key: (one, torch.linalg.svdvals(one).numpy()) for key, one in added.items()}


def drawn_updates(real: dict, *, draws: int, seed: int, null: Null) -> Updates:
    """Random updates of all query and key projections, each of its real update's norm and rank."""
    return {
        (layer, side): list(
            random_factors(
                update, draws=draws, seed=10_000 * seed + 2 * layer + SIDES.index(side), null=null,
                values=values,
            )
        )
        for (layer, side), (update, values) in real.items()
    }  # fmt: skip


def _strongest_after(
    of_model: Weights, layer: int, side: str, rows: Float[Tensor, "word hidden"],
    updates: Sequence[Factors], top_k: int,
) -> Iterator[list[Strongest]]:  # fmt: skip
    """The strongest words of each head of one layer (group of keys), update by update.

    The words' activations in the model itself are made once; an update of low rank, known by its
    factors, adds to them at hardly any cost.
    """
    width = of_model.head_dim
    stored = of_model.projection(layer, side).split(width, dim=1)
    own = [of_model.fold_after(layer, head, side, of_model.fold_before(layer, one)).float().T @ rows.T
           for head, one in enumerate(stored)]  # fmt: skip
    for factors in updates:
        left, right = (torch.from_numpy(one).to(rows) for one in factors)
        inner = of_model.fold_before(layer, left).T @ rows.T
        outer = (of_model.fold_after(layer, head, side, one)
                 for head, one in enumerate(right.split(width, dim=1)))  # fmt: skip
        yield [strongest(torch.addmm(before, one.T, inner), top_k)
               for before, one in zip(own, outer, strict=True)]  # fmt: skip


def count_after(
    pair: Pair, role: str, prepared: Prepared, updates: Updates, top_k: int = TOP_K
) -> Int[ndarray, "draw least head verb"]:
    """`count_verbs` of a model with each random update added to it; the model itself stays as it is."""
    of_model = weights(pair.model(role))
    rows, layers = word_embeddings(of_model, pair.tokenizer, prepared.words), []
    shared_by = of_model.n_heads // of_model.n_key_value_heads
    for layer in range(of_model.n_layers):
        sides = (_strongest_after(of_model, layer, side, rows, updates[layer, side], top_k)
                 for side in SIDES)  # fmt: skip
        layers.append([
            [linked_verbs(query, keys[head // shared_by], prepared.space, least=COUNTED_FROM)
             for head, query in enumerate(queries)]
            for queries, keys in zip(*sides, strict=True)
        ])  # fmt: skip
    found = np.array(layers)  # layer, draw, head, least, verb
    return found.transpose(1, 3, 0, 2, 4).reshape(
        found.shape[1], len(COUNTED_FROM), -1, found.shape[-1]
    )


def make_null(
    pair: Pair, store: Store, lexicon: Lexicon, *, draws: int, top_k: int, progress: bool
) -> None:
    """Changes of verbs under random updates, `draws` of each kind, in blocks of BLOCK (rounded up)."""
    reading = Reading("random updates", top_k=top_k)
    made_from = {"words": lexicon.hash, "inputs": inputs_hash([top_k, BLOCK])}

    @cache  # only if some block is left to make
    def shared() -> tuple[dict, Prepared, ndarray]:
        real, prepared = real_updates(pair), prepare(pair, lexicon, reading)
        return real, prepared, count_verbs(pair, "base", prepared, reading)

    def make_block(null: str, block: int) -> pd.DataFrame:
        real, prepared, base = shared()
        drawn = drawn_updates(real, draws=BLOCK, seed=block, null=null)
        counts = count_after(pair, "base", prepared, drawn, top_k)
        n_layers = weights(pair.model("base")).n_layers
        tables = [
            verb_changes(base, one, n_layers).assign(draw=np.uint8(BLOCK * block + number))
            for number, one in enumerate(counts)
        ]
        return pd.concat(tables, ignore_index=True)

    blocks = [(null, block) for null in NULLS for block in range(-(-draws // BLOCK))]
    parts = [
        Part(f"attention/null/{n}-{b:02d}", partial(make_block, n, b), made_from, {"seed": b})
        for n, b in blocks
    ]
    store.fill(parts, desc="random updates", progress=progress)
