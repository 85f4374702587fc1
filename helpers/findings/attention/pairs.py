"""Word pairs of every head in both models: computed layer by layer, kept small, read back.

Source: method.md, section 3. A part of the store, `attention/pairs/LL`, holds the pairs that some
head of a layer knows in either model, with the dimensions that hold them in each: enough to say what
was gained, lost and kept, and where. `attention/example` is one pair in two dimensions of its head: what
the chapter draws to say what a pair is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from helpers.methods.heads import each_head, head_activations
from helpers.methods.weights import weights
from helpers.methods.word_pairs import LEAST, WordPairs, WordSpace, word_pairs, word_space
from helpers.models.pair import Pair
from helpers.models.roles import ROLES
from helpers.store.origin import inputs_hash
from helpers.store.store import Part, Store
from helpers.words.verbs import Lexicon
from helpers.words.vocabulary import word_embeddings

CHANGES = ("gained", "lost", "kept")
VERB = "translate"  # of the running example (helpers.pages.example)
EXAMPLE = "attention/example"
SIDES = ("query", "key")


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
    groups = {"instruction": lexicon.is_instruction, "general": ~lexicon.is_instruction}
    for group, member in groups.items():
        inside = table[["first", "second"]].isin(lexicon.places[member]).any(axis=1)
        counted |= {f"{group}_{name}": inside & (table["change"] == name) for name in CHANGES[:2]}
    sizes, names = (n_layers(store), n_heads(store)), ["layer", "head"]
    every = pd.MultiIndex.from_product(map(range, sizes), names=names)
    sums = table[names].assign(**counted).groupby(names).sum()
    return sums.reindex(every, fill_value=0).reset_index()


# --- one pair, to be drawn


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
    store.fill([Part(EXAMPLE, partial(_dimensions, pair, lexicon, row, top_k), made_from)])


def read_example(store: Store, lexicon: Lexicon) -> Example:
    """The pair that was stored to be drawn. MissingResult where the store has none."""
    part, spelled = store.read(EXAMPLE), lexicon.vocabulary.words
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
