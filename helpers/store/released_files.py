"""The files of the authors' released heads and components: which they are, fetched and checked.

Repository JacksonWuxs/Interpret_Instruction_Tuning_LLMs at one commit (GPL-3.0). The git blob hash of
each file is known (`PINNED`): a download with another hash is removed. Local copies, of other models too,
need not have it. What is in them is checked row by row: `helpers.store.released_tables`.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from tqdm.auto import tqdm

from helpers.store.release import COMMIT, URL, FetchFailed, refuse

HEADS = "results/bilinear_interpret/bilinear_words_split.tsv"  # and two letters
COMPONENTS = "results/linear_interpret/linear_words.tsv"
_BLOBS = """\
bilinear_interpret/bilinear_words_split.tsvaa 909529bf3003e5f12a18405f9c8b38f9233b0369
bilinear_interpret/bilinear_words_split.tsvab 069a7e0faa74718301608347a66dcb7651ae2dab
bilinear_interpret/bilinear_words_split.tsvac 938ed70d79db3fc16b477a479e0ba14d11895186
bilinear_interpret/bilinear_words_split.tsvad e2e1ad5a5a175d141dceb2e0aca001867635151a
bilinear_interpret/bilinear_words_split.tsvae 4a5df94d21db848c2337d9275294801c0dc2097e
bilinear_interpret/bilinear_words_split.tsvaf 7cc3ffae13273ceb0053cada1250bc16c3d8c914
bilinear_interpret/bilinear_words_split.tsvag dcb2cdf6fac455a2bb1f757b25da7f46b243291f
bilinear_interpret/bilinear_words_split.tsvah e0d0d39948572aa7cf1e1b81d12c4b98cee5384a
bilinear_interpret/bilinear_words_split.tsvai 40360bef5fc00a33c53e8b0785c6b994991bc622
bilinear_interpret/bilinear_words_split.tsvaj 27288ae77f6cd1d3ce2c6fdff049d3bb6c5238cb
bilinear_interpret/bilinear_words_split.tsvak 34eaa1e08c39183d7c96b3bb0b6abf1d43cbd56b
bilinear_interpret/bilinear_words_split.tsval 462e2fc147cbc1cc86f521be1b7b9fbfcba6c55a
bilinear_interpret/bilinear_words_split.tsvam 867ea6bb4491f114630efbd1de0aa7b52e7abbd7
bilinear_interpret/bilinear_words_split.tsvan c20fdddb70f3380ce9a0ae27e709c49f20e92a7d
bilinear_interpret/bilinear_words_split.tsvao 0e25e5686f0099abbb02a57bf3768e65db1ce1d5
bilinear_interpret/bilinear_words_split.tsvap 1952fa1ce10a3204a0ee586ae43f1fc9477d741b
bilinear_interpret/bilinear_words_split.tsvaq aa166c5200b05b42e8f17300ffa22c1d4ff416d6
bilinear_interpret/bilinear_words_split.tsvar a9e5662d289e3fafb9fbac574b8e82a0ed4fe357
bilinear_interpret/bilinear_words_split.tsvas c948ae048a71fbf6710d6e1f2c26d4f4f14c588d
bilinear_interpret/bilinear_words_split.tsvat bf74aab950c6ef4361bf4971b0303a5fed6924c6
bilinear_interpret/bilinear_words_split.tsvau c40bf9822dcb02a9b76c4047779e12c88c7a555c
bilinear_interpret/bilinear_words_split.tsvav 6fc05f1b3dd1026d45e80f17c90abc4f07e8eab6
bilinear_interpret/bilinear_words_split.tsvaw 81c95cb85aee064c5b10ce28ecfa6291f6e70841
linear_interpret/linear_concept_seed0.tsv 4fa4edcd6ce4ccc05415a544289e6ff3f9d99bd7
linear_interpret/linear_concept_seed1.tsv 1aecbf0069554ba6b1704e4fc321fbc4641eb1ec
linear_interpret/linear_concept_seed2.tsv b169aac9576499c49574022d7e5da9273e884583
linear_interpret/linear_concept_seed3.tsv 22dabbd32ea2d631d80de41246b1f6db5137c52b
linear_interpret/linear_concept_seed4.tsv 092b49b41709492c4d8d5d77da67be1dc6125c9b
linear_interpret/linear_seed0.tsv 2d66df01ceb51d1a9259525fb9dca1014b6d537a
linear_interpret/linear_seed1.tsv 5367b964f7225e413449a66f6420683cf43fecbe
linear_interpret/linear_seed2.tsv b62176bb339756ae0dcd7910f8ec109570b31dde
linear_interpret/linear_seed3.tsv bec6e1883de92e9796f453b81f3036dbc50b14ab
linear_interpret/linear_seed4.tsv 24e680784be8ef87aa18f31e93e51deccce561b2
linear_interpret/linear_task_seed0.tsv e56faf9ca8707d0e37dc250884a336eaaf03913c
linear_interpret/linear_task_seed1.tsv 40e76929ecf6e161423ed9431b5e708f723b0673
linear_interpret/linear_task_seed2.tsv 56d461813fbee314d08b8518de1a9d0f6f8d3b3b
linear_interpret/linear_task_seed3.tsv 43f51a166018c7bdd6a756e2dab188b9cb30a8bc
linear_interpret/linear_task_seed4.tsv a56e03774a4f8dabe4bc51724b776e5a93ec7578
linear_interpret/linear_words.tsv 3bf4e1071ed406ff671d9c01af438ba67865aa7c
"""
PINNED = {f"results/{name}": blob for name, blob in (one.split() for one in _BLOBS.splitlines())}


def said_table(kind: str, seed: int) -> str:
    """The file of one seed: of summaries ("") , of "task_"s or of linguistic levels ("concept_")."""
    return f"results/linear_interpret/linear_{kind}seed{seed}.tsv"


# --- files


def blob_hash(path: Path) -> str:
    """The hash by which git knows a file: SHA-1 over `blob`, its size, a zero byte and its bytes."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def fetch_tables(
    names: Iterable[str], folder: Path | None = None, *, url: str = URL, progress: bool = True
) -> Path:
    """Fetch the pinned files of these names that the cache lacks, and check the hash of all.

    Goes on where an earlier call stopped; half a file, or one of another hash, is never kept.
    """
    import pooch
    import requests

    from helpers.paths import cache_folder

    folder = Path(folder or cache_folder() / f"release-{COMMIT[:7]}")
    names = list(names)
    pooch.get_logger().setLevel("WARNING")
    cache = pooch.create(folder, url, registry=dict.fromkeys(names), retry_if_failed=3)
    for name in tqdm(names, desc="fetching tables", disable=not progress):
        try:
            path = Path(cache.fetch(name, progressbar=progress))
        except (requests.RequestException, ValueError, OSError) as error:
            raise FetchFailed(
                f"{url}{name} could not be fetched ({error}). What came before it is kept: run the "
                "command again, or give a local copy with --path FOLDER."
            ) from error
        if (found := blob_hash(path)) != PINNED[name]:
            path.unlink()
            raise refuse(path, f"its git blob hash is {found} instead of {PINNED[name]}")
    return folder


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
