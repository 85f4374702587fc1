"""One head recomputed beside its stored pairs."""

from __future__ import annotations

import pandas as pd

from helpers.findings.attention.pairs import n_heads, n_layers, read_pairs
from helpers.models.roles import ROLES
from helpers.pages import live
from helpers.store.store import Store
from helpers.words.verbs import lexicon_of


def live_check(name: str, store: Store, *, layer: int, head: int) -> pd.DataFrame | str:
    """Knowledge of one head computed from the weights now, beside what the store holds.

    A pair with fewer layers or heads is looked at in its last one.
    """
    from helpers.methods.heads import head_activations
    from helpers.methods.weights import weights
    from helpers.methods.word_pairs import LEAST, Knowledge, head_knowledge, word_pairs, word_space
    from helpers.words.vocabulary import word_embeddings

    pair = live.models(name, store)
    if isinstance(pair, str):
        return pair
    layer, head = min(layer, n_layers(store) - 1), min(head, n_heads(store) - 1)
    held, lexicon = read_pairs(store, layer).query("head == @head"), lexicon_of(store)
    space, rows = word_space(lexicon.vectors), {}

    def knowledge(role: str) -> Knowledge:  # no model is kept while the other is asked for
        of_model = weights(pair.model(role))
        embeddings = word_embeddings(of_model, pair.tokenizer, lexicon.vocabulary.words)
        own = head_activations(of_model, layer, head, embeddings)
        return head_knowledge(word_pairs(own.query, own.key, space))

    for role in ROLES:
        now, kept = knowledge(role), held[held[role] >= LEAST]
        both = kept.merge(pd.DataFrame({"first": now.first, "second": now.second}))
        rows[role] = {"pairs now": len(now), "pairs stored": len(kept), "in common": len(both)}
    return pd.DataFrame(rows).T
