"""The manifest of a store: which parts it holds and how they were made, checked and read once.

A file that is none of ours, or that a later version of the package wrote, is never written over.
Entries that cannot be used are named in a warning and count as absent. Version 0 had no number, and
not always all fields.
"""

from __future__ import annotations

import errno
import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any

from pydantic import ConfigDict, Field, JsonValue, TypeAdapter, ValidationError
from typing_extensions import NotRequired, TypedDict

from helpers.methods.errors import Mendable
from helpers.paths import MANIFEST
from helpers.store.claims import write_whole

VERSION = 1
SUFFIXES = (".parquet", ".safetensors")
STRICT = ConfigDict(strict=True, extra="allow")


class DamagedResultWarning(UserWarning):
    """A file in the store does not match its manifest and is treated as absent."""


class Entry(TypedDict):
    """What is known of one part."""

    __pydantic_config__ = STRICT
    file: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    made_from: dict[str, str]
    about: dict[str, JsonValue]
    code: str
    versions: dict[str, str]
    date: str


class Conditions(TypedDict):
    """What a store was computed on: `--prompts`, `--vocabulary`, hashes of both, `--limit`, `--quick`."""

    __pydantic_config__ = STRICT
    prompts: NotRequired[str]
    content: NotRequired[str]
    limit: NotRequired[int]
    quick: NotRequired[int]
    vocabulary: NotRequired[str]
    words: NotRequired[str]


class Head(TypedDict):
    """All of a manifest; its entries are checked one by one."""

    __pydantic_config__ = STRICT
    pair: str
    version: NotRequired[Annotated[int, Field(ge=0)]]
    models: NotRequired[dict[str, str]]
    conditions: NotRequired[Conditions]
    parts: dict[str, Any]


ENTRY, HEAD = TypeAdapter(Entry), TypeAdapter(Head)
VERSION_0 = {"made_from": {}, "about": {}, "code": "", "versions": {}, "date": ""}


@dataclass(frozen=True)
class Manifest:
    """What a manifest holds; `fault` says why it cannot be used (empty: it can, or is not there)."""

    parts: Mapping[str, Entry] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    conditions: Mapping[str, str | int] = field(default_factory=dict)
    fault: str = ""


def check_name(name: str) -> None:
    """Refuse a part whose file would lie outside the store, or hide in it."""
    if not name.isprintable():
        name = ""
    windows = PureWindowsPath(name)
    hidden = any(piece.startswith(".") for piece in windows.parts)
    long = any(len(os.fsencode(piece)) > 200 for piece in windows.parts)
    odd = name != str(PurePosixPath(name))
    if windows.drive or windows.root or hidden or long or odd:
        raise Mendable(
            f"{name[:100]!r} cannot name a part of a store, since files are named after parts: where "
            "the name holds a prompt's id, give the prompt a short id of letters and digits."
        )


def why(error: ValidationError) -> str:
    """The first thing that a schema found, in words."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'content'}: {first['msg'].lower()}"[:200]


def checked(name: str, entry: object, version: int) -> Entry:
    """An entry of the present version; ValueError says why it is none."""
    if version == 0 and isinstance(entry, dict):
        entry = VERSION_0 | entry
    try:
        found = ENTRY.validate_python(entry)
        check_name(name)
    except ValidationError as error:
        raise ValueError(why(error)) from None
    if found["file"] not in [name + suffix for suffix in SUFFIXES]:
        raise ValueError(f"file: it is not {name} with one of {', '.join(SUFFIXES)}")
    return found


@dataclass
class ManifestFile:
    """The manifest in a folder. Other processes may replace it; it is parsed when they did."""

    folder: Path
    _signature: tuple | None = None
    _content: bytes | None = None
    _held: Manifest = field(default_factory=Manifest)
    _texts: dict[str, tuple[Entry, bytes]] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.folder / MANIFEST

    def read(self, *, surely: bool = False) -> Manifest:
        """What the file holds now; `surely` looks at every byte, to change it under the lock."""
        try:
            found = os.stat(self.path)
            signature = (found.st_mtime_ns, found.st_size, found.st_ino)
            if signature == self._signature and not surely:
                return self._held
            if not self.path.is_file():  # reading a pipe would wait for ever
                raise OSError(errno.EINVAL, "no file")
            content = self.path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            signature, content = None, None
        except OSError as error:
            return Manifest(fault=self._refused(str(error.strerror)))
        if content != self._content:
            self._held = Manifest() if content is None else self.parse(content)
        self._signature, self._content = signature, content
        return self._held

    def _refused(self, reason: str) -> str:
        text = (
            f"{self.path} is no manifest that this version of the package can use ({reason}): it is "
            "left as it is. Name another folder with --folder, or delete the file if it is a damaged "
            "one of yours."
        )
        warnings.warn(f"{text} All parts count as absent.", DamagedResultWarning, stacklevel=5)
        return text

    def parse(self, content: bytes) -> Manifest:
        """What the bytes of a manifest say; entries that cannot be used are named and left out."""
        try:
            head = HEAD.validate_json(content)
        except ValidationError as error:
            return Manifest(fault=self._refused(why(error)))
        version = head.get("version", 0)
        if version > VERSION:
            return Manifest(fault=self._refused(f"version {version}: update the package"))
        parts = {}
        for name, entry in head["parts"].items():
            before = self._held.parts.get(name)
            try:  # what was there at the last look keeps its text
                parts[name] = before if entry == before else checked(name, entry, version)
            except (ValueError, RecursionError) as error:
                warnings.warn(
                    f"{self.path}: the entry of part {name[:100]!r} cannot be used ({error}): it "
                    "counts as absent.",
                    DamagedResultWarning,
                    stacklevel=5,
                )
        return Manifest(parts, head.get("models", {}), head.get("conditions", {}))

    def usable(self, *, surely: bool = False) -> Manifest:
        """As `read`; refused where the file is not to be written over."""
        found = self.read(surely=surely)
        if found.fault:
            raise Mendable(found.fault)
        return found

    def write(self, manifest: Manifest) -> None:
        """Replace the file; only under the lock."""
        told = {"pair": self.folder.name, "version": VERSION}
        told |= {k: getattr(manifest, k) for k in ("models", "conditions") if getattr(manifest, k)}
        head = (
            json.dumps(told, indent=1, ensure_ascii=False)
            .removesuffix("\n}")
            .encode(errors="replace")
        )
        parts = b",\n  ".join([self._text(*one) for one in sorted(manifest.parts.items())])
        content = b'%s,\n "parts": {\n  %s\n }\n}' % (head, parts)
        write_whole(self.path, content)
        found = os.stat(self.path)
        self._signature = (found.st_mtime_ns, found.st_size, found.st_ino)
        self._content, self._held = content, manifest

    def _text(self, name: str, entry: Entry) -> bytes:
        """An entry as it stands in the file, kept while it stays the same."""
        before = self._texts.get(name)
        if before is None or before[0] is not entry:
            text = json.dumps(entry, indent=1, ensure_ascii=False).replace("\n", "\n  ")
            # A half of a character, as some tokens are, cannot be written.
            text = f"{json.dumps(name, ensure_ascii=False)}: {text}".encode(errors="replace")
            before = self._texts[name] = (entry, text)
        return before[1]
