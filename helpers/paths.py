"""Where things lie: data, results, caches. The only module beside the store that knows a path."""

from __future__ import annotations

import os
import tempfile
from importlib import resources
from pathlib import Path, PureWindowsPath

DEFAULT_PAIR = "gemma-3-270m"
MANIFEST = "manifest.json"


def cache_folder() -> Path:
    """Where converted weights are kept (set INSTRUCTION_SHIFT_CACHE to move it)."""
    home = os.path.expanduser("~")  # as it stands for a user who has none, as in some containers
    usual = tempfile.gettempdir() if home == "~" else f"{home}/.cache"
    default = Path(os.environ.get("XDG_CACHE_HOME", usual)) / "instruction-shift"
    return Path(os.environ.get("INSTRUCTION_SHIFT_CACHE", default))


def adapter_folder(name: str = DEFAULT_PAIR) -> Path:
    return data_folder() / "adapters" / f"{name}-sft"


def package_folder() -> Path:
    return Path(__file__).resolve().parent


def data_folder() -> Path:
    """The project's `data/`: beside the package in a checkout, inside it when installed."""
    checkout = package_folder().parent / "data"
    if (checkout / "prompts.jsonl").exists() or (checkout / "adapters").exists():
        return checkout
    return Path(str(resources.files("helpers"))) / "_data"


def results_folder(pair: str, *, writing: bool = False) -> Path:
    """Where stores are: INSTRUCTION_SHIFT_RESULTS if set, else `data/results` of a checkout.

    An installed package holds the stores of the book, which are only read; what is computed then
    goes to `results` in the current folder, and is read from there where it exists.
    """
    if chosen := os.environ.get("INSTRUCTION_SHIFT_RESULTS"):
        return Path(chosen)
    shipped, own = data_folder() / "results", Path("results")
    if data_folder().name != "_data":
        return shipped
    mine = writing or (own / pair / MANIFEST).exists() or not (shipped / pair).exists()
    return own if mine else shipped


def words_folder() -> Path:
    return data_folder() / "words"


def lexicon_path() -> Path:
    return data_folder() / "annotations" / "lexicon.parquet"


def blind_path() -> Path:
    return data_folder() / "annotations" / "blind_labels.csv"


def is_local(where: str) -> bool:
    """Whether a model or a file is named by a path, and not by its id on the Hub."""
    return where.startswith(("/", ".", "~")) or where.count("/") > 1 or "\\" in where


def last_name(where: str) -> str:
    return PureWindowsPath(where).name if is_local(where) else where
