"""From importance to one number a prompt: normal form, density, instruction score.

Wu et al. (NAACL 2024), section 3.1; method.md, section 1. All functions are pure and take NumPy
arrays or torch tensors, and give back the same kind.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from helpers.methods.errors import Mendable

LEVELS, THRESHOLD, P = 10, 7, 4
TEMPLATE = "template"  # the role of tokens that belong to no segment

Array = np.ndarray | Tensor


def _as_tensor(values: Array, name: str, axes: int) -> Tensor:
    tensor = torch.as_tensor(values)
    if tensor.ndim != axes or tensor.numel() == 0:
        raise Mendable(
            f"{name} has shape {tuple(tensor.shape)}: give {axes} axes, none of length 0."
        )
    if tensor.is_floating_point() and not torch.isfinite(tensor).all():
        raise Mendable(f"{name} holds NaN or infinity: compute it again from sound weights.")
    return tensor


def _same_kind(function: Callable[..., Tensor]) -> Callable[..., Array]:
    """Give NumPy back where the first argument is NumPy."""

    @functools.wraps(function)
    def wrapped(values: Array, *args, **options) -> Array:
        result = function(values, *args, **options)
        return result.numpy() if isinstance(values, np.ndarray) else result

    return wrapped


@_same_kind
def normalise(
    importance: Float[Array, "prompt response"],
    levels: int = 10,
    threshold: int = 0,
    *,
    eps: float = 0.0,
) -> UInt8[Array, "prompt response"]:
    """S[n, m] = ceil(L max(0, I[n, m]) / max_n' max(0, I[n', m])); entries S <= b become 0.

    `levels` is L, `threshold` is b. Scale-free: a column counts however small its largest entry is;
    a column without a positive entry is all zeros. `eps` is added to the column's maximum: the
    authors' code adds 1e-7, which empties columns below about 2.3e-7 (method.md, section 6).
    """
    if not 1 <= levels <= 255:
        raise Mendable(f"levels={levels}: give a whole number from 1 to 255.")
    if not 0 <= threshold <= levels:
        raise Mendable(f"threshold={threshold}: give a whole number from 0 to levels ({levels}).")
    positive = _as_tensor(importance, "importance", 2).double().clamp(min=0)
    largest = positive.amax(0, keepdim=True)
    # Divided first: x / x is 1 exactly, while 10 x / x may round above 10.
    scaled = torch.ceil(levels * (positive / torch.where(largest > 0, largest + eps, 1.0)))
    return torch.where(scaled > threshold, scaled, 0.0).to(torch.uint8)


@_same_kind
def density(
    normalised: UInt8[Array, "prompt response"], p: float = 4, *, threshold: int = 0
) -> Float[Array, " prompt"]:
    """a_n = ||S_n||_1 / ||S_n||_p, and 0 for an all-zero row. No unit.

    High where a token matters to many response tokens: k equal entries give k^(1 - 1/p), so it
    grows with the length of the response. It is not divided by its maximum here. `threshold` is b, for
    an S that was kept whole: entries up to it do not count.
    """
    if not p >= 1:
        raise Mendable(f"p={p}: give a number of 1 or more.")
    rows = _as_tensor(normalised, "normalised", 2).double()
    rows = torch.where(rows > threshold, rows, 0.0)
    # Dividing by the row's maximum first keeps large p from overflowing.
    largest = rows.amax(1, keepdim=True)
    rows = rows / torch.where(largest > 0, largest, 1.0)
    norm = rows.pow(p).sum(1).pow(1.0 / p)
    return torch.where(norm > 0, rows.sum(1) / torch.where(norm > 0, norm, 1.0), 0.0)


def relative_density(values: Float[Array, " prompt"]) -> Float[Array, " prompt"]:
    """a_n / max_n a_n, and zeros where every density is zero."""
    largest = values.max()
    return values / largest if largest > 0 else values * 0.0


def instruction_score(density: Float[Array, " prompt"], mask: Bool[Array, " prompt"]) -> float:
    """Sum of a_n / max a over instruction tokens, divided by log2(2 + their number)."""
    values = _as_tensor(density, "density", 1).double()
    chosen = torch.as_tensor(mask)
    if chosen.shape != values.shape or chosen.dtype != torch.bool:
        raise Mendable(
            f"mask has shape {tuple(chosen.shape)} and type {chosen.dtype}, density has "
            f"{len(values)} tokens: give one truth value a prompt token."
        )
    count = int(chosen.sum())
    if count == 0:
        raise Mendable("mask marks no instruction token: give a prompt with an instruction.")
    total = float(relative_density(values)[chosen].sum())
    return total / float(np.log2(2 + count))


def share_on(found: np.ndarray, mask: np.ndarray) -> float:
    """Share of the positive importance that lies on the masked rows; NaN where there is none."""
    positive = found.clip(min=0)
    return float(positive[mask].sum() / positive.sum()) if positive.sum() > 0 else float("nan")


def shares(
    importance: Float[np.ndarray, "prompt response"], roles: Sequence[str]
) -> dict[str, float]:
    """Share of positive importance on each segment, of that on all segments: the template is left out.

    NaN where no segment has any. method.md, section 1 (*Share*).
    """
    labels = np.asarray(roles)
    inside = labels != TEMPLATE
    return {
        role: share_on(importance[inside], labels[inside] == role)
        for role in dict.fromkeys(labels[inside].tolist())
    }


def segment_scores(
    importance: Float[np.ndarray, "prompt response"],
    roles: Sequence[str],
    *,
    rows: Literal["all", "segments"] = "all",
    threshold: int = THRESHOLD,
    p: float = P,
) -> dict[str, float]:
    """The instruction score, and the same score of every other segment as a placebo.

    `rows`: "all" as the paper does, where the largest density may lie on the template's tokens, which
    only the tuned model knows; "segments" drops them before anything is normalised.
    """
    labels = np.asarray(roles)
    kept = labels != TEMPLATE if rows == "segments" else np.ones(len(labels), dtype=bool)
    names = dict.fromkeys(labels[labels != TEMPLATE].tolist())
    if not importance.size:
        return dict.fromkeys(names, float("nan"))
    values = density(normalise(importance[kept], threshold=threshold), p)
    return {name: instruction_score(values, labels[kept] == name) for name in names}


def score(matrix: np.ndarray, roles: Sequence[str]) -> dict:
    """Lengths and instruction score of importance or of S; the score of no response is missing."""
    return {
        "prompt_tokens": len(roles),
        "response_tokens": matrix.shape[1],
        "instruction_tokens": list(roles).count("instruction"),
        "score": segment_scores(matrix, roles)["instruction"],
    }
