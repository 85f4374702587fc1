"""Words: the vocabulary, its vectors and verbs, and words as a model embeds them.

The shipped lists (`data/words`, made by scripts/build_words.py) need no corpus and no network; a
list of your own comes from `build_vocabulary`. As in the paper, a word is spelled with a leading
space and embedded as the mean over its sub-tokens (method.md, section 3).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor
from transformers import PreTrainedTokenizerBase as Tokenizer

from helpers.methods.errors import Mendable
from helpers.methods.weights import Weights
from helpers.paths import words_folder

INSTRUCTION, GENERAL = "instruction", "general"
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


class BadWords(Mendable, ValueError):
    """A word list cannot be used; the message says which words and why."""


@dataclass(frozen=True)
class Vocabulary:
    """Words, most frequent first, with Zipf frequency (log10 of uses in 10^9 words)."""

    words: tuple[str, ...]
    zipf: Float[ndarray, " word"]
    pos: tuple[str, ...]
    lemma: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def place(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words)}

    def index(self, words: Iterable[str]) -> Int[ndarray, " word"]:
        """Places of `words`; BadWords names those that are not in the vocabulary."""
        words = list(words)
        unknown = [word for word in words if word not in self.place]
        if unknown:
            raise BadWords(
                f"words: {len(unknown)} of {len(words)} are not in the vocabulary "
                f"({unknown[:5]}...): leave them out, or build a vocabulary with them."
            )
        return np.array([self.place[word] for word in words], dtype=int)

    @property
    def is_lemma(self) -> ndarray:
        """True for words in their base form (the paper's vocabulary holds only those)."""
        return np.array([w == own for w, own in zip(self.words, self.lemma, strict=True)])


def _file(name: str) -> Path:
    path = words_folder() / name
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing: restore it from the repository, or make it again with "
            "scripts/build_words.py."
        )
    return path


@lru_cache(maxsize=1)
def read_vocabulary() -> Vocabulary:
    """The book's vocabulary, most frequent word first."""
    table = pd.read_parquet(_file("vocabulary.parquet"))
    columns = (tuple(table[name]) for name in ("pos", "lemma"))
    return Vocabulary(tuple(table["word"]), table["zipf"].to_numpy(float), *columns)


def read_vectors() -> Float[ndarray, "word 384"]:
    """Word vectors of `read_vocabulary()`, float32, unit length but for rounding to half."""
    return np.load(_file("vectors.npy")).astype(np.float32)


def read_verbs() -> pd.DataFrame:
    """Instruction and general verbs, one a row: word, group, zipf, stratum, matched.

    `stratum` numbers bands of frequency that both groups share (for relabelling within them);
    `matched` is the instruction verb that a general verb was chosen for by its frequency.
    """
    parts = [
        pd.read_csv(_file(f"{group}_verbs.csv"), keep_default_na=False).assign(group=group)
        for group in (INSTRUCTION, GENERAL)
    ]
    table = pd.concat(parts, ignore_index=True)
    table["matched"] = table["matched"].fillna(table["word"])
    return table[["word", "group", "zipf", "stratum", "matched"]]


def build_vocabulary(texts: Iterable[str], *, size: int = 10_000, fewest: int = 2) -> Vocabulary:
    """The most frequent lemmas of texts: tokenise, lemmatise, count (as the paper did).

    Lemma and part of speech are those of the shipped list; words that it lacks stay as they are,
    without a part of speech. Lemmas used less than `fewest` times are dropped.
    """
    from nltk.tokenize import NLTKWordTokenizer

    known, tokenise, uses = read_vocabulary(), NLTKWordTokenizer().tokenize, Counter()
    # The tokeniser parts a full stop from a word at the end of what it is given only.
    for sentence in (part for text in texts for part in _SENTENCE_END.split(text.lower())):
        for word in filter(str.isalpha, tokenise(sentence)):
            i = known.place.get(word)
            uses[(word, "") if i is None else (known.lemma[i], known.pos[i])] += 1
    counts = Counter()
    for (lemma, _), n in uses.items():
        counts[lemma] += n
    kept = sorted((-n, lemma) for lemma, n in counts.items() if n >= fewest)[:size]
    if not kept:
        raise BadWords(
            f"texts hold {counts.total()} words and no lemma {fewest} times or more: give more "
            "text, or lower `fewest`."
        )
    words = tuple(lemma for _, lemma in kept)
    pos = {lemma: pos for (lemma, pos), _ in reversed(uses.most_common())}
    zipf = np.log10(np.array([-n for n, _ in kept]) / counts.total() * 1e9)
    return Vocabulary(words, zipf, tuple(pos[word] for word in words), words)


# --- words as a model sees them


def _without_space(tokenizer: Tokenizer, ids: list[int]) -> list[int]:
    """A token that is nothing but the space in front is no part of the word."""
    start = 0
    while start < len(ids) and not tokenizer.convert_ids_to_tokens(ids[start]).strip(
        " \u2581\u0120"
    ):
        start += 1
    return ids[start:]


def spell(tokenizer: Tokenizer, words: Sequence[str]) -> list[list[int]]:
    """Token ids of each word after a space; BadWords where the tokenizer has no pieces for one."""
    if isinstance(words, str) or not len(words):
        raise BadWords(f"words={words!r}: give a list of one word or more.")
    ids = tokenizer([f" {word}" for word in words], add_special_tokens=False)["input_ids"]
    ids = [_without_space(tokenizer, own) for own in ids]
    unknown = tokenizer.unk_token_id
    bad = [word for word, own in zip(words, ids, strict=True) if not own or unknown in own]
    if bad:
        raise BadWords(
            f"words: the tokenizer cannot spell {len(bad)} of {len(words)} ({bad[:5]}...): leave "
            "these words out of the vocabulary."
        )
    return ids


def word_embeddings(
    weights: Weights,
    tokenizer: Tokenizer,
    words: Sequence[str],
    *,
    output: bool = False,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "word hidden"]:
    """Mean of the embeddings of each word's sub-tokens; `output` takes the head's rows.

    A token that is nothing but the space in front does not count.
    """
    table = weights.output_embedding if output else weights.input_embedding
    ids = spell(tokenizer, words)
    flat = torch.tensor([i for own in ids for i in own], device=table.device)
    lengths = torch.tensor([len(own) for own in ids], device=table.device)
    used, place = flat.unique(return_inverse=True)
    starts = lengths.cumsum(0) - lengths
    rows = table[used].to(dtype)  # only the rows needed are converted
    return torch.nn.functional.embedding_bag(place, rows, starts, mode="mean")
