"""The store: what was computed for a pair, as files with a manifest, whole or not at all.

A part of a store is a table (`NAME.parquet`) or named arrays (`NAME.safetensors`). The manifest
lists each part's SHA-256 and how it was made. A part whose file does not match the manifest is
named in a warning and counts as absent, so that the next run computes it again; nothing that was
damaged, or put there by someone else, is ever read as a result.

Several processes, on one machine or several, may fill one store: each takes a claim on a part before
it computes it (see `claims`), so `Store.fill` and `Store.get` share the work out among however
many processes there are, and go on with what a dead one left.
"""

from __future__ import annotations

import hashlib
import io
import json
import shlex
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from tqdm.auto import tqdm

from helpers.methods.errors import Mendable
from helpers.paths import MANIFEST, results_folder
from helpers.store.claims import Claims, explained, write_whole
from helpers.store.origin import code_version, library_versions, rank

Value = pd.DataFrame | dict[str, np.ndarray]


class MissingResult(Mendable, FileNotFoundError):
    """The store does not hold this part; the message says which command computes it."""


class DamagedResultWarning(UserWarning):
    """A file in the store does not match its manifest and is treated as absent."""


def _encode(value: Value) -> tuple[str, bytes]:
    if isinstance(value, pd.DataFrame):
        return ".parquet", value.to_parquet(index=False, compression="zstd")
    if isinstance(value, dict):
        return ".safetensors", save_arrays({k: np.ascontiguousarray(v) for k, v in value.items()})
    raise TypeError(
        f"value is a {type(value).__name__}: the store takes a pandas DataFrame or a dict of arrays."
    )


@dataclass(frozen=True)
class Part:
    """One part to compute: `make` gives its value, from inputs whose hashes are `made_from`."""

    name: str
    make: Callable[[], Value]
    made_from: dict[str, str] = field(default_factory=dict)
    about: dict[str, object] = field(default_factory=dict)


@dataclass
class Store:
    """Results of one pair in one folder.

    `expected` holds what every part must have been made from (weight hashes, say), and `made_from`
    in a call what that one part must have been made from besides (the hash of its inputs, say): a
    part made from something else counts as absent. `models` says where the two models of a pair that
    is not in the registry are, `conditions` which prompts it is computed on (`helpers.store.conditions`);
    both are written with the parts.
    """

    folder: Path
    expected: dict[str, str] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    conditions: dict[str, str | int] = field(default_factory=dict)

    @property
    def claims(self) -> Claims:
        return Claims(self.folder)

    def manifest(self) -> dict[str, dict]:
        return self._content().get("parts", {})

    def origin(self) -> dict[str, str]:
        """Where base and tuned model of a pair of one's own are; empty for pairs of the registry."""
        return self.models or self.recorded()["models"]

    def recorded(self) -> dict[str, dict]:
        """What the manifest says of the models and of the conditions."""
        content = self._content()
        return {name: content.get(name, {}) for name in ("models", "conditions")}

    def command(self, finding: str | None = None) -> str:
        """What computes the parts of a finding that this store lacks (of all, when left out)."""
        name, models = self.folder.name, self.origin()
        named = [part for role, where in models.items() for part in (f"--{role}", where)]
        words = [*named, "--name", name] if named else ["--pair", name]
        for option, value in (self.conditions or self.recorded()["conditions"]).items():
            words += [f"--{option}", str(value)]
        words += ["--finding", finding] if finding else []
        if self.folder.resolve() != (results_folder(name) / name).resolve():
            words += ["--folder", str(self.folder)]
        return f"python -m helpers compute {shlex.join(words)}"

    def _content(self) -> dict[str, dict]:
        path = self.folder / MANIFEST
        if not path.exists():
            return {}
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return content | {"parts": dict(content["parts"])}
        except (ValueError, KeyError, TypeError, UnicodeDecodeError):
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
        other = self._made_from_other(entry, made_from)
        if other is not None:
            return f"{path} was made from other {other} ({entry['made_from'].get(other)})", b""
        return None, content

    def _made_from_other(self, entry: dict, made_from: dict | None) -> str | None:
        """The first key in which a part was made from something else than is expected."""
        # Parts say in which precision they were computed unless it was float32.
        wanted = ({"dtype": None} if self.expected else {}) | self.expected | (made_from or {})
        recorded = entry.setdefault("made_from", {})
        return next((key for key, value in wanted.items() if recorded.get(key) != value), None)

    def _count(self, parts: list[Part]) -> int:
        """How many parts the manifest lists as expected; files are not looked at."""
        held = self.manifest()
        return sum(
            part.name in held and self._made_from_other(held[part.name], part.made_from) is None
            for part in parts
        )

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
                f"The store {self.folder} {why}. Compute it with `{self.command()}`."
            )
        if self.manifest()[name]["file"].endswith(".parquet"):
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
        entry = {
            "file": file,
            "sha256": hashlib.sha256(content).hexdigest(),
            "made_from": self.expected | (made_from or {}),
            "about": about,
            "code": code_version(),
            "versions": library_versions(),
            "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }
        with explained(self.folder):
            write_whole(self.folder / file, content)
            with self.claims.alone():
                self._write_manifest(self.manifest() | {name: entry})

    def _write_manifest(self, parts: dict[str, dict]) -> None:
        recorded = self.recorded()
        told = {"models": self.models or recorded["models"]}
        told |= {"conditions": self.conditions or recorded["conditions"]}
        told = {name: value for name, value in told.items() if value}
        content = {"pair": self.folder.name, **told, "parts": dict(sorted(parts.items()))}
        text = json.dumps(content, indent=1, ensure_ascii=False, default=str)
        write_whole(self.folder / MANIFEST, text.encode())

    def clear(self) -> None:
        """Delete everything the manifest names, and the manifest."""
        with explained(self.folder), self.claims.alone():
            for entry in self.manifest().values():
                (self.folder / entry["file"]).unlink(missing_ok=True)
            (self.folder / MANIFEST).unlink(missing_ok=True)

    def _settle(self, part: Part) -> bool:
        """Make one part if nobody has made it or is making it; whether it is there now."""
        if self.has(part.name, part.made_from):
            return True
        token = self.claims.take(part.name)
        if token is None:
            return False
        try:  # it may have been finished between the look and the claim
            if not self.has(part.name, part.made_from):
                self.write(part.name, part.make(), made_from=part.made_from, **part.about)
        finally:
            self.claims.release(part.name, token)
        return True

    def fill(self, parts: Iterable[Part], *, desc: str = "", progress: bool = False) -> None:
        """Make all parts that are not there, sharing them with every other process that does.

        Returns when all are there, whoever made them. Parts that others are making are passed over
        and looked at again later, so those of a process that died are made in the end.
        """
        parts = list(parts)
        left = [part for part in parts if not self.has(part.name, part.made_from)]
        number, processes = rank()
        start = len(left) * number // processes
        left = left[start:] + left[:start]  # each process begins elsewhere
        with tqdm(
            total=len(parts), initial=len(parts) - len(left), desc=desc, disable=not progress
        ) as bar:
            while left:
                waiting = []
                for part in left:
                    if not self._settle(part):
                        waiting.append(part)
                    bar.update(self._count(parts) - bar.n)  # what others made counts too
                if len(waiting) == len(left):
                    self._wait(waiting[0], bar)
                left = waiting

    def _wait(self, part: Part, bar: tqdm) -> None:
        bar.set_postfix_str(f"waiting for {self.claims.owner(part.name)}")
        time.sleep(0.2)

    def get(
        self,
        name: str,
        make: Callable[[], Value],
        *,
        made_from: dict | None = None,
        **about: object,
    ) -> Value:
        """Part `name`, computed by `make` and written when it is not there."""
        self.fill([Part(name, make, made_from or {}, about)])
        return self.read(name)


def open_store(
    pair: str = "gemma-3-270m",
    folder: str | Path | None = None,
    *,
    expected: dict[str, str] | None = None,
    models: dict[str, str] | None = None,
    conditions: dict[str, str | int] | None = None,
    writing: bool = False,
) -> Store:
    """The store of a pair: `<pair>` in the results folder unless another folder is named.

    A named folder may also be the one that holds the store of that name.
    """
    place = Path(folder) if folder else results_folder(pair, writing=writing) / pair
    if folder and not (place / MANIFEST).exists() and (place / pair / MANIFEST).exists():
        place = place / pair
    return Store(place, expected or {}, models or {}, conditions or {})
