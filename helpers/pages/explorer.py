"""What all explorers share: one self-contained module each, and data packed as text.

An explorer is an anywidget. Its module is the kit followed by its own file, its data are base64
text, so that the state a notebook leaves in the published page is all that the explorer needs.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable
from pathlib import Path

import anywidget
import numpy as np
import traitlets

FOLDER = Path(__file__).parent


def module(explorer: str, *shared: str) -> str:
    """The ES module of an explorer: kit.js, each shared NAME.js, then the one beside the explorer.

    `explorer` is the `__file__` of the Python side: explorer.js lies beside it.
    """
    files = [FOLDER / f"{name}.js" for name in ("kit", *shared)]
    files.append(Path(explorer).with_suffix(".js"))
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def style(explorer: str = "") -> str:
    """The kit's style sheet, and NAME.css beside the explorer `__file__`."""
    files = [FOLDER / "kit.css", *([Path(explorer).with_suffix(".css")] if explorer else [])]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def squeeze(values: np.ndarray, dtype: str) -> str:
    """Little-endian numbers of a type ("<i2", "<f4", "u1", "<u2"), deflated, as base64 text.

    First bytes of all numbers stand before second bytes: they are more alike.
    """
    numbers = np.ascontiguousarray(values).astype(dtype)
    planes = numbers.view("u1").reshape(-1, numbers.itemsize).T
    return base64.b64encode(zlib.compress(planes.tobytes(), 9)).decode("ascii")


def squeeze_levels(values: np.ndarray, steps: int = 4095) -> dict:
    """Non-negative numbers as whole steps of their largest."""
    largest = float(np.max(values, initial=0)) or 1.0
    levels = squeeze(np.round(steps * values / largest), "<u2")
    return {"step": largest / steps, "levels": levels}


def squeeze_text(lines: Iterable[str]) -> str:
    """Lines of text, deflated."""
    return squeeze(np.frombuffer("\n".join(lines).encode(), "u1"), "u1")


def squeeze_json(value: object) -> str:
    """Any JSON value, deflated."""
    return squeeze_text([json.dumps(value)])


def number_words(texts: Iterable[Iterable[str]]) -> tuple[list[str], list[list[int]]]:
    """A table of distinct strings, and each text as numbers in it."""
    table: dict[str, int] = {}
    numbered = [[table.setdefault(word, len(table)) for word in text] for text in texts]
    return list(table), numbered


class BookWidget(anywidget.AnyWidget):
    """An explorer of `data`, some in a `compact` form too; subclasses set `_esm = module(__file__)`,
    further traits are `sync=True`."""

    _css = style()
    data = traitlets.Any().tag(sync=True)
    compact = traitlets.Bool(False).tag(sync=True)
