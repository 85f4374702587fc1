"""What several findings store alike: blocks of prompts, matrices packed to a few bytes, hashes."""

from __future__ import annotations

import numpy as np

from helpers.methods.density import LEVELS, normalise
from helpers.models.pair import Pair
from helpers.prompts.prompt import Encoded, Prompt, encode

BLOCK = 24


def blocks(prompts: list[Prompt]) -> list[list[Prompt]]:
    return [prompts[start : start + BLOCK] for start in range(0, len(prompts), BLOCK)]


def encoded(prompts: list[Prompt], pair: Pair, setting: str) -> list[Encoded]:
    template = pair.template if setting == "template" else None
    return [encode(prompt, pair.tokenizer, template) for prompt in prompts]


def pack(matrices: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Importance as half floats relative to each column's largest magnitude, S as bytes.

    Half floats alone would lose columns below 6e-8; with a scale per column none is lost.
    """
    scales = [np.abs(m).max(0) if m.size else np.zeros(m.shape[1]) for m in matrices]
    relative = [m / np.where(s > 0, s, 1) for m, s in zip(matrices, scales, strict=True)]
    levels = [normalise(m, LEVELS) if m.size else m for m in matrices]
    flat = lambda parts, kind: np.concatenate([np.ravel(x) for x in parts]).astype(kind)  # noqa: E731
    return {
        "shape": np.array([m.shape for m in matrices], dtype=np.int32).reshape(-1, 2),
        "relative": flat(relative, np.float16),
        "scale": flat(scales, np.float32),
        "normalised": flat(levels, np.uint8),
    }


def unpack(arrays: dict[str, np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Importance (to half precision) and S (exact) of each prompt of a block."""
    found, at, column = [], 0, 0
    for rows, columns in arrays["shape"]:
        size = rows * columns
        scale = arrays["scale"][column : column + columns].astype(float)
        relative = arrays["relative"][at : at + size].reshape(rows, columns).astype(float)
        normalised = arrays["normalised"][at : at + size].reshape(rows, columns)
        found.append((_agree(relative, normalised) * scale, normalised))
        at, column = at + size, column + columns
    return found


def _agree(relative: np.ndarray, normalised: np.ndarray) -> np.ndarray:
    """Undo what rounding to half precision did to S: the normal form of the result is S again."""
    if not relative.size:
        return relative
    largest = relative.max(0, keepdims=True).clip(min=0)
    margin = 1e-5
    low, high = (
        (normalised - 1.0 + margin) / LEVELS * largest,
        (normalised - margin) / LEVELS * largest,
    )
    inside = np.where(normalised > 0, np.clip(relative, low, high), np.minimum(relative, 0))
    return np.where((relative == largest) & (normalised > 0), largest, inside)
