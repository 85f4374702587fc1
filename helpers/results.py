"""The store: what was computed for a pair, as files with a manifest, whole or not at all.

A part of a store is a table (`NAME.parquet`) or named arrays (`NAME.safetensors`). The manifest
lists each part's SHA-256 and how it was made. A part whose file does not match the manifest is
named in a warning and counts as absent, so that the next run computes it again; nothing that was
damaged, or put there by someone else, is ever read as a result.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib import metadata, resources
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

Value = pd.DataFrame | dict[str, np.ndarray]
MANIFEST = "manifest.json"


class MissingResult(FileNotFoundError):
    """The store does not hold this part; the message says which command computes it."""


class DamagedResultWarning(UserWarning):
    """A file in the store does not match its manifest and is treated as absent."""


def data_folder() -> Path:
    """The project's `data/`: beside the package in a checkout, inside it when installed."""
    checkout = Path(__file__).resolve().parent.parent / "data"
    if (checkout / "prompts.jsonl").exists() or (checkout / "adapters").exists():
        return checkout
    return Path(str(resources.files("helpers"))) / "_data"


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` so that `path` holds all of it or is as it was before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(scratch, 0o644)
        os.replace(scratch, path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def code_version() -> str:
    """Version of this package, with a hash of its Python files (a checkout changes under it)."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    from helpers import __version__

    return f"{__version__}+{digest.hexdigest()[:10]}"


def library_versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in ("torch", "transformers", "numpy", "peft"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "absent"
    return versions


def _encode(value: Value) -> tuple[str, bytes]:
    if isinstance(value, pd.DataFrame):
        return ".parquet", value.to_parquet(index=False, compression="zstd")
    if isinstance(value, dict):
        return ".safetensors", save_arrays({k: np.ascontiguousarray(v) for k, v in value.items()})
    raise TypeError(
        f"value is a {type(value).__name__}: the store takes a pandas DataFrame or a dict of arrays."
    )


@dataclass
class Store:
    """Results of one pair in one folder.

    `expected` holds what every part must have been made from (weight hashes, say), and `made_from`
    in a call what that one part must have been made from besides (the hash of its inputs, say): a
    part made from something else counts as absent.
    """

    folder: Path
    expected: dict[str, str] = field(default_factory=dict)

    def manifest(self) -> dict[str, dict]:
        path = self.folder / MANIFEST
        if not path.exists():
            return {}
        try:
            return json.loads(path.read_text(encoding="utf-8"))["parts"]
        except (ValueError, KeyError, UnicodeDecodeError):
            warnings.warn(
                f"{path} is not a manifest: all parts of this store count as absent and will be "
                "computed again.",
                DamagedResultWarning,
                stacklevel=2,
            )
            return {}

    def _problem(self, name: str, made_from: dict | None = None) -> tuple[str | None, bytes]:
        """Why part `name` cannot be used (None when it can), and its bytes."""
        entry = self.manifest().get(name)
        if entry is None:
            return "absent", b""
        path = self.folder / entry["file"]
        if not path.exists():
            return "absent", b""
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            return f"{path} does not match its SHA-256 in {MANIFEST}", b""
        recorded = entry.get("made_from", {})
        for key, value in (self.expected | (made_from or {})).items():
            if recorded.get(key) != value:
                return f"{path} was made from other {key} ({recorded.get(key)})", b""
        return None, content

    def has(self, name: str, made_from: dict | None = None) -> bool:
        """Whether part `name` is there, whole, and made from what is expected."""
        problem, _ = self._problem(name, made_from)
        if problem not in (None, "absent"):
            warnings.warn(f"{problem}: it counts as absent.", DamagedResultWarning, stacklevel=2)
        return problem is None

    def read(self, name: str) -> Value:
        """The table or the arrays of part `name`."""
        problem, content = self._problem(name)
        if problem is not None:
            why = f"has no part {name!r}" if problem == "absent" else f"is damaged: {problem}"
            raise MissingResult(
                f"The store {self.folder} {why}. Compute it with "
                f"`python -m helpers.compute --pair {self.folder.name}`."
            )
        if self.manifest()[name]["file"].endswith(".parquet"):
            import io

            return pd.read_parquet(io.BytesIO(content))
        try:
            return load_arrays(content)
        except SafetensorError as error:
            raise MissingResult(f"{name!r} in {self.folder} is not a safetensors file.") from error

    def write(
        self, name: str, value: Value, *, made_from: dict | None = None, **about: object
    ) -> None:
        """Write a part and its entry in the manifest; `about` is kept beside it (settings, seed)."""
        suffix, content = _encode(value)
        file = name + suffix
        write_whole(self.folder / file, content)
        entry = {
            "file": file,
            "sha256": hashlib.sha256(content).hexdigest(),
            "made_from": self.expected | (made_from or {}),
            "about": about,
            "code": code_version(),
            "versions": library_versions(),
            "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }
        with FileLock(self._lock()):
            self._write_manifest(self.manifest() | {name: entry})

    def _lock(self) -> Path:
        """One lock a folder, outside it: two runs may fill one store at the same time."""
        key = hashlib.sha256(str(self.folder.resolve()).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"instruction-shift-{key}.lock"

    def _write_manifest(self, parts: dict[str, dict]) -> None:
        content = {"pair": self.folder.name, "parts": dict(sorted(parts.items()))}
        text = json.dumps(content, indent=1, ensure_ascii=False, default=str)
        write_whole(self.folder / MANIFEST, text.encode())

    def get(
        self,
        name: str,
        make: Callable[[], Value],
        *,
        made_from: dict | None = None,
        **about: object,
    ) -> Value:
        """Part `name`, computed by `make` and written when it is not there."""
        if not self.has(name, made_from):
            self.write(name, make(), made_from=made_from, **about)
        return self.read(name)


def open_store(
    pair: str = "gemma-3-270m",
    folder: str | Path | None = None,
    *,
    expected: dict[str, str] | None = None,
) -> Store:
    """The store of a pair: `data/results/<pair>` unless another folder is named."""
    return Store(Path(folder) if folder else data_folder() / "results" / pair, expected or {})
