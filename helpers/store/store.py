"""The store: what was computed for a pair, as files with a manifest, whole or not at all.

A part of a store is a table (`NAME.parquet`) or named arrays (`NAME.safetensors`). The manifest
lists each part's SHA-256 and how it was made. A part whose file does not match it is named in a
warning and counts as absent; nothing that was damaged, or put there by others, is read as a result.
Several processes may fill one store: each takes a claim on a part before it computes it (`claims`).
"""

from __future__ import annotations

import hashlib
import io
import json
import shlex
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from tqdm.auto import tqdm

from helpers.methods.errors import Mendable
from helpers.paths import MANIFEST, last_name, results_folder
from helpers.store.claims import Claims, UnwritableStore, write_whole
from helpers.store.columns import lacking
from helpers.store.conditions import OPTIONS, check
from helpers.store.manifest import (
    VERSION,
    DamagedResultWarning,
    Entry,
    Manifest,
    ManifestFile,
    check_name,
    checked,
)
from helpers.store.origin import code_version, library_versions, rank

Value = pd.DataFrame | dict[str, np.ndarray]


class MissingResult(Mendable):
    """The store does not hold this part; the message says which command computes it."""


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

    def __post_init__(self) -> None:
        self._file = ManifestFile(self.folder)

    @property
    def claims(self) -> Claims:
        return Claims(self.folder)

    def manifest(self) -> Mapping[str, Entry]:
        """Entries of the parts by name, as they are in the file now; not to be changed."""
        return self._file.read().parts

    def usable(self) -> Manifest:
        """The manifest; refused where it is none of ours, and the folder is not to be written to."""
        return self._file.usable()

    def origin(self) -> Mapping[str, str]:
        """Where base and tuned model of a pair of one's own are; empty for pairs of the registry."""
        return self.models or self._file.read().models

    def recorded(self) -> dict[str, Mapping]:
        """What the manifest says of the models and of the conditions."""
        held = self._file.read()
        return {"models": held.models, "conditions": held.conditions}

    def under(self) -> Mapping[str, str | int]:
        """The conditions of the run at hand, or else those that are recorded."""
        return self.conditions or self.recorded()["conditions"]

    def command(self, finding: str | None = None, *, paths: bool = True) -> str:
        """What computes the parts of a finding that this store lacks (of all, when left out).

        `paths=False`: what lies on this disk is named by its last part, for what leaves this machine.
        """
        shown = str if paths else last_name
        name, models = self.folder.name, self.origin()
        named = [part for role, where in models.items() for part in (f"--{role}", shown(where))]
        words = [*named, "--name", name] if named else ["--pair", name]
        held = self.under()
        words += [one for k in OPTIONS if k in held for one in (f"--{k}", shown(str(held[k])))]
        words += ["--finding", finding] if finding else []
        if self.folder.resolve() != (results_folder(name) / name).resolve():
            words += ["--folder", shown(str(self.folder))]
        return f"python -m helpers compute {shlex.join(words)}"

    def lacks(self, finding: str, what: str = "") -> str:
        """One line for where `what` of a finding is not in the store: the command for it."""
        named = what and f" ({what})"
        return f"Not computed yet for this pair{named}: {self.command(finding, paths=False)}."

    def _problem(self, name: str, made_from: dict | None = None) -> tuple[str | None, bytes]:
        """Why part `name` cannot be used (None when it can), and its bytes."""
        entry = self.manifest().get(name)
        path = self.folder / entry["file"] if entry else None
        if path is None or not path.is_file():
            return "absent", b""
        # Parts say in which precision they were computed unless it was float32.
        wanted = ({"dtype": None} if self.expected else {}) | self.expected | (made_from or {})
        for key, value in wanted.items():
            if (held := entry["made_from"].get(key)) != value:
                return f"{path} was made from other {key} ({held})", b""
        try:
            content = path.read_bytes()
        except OSError as error:
            return f"{path} cannot be read ({error.strerror})", b""
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            return f"{path} does not match its SHA-256 in {MANIFEST}", b""
        fault = lacking(name, content, table=path.suffix == ".parquet")
        return (f"{path} {fault}" if fault else None), content

    def has(self, name: str, made_from: dict | None = None) -> bool:
        """Whether part `name` is there, whole, and made from what is expected."""
        problem, _ = self._problem(name, made_from)
        if problem not in (None, "absent"):
            warnings.warn(f"{problem}: it counts as absent.", DamagedResultWarning, stacklevel=2)
        return problem is None

    def read(self, name: str) -> Value:
        """The table or the arrays of part `name`."""
        problem, content = self._problem(name)
        if problem is None:
            try:
                table = self.manifest()[name]["file"].endswith(".parquet")
                return pd.read_parquet(io.BytesIO(content)) if table else load_arrays(content)
            except Exception as error:  # as many kinds as there are ways to damage a file
                problem = f"its values cannot be read ({str(error)[:100]})"
        why = f"has no part {name!r}" if problem == "absent" else f"is damaged: {problem}"
        raise MissingResult(f"The store {self.folder} {why}. Compute it with `{self.command()}`.")

    def write(
        self, name: str, value: Value, *, made_from: dict | None = None, **about: object
    ) -> None:
        """Write a part and its entry in the manifest; `about` is kept beside it (settings, seed).

        Refused where the store holds parts that were made under other conditions.
        """
        check_name(name)
        suffix, content = _encode(value)
        entry = {
            "file": name + suffix,
            "sha256": hashlib.sha256(content).hexdigest(),
            "made_from": self.expected | (made_from or {}),
            "about": about,
            "code": code_version(),
            "versions": library_versions(),
            "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }
        entry = checked(name, json.loads(json.dumps(entry, default=str)), VERSION)
        with self._alone() as held:
            check(self)
            write_whole(self._inside(entry["file"]), content)
            models, conditions = held.models | self.models, held.conditions | self.conditions
            self._file.write(Manifest(held.parts | {name: entry}, models, conditions))

    @contextmanager
    def _alone(self) -> Iterator[Manifest]:
        """The manifest as it is, to be changed; no other process changes it meanwhile."""
        self.usable()  # a folder that is none of ours gets no claims either
        with self.claims.alone():
            yield self._file.usable(surely=True)

    def _inside(self, file: str) -> Path:
        """Where a file of the store lies; a folder in it that leads elsewhere is refused."""
        path = self.folder / file
        if not path.parent.resolve().is_relative_to(self.folder.resolve()):
            raise UnwritableStore(
                f"{path.parent} leads out of the store, which writes and deletes below its own "
                "folder alone: delete the link."
            )
        return path

    def clear(self, *, first_look: bool = False) -> None:
        """Delete the parts that the manifest names, and the manifest.

        `first_look`: only what is marked as `quick`, so that the whole goes on from all other parts.
        """
        with self._alone() as held:
            kept = {n: e for n, e in held.parts.items() if first_look and "quick" not in e["about"]}
            for name in held.parts.keys() - kept.keys():
                self._inside(held.parts[name]["file"]).unlink(missing_ok=True)
            if first_look:
                conditions = {k: v for k, v in held.conditions.items() if k != "quick"}
                self._file.write(Manifest(kept, held.models, conditions))
            else:
                self._file.path.unlink(missing_ok=True)

    def _settle(self, part: Part) -> bool:
        """Make one part if nobody has made it or is making it; whether it is there now."""
        if self.has(part.name, part.made_from):
            return True
        with self.claims.on(part.name) as mine:
            # It may have been finished between the look and the claim.
            if mine and not self.has(part.name, part.made_from):
                self.write(part.name, part.make(), made_from=part.made_from, **part.about)
        return mine

    def fill(self, parts: Iterable[Part], *, desc: str = "", progress: bool = False) -> None:
        """Make all parts that are not there, sharing them with every other process that does.

        Returns when all are there, whoever made them. Parts that others are making are passed over
        and looked at again later, so those of a process that died are made in the end.
        """
        check(self)
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
                    if self._settle(part):
                        bar.update()
                    else:
                        waiting.append(part)
                if len(waiting) == len(left):
                    bar.set_postfix_str(f"waiting for {self.claims.owner(waiting[0].name)}")
                    time.sleep(0.2)
                left = waiting
        check(self)  # what others made under other conditions is not what was asked for

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
