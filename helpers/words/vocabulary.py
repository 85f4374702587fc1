"""Words: the vocabulary, its vectors and verbs, and words as a model embeds them.

The shipped lists (`data/words`, made by scripts/build_words.py) need no corpus and no network. As in
the paper, a word is spelled with a leading space and embedded as the mean over its sub-tokens
(method.md, section 3).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import dropwhile

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
        """Places of `words`; Mendable names those that are not in the vocabulary."""
        words = list(words)
        unknown = [word for word in words if word not in self.place]
        if unknown:
            raise Mendable(
                f"words: {len(unknown)} of {len(words)} are not in the vocabulary "
                f"({unknown[:5]}...): leave them out, or build a vocabulary with them."
            )
        return np.array([self.place[word] for word in words], dtype=int)

    @property
    def is_lemma(self) -> ndarray:
        """True for words in their base form (the paper's vocabulary holds only those)."""
        return np.array([w == own for w, own in zip(self.words, self.lemma, strict=True)])


@lru_cache(maxsize=1)
def read_vocabulary() -> Vocabulary:
    """The book's vocabulary, most frequent word first."""
    table = pd.read_parquet(words_folder() / "vocabulary.parquet")
    columns = (tuple(table[name]) for name in ("pos", "lemma"))
    return Vocabulary(tuple(table["word"]), table["zipf"].to_numpy(float), *columns)


def read_vectors() -> Float[ndarray, "word 384"]:
    """Word vectors of `read_vocabulary()`, float32, unit length but for rounding to half."""
    return np.load(words_folder() / "vectors.npy").astype(np.float32)


def read_verbs() -> pd.DataFrame:
    """Instruction and general verbs, one a row: word, group, zipf, stratum, matched.

    `stratum` numbers bands of frequency that both groups share (for relabelling within them);
    `matched` is the instruction verb that a general verb was chosen for by its frequency.
    """
    parts = [
        pd.read_csv(words_folder() / f"{group}_verbs.csv", keep_default_na=False).assign(
            group=group
        )
        for group in (INSTRUCTION, GENERAL)
    ]
    table = pd.concat(parts, ignore_index=True)
    table["matched"] = table["matched"].fillna(table["word"])
    return table[["word", "group", "zipf", "stratum", "matched"]]


# --- words as a model sees them


def spell(tokenizer: Tokenizer, words: Sequence[str]) -> list[list[int]]:
    """Token ids of each word after a space; Mendable where the tokenizer has no pieces for one."""
    if isinstance(words, str) or not len(words):
        raise Mendable(f"words={words!r}: give a list of one word or more.")
    ids = tokenizer([f" {word}" for word in words], add_special_tokens=False)["input_ids"]
    # A token that is nothing but the space in front is no part of the word.
    space = lambda i: not tokenizer.convert_ids_to_tokens(i).strip(" \u2581\u0120")  # noqa: E731
    ids = [list(dropwhile(space, own)) for own in ids]
    unknown = tokenizer.unk_token_id
    bad = [word for word, own in zip(words, ids, strict=True) if not own or unknown in own]
    if bad:
        raise Mendable(
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
