"""The authors' released heads and components (LLaMA-7B, Vicuna-7B) as numbers.

Heads come as a row a dimension, pairs `key=query` with `|||` between them; components as a row each,
and the same rows again with what ChatGPT said of them under five seeds. Rows are checked by
`helpers.store.released_rows`; a pair or word that cannot be told apart from its neighbours is refused
too. No word leaves this module: it is its place in a vocabulary, or a negative hash (`word_codes`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int
from numpy import ndarray

from helpers.methods.word_pairs import WordPairs
from helpers.store.released_files import COMPONENTS, HEADS, parts_of, said_table
from helpers.store.released_rows import LIMITS, Refusals, Row, groups, rows_of

SEEDS = tuple(range(5))
SAID = {  # files of one seed, and their columns in front of the components' own
    "": ("Explainable", "Tokens", "Summary"),
    "task_": ("Task", "Explainable", "Tokens", "Summary"),
    "concept_": ("Concept", "Explainable", "Tokens", "Summary"),
}


Codes = Callable[[Iterable[str]], Int[ndarray, " word"]]


def word_codes(vocabulary: Sequence[str]) -> Codes:
    """Words as numbers: the place in a vocabulary (lower case), or below 0 a hash of the word."""
    places = {word: i for i, word in enumerate(vocabulary)}

    @lru_cache(maxsize=1 << 16)
    def code(word: str) -> int:
        if word in places:
            return places[word]
        digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
        return -1 - (int.from_bytes(digest, "big") >> 1)

    return lambda words: np.fromiter(map(code, words), dtype=np.int64)


def _is_word(text: str) -> bool:
    """Whether a piece can be a word; `|` also stands between pieces, so where it ends is unknown."""
    return bool(text) and text.isprintable() and "|" not in text


# --- heads


@dataclass(frozen=True)
class ReleasedHead:
    """Pairs of one head, as numbers into `words` (codes, rising); similarities are not released."""

    model: str
    layer: int
    head: int
    words: Int[ndarray, " word"]
    pairs: WordPairs


def _pairs(
    rows: Sequence[Row], codes: Codes, file: str, refused: Refusals
) -> tuple[Int[ndarray, " pair"], Int[ndarray, "pair side"]]:
    """Number of the row of each pair, and the codes of its key and query."""
    filled = [i for i, row in enumerate(rows) if row.text]  # a dimension may have no pair
    texts = pa.array([rows[i].text for i in filled], pa.string())
    pieces = pc.split_pattern(pc.utf8_lower(texts), "|||")
    number = np.array(filled, dtype=int)[pc.list_parent_indices(pieces).to_numpy()]
    flat = pc.list_flatten(pieces)
    whole = pc.equal(pc.count_substring(flat, "="), 1).to_numpy(zero_copy_only=False)
    split = pc.list_flatten(pc.split_pattern(flat.filter(pa.array(whole)), "="))
    words = pc.dictionary_encode(split)
    spelled = words.dictionary.to_pylist()
    usable = np.array([_is_word(word) for word in spelled], dtype=bool)
    sides = words.indices.to_numpy().reshape(-1, 2)
    good = usable[sides].all(axis=1) & (sides[:, 0] != sides[:, 1])
    faults = {"no `=` or several": number[~whole],
              "a word is empty, unreadable or there twice": number[whole][~good]}  # fmt: skip
    for reason, bad in faults.items():
        for at, n in zip(*np.unique(bad, return_counts=True), strict=True):
            refused.add(file, rows[at].line, reason, "pair", int(n))
    return number[whole][good], codes(spelled)[sides[good]]


def _head(rows: Sequence[Row], codes: Codes, file: str, refused: Refusals) -> ReleasedHead:
    number, sides = _pairs(rows, codes, file, refused)
    words, local = np.unique(sides, return_inverse=True)
    key, query = local.reshape(-1, 2).T
    start = np.concatenate([[0], np.bincount(number, minlength=len(rows)).cumsum()])
    dimensions, norms = (
        np.array([getattr(r, name) for r in rows]) for name in ("dimension", "score")
    )
    unknown = np.full(len(key), np.nan)
    pairs = WordPairs(dimensions, norms, start, query, key, unknown, max(len(words), 1))
    return ReleasedHead(*rows[0].place, words, pairs)


def read_heads(
    folder: Path, models: Sequence[str], codes: Codes, refused: Refusals
) -> Iterator[ReleasedHead]:
    """Heads of `models` in the file's order; a head at a time is held.

    RefusedFile where the table has another format; FileNotFoundError names a part that is missing.
    """
    file = Path(HEADS).name
    rows = rows_of(parts_of(folder, HEADS), file, None, models, refused)
    for group in groups(rows, file, refused, lambda row: row.dimension, LIMITS["Dim"]):
        if group:
            refused.read[file] += len(group)
            yield _head(group, codes, file, refused)
    refused.check(file)


# --- components


class ReleasedComponent(NamedTuple):
    """One row: its words as codes, and what stands in front of it by the column's name."""

    model: str
    layer: int
    rank: int
    score: float
    words: tuple[int, ...]
    said: dict[str, str]
    line: int


def read_components(
    folder: Path, models: Sequence[str], codes: Codes, refused: Refusals,
    *, said: tuple[str, int] | None = None, most: int = LIMITS["Rank"],
) -> Iterator[ReleasedComponent]:  # fmt: skip
    """Components of `models` with ranks up to `most`; with `said` (kind, seed) from that seed's file."""
    name = COMPONENTS if said is None else said_table(*said)
    columns, file = () if said is None else SAID[said[0]], Path(name).name
    rows = rows_of(parts_of(folder, name), file, columns, models, refused)
    for group in groups(rows, file, refused, lambda row: row.rank, LIMITS["Rank"]):
        for row in group:
            refused.read[file] += 1
            if row.rank > most:
                refused.passed_over[f"rank above {most}"] += 1
                continue
            words = [word for word in row.text.lower().split("|||") if _is_word(word)]
            if len(words) < row.text.count("|||") + 1:
                n = row.text.count("|||") + 1 - len(words)
                refused.add(file, row.line, "an empty or unreadable word", "word", n)
            found = dict(zip(columns, row.said, strict=True))
            codes_of = tuple(codes(words).tolist())
            yield ReleasedComponent(*row.place[:2], row.rank, row.score, codes_of, found, row.line)
    refused.check(file)
