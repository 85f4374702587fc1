"""Attention: word pairs of every head in both models, and what silencing heads does.

Per layer the store holds `attention/pairs/LL`: the pairs that some head of either model knows, with
the dimensions that hold them in each (helpers.findings.attention.pairs), and `attention/example`: the
lists behind one of them (.example). `attention/readings/NAME` and `attention/null/KIND-BLOCK` hold, per
layer and verb, in how many heads the verb's number of pairs rose and fell, for every way to read the
heads and for random updates (.readings); `attention/silenced/NAME` holds the causal check (.silenced).
Each part is written as soon as it is there, and tied to the words, or prompts, that it was made with.
"""

from __future__ import annotations

from helpers.findings.attention.example import make_example
from helpers.findings.attention.pairs import make_pairs
from helpers.findings.attention.readings import READINGS, Reading, make_null, make_readings
from helpers.findings.attention.silenced import make_silenced
from helpers.methods.word_pairs import TOP_K
from helpers.models.pair import Pair
from helpers.store.store import Store
from helpers.words.verbs import Lexicon, read_lexicon

DRAWS = 100  # random updates of each kind


def compute(
    pair: Pair,
    store: Store,
    *,
    lexicon: Lexicon | None = None,
    readings: dict[str, Reading] | None = None,
    top_k: int = TOP_K,
    draws: int = DRAWS,
    nulls: bool = True,
    progress: bool = True,
    **causal: object,
) -> None:
    """Fill the store with everything chapter 3 shows; what is there already is kept.

    Without `nulls` neither random updates nor silenced heads are computed, and one reading alone.
    `causal` are options of `make_silenced`: prompts, texts, n_heads,
    control_draws, max_tokens.
    """
    lexicon = lexicon or read_lexicon()
    make_pairs(pair, store, lexicon, top_k, progress)
    make_example(pair, store, lexicon, top_k)
    if not nulls:
        main = {"main": (readings or READINGS)["main"]}
        return make_readings(pair, store, lexicon, main, progress)
    make_readings(pair, store, lexicon, readings, progress)
    make_null(pair, store, lexicon, draws=draws, top_k=top_k, progress=progress)
    make_silenced(pair, store, lexicon, progress=progress, **causal)
