"""Verbs with their spellings: instruction verbs, and general verbs of the same frequency."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from helpers.store.origin import inputs_hash
from helpers.words.vocabulary import (
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


def read_lexicon() -> Lexicon:
    return Lexicon(read_vocabulary(), read_vectors(), read_verbs())
