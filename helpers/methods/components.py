"""What the feed-forward layers store: components of their value vectors and the words they favour.

method.md, section 4; Wu et al. (NAACL 2024), section 3.4. A feed-forward layer writes a weighted sum
of its value vectors (rows of the transposed down projection) to the residual stream; their principal
components are the directions in which it writes most variedly, read by the words whose normalised
output embeddings lie along them. The paper folds no norm in, and neither do the defaults:
`layer_value_vectors` can fold the one behind the down projection (Gemma, OLMo 2), `word_outputs` the
final one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from sklearn.decomposition import PCA
from torch import Tensor

from helpers.methods.errors import Mendable
from helpers.methods.weights import Weights

MAX_COMPONENTS = 300  # the paper's number

Pole = Literal["both", "absolute"]


@dataclass(frozen=True)
class Components:
    """Principal components of one layer's value vectors, in order of falling variance.

    Rows of `directions` have unit length; their sign is fixed so that the entry of largest
    magnitude is positive, which means nothing beyond being the same on every machine.
    """

    directions: Float[ndarray, "component hidden"]
    explained_variance_ratio: Float[ndarray, " component"]
    mean: Float[ndarray, " hidden"]


@dataclass(frozen=True)
class ConceptWords:
    """Indices and scores of the words that components favour, best first.

    The axis `pole` has two entries with pole="both" (positive, negative) and one with "absolute".
    A score is the inner product with the unit component, signed: negative on the negative pole.
    """

    words: Int[ndarray, "*component pole top_k"]
    scores: Float[ndarray, "*component pole top_k"]


def _checked(value_vectors: Float[Tensor, "intermediate hidden"], n: int) -> Tensor:
    matrix = torch.as_tensor(value_vectors).detach()
    if matrix.ndim != 2:
        raise ValueError(
            f"value_vectors has shape {tuple(matrix.shape)}: expected (intermediate, hidden), the "
            "transposed down projection of one layer."
        )
    rows, hidden = matrix.shape
    if not 1 <= n <= min(rows - 1, hidden):
        raise Mendable(
            f"n={n} components were asked of {rows} value vectors in {hidden} dimensions, which "
            f"have between 1 and {max(min(rows - 1, hidden), 0)} (centring uses up one row): "
            "choose n in that range."
        )
    return matrix if matrix.dtype == torch.float64 else matrix.float()


def components(
    value_vectors: Float[Tensor, "intermediate hidden"], n: int = MAX_COMPONENTS
) -> Components:
    """The first `n` principal components of centred value vectors, by scikit-learn.

    From the covariance, in the precision of the input (float64 stays, all else is float32): one
    centred copy of the weights and about hidden^2 numbers of memory, where a singular value
    decomposition needs several copies. Mendable names what is wrong where n directions of
    variance do not exist.
    """
    matrix = _checked(value_vectors, n)
    mean, (rows, hidden) = matrix.mean(dim=0, dtype=torch.float64), matrix.shape
    if not torch.isfinite(mean).all():  # one bad entry spoils its column's mean
        bad = int((~torch.isfinite(matrix)).any(dim=1).sum())
        raise Mendable(
            f"value_vectors holds NaN or infinite entries in {bad} of {rows} rows: the "
            "checkpoint is damaged or overflowed when it was converted; load it again in float32."
        )
    mean = mean.to(matrix.dtype)
    # Centred here: the solver would take the mean away from the covariance, which costs digits.
    centred = (matrix - mean).numpy(force=True)
    eps = np.finfo(centred.dtype).eps
    total = float(np.vdot(centred, centred)) / (rows - 1)
    # A matrix of equal rows leaves only the rounding error of its mean.
    if total <= eps * (float(mean.square().sum()) + total):
        raise Mendable(
            "value_vectors are constant: all rows are equal, so no direction has variance. "
            "The layer was probably never initialised; check the checkpoint."
        )
    found = PCA(n, svd_solver="covariance_eigh").fit(centred)
    rank = int((found.explained_variance_ > eps * found.explained_variance_[0] * hidden).sum())
    if rank < n:
        raise Mendable(
            f"n={n} components were asked, but value_vectors vary in only about {rank} "
            f"directions; the rest would be rounding error: ask for n={rank} or fewer."
        )
    return Components(found.components_, found.explained_variance_ratio_, mean.numpy(force=True))


def layer_value_vectors(
    weights: Weights, layer: int, *, fold_post_norm: bool = False
) -> Float[Tensor, "intermediate hidden"]:
    """Value vectors of one layer in double precision: small angles drown in single."""
    rows = weights.value_vectors(layer).double()
    scale = weights.post_feedforward_scale(layer) if fold_post_norm else None
    return rows if scale is None else rows * scale.to(rows)


def word_outputs(
    embeddings: Float[ndarray, "word hidden"],
    *,
    final_norm: Float[ndarray, " hidden"] | None = None,
) -> Float[ndarray, "word hidden"]:
    """Output embeddings of words (means over sub-tokens) at unit length; see Folding above."""
    rows = np.asarray(embeddings)
    if final_norm is not None:
        rows = rows * np.asarray(final_norm)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    bad = np.flatnonzero(~(lengths[:, 0] > 0))
    if len(bad):
        raise ValueError(
            f"embeddings: {len(bad)} words have a zero or NaN output embedding (first at index "
            f"{bad[0]}): leave these words out of the vocabulary."
        )
    return rows / lengths


def concept_words(
    component: Float[ndarray, "*component hidden"],
    word_outputs: Float[ndarray, "word hidden"],
    *,
    top_k: int = 15,
    pole: Pole = "both",
    block: int = 64,
) -> ConceptWords:
    """The `top_k` words that each component favours, per pole or by absolute value (the paper's).

    `word_outputs` are unit rows (see the function of that name). Works on `block` components at a
    time, so that a large vocabulary never needs all scores at once. Ties keep vocabulary order.
    """
    if pole not in ("both", "absolute"):
        raise ValueError(f"pole={pole!r} is unknown: use 'both' or 'absolute' (the paper's).")
    if not 1 <= top_k <= len(word_outputs):
        raise ValueError(
            f"top_k={top_k} words were asked of a vocabulary of {len(word_outputs)}: choose 1 to "
            f"{len(word_outputs)}."
        )
    component = np.asarray(component)
    rows = component.reshape(-1, component.shape[-1])
    found = [
        _ranked(rows[start : start + block] @ word_outputs.T, top_k, pole)
        for start in range(0, len(rows), block)
    ]
    words, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
    shape = component.shape[:-1] + words.shape[1:]
    return ConceptWords(words.reshape(shape), scores.reshape(shape))


def _ranked(scores: ndarray, top_k: int, pole: Pole) -> tuple[ndarray, ndarray]:
    keys = [scores, -scores] if pole == "both" else [np.abs(scores)]
    order = [np.argsort(-key, axis=1, kind="stable")[:, :top_k] for key in keys]
    words = np.stack(order, axis=1)
    return words, np.take_along_axis(scores[:, None], words, axis=2)
