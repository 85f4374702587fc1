"""Words other than the book's: the authors' vocabulary, or a file of that form (`compute --vocabulary`).

Tab-separated without quoting, UTF-8: a word and its relative frequency, most frequent first; a first line
of names may be there. The authors' words come from the repository of `helpers.store.release` at its
pinned commit. They are not in this project: a store names the file and its git blob hash, and whatever
reads words back from the store reads the file again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from helpers.methods.errors import Mendable
from helpers.paths import last_name
from helpers.store.release import fetch_files, refuse
from helpers.store.released_files import blob_hash, check_blob
from helpers.store.store import Store

RELEASED, FILE = "released", "datasets/SingleShareGPT_Vocab.tsv"
MOST = 2**16  # words: parts of a store hold their places in 16 bits


@dataclass(frozen=True, eq=False)
class Ranked:
    """Words, most frequent first, with Zipf frequency (log10 of uses in 10^9 words)."""

    words: tuple[str, ...]
    zipf: Float[ndarray, " word"]

    @cached_property
    def lowered(self) -> tuple[str, ...]:
        return tuple(word.lower() for word in self.words)

    def among(self, known: tuple[str, ...]) -> Int[ndarray, " word"]:
        """Place of each word in `known`, whatever its case; -1 where it is not there."""
        place = {word: i for i, word in enumerate(known)}
        return np.array([place.get(word, -1) for word in self.lowered])


def _fault(fields: list[str], before: float, seen: set[str]) -> str:
    """What is wrong with a line; empty where nothing is."""
    if len(fields) != 2:
        return f"has {len(fields)} columns instead of 2"
    word = fields[0]
    if not word or not word.isprintable() or word.split() != [word]:
        return f"has no printable word without spaces ({word[:40]!r})"
    try:
        frequency = float(fields[1])
    except ValueError:
        return f"has no number ({fields[1][:40]!r})"
    if not 0 < frequency <= 1:
        return f"has the frequency {frequency}, not above 0 and at most 1"
    if frequency > before:
        return f"is more frequent ({frequency}) than the line before it ({before})"
    return f"repeats the word {word[:40]!r}" if word in seen else ""


@lru_cache(maxsize=4)
def _read(path: Path, digest: str) -> Ranked:
    """Read once as long as the file stays the same (`digest`)."""
    try:
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise refuse(path, f"byte {error.start} is not UTF-8") from None
    found: dict[str, float] = {}
    before = 1.0
    for number, line in enumerate(lines, 1):
        fields = line.rstrip("\r").split("\t")
        names = number == 1 and len(fields) == 2 and fields[1][:1].isalpha()
        if names or fields == [""]:
            continue
        if fault := _fault(fields, before, found.keys()):
            raise refuse(path, f"line {number} {fault}")
        found[fields[0]] = before = float(fields[1])
    if not 0 < len(found) <= MOST:
        raise refuse(path, f"it holds {len(found)} words, not 1 to {MOST}")
    return Ranked(tuple(found), np.log10(np.array([*found.values()]) * 1e9))


def check_words(path: Path) -> None:
    """Refuse a fetched vocabulary with another hash than a known one, or with a line that does not fit."""
    check_blob(path)
    _read(path, blob_hash(path))


def find(vocabulary: str) -> Path:
    """The file of `--vocabulary`: the authors', fetched where it is not there yet, or one's own."""
    if vocabulary == RELEASED:
        return fetch_files([FILE], check_words, instead="--vocabulary FILE") / FILE
    path = Path(vocabulary).expanduser().resolve()
    if not path.is_file():
        raise Mendable(f"--vocabulary {vocabulary}: there is no such file; or give {RELEASED!r}.")
    return path


def condition(vocabulary: str | None) -> dict[str, str]:
    """What a store records of its words: nothing where they are the book's."""
    if vocabulary is None:
        return {}
    path = find(vocabulary)
    _read(path, blob_hash(path))  # better refused now
    named = vocabulary if vocabulary == RELEASED else str(path)
    return {"vocabulary": named, "words": blob_hash(path)}


def ranked_of(store: Store) -> Ranked | None:
    """The words of a store; None where they are the book's."""
    held = store.under()
    if "vocabulary" not in held:
        return None
    path = find(str(held["vocabulary"]))
    if (found := blob_hash(path)) != held["words"]:
        raise Mendable(
            f"{path.name} has the hash {found}, and the store {store.folder.name} was computed on words "
            f"with the hash {held['words']}: put that file back, or compute another store."
        )
    return _read(path, found)


def told(store: Store) -> str:
    """On which words a store was computed, in a sentence."""
    held = store.under()
    if "vocabulary" not in held:
        return "the book's"
    name = str(held["vocabulary"])
    whose = "the authors' released vocabulary" if name == RELEASED else last_name(name)
    return f"{whose} (git blob {held['words']})"
