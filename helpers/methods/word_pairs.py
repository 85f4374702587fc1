"""Which pairs of words a head links: word pairs of its dimensions, its knowledge, verb lift.

method.md, section 3; Wu et al. (NAACL 2024), section 3.3. Words that drive the query and words that
drive the key of the same dimension, with the same sign, and that also occur together in language, are
a pair. What that cannot show: rotary position embeddings mix dimensions with distance, and a rotation
of queries and keys alike changes the dimensions of a head that stays as it is (`head_activations(...,
form="bilinear")`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

TOP_K = 100
REFERENCE = 3000  # most frequent words that set a word's threshold
DEVIATIONS = 1.96
LEAST = 2  # dimensions that make a pair knowledge


@dataclass(frozen=True)
class WordSpace:
    """Unit word vectors with the similarity above which each word co-occurs with another."""

    unit: Float[Tensor, "word vector"]
    threshold: Float[Tensor, " word"]

    def to(self, device: torch.device) -> WordSpace:
        return WordSpace(self.unit.to(device), self.threshold.to(device))


@dataclass(frozen=True)
class WordPairs:
    """Pairs of words per dimension, as places in the vocabulary.

    Dimensions come in order of falling norm (|Q_r|^2 + |K_r|^2), the pairs of dimension number i
    are those from `start[i]` to `start[i + 1]`, most similar first.
    """

    dimensions: Int[ndarray, " dimension"]
    norms: Float[ndarray, " dimension"]
    start: Int[ndarray, " dimension+1"]
    query: Int[ndarray, " pair"]
    key: Int[ndarray, " pair"]
    similarity: Float[ndarray, " pair"]
    n_words: int


@dataclass(frozen=True)
class Knowledge:
    """Pairs found in several dimensions of a head; `first` < `second`."""

    first: Int[ndarray, " pair"]
    second: Int[ndarray, " pair"]
    n_dimensions: Int[ndarray, " pair"]
    similarity: Float[ndarray, " pair"]
    n_words: int

    def __len__(self) -> int:
        return len(self.first)


def word_space(
    word_vectors: Float[ndarray, "word vector"] | Tensor, *, reference: int = REFERENCE
) -> WordSpace:
    """Thresholds, once for all heads: mean + 1.96 sd of a word's cosine with the frequent words.

    The first `reference` words count as the most frequent (all, where there are fewer); a word's
    cosine with itself is among them, as in the paper's code. A word whose vector is 0 has none: it is not
    among the frequent words, and its threshold lets no pair pass.
    """
    vectors = torch.as_tensor(word_vectors).float()
    if vectors.ndim != 2 or not len(vectors):
        raise ValueError(f"word_vectors has shape {tuple(vectors.shape)}: expected (word, vector).")
    lengths = vectors.norm(dim=1, keepdim=True)
    bad, there = int((~torch.isfinite(lengths)).sum()), lengths[:, 0] > 0
    if bad or not there.any():
        raise ValueError(
            f"word_vectors: {bad or 'all'} words have a NaN or no vector: leave them out."
        )
    unit = torch.where(there[:, None], vectors / lengths, 0.0)
    frequent = unit[there][:reference].T
    limits = []
    for rows in unit.split(2048):  # never all similarities at once
        cosine = rows @ frequent
        limits.append(cosine.mean(dim=1) + DEVIATIONS * cosine.std(dim=1, correction=0))
    return WordSpace(unit, torch.cat(limits).masked_fill(~there, torch.inf))


def _checked_pairs(query: Tensor, key: Tensor, space: WordSpace, top_k: int) -> None:
    n, why = len(query), ""
    if query.shape != key.shape or query.ndim != 2:
        why = (
            f"query has shape {tuple(query.shape)}, key {tuple(key.shape)}: expected (word, "
            "dimension) for both, of one head."
        )
    elif len(space.unit) != n:
        why = (
            f"word_vectors are for {len(space.unit)} words, the activations for {n}: use the vectors "
            "of the same vocabulary, in its order."
        )
    elif not 1 <= top_k <= n:
        why = f"top_k={top_k} words a side were asked of a vocabulary of {n}: choose 1 to {n}."
    if why:
        raise ValueError(why)


def strongest(activation: Float[Tensor, "dimension word"], top_k: int) -> tuple[Tensor, Tensor]:
    """The words with the largest activations by absolute value, and these activations."""
    if activation.device.type == "cpu" and top_k < activation.shape[1]:
        # A partition is all that is needed, and takes half the time of torch's topk on a CPU.
        place = np.argpartition(activation.abs().numpy(), -top_k, axis=1)[:, -top_k:]
        words = torch.from_numpy(np.ascontiguousarray(place))
    else:
        words = activation.abs().topk(top_k, dim=1).indices
    values = activation.gather(1, words)
    if not torch.isfinite(values).all():  # what is not finite counts as largest
        raise ValueError("query or key hold NaN or infinite activations: load it in float32.")
    return words, values


def _block_pairs(
    words: tuple[Int[Tensor, "dimension top"], Int[Tensor, "dimension top"]],
    values: tuple[Float[Tensor, "dimension top"], Float[Tensor, "dimension top"]],
    space: WordSpace,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(row, query word, key word, similarity) of a few dimensions, most similar first in each."""
    # index_select copies whole rows, several times faster than indexing with a matrix.
    unit = [space.unit.index_select(0, own.flatten()).unflatten(0, own.shape) for own in words]
    limit = [space.threshold[own] for own in words]
    similarity = torch.bmm(unit[0], unit[1].transpose(1, 2))
    keep = similarity > torch.maximum(limit[0][:, :, None], limit[1][:, None, :])
    keep &= values[0].sign()[:, :, None] * values[1].sign()[:, None, :] > 0
    keep &= words[0][:, :, None] != words[1][:, None, :]
    row, i, j = keep.nonzero(as_tuple=True)
    found = similarity[row, i, j]
    order = torch.argsort(found, descending=True, stable=True)
    order = order[torch.argsort(row[order], stable=True)]
    row, i, j = row[order], i[order], j[order]
    return row, words[0][row, i], words[1][row, j], found[order]


def word_pairs(
    query: Float[Tensor, "word dimension"],
    key: Float[Tensor, "word dimension"],
    word_vectors: WordSpace | Float[ndarray, "word vector"] | Tensor,
    *,
    top_k: int = TOP_K,
    block: int = 16,
) -> WordPairs:
    """Word pairs of every dimension of one head (method.md, section 3, steps 1 to 3).

    Give a `word_space` where several heads are read, so that thresholds are computed once. Works on
    `block` dimensions at a time; similarities are batched products of the gathered vectors.
    """
    space = word_vectors if isinstance(word_vectors, WordSpace) else word_space(word_vectors)
    sides = [torch.as_tensor(query), torch.as_tensor(key)]
    _checked_pairs(*sides, space, top_k)
    sides = [side.T.contiguous() for side in sides]
    norms = sum(torch.linalg.vector_norm(side, dim=1).square() for side in sides)
    order = norms.argsort(descending=True, stable=True)
    largest = [strongest(side, top_k) for side in sides]
    blocks = zip(*(part[order].split(block) for side in largest for part in side), strict=True)
    found = [_block_pairs((q, k), (q_value, k_value), space) for q, q_value, k, k_value in blocks]
    row = torch.cat([part[0] + block * i for i, part in enumerate(found)])
    counts = torch.bincount(row, minlength=len(order)).cpu().numpy()
    start = np.concatenate([[0], counts.cumsum()])
    words = [torch.cat([part[i] for part in found]).cpu().numpy() for i in (1, 2, 3)]
    return WordPairs(order.cpu().numpy(), norms[order].cpu().numpy(), start, *words, len(query))


# --- knowledge


def head_knowledge(pairs: WordPairs, *, least: int = LEAST) -> Knowledge:
    """Pairs found in `least` dimensions or more of a head.

    A pair counts once a dimension, whichever of its words is the query. The paper's code counts both
    directions inside one dimension as two, which makes knowledge of pairs that only one dimension
    holds (method.md, section 6).
    """
    if least < 1:
        raise ValueError(f"least={least}: a pair must be found in 1 dimension or more.")
    first, second = np.minimum(pairs.query, pairs.key), np.maximum(pairs.query, pairs.key)
    number = np.repeat(np.arange(len(pairs.dimensions)), np.diff(pairs.start))
    code = first.astype(np.int64) * pairs.n_words + second
    _, once = np.unique(code * len(pairs.dimensions) + number, return_index=True)
    found, at, counts = np.unique(code[once], return_index=True, return_counts=True)
    kept = counts >= least
    first, second = np.divmod(found[kept], pairs.n_words)
    similarity = pairs.similarity[once][at[kept]]
    return Knowledge(first, second, counts[kept], similarity, pairs.n_words)


def layer_groups(n_layers: int, groups: int = 4) -> Int[ndarray, " layer"]:
    """The group of each layer: quarters as nearly equal as can be, lowest first."""
    if not 1 <= groups <= n_layers:
        raise ValueError(f"groups={groups}: {n_layers} layers make 1 to {n_layers} groups.")
    return np.arange(n_layers) * groups // n_layers


def verb_lift(
    rose: Float[ndarray, " verb"], fell: Float[ndarray, " verb"]
) -> Float[ndarray, " verb"]:
    """Share, among heads where a verb's count differs, of heads where the tuned model counts more.

    `rose` and `fell` are numbers of heads, over a group of layers: (tuned > base).sum(axis=0) of the
    `verb_counts` by head, and (tuned < base).sum(axis=0). NaN where no head differs: such a verb has
    no lift, neither 0 nor one half.
    """
    rose, fell = np.asarray(rose, float), np.asarray(fell, float)
    if rose.shape != fell.shape or min(rose.min(initial=0), fell.min(initial=0)) < 0:
        raise ValueError(
            f"rose has shape {rose.shape}, fell {fell.shape}: expected numbers of heads, 0 or more, "
            "for the same verbs."
        )
    differs = rose + fell
    return np.divide(rose, differs, out=np.full(rose.shape, np.nan), where=differs > 0)
