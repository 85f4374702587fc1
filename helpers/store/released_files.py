"""The files of the authors' released heads and components: which they are, and whether they are whole.

A download whose git blob hash is not the known one (`PINNED`) is removed. Local copies, of other
models too, need not have it. What is in them is checked row by row: `helpers.store.released_tables`.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

from helpers.store.release import HASHES, refuse

HEADS = "results/bilinear_interpret/bilinear_words_split.tsv"  # and two letters
COMPONENTS = "results/linear_interpret/linear_words.tsv"
PINNED = {name: one[4:] for name, one in HASHES.items() if one.startswith("git:")}


def said_table(kind: str, seed: int) -> str:
    """The file of one seed: of summaries ("") , of "task_"s or of linguistic levels ("concept_")."""
    return f"results/linear_interpret/linear_{kind}seed{seed}.tsv"


def blob_hash(path: Path) -> str:
    """The hash by which git knows a file: SHA-1 over `blob`, its size, a zero byte and its bytes."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def check_blob(path: Path) -> None:
    """Refuse a fetched file with another hash than the authors' file, where that is known."""
    known = next(
        (one for name, one in PINNED.items() if path.as_posix().endswith(f"/{name}")), None
    )
    if known and (found := blob_hash(path)) != known:
        raise refuse(path, f"its git blob hash is {found} instead of {known}")


def parts_of(folder: Path, name: str) -> list[Path]:
    """The files of a table, in order: one, or for `HEADS` parts aa, ab, ... without a gap."""
    paths = sorted(folder.glob(f"{name}[a-z][a-z]")) if name == HEADS else [folder / name]
    letters = [chr(97 + i // 26) + chr(97 + i % 26) for i in range(len(paths))]
    wanted = [folder / f"{name}{own}" for own in letters] if name == HEADS else paths
    if paths and name == HEADS and blob_hash(paths[0]) == PINNED[f"{HEADS}aa"]:
        wanted = [folder / own for own in PINNED if own.startswith(HEADS)]  # the authors' own
    lacking = [one for one in wanted if not one.is_file()]
    if lacking or not wanted:
        raise FileNotFoundError(
            f"{lacking[0] if lacking else folder / (name + 'aa')} is missing: give the folder of a "
            "clone of the authors' repository, or leave the path out to fetch the files."
        )
    return wanted


class _Joined(io.RawIOBase):
    """Files as one stream of bytes: parts are cut inside lines, and inside characters."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._files = (path.open("rb", buffering=0) for path in paths)
        self._open = next(self._files)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        while self._open is not None:
            if count := self._open.readinto(buffer):
                return count
            self._open.close()
            self._open = next(self._files, None)
        return 0


def open_parts(paths: Sequence[Path]) -> io.BufferedReader:
    return io.BufferedReader(_Joined(paths), 1 << 20)
