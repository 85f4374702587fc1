"""Chapter 4's cells that need the models: one component again, and what lies near any direction."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from helpers.findings.ffn.compute import (
    TOP_K,
    embedded_words,
    n_components,
    random_directions,
    read_concepts,
)
from helpers.findings.ffn.tables import PERCENTILE, n_layers
from helpers.methods.components import components, concept_words, layer_value_vectors, word_outputs
from helpers.methods.weights import weights
from helpers.pages import live
from helpers.store.store import Store
from helpers.words.classes import listed_of


def live_check(name: str, store: Store, *, layer: int, component: int) -> pd.DataFrame | str:
    """One component of the base computed from the weights now, beside what the store holds.

    A pair with fewer layers is looked at in its last one.
    """
    pair = live.models(name, store)
    if isinstance(pair, str):
        return pair
    layer = min(layer, n_layers(store) - 1)
    of_model = weights(pair.model("base"))
    now = components(layer_value_vectors(of_model, layer), n_components(of_model))
    of_store = listed_of(store)
    units = word_outputs(embedded_words(pair, "base", of_store))
    listed = concept_words(now.directions[component], units, top_k=TOP_K)
    stored, words = read_concepts(store, layer, "base"), np.array(of_store.words)
    kept = stored.words[component]
    same = [np.isin(ours, theirs).mean() for ours, theirs in zip(listed.words, kept, strict=True)]
    shown = {
        "pole": ["positive", "negative"],
        "first words now": [" ".join(words[ours[:5]]) for ours in listed.words],
        "first words stored": [" ".join(words[theirs[:5]]) for theirs in kept],
        "words in common": same,
        "largest difference of scores": np.abs(listed.scores - stored.scores[component]).max(1),
    }
    return pd.DataFrame(shown)


def cosine_of_nearest(name: str, store: Store, *, n: int = 500) -> pd.DataFrame | str:
    """Mean pairwise cosine of random words, and of the words nearest to n random directions.

    Measured between output embeddings as they are, less their mean, and between the annotator's
    word vectors.
    """
    pair = live.models(name, store)
    if isinstance(pair, str):
        return pair
    listed = listed_of(store)
    units = word_outputs(embedded_words(pair, "base", listed))
    nearest = concept_words(random_directions(units.shape[1], n), units, top_k=TOP_K).words[:, 0]
    rng = np.random.default_rng(0)
    drawn = np.stack([rng.choice(len(units), TOP_K, replace=False) for _ in range(n)])
    spaces = {
        "output embeddings": units,
        "output embeddings less their mean": word_outputs(units - units.mean(axis=0)),
        "the annotator's word vectors": listed.vectors,
    }
    rows = {}
    for label, space in spaces.items():
        chance, found = mean_cosine(space[drawn]), mean_cosine(space[nearest])
        rows[label] = {
            "random words": chance.mean(),
            "nearest to a random direction": found.mean(),
            "share above 95 % of random lists": (found > np.quantile(chance, PERCENTILE)).mean(),
        }
    return pd.DataFrame(rows).T.astype(float).round(3)


def mean_cosine(rows: Float[ndarray, "list word hidden"]) -> Float[ndarray, " list"]:
    """Mean cosine of all pairs of unit rows, list by list."""
    size = rows.shape[1]
    total = np.square(rows.sum(axis=1)).sum(axis=-1) - np.square(rows).sum(axis=(1, 2))
    return total / (size * (size - 1))
