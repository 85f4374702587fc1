"""The pairs that have a name (`data/pairs.toml`), and what memory a pair needs."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pandas as pd

from helpers.methods.errors import Mendable
from helpers.models.devices import GIB, ROOM, ROOM_ALONE
from helpers.models.sources import Source
from helpers.paths import data_folder
from helpers.prompts.prompt import Template

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib


RESERVED = {"llama-vicuna-7b"}  # a store of the book without models
CHAT = "chat"

# Memory of machines that people have, in GiB, as they report it when nothing runs.
MACHINES = {
    "laptop, 8 GB": 6,
    "Colab T4": 14.7,
    "24 GB card": 23,
    "A100 40 GB": 39,
    "80 GB card": 79,
}


@dataclass(frozen=True)
class Choice:
    """A pair as it was chosen: where its two models are and how they are asked."""

    name: str
    base: Source
    tuned: Source
    template: str | Template | None = None
    licence: str = ""
    parameters: int | None = None
    pickle: bool = False
    gated: bool = False
    note: str = ""

    @property
    def embedded(self) -> bool:
        return self.base.where.startswith("package:")

    @property
    def adapter(self) -> Path:
        """The folder of an embedded pair's adapter, which the repository holds."""
        return data_folder() / "adapters" / self.tuned.where.removeprefix("adapter:")


def checked_name(name: str) -> str:
    """A pair's name is also its folder in the store."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise Mendable(
            f"name={name!r} cannot name a folder: use letters, digits, dots, dashes, underscores."
        )
    return name


def own(base: str, tuned: str, *, name: str | None = None) -> Choice:
    """A pair that is not in the registry; its name is made from the tuned model's."""
    sides = _source(base), _source(tuned)
    made = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(sides[1].where).name).strip("-._")
    chosen = checked_name(name if name is not None else made or "own")
    check_free(chosen)
    return Choice(chosen, *sides)


def check_free(name: str, option: str = "--name") -> None:
    """Refuse to call a pair of one's own, or the folder of its store, as one that is known."""
    if name in read() or name in RESERVED:
        raise Mendable(
            f"name={name!r} is a pair of the book or its registry, whose results these would be "
            f"taken for: choose another one with {option}."
        )


def _source(text: str) -> Source:
    """`where` or `where@revision`; a path that exists is taken as it stands."""
    where, at, revision = text.rpartition("@")
    if not at or Path(os.path.expanduser(text)).exists():
        return Source(text)
    return Source(where, revision)


def _entry(name: str, entry: dict, templates: dict[str, Template]) -> Choice:
    fields = dict(entry)
    sides = (Source(fields.pop(s), fields.pop(f"{s}_revision", "main")) for s in ("base", "tuned"))
    template = fields.get("template")
    if template not in (None, CHAT):
        fields["template"] = templates[template]
    return Choice(checked_name(name), *sides, **fields)


@lru_cache(maxsize=8)
def read(path: Path | None = None) -> dict[str, Choice]:
    """All pairs of the registry by name, with their templates put in."""
    file = path or data_folder() / "pairs.toml"
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Mendable(f"{file} cannot be read: {error}.") from error
    templates, found, name = {}, {}, ""
    try:
        for name, fields in content.get("templates", {}).items():
            templates[name] = Template(name, **fields | {"markers": tuple(fields["markers"])})
        for name, entry in content.get("pairs", {}).items():
            found[name] = _entry(name, entry, templates)
    except (KeyError, TypeError, ValueError) as error:
        raise Mendable(f"{file}: {name!r} lacks or mistypes something: {error}.") from error
    return found


def find(name: str) -> Choice:
    """The pair of this name."""
    pairs = read()
    if name not in pairs:
        raise Mendable(
            f"name={name!r} is not a known pair: use one of {', '.join(pairs)}; or name two models "
            "with --base and --tuned."
        )
    return pairs[name]


def memory(parameters: int) -> dict[str, float]:
    """GiB of weights by layout (method: parameters times bytes; two models unless in turns)."""
    return {
        "float32, both": 2 * 4 * parameters / GIB,
        "16 bits, both": 2 * 2 * parameters / GIB,
        "16 bits, in turns": 2 * parameters / GIB,
    }


def smallest(gib: float, room: float = ROOM) -> str:
    """The smallest of the usual machines whose memory leaves room to compute beside the weights."""
    return next((name for name, size in MACHINES.items() if gib <= room * size), "several devices")


def table() -> pd.DataFrame:
    """The registry for people: licence, size, memory of the weights in GiB, and what fits where."""
    rows = []
    for choice in read().values():
        needs = memory(choice.parameters or 0)
        pinned = not re.search(r"main|refs/", choice.base.revision + choice.tuned.revision)
        rows.append(
            {"pair": choice.name, "base": choice.base.where, "tuned": choice.tuned.where,
             "licence": choice.licence + (", gated" if choice.gated else ""),
             "pinned": choice.embedded or pinned, "parameters": choice.parameters}
            | {layout: round(gib, 1) for layout, gib in needs.items()}
            | {"float32 fits": smallest(needs["float32, both"]),
               "16 bits fit": smallest(needs["16 bits, both"]),
               "in turns fit": smallest(needs["16 bits, in turns"], room=ROOM_ALONE)}
        )  # fmt: skip
    return pd.DataFrame(rows).set_index("pair")
