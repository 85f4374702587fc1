"""Word pairs of every head in both models: computed layer by layer, kept small, read back.

Source: method.md, section 3. A part of the store, `attention/pairs/LL`, holds the pairs that some
head of a layer knows in either model, with the dimensions that hold them in each: enough to say what
was gained, lost and kept, and where.
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from helpers.methods.heads import each_head
from helpers.methods.weights import weights
from helpers.methods.word_pairs import LEAST, WordPairs, WordSpace, word_pairs, word_space
from helpers.models.pair import Pair
from helpers.models.roles import ROLES
from helpers.store.origin import inputs_hash
from helpers.store.store import Part, Store
from helpers.words.verbs import Lexicon
from helpers.words.vocabulary import word_embeddings

CHANGES = ("gained", "lost", "kept")


def held_pairs(pairs: WordPairs) -> tuple[Int[ndarray, " held"], Float[ndarray, " held"]]:
    """(pair, dimension) as one rising number, whichever word is the query, and similarities."""
    first, second = np.minimum(pairs.query, pairs.key), np.maximum(pairs.query, pairs.key)
    dimension = np.repeat(pairs.dimensions, np.diff(pairs.start))
    code = first.astype(np.int64) * pairs.n_words + second
    held, at = np.unique(code * len(pairs.dimensions) + dimension, return_index=True)
    return held, pairs.similarity[at]


def head_pairs(base: WordPairs, tuned: WordPairs) -> dict[str, ndarray]:
    """What either model knows in one head (LEAST dimensions or more), and which dimensions hold it.

    `first` < `second` and `similarity` are by pair; pair i is held by the next `n_held[i]` entries of
    `dimension`, with bit 0 of `held_in` for the base model, bit 1 for the tuned one. What one model
    knows may be held by a single dimension of the other, or by none.
    """
    sides = [held_pairs(pairs) for pairs in (base, tuned)]
    held, at = np.unique(np.concatenate([own for own, _ in sides]), return_index=True)
    inside = [np.isin(held, own) for own, _ in sides]
    codes, pair = np.unique(held // len(base.dimensions), return_inverse=True)
    counts = [np.bincount(pair, weights=own, minlength=len(codes)) for own in inside]
    known = np.maximum(*counts) >= LEAST
    keep = known[pair]
    n_held = np.bincount(pair[keep], minlength=len(codes))[known]
    first, second = np.divmod(codes[known], base.n_words)
    similarity = np.concatenate([own for _, own in sides])[at][keep]
    return {
        "first": first, "second": second, "similarity": similarity[n_held.cumsum() - n_held],
        "n_held": n_held, "dimension": held[keep] % len(base.dimensions),
        "held_in": (inside[0] + 2 * inside[1])[keep],
    }  # fmt: skip


def pack(base: list[WordPairs], tuned: list[WordPairs]) -> dict[str, ndarray]:
    """A layer as small numbers; similarities as 255ths, norms and pair counts by dimension."""
    both, heads = (base, tuned), [head_pairs(*own) for own in zip(base, tuned, strict=True)]
    whole = {name: np.concatenate([head[name] for head in heads]) for name in heads[0]}
    return {
        "start": np.cumsum([0, *(len(head["first"]) for head in heads)]).astype(np.int32),
        "similarity": np.round(255 * whole.pop("similarity")).astype(np.uint8),
        "held_in": whole.pop("held_in").astype(np.uint8),
        **{name: values.astype(np.uint16) for name, values in whole.items()},
        "norms": np.array([[_by_dimension(p, p.norms) for p in own] for own in both], np.float32),
        "n_pairs": np.array(
            [[_by_dimension(p, np.diff(p.start)) for p in own] for own in both], np.uint16
        ),
        "n_words": np.array([base[0].n_words], dtype=np.int32),
    }


def _by_dimension(pairs: WordPairs, values: ndarray) -> ndarray:
    """Values in the order of the head's own dimensions."""
    return values[np.argsort(pairs.dimensions)]


def make_pairs(pair: Pair, store: Store, lexicon: Lexicon, top_k: int, progress: bool) -> None:
    """One part a layer. Where models take turns in memory, the base is read whole first."""
    made_from = {"words": lexicon.hash, "inputs": inputs_hash([top_k, LEAST])}
    layers, words = range(weights(pair.model("base")).n_layers), lexicon.vocabulary.words

    @cache  # only if some layer is left to make
    def shared(role: str) -> tuple[Tensor, WordSpace]:
        rows = word_embeddings(weights(pair.model(role)), pair.tokenizer, words)
        return rows, word_space(lexicon.vectors).to(rows.device)

    def found(role: str, layer: int) -> list[WordPairs]:
        rows, space = shared(role)
        heads = each_head(pair.model(role), rows, layers=[layer])
        return [word_pairs(own.query, own.key, space, top_k=top_k) for _, _, own in heads]

    @cache
    def whole_base() -> list[list[WordPairs]]:
        return [found("base", layer) for layer in layers]

    def make(layer: int) -> dict:
        base = whole_base()[layer] if pair.alone else found("base", layer)
        return pack(base, found("tuned", layer))

    about = {"top_k": top_k, "least": LEAST}
    parts = [Part(f"attention/pairs/{x:02d}", partial(make, x), made_from, about) for x in layers]
    store.fill(parts, desc="word pairs", progress=progress)


# --- read back


def n_layers(store: Store) -> int:
    return sum(name.startswith("attention/pairs/") for name in store.manifest())


def n_heads(store: Store) -> int:
    """Heads of a layer."""
    return len(store.read("attention/pairs/00")["start"]) - 1


def read_pairs(store: Store, layer: int | None = None) -> pd.DataFrame:
    """A row a pair that a head knows in either model, of one layer or of all.

    `base` and `tuned`: how many dimensions hold it there; `change`: gained, lost or kept.
    """
    layers = range(max(n_layers(store), 1)) if layer is None else [layer]
    return pd.concat([_layer(store, one) for one in layers], ignore_index=True)


def _layer(store: Store, layer: int) -> pd.DataFrame:
    part = store.read(f"attention/pairs/{layer:02d}")
    ends, sizes = np.concatenate([[0], part["n_held"].astype(int).cumsum()]), np.diff(part["start"])
    columns = {"layer": layer, "head": np.repeat(np.arange(len(sizes)), sizes)}
    columns |= {name: part[name].astype(int) for name in ("first", "second")}
    columns["similarity"] = part["similarity"] / 255
    for bit, role in enumerate(ROLES):
        held = (part["held_in"].astype(int) >> bit) & 1
        columns[role] = np.diff(np.concatenate([[0], held.cumsum()])[ends])
    base, tuned = (columns[role] >= LEAST for role in ROLES)
    return pd.DataFrame(columns).assign(
        change=np.select([tuned & ~base, base & ~tuned], CHANGES[:2], CHANGES[2])
    )


def gains(store: Store, lexicon: Lexicon) -> pd.DataFrame:
    """One row a head: pairs gained, and with an instruction or a general verb gained and lost."""
    table = read_pairs(store)
    counted = {"gained": table["change"] == "gained"}
    for group, member in (
        ("instruction", lexicon.is_instruction),
        ("general", ~lexicon.is_instruction),
    ):
        inside = table[["first", "second"]].isin(lexicon.places[member]).any(axis=1)
        counted |= {f"{group}_{name}": inside & (table["change"] == name) for name in CHANGES[:2]}
    sizes, names = (n_layers(store), n_heads(store)), ["layer", "head"]
    every = pd.MultiIndex.from_product(map(range, sizes), names=names)
    sums = table[names].assign(**counted).groupby(names).sum()
    return sums.reindex(every, fill_value=0).reset_index()
