"""The authors' released importance matrices of LLaMA-7B and Vicuna-7B, fetched and read safely.

Repository JacksonWuxs/Interpret_Instruction_Tuning_LLMs at one commit (GPL-3.0): 632 prompts, one
pickle a prompt and model; a local copy may also hold `.npz` files. Nothing is trusted: known hashes
are checked (`HASHES`), and what is in a file is checked value by value. A file that fails is named and
removed from the cache; no code in a pickle runs (`helpers.store.unpickle`).
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from tqdm.auto import tqdm

from helpers.methods.errors import Mendable
from helpers.paths import cache_folder, data_folder
from helpers.store.unpickle import MAX_BYTES, RefusedPickle, loads

COMMIT = "52508a0a9597e8a2fb239740261cac424eea23c0"
URL = f"https://raw.githubusercontent.com/JacksonWuxs/Interpret_Instruction_Tuning_LLMs/{COMMIT}/"
NAMES = {"base": "llama", "tuned": "vicuna"}
PROMPTS, RATINGS = "datasets/FinalDataset.tsv", "datasets/AnnotatedDataset.tsv"
PROMPTS_HEAD = ["ID", "Prompt", "Response", "Instruct&Context"]
RATINGS_HEAD = ["File", "Model", "Prompt", "Reference", "Instruct", "Response", "Rating"]
MATRICES = "results/attribution_interpret/ifa_{}_7b/"
LEVELS = 10
# Hashes of the authors' files: SHA-256 of a few, of tables the hash by which git knows them.
HASHES = dict(
    line.split() for line in (data_folder() / "released_hashes.txt").read_text().splitlines()
)
KNOWN = {name: one for name, one in HASHES.items() if one.startswith("sha256:")}


class RefusedFile(Mendable):
    """A file of the release cannot be used; the message names it, says why and what to do."""


@dataclass(frozen=True)
class ReleasedPrompt:
    """A prompt as the models read it, and the stretches that the authors marked as instruction."""

    id: str
    text: str
    spans: tuple[str, ...]


@dataclass(frozen=True)
class Released:
    """S of method.md (L = 10, b = 0) of one model on its own response, with its tokens."""

    prompt: tuple[str, ...]
    response: tuple[str, ...]
    normalised: UInt8[np.ndarray, "prompt response"]


def refuse(path: Path | str, why: str) -> RefusedFile:
    return RefusedFile(f"{path}: {why}. It is not used; fetch it again from {URL}.")


def checked(path: Path | str, prompt: object, response: object, matrix: object) -> Released:
    """Tokens and matrix of one file, when they fit each other and method.md; else RefusedFile."""
    for name, tokens in (("Input", prompt), ("Output", response)):
        if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
            raise refuse(path, f"{name} is not a list of tokens")
    if not prompt:
        raise refuse(path, "Input holds no token")
    if not isinstance(matrix, np.ndarray) or matrix.dtype.kind not in "iuf":
        raise refuse(path, "Explain is not an array of numbers")
    shape = (len(prompt), len(response))
    # One released response is empty, and its matrix has one axis.
    if matrix.shape != shape and not (matrix.size == 0 and not response):
        raise refuse(path, f"Explain has shape {matrix.shape}, its tokens ask for {shape}")
    whole = np.isfinite(matrix).all() and (matrix == np.floor(matrix)).all()
    if not whole or (matrix.size and not 0 <= matrix.min() <= matrix.max() <= LEVELS):
        raise refuse(path, f"Explain holds values other than whole numbers from 0 to {LEVELS}")
    return Released(tuple(prompt), tuple(response), matrix.reshape(shape).astype(np.uint8))


def read_pickle(path: Path, id: str) -> Released:
    """One pickle of the authors, read without running it."""
    if path.stat().st_size > MAX_BYTES:
        raise refuse(path, f"it has more than {MAX_BYTES} bytes")
    try:
        found = loads(path.read_bytes())
    except RefusedPickle as error:
        raise refuse(path, f"{error}, and nothing of it was run") from None
    if not {"ID", "Input", "Output", "Explain"} <= found.keys():
        raise refuse(path, "it lacks one of ID, Input, Output and Explain")
    if found["ID"] != id:
        raise refuse(path, f"it belongs to another prompt than {id}")
    return checked(path, found["Input"], found["Output"], found["Explain"])


def _unescape(text: str) -> str:
    """Undo the tables' escapes, as the authors did before their models read a prompt.

    `/n` and `/t` stand for newline and tab, also where a text had them of its own (`and/nor`, an
    address with `/t...`): the models read those prompts with a newline or tab in that place too.
    """
    text = text.replace("/t", "\t").replace("/n", "\n")
    if text.startswith('"') and text.endswith('"'):
        text = text[1:-1]
    return text.replace('""', '"')


def _rows(path: Path, head: list[str]) -> list[tuple[int, list[str]]]:
    """Rows of a tab-separated table with exactly these columns, with their line numbers."""
    try:
        lines = path.read_bytes().decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise refuse(path, f"byte {error.start} is not UTF-8") from None
    if lines[0].split("\t") != head:
        raise refuse(path, f"its first line is not {' '.join(head)}")
    rows = [(n, line.split("\t")) for n, line in enumerate(lines[1:], 2) if line]
    for number, row in rows:
        if len(row) != len(head):
            raise refuse(path, f"line {number} has {len(row)} columns instead of {len(head)}")
    return rows


def read_prompts(path: Path) -> dict[str, ReleasedPrompt]:
    """Prompts by id, in the file's order."""
    found: dict[str, ReleasedPrompt] = {}
    for number, (id, text, _, marked) in _rows(path, PROMPTS_HEAD):
        # An id becomes part of a path and an address.
        if id in found or not id.replace("_", "").replace("-", "").isalnum() or not id.isascii():
            raise refuse(path, f"line {number} has a repeated or unusable id ({id[:40]!r})")
        spans = tuple(_unescape(marked).split("&&&")[0].split("|||"))
        found[id] = ReleasedPrompt(id, _unescape(text), spans)
    if not found:
        raise refuse(path, "it holds no prompt")
    return found


def read_ratings(path: Path) -> dict[str, int]:
    """Rating of Vicuna's response by prompt: 1 not followed, 2 to 4 followed, -1 not rated."""
    found: dict[str, int] = {}
    for number, (file, model, *_, rating) in _rows(path, RATINGS_HEAD):
        if model != "vicuna_7B":
            continue
        if rating not in ("-1", "1", "2", "3", "4"):
            raise refuse(path, f"line {number} has the rating {rating[:20]!r}")
        found[file.removesuffix(".pkl")] = int(rating)
    return found


@dataclass(frozen=True)
class Release:
    """A local copy of the release: prompts and ratings at once, matrices one by one."""

    prompts: dict[str, ReleasedPrompt]
    ratings: dict[str, int]
    read: Callable[[str, str], Released]  # role ("base" or "tuned"), prompt id


def _array(path: Path, archive: zipfile.ZipFile, id: str) -> np.ndarray:
    """One array of an `.npz` file."""
    name = f"{path}[{id}]"
    try:
        if archive.getinfo(f"{id}.npy").file_size > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES} bytes")
        content = io.BytesIO(archive.read(f"{id}.npy"))
        return np.lib.format.read_array(content, allow_pickle=False)
    except Exception as error:  # a damaged archive fails in many ways; each of them is named
        raise refuse(name, str(error) or type(error).__name__) from None


def _open_archives(folder: Path) -> Callable[[str, str], Released]:
    tokens, archives = {}, {}
    for role, model in NAMES.items():
        path = folder / f"tokens_{model}_7b.json"
        try:
            tokens[role] = json.loads(path.read_bytes())
            archives[role] = zipfile.ZipFile(folder / f"importance_{model}_7b.npz")
        except (ValueError, zipfile.BadZipFile) as error:
            raise refuse(folder, f"{model}: {error}") from None

    def read(role: str, id: str) -> Released:
        path = folder / f"importance_{NAMES[role]}_7b.npz"
        try:
            prompt, response = tokens[role][id]["input"], tokens[role][id]["output"]
        except (KeyError, TypeError):
            raise refuse(folder / f"tokens_{NAMES[role]}_7b.json", f"no tokens of {id}") from None
        return checked(f"{path}[{id}]", prompt, response, _array(path, archives[role], id))

    return read


def open_release(folder: str | Path) -> Release:
    """A local copy, in the repository's layout or as `.npz` files; see the module's first lines."""
    folder = Path(folder)
    if (folder / PROMPTS).exists():
        names = (PROMPTS, RATINGS)

        def read(role: str, id: str) -> Released:
            return read_pickle(folder / MATRICES.format(NAMES[role]) / f"{id}.pkl", id)

    elif (folder / "prompts.tsv").exists():
        names, read = ("prompts.tsv", "vicuna_ratings.tsv"), _open_archives(folder)
    else:
        raise FileNotFoundError(
            f"{folder} holds neither {PROMPTS} nor prompts.tsv: give the folder of a clone of the "
            "authors' repository, or leave the path out to fetch the files."
        )
    return Release(read_prompts(folder / names[0]), read_ratings(folder / names[1]), read)


def fetch_files(
    names: Sequence[str],
    check: Callable[[Path], object],
    folder: Path | None = None,
    *,
    url: str = URL,
    progress: bool = True,
    instead: str = "--path FOLDER",
) -> Path:
    """Fetch what the cache lacks of these files, and check each: `check` raises RefusedFile.

    Goes on where an earlier call stopped: files that are whole stay, half a file, or one that is
    refused, is never kept.
    """
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")  # one line a file is too much for 1,264 files
    folder = Path(folder or cache_folder() / f"release-{COMMIT[:7]}")
    known = {name: KNOWN.get(name) if url == URL else None for name in names}
    cache = pooch.create(folder, base_url=url, registry=known, retry_if_failed=3)
    for name in tqdm(names, desc="fetching", disable=not progress or len(names) == 1):
        try:
            path = Path(cache.fetch(name))
        except (requests.RequestException, ValueError, OSError) as error:
            raise Mendable(
                f"{url}{name} could not be fetched ({error}). What came before it is kept: run the "
                f"command again, or give a local copy with {instead}."
            ) from error
        try:
            check(path)
        except RefusedFile:
            path.unlink(missing_ok=True)
            raise
    return folder


def fetch(folder: Path | None = None, *, url: str = URL, progress: bool = True) -> Path:
    """Fetch prompts, ratings and matrices (some minutes), and check every file."""
    folder = fetch_files([PROMPTS], read_prompts, folder, url=url)
    fetch_files([RATINGS], read_ratings, folder, url=url)
    ids = read_prompts(folder / PROMPTS)
    names = [f"{MATRICES.format(model)}{id}.pkl" for model in NAMES.values() for id in ids]
    check = lambda path: read_pickle(path, path.stem)  # noqa: E731
    return fetch_files(names, check, folder, url=url, progress=progress)
