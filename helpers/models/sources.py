"""Where a model comes from: a Hub id, a folder, a GGUF file or a LoRA adapter, found and identified.

Weights are read from safetensors; pickles, which can run code when opened, only when that is allowed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Literal

from pooch import file_hash
from safetensors import SafetensorError, safe_open

from helpers.methods.errors import Mendable
from helpers.models.hub import MissingWeights, download

Kind = Literal["model", "gguf", "adapter"]
TEXT = ["*.json", "*.txt", "*.model", "*.jinja"]
SAFE, PICKLED = ["*.safetensors"], ["*.bin"]
SKIPPED = ["*/*", "consolidated*", "training_args.bin", "optimizer*", "policy*"]

# What loaders look for, in their order; an index names the files of a model in several.
WEIGHTS = {
    "model": ("model.safetensors", "model.safetensors.index.json",
              "pytorch_model.bin", "pytorch_model.bin.index.json"),
    "adapter": ("adapter_model.safetensors", "adapter_model.bin"),
}  # fmt: skip

# Files of which any tokenizer has one; the tokenizer's configuration alone makes none.
TOKENIZERS = ("tokenizer.json", "tokenization*.py", "*.model", "vocab*", "merges*", "*.tiktoken",
              "tekken*")  # fmt: skip

# What else decides how a model is asked and where its response ends.
ASKED = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template*",
         "additional_chat_templates/*", "generation_config.json")  # fmt: skip


@dataclass(frozen=True)
class Source:
    """One side of a pair as it was named."""

    where: str
    revision: str = "main"

    def __str__(self) -> str:
        return self.where if self.revision == "main" else f"{self.where}@{self.revision}"


@dataclass(frozen=True)
class Found:
    """A source on this disk: a model folder, an adapter folder or a GGUF file.

    `commit` names it on the Hub ("org/name@commit"); None for what is only here.
    """

    kind: Kind
    path: Path
    commit: str | None = None

    def fingerprint(self) -> str:
        """The Hub's commit, or one hash over all weight and configuration files."""
        return self.commit or f"sha256:{hash_of(self.files())}"

    def files(self) -> dict[str, Path]:
        """Weights and configurations by their names below the folder, in the hash's order."""
        if self.kind == "gguf":
            return {self.path.name: self.path}
        found = [*weights_of(self.path), *self.path.glob("*.index.json")]
        found += [self.path / name for name in ("config.json", "adapter_config.json")]
        return {os.path.relpath(one, self.path): one for one in sorted(found) if one.exists()}

    def asked(self) -> dict[str, Path]:
        """Files of tokenizer and template, which no GGUF file has beside it."""
        if self.kind == "gguf":
            return {}
        names = {one for name in (*TOKENIZERS, *ASKED) for one in self.path.glob(name)}
        return {os.path.relpath(one, self.path): one for one in sorted(names)}

    def parameters(self) -> int:
        """How many weights it holds, from the headers alone (from the size where there are none)."""
        if self.kind == "gguf":
            return 2 * self.path.stat().st_size  # four bits a weight or more
        files = weights_of(self.path)
        if not all(path.suffix == ".safetensors" for path in files):
            return sum(path.stat().st_size for path in files) // 2
        return sum(prod(shape) for path in files for shape in tensor_shapes(path).values())


def hash_of(files: dict[str, Path], more: str = "") -> str:
    """One hash over names and contents of files, and a text."""
    listed = "\n".join(f"{name} {file_hash(path)}" for name, path in files.items())
    return hashlib.sha256((listed + more).encode()).hexdigest()


def weights_of(folder: Path) -> list[Path]:
    """The weight files that a loader opens, whatever else lies beside them; none where it has none."""
    kind = "adapter" if (folder / "adapter_config.json").exists() else "model"
    file = next((folder / name for name in WEIGHTS[kind] if (folder / name).exists()), None)
    if file is None or file.suffix != ".json":
        return [file] if file else []
    try:
        names = sorted(set(json.loads(file.read_text(encoding="utf-8"))["weight_map"].values()))
        return [folder / name for name in names]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MissingWeights(f"{file} does not list weight files: fetch it again.") from error


def check_pickles(files: list[Path], name: str, allowed: bool) -> None:
    """Refuse weights in any other format than safetensors unless that was allowed."""
    pickles = [one.name for one in files if one.suffix != ".safetensors"]
    if pickles and not allowed:
        raise Mendable(
            f"{name} has weights as pickles ({pickles[0]}), which can run code when they are opened. "
            "If you trust their author, allow them with --allow-pickle (allow_pickle=True); safer is "
            "a copy converted to safetensors."
        )


def tensor_shapes(path: Path) -> dict[str, list[int]]:
    """Names and shapes of the tensors in a safetensors file, from its header alone."""
    try:
        with safe_open(path, "numpy") as file:
            return {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise MissingWeights(
            f"{path} is not a safetensors file (damaged, or half downloaded): fetch it again."
        ) from error


def find(source: Source, *, allow_pickle: bool = False) -> Found:
    """The source on this disk, downloaded if it is a Hub id."""
    path = Path(os.path.expanduser(source.where))
    if path.is_file():
        return _file(path)
    if path.is_dir():
        return _folder(path, str(path), allow_pickle)
    hub_id = re.fullmatch(r"[\w.-]+(/[\w.-]+)?", source.where)
    if hub_id and not source.where.startswith(".") and path.suffix != ".gguf":
        return _hub(source, allow_pickle)
    raise MissingWeights(
        f"{source.where!r} is neither a folder, nor a GGUF file, nor a Hub id (owner/name): check "
        "the spelling, and the folder it is meant from."
    )


def _file(path: Path) -> Found:
    with open(path, "rb") as file:
        if file.read(4) != b"GGUF":
            raise MissingWeights(
                f"{path} is no GGUF file: name a GGUF file, or the folder that holds a model."
            )
    return Found("gguf", path)


def _folder(path: Path, name: str, allow_pickle: bool, commit: str | None = None) -> Found:
    adapter = (path / "adapter_config.json").exists()
    if not adapter and not (path / "config.json").exists():
        files = sorted(path.glob("*.gguf"))
        if len(files) == 1:
            return Found("gguf", files[0], commit)
        which = "several GGUF files: name one of them" if files else (
            "neither config.json nor adapter_config.json: name the folder of a model or an adapter"
        )  # fmt: skip
        raise MissingWeights(f"{name} holds {which}.")
    files = weights_of(path)
    if not files:
        raise MissingWeights(f"{name} holds no weights (*.safetensors): fetch them again.")
    check_pickles(files, name, allow_pickle)
    return Found("adapter" if adapter else "model", path, commit)


def _hub(source: Source, allow_pickle: bool) -> Found:
    fetch = partial(download, source.where, source.revision, ignore_patterns=SKIPPED)
    path = fetch(allow_patterns=[*TEXT, *SAFE])
    if allow_pickle and not weights_of(path):
        path = fetch(allow_patterns=[*TEXT, *PICKLED])
    elif not weights_of(path):
        raise Mendable(
            f"{source} has no safetensors on the Hub; it may have pickles, which can run code when "
            "they are opened. If you trust its author, allow them with --allow-pickle "
            "(allow_pickle=True)."
        )
    return _folder(path, str(source), allow_pickle, f"{source.where}@{path.name}")
