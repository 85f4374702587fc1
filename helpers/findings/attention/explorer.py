"""Chapter 3's explorer: every head of both models, with the word pairs that it knows, and chance.

A pair of words is known by several heads, so pairs are listed once and heads refer to them. What was
gained, lost and kept is worked out in the browser, from how many dimensions hold a pair in each
model. Random updates are counted by verb, not by pair: they stand beside the verbs' own counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from helpers.findings.attention.lift import TUNING, mean_lift, updates
from helpers.findings.attention.pairs import n_heads, n_layers, read_pairs
from helpers.methods.rotation import EQUAL
from helpers.pages.explorer import BookWidget, module, squeeze, squeeze_text, style
from helpers.store.store import MissingResult, Store
from helpers.words.verbs import Lexicon, lexicon_of

CLASSES = ("other", "instruction", "general")
NULL = f"random, equal {EQUAL['spectrum']}"  # the stricter of the two kinds of random update


@dataclass(frozen=True)
class Chance:
    """Heads in which numbers of pairs rose and fell: tuning first, then the draws of random updates.

    `by_layer` sums over the verbs of a group (instruction, general), `by_verb` over the layers;
    `difference` is lift of instruction less general verbs.
    """

    by_layer: Int[np.ndarray, "draw group layer 2"]
    by_verb: Int[np.ndarray, "draw verb 2"]
    verbs: tuple[str, ...]
    difference: Float[np.ndarray, " draw"]


@dataclass(frozen=True)
class Explorable:
    """All that the explorer shows of a pair; heads are numbered through all layers.

    Pair i of the table links words `first[i]` and `second[i]`. Head h knows the table's pairs
    `known[start[h]:start[h + 1]]` (rising) in either model; `n_held` says how many dimensions hold
    them in each. `word_class` indexes CLASSES. `note` says what was left out.
    """

    name: str
    words: tuple[str, ...]
    word_class: Int[np.ndarray, " word"]
    first: Int[np.ndarray, " pair"]
    second: Int[np.ndarray, " pair"]
    similarity: Float[np.ndarray, " pair"]
    n_layers: int
    start: Int[np.ndarray, " head+1"]
    known: Int[np.ndarray, " entry"]
    n_held: Int[np.ndarray, "model entry"]
    chance: Chance | None = None
    note: str = ""


def explorable(
    name: str, pairs: pd.DataFrame, shape: tuple[int, int], lexicon: Lexicon, **more
) -> Explorable:
    """From rows of pairs (layer, head, first, second, similarity, base, tuned); `shape`: layers, heads."""
    size, per_layer = len(lexicon.vocabulary), shape[1]
    code = pairs["first"].to_numpy() * size + pairs["second"].to_numpy()
    head = (pairs["layer"] * per_layer + pairs["head"]).to_numpy()
    order = np.lexsort((code, head))
    table, at, known = np.unique(code[order], return_index=True, return_inverse=True)
    used, ends = np.unique(np.stack(np.divmod(table, size)), return_inverse=True)
    first, second = ends.reshape(2, -1)
    word_class = np.zeros(size, dtype=int)
    word_class[lexicon.places] = np.select([lexicon.is_instruction, lexicon.is_general], [1, 2])
    counts = np.bincount(head, minlength=shape[0] * per_layer)
    return Explorable(
        name=name, words=tuple(lexicon.vocabulary.words[i] for i in used),
        word_class=word_class[used], first=first, second=second,
        similarity=pairs["similarity"].to_numpy()[order][at],
        n_layers=shape[0], start=np.concatenate([[0], counts.cumsum()]), known=known.ravel(),
        n_held=pairs[["base", "tuned"]].to_numpy()[order].T, **more,
    )  # fmt: skip


def chance(store: Store, lexicon: Lexicon) -> Chance | None:
    """The verbs' counts beside those under random updates; None where the store has none."""
    try:
        both = updates(store, lexicon)
    except MissingResult:
        return None
    found = np.concatenate([both[TUNING], both.get(NULL, list(both.values())[-1])])
    groups, whole = (lexicon.is_instruction, lexicon.is_general), found.sum(axis=1)
    return Chance(
        by_layer=np.stack([found[:, :, group].sum(axis=2) for group in groups], axis=1),
        by_verb=whole,
        verbs=tuple(lexicon.verbs["word"]),
        difference=np.subtract(*(mean_lift(whole, group) for group in groups)),
    )


def from_store(store: Store, lexicon: Lexicon | None = None, *, word: str = "") -> Explorable:
    """Everything from the store of a pair, or only the pairs with a word; unused words are left out."""
    lexicon, pairs = lexicon or lexicon_of(store), read_pairs(store)
    if word:
        place = lexicon.vocabulary.place[word]
        pairs = pairs[(pairs["first"] == place) | (pairs["second"] == place)]
    shape = n_layers(store), n_heads(store)
    found = explorable(store.folder.name, pairs, shape, lexicon, chance=chance(store, lexicon))
    if word and found.chance:  # one verb's counts are enough
        at = [verb == word for verb in found.chance.verbs]
        own = replace(found.chance, by_verb=found.chance.by_verb[:, at], verbs=(word,) * sum(at))
        return replace(found, chance=own)
    return found


def pack_heads(shown: Explorable) -> dict:
    """One JSON object with deflated arrays."""
    if len(shown.words) > 2**16:
        raise ValueError(f"words holds {len(shown.words)} words: indices of 16 bits reach 65,536.")
    steps = np.concatenate(
        [np.diff(own, prepend=-1) for own in np.split(shown.known, shown.start[1:-1])]
    )  # rising numbers of each head as differences, the first from -1
    if steps.max(initial=0) >= 2**16:
        raise ValueError(f"first holds {len(shown.first)} pairs: too sparse for 16-bit steps.")
    packed = {
        "name": shown.name, "layers": shown.n_layers, "note": shown.note, "chance": None,
        "words": squeeze_text(shown.words),
        "wordClass": squeeze(shown.word_class, "u1"),
        "pairSteps": squeeze(np.diff(shown.first * len(shown.words) + shown.second, prepend=0), "<u4"),
        "similarity": squeeze(np.round(255 * shown.similarity), "u1"),
        "counts": squeeze(np.diff(shown.start), "<u4"),
        "known": squeeze(steps, "<u2"),
        "held": [squeeze(np.minimum(own, 255), "u1") for own in shown.n_held],
    }  # fmt: skip
    if shown.chance:
        by_layer, by_verb = shown.chance.by_layer, shown.chance.by_verb
        packed["chance"] = {
            "byLayer": squeeze(by_layer, "<u2"), "byVerb": squeeze(by_verb, "<u2"),
            "verbs": squeeze_text(shown.chance.verbs),
            "difference": [None if np.isnan(x) else round(float(x), 4) for x in shown.chance.difference],
        }  # fmt: skip
    return packed


class HeadExplorer(BookWidget):
    """Map all heads of one pair or several, open one, see its pairs, and what chance changes.

    `compact`: what tuning changed beside one random update after the other, with one button; `word`:
    the word that it opens with.
    """

    _esm, _css = module(__file__), style(__file__)

    def __init__(
        self, shown: Sequence[Explorable], *, compact: bool = False, word: str = "", **options
    ) -> None:
        pairs = [pack_heads(one) for one in shown]
        super().__init__(data={"pairs": pairs, "compact": compact, "word": word}, **options)
