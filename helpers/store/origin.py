"""What a result was computed with: code, libraries, inputs, and which process computed it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from functools import cache
from importlib import metadata

from helpers import __version__
from helpers.methods.errors import Mendable
from helpers.paths import package_folder


def inputs_hash(inputs: object) -> str:
    """SHA-256 of what a part is computed from, so that a changed prompt is computed again."""
    return hashlib.sha256(json.dumps(inputs, default=list).encode()).hexdigest()


def rank() -> tuple[int, int]:
    """Number of this process and of all, as `accelerate launch` and `torchrun` set them."""
    given = os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")
    number, processes = (int(one) if one.isdecimal() else -1 for one in given)
    if not 0 <= number < processes:
        raise Mendable(
            f"RANK={given[0]} of WORLD_SIZE={given[1]}: ranks count from 0 to one less than the "
            "number of processes; unset both to run alone."
        )
    return number, processes


@cache
def code_version() -> str:
    """Version of this package, with a hash of its Python files (a checkout changes under it)."""
    digest = hashlib.sha256()
    for path in sorted(package_folder().rglob("*.py")):
        digest.update(path.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:10]}"


@cache
def library_versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in ("torch", "transformers", "numpy", "peft"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "absent"
    return versions
