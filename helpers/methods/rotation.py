"""How far tuning turned the components of a layer: angles, matches, and what chance would do.

method.md, section 4: the paper's "rotates", measured in the weights. Two models of a pair share their
coordinates, so directions are compared without alignment, and against random updates as large as the
real one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.linalg
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.optimize import linear_sum_assignment
from torch import Tensor

Null = Literal["norm", "spectrum"]
NULLS: tuple[Null, ...] = ("norm", "spectrum")
Factors = tuple[Float[ndarray, "rows rank"], Float[ndarray, "rank columns"]]
EQUAL = {"norm": "norm and rank", "spectrum": "singular values"}  # what a random update shares


@dataclass(frozen=True)
class Angles:
    """Principal angles in degrees between the spans of the first k components, for several k."""

    k: Int[ndarray, " k"]
    mean: Float[ndarray, " k"]
    largest: Float[ndarray, " k"]


@dataclass(frozen=True)
class Matching:
    """One-to-one partners of the base model's components among the tuned model's.

    `cosine` is signed: a negative one means that the poles have changed places, by convention of
    sign only. `rank_change` is the partner's rank less the component's own: below 0 it rose.
    """

    partner: Int[ndarray, " component"]
    cosine: Float[ndarray, " component"]

    @property
    def rank_change(self) -> Int[ndarray, " component"]:
        return self.partner - np.arange(len(self.partner))

    @property
    def angle(self) -> Float[ndarray, " component"]:
        """Angle between partners in degrees, 0 to 90."""
        return np.degrees(np.arccos(np.clip(np.abs(self.cosine), 0, 1)))


def _same_space(base: ndarray, tuned: ndarray) -> None:
    if base.shape != tuned.shape:
        raise ValueError(
            f"base has directions of shape {base.shape}, tuned of {tuned.shape}: compare the same "
            "number of components of the same layer of one pair."
        )


def _basis(directions: Float[ndarray, "component hidden"]) -> Float[ndarray, "component hidden"]:
    """Orthonormal rows, the first k of which span the first k directions: components are that already."""
    rows = directions.astype(float, copy=False)
    off = np.abs(rows @ rows.T - np.eye(len(rows))).max()
    return rows if off < 1e-12 else np.linalg.qr(rows.T)[0].T


def principal_angles(
    base: Float[ndarray, "component hidden"],
    tuned: Float[ndarray, "component hidden"],
    ks: Iterable[int] | None = None,
) -> Angles:
    """Mean and largest principal angle between the first k directions, for k in `ks` (default all).

    The largest angle jumps to 90 degrees whenever the k-th and the next component change places;
    the mean does not, which is why both are kept. Exact to about 1e-6 degrees.
    """
    _same_space(base, tuned)
    k = np.array(range(1, len(base) + 1) if ks is None else list(ks))
    if len(k) == 0 or k.min() < 1 or k.max() > len(base):
        raise ValueError(f"ks={list(k)[:5]}...: every k must be between 1 and {len(base)}.")
    # One basis whose leading rows span the leading directions, so that every k costs k^3 alone;
    # scipy's subspace_angles makes its own for each k, and takes ten times as long.
    cosine = _basis(base) @ _basis(tuned).T
    values = [np.clip(scipy.linalg.svdvals(cosine[:n, :n]), 0, 1) for n in k]
    angles = [np.degrees(np.arccos(one)) for one in values]
    return Angles(k, np.array([a.mean() for a in angles]), np.array([a.max() for a in angles]))


def match(
    base: Float[ndarray, "component hidden"], tuned: Float[ndarray, "component hidden"]
) -> Matching:
    """Partners that maximise the sum of absolute cosines (the Hungarian method)."""
    _same_space(base, tuned)
    cosine = base @ tuned.T
    own, partner = linear_sum_assignment(-np.abs(cosine))
    return Matching(partner, cosine[own, partner])


def update_rank(update: Float[Tensor, "intermediate hidden"]) -> int:
    """Number of singular values above 1e-4 times the largest; 0 for no update.

    The tolerance is that of an update known as a difference of float32 weights, whose rounding
    leaves a floor under the true rank of a low-rank adapter.
    """
    return _rank(torch.linalg.svdvals(update).numpy(force=True))


def _rank(values: Float[ndarray, " value"]) -> int:
    return int((values > 1e-4 * values[0]).sum()) if values[0] > 0 else 0


def update_size(base: Float[Tensor, "*shape"], tuned: Float[Tensor, "*shape"]) -> float:
    """Norm of what tuning changed of a matrix, over the norm of the base's matrix."""
    before = base.detach()
    return float(torch.linalg.norm(tuned.detach() - before) / torch.linalg.norm(before))


def share_in_span(
    update: Float[Tensor, "intermediate hidden"], directions: Float[ndarray, "direction hidden"]
) -> Float[ndarray, " direction"]:
    """Share of an update's squared norm in the span of the first k directions, for k = 1, 2, ...

    `directions` are orthonormal rows, such as components. An update without a preference has k over
    hidden of it there. All NaN where there is no update.
    """
    rows = update.numpy(force=True)
    inside = np.square(rows @ directions.T).sum(axis=0).cumsum()
    total = np.square(rows).sum()
    return inside / total if total else np.full(len(directions), np.nan)


def _orthonormal(rows: int, columns: int, rng: np.random.Generator) -> ndarray:
    return np.linalg.qr(rng.standard_normal((rows, columns)))[0]


def random_factors(
    update: Float[Tensor, "intermediate hidden"],
    *,
    draws: int,
    seed: int = 0,
    null: Null = "norm",
    values: Float[ndarray, " value"] | None = None,
) -> Iterator[Factors]:
    """Random updates of the same Frobenius norm and rank as `update`, each as its two factors.

    null="norm" draws a product of Gaussian factors; null="spectrum" also keeps every singular value
    and only turns the singular vectors at random: the stricter null, since an update that
    concentrates on few directions turns more than a spread one of the same norm. `values`: its
    singular values, where they are known.
    """
    if null not in NULLS:
        raise ValueError(f"null={null!r} is unknown: use 'norm' or 'spectrum'.")
    rng = np.random.default_rng(seed)
    values = torch.linalg.svdvals(update).numpy(force=True) if values is None else values
    (rows, columns), rank = update.shape, _rank(values)
    values, norm = values[:rank], np.linalg.norm(values)
    for _ in range(draws):
        if null == "norm":
            left, right = rng.standard_normal((rows, rank)), rng.standard_normal((rank, columns))
        else:
            left, right = _orthonormal(rows, rank, rng) * values, _orthonormal(columns, rank, rng).T
        length = np.sqrt(np.vdot(left.T @ left, right @ right.T))
        yield left * (norm / length if length else 0.0), right


def random_updates(update: Float[Tensor, "intermediate hidden"], **options) -> Iterator[Tensor]:
    """The same as whole matrices (`random_factors` has the options)."""
    for left, right in random_factors(update, **options):
        yield torch.from_numpy(left @ right).to(update.dtype)


def turned_components(
    value_vectors: Float[Tensor, "intermediate hidden"], updates: Iterable[Factors], n: int
) -> Iterator[Float[ndarray, "component hidden"]]:
    """Directions of the first `n` components of `value_vectors` plus each update, one after the other.

    From the covariance, which an update known by its factors changes at hardly any cost: five times
    as fast as `components` of the sum. A direction's sign is left as it comes.
    """
    rows = value_vectors.detach().double().numpy(force=True)
    rows = rows - rows.mean(axis=0)
    covariance = rows.T @ rows
    for left, right in updates:
        left = left - left.mean(axis=0)
        cross = rows.T @ left @ right
        square = right.T @ (left.T @ left) @ right
        yield np.linalg.eigh(covariance + cross + cross.T + square)[1][:, : -n - 1 : -1].T
