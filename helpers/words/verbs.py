"""Verbs with their spellings: instruction verbs, and general verbs of the same frequency."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from helpers.methods.errors import Mendable
from helpers.paths import words_folder
from helpers.store.origin import inputs_hash
from helpers.store.store import Store
from helpers.words import ranked
from helpers.words.ranked import Ranked
from helpers.words.vocabulary import (
    GENERAL,
    INSTRUCTION,
    Vocabulary,
    read_vectors,
    read_verbs,
    read_vocabulary,
)

# British endings and what stands for them in American spelling.
SPELLINGS = {
    r"yse$": "yze", r"(?<=\w{2})ise$": "ize", r"(?<=\w{2})ence$": "ense", r"(?<=\w{3})our": "or",
    r"ogue$": "og", r"(?<=\w)tre$": "ter", r"(?<=\w{3})ll$": "l",
}  # fmt: skip


def one_spelling(word: str) -> str:
    """The same form for *analyse* and *analyze*, *favour* and *favor*; for comparing only."""
    for british, american in SPELLINGS.items():
        word = re.sub(british, american, word)
    return word


@dataclass(frozen=True)
class Lexicon:
    """Words, their vectors and the verbs; the book's own unless others are given."""

    vocabulary: Vocabulary
    vectors: Float[ndarray, "word vector"]
    verbs: pd.DataFrame

    @cached_property
    def places(self) -> Int[ndarray, " verb"]:
        return self.vocabulary.index(self.verbs["word"])

    @cached_property
    def is_instruction(self) -> Bool[ndarray, " verb"]:
        return (self.verbs["group"] == INSTRUCTION).to_numpy()

    @cached_property
    def is_variant(self) -> Bool[ndarray, " verb"]:
        """General verbs that are another spelling of an instruction verb: *analyse*."""
        spelled = self.verbs["word"].map(one_spelling)
        return spelled.isin(spelled[self.is_instruction]).to_numpy() & ~self.is_instruction

    @cached_property
    def is_general(self) -> Bool[ndarray, " verb"]:
        """What instruction verbs are compared with: general verbs without spelling variants."""
        return ~self.is_instruction & ~self.is_variant

    @property
    def compared(self) -> Lexicon:
        """Without spelling variants, for reading pairs.

        Stored counts by verb (`attention/readings`, `attention/null`) number the verbs of the whole
        lexicon: take that, and `is_general`, for them.
        """
        return replace(self, verbs=self.verbs[~self.is_variant].reset_index(drop=True))

    @cached_property
    def hash(self) -> str:
        """SHA-256 of what results depend on: words, vectors, verbs and their groups."""
        words = inputs_hash([self.vocabulary.words, self.vocabulary.lemma])
        verbs = inputs_hash(self.verbs[["word", "group"]].to_numpy().tolist())
        return hashlib.sha256((words + verbs).encode() + self.vectors.tobytes()).hexdigest()


FEWEST = 3  # verbs of each group: with fewer nothing can be compared


def read_paper_verbs() -> pd.DataFrame:
    """The verbs that the authors compared, by their rule: word, group (scripts/build_paper_verbs.py)."""
    return pd.read_csv(words_folder() / "paper_verbs.csv", keep_default_na=False)


@lru_cache(maxsize=2)
def read_lexicon(words: Ranked | None = None) -> Lexicon:
    """The book's words and verbs, or the given words with what is known of them.

    Of given words, parts of speech, lemmas and vectors are the book's; of a word that it lacks the lemma
    is the word itself, and the vector 0, with which a word is in no pair. Their verbs are the authors'
    instruction verbs and the book's general verbs, as far as they are among the words and have a vector.
    """
    book, vectors = read_vocabulary(), read_vectors()
    if words is None:
        return Lexicon(book, vectors, read_verbs())
    known = words.among(book.words)  # the vectors' model does not tell case
    exact = [book.place.get(word) for word in words.words]
    pos = tuple("" if i is None else book.pos[i] for i in exact)
    lemma = [w if i is None else book.lemma[i] for w, i in zip(words.words, exact, strict=True)]
    vocabulary = Vocabulary(words.words, words.zipf, pos, tuple(lemma))
    verbs = _verbs_among(vocabulary, known >= 0)
    return Lexicon(vocabulary, np.where(known[:, None] >= 0, vectors[known], 0), verbs)


def _verbs_among(vocabulary: Vocabulary, known: Bool[ndarray, " word"]) -> pd.DataFrame:
    """Verbs as `read_verbs` has them: instruction verbs in bands of frequency, each general verb matched
    to the instruction verb whose frequency is nearest to its own."""
    book, theirs = read_verbs(), read_paper_verbs()
    first = theirs.loc[theirs["group"] == INSTRUCTION, "word"]
    second = book.loc[(book["group"] == GENERAL) & ~book["word"].isin(first), "word"]
    there, groups = {w for w, own in zip(vocabulary.words, known, strict=True) if own}, []
    for group, own in ((INSTRUCTION, first), (GENERAL, second)):
        kept = sorted((w for w in own if w in there), key=lambda w: vocabulary.place[w])
        if len(kept) < FEWEST:
            raise Mendable(
                f"The vocabulary has {len(kept)} {group} verbs: give one with {FEWEST} or more."
            )
        zipf = vocabulary.zipf[vocabulary.index(kept)]
        groups.append(pd.DataFrame({"word": kept, "group": group, "zipf": zipf}))
    leading, bands = groups[0], book["stratum"].nunique()
    zipf = [own["zipf"].to_numpy() for own in groups]
    nearest = np.abs(np.concatenate(zipf)[:, None] - zipf[0]).argmin(axis=1)
    found = pd.concat(groups, ignore_index=True).assign(stratum=nearest * bands // len(leading))
    return found.assign(matched=leading["word"].to_numpy()[nearest])


def lexicon_of(store: Store) -> Lexicon:
    """The words that a store is computed on. RefusedFile, Mendable where its file cannot be used."""
    return read_lexicon(ranked.ranked_of(store))


def said_words(store: Store) -> str:
    """Which words a store is computed on, and of how many nothing is known, in a sentence."""
    vectors = lexicon_of(store).vectors
    without = int((~vectors.any(axis=1)).sum())
    return (
        f"{ranked.told(store)}: {len(vectors):,}, of which {without:,} have no vector here and are in "
        "no pair"
    )
