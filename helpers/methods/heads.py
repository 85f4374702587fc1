"""What the words of a vocabulary excite in an attention head, as queries and as keys.

method.md, section 3. A head is read along its own dimensions, as in the paper, or along the singular
pairs of its bilinear form q^T W_q W_k^T k, which do not depend on the dimensions. Where a model
rotates queries and keys by position, both are exact at distance 0 only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedModel

from helpers.methods.weights import Weights, weights

Form = Literal["dimensions", "bilinear"]


class HeadActivations(NamedTuple):
    """What every word of a vocabulary excites in one head, as a query and as a key."""

    query: Float[Tensor, "word dimension"]
    key: Float[Tensor, "word dimension"]


class Bilinear(NamedTuple):
    """Factors of a head's form: query @ key.T equals W_q @ W_k.T, largest singular value first.

    Column r of each is the singular vector times the root of singular value r.
    """

    query: Float[Tensor, "hidden rank"]
    key: Float[Tensor, "hidden rank"]
    singular_values: Float[Tensor, " rank"]


def _checked_head(of_model: Weights, layer: int, head: int, word_embeddings: Tensor) -> None:
    counts = {"layer": (layer, of_model.n_layers), "head": (head, of_model.n_heads)}
    for name, (value, count) in counts.items():
        if not 0 <= value < count:
            raise ValueError(f"{name}={value}: this model has {name}s 0 to {count - 1}.")
    if word_embeddings.ndim != 2 or word_embeddings.shape[1] != of_model.hidden_size:
        raise ValueError(
            f"word_embeddings has shape {tuple(word_embeddings.shape)}: expected (words, "
            f"{of_model.hidden_size}), from helpers.words.vocabulary.word_embeddings of the same model."
        )


def bilinear(
    query: Float[Tensor, "hidden head_dim"], key: Float[Tensor, "hidden head_dim"]
) -> Bilinear:
    """Singular pairs of W_q W_k^T, from factors no larger than the head (never hidden x hidden).

    The sign of a pair is that of both its sides at once, which no product of the two can see.
    """
    query_basis, query_part = torch.linalg.qr(query.float())
    key_basis, key_part = torch.linalg.qr(key.float())
    left, values, right = torch.linalg.svd(query_part @ key_part.T)
    root = values.sqrt()
    return Bilinear(query_basis @ left * root, key_basis @ right.T * root, values)


def _excited(weight: Tensor, word_embeddings: Tensor) -> Float[Tensor, "word dimension"]:
    """E W, with each dimension's words side by side in memory, as their ranking reads them."""
    return (weight.T @ word_embeddings.T).T


def head_activations(
    model: PreTrainedModel | Weights,
    layer: int,
    head: int,
    word_embeddings: Float[Tensor, "word hidden"],
    *,
    form: Form = "dimensions",
) -> HeadActivations:
    """Q = E W_q and K = E W_k of one head, norm weights folded in (see `Weights.query`).

    form="bilinear" gives one column a singular pair of W_q W_k^T instead.
    """
    of_model = model if isinstance(model, Weights) else weights(model)
    _checked_head(of_model, layer, head, word_embeddings)
    query, key = of_model.query(layer, head).float(), of_model.key(layer, head).float()
    if form == "bilinear":
        query, key, _ = bilinear(query, key)
    elif form != "dimensions":
        raise ValueError(f"form={form!r} is unknown: use 'dimensions' or 'bilinear'.")
    return HeadActivations(_excited(query, word_embeddings), _excited(key, word_embeddings))


def each_head(
    model: PreTrainedModel | Weights,
    word_embeddings: Float[Tensor, "word hidden"],
    *,
    layers: Iterable[int] | None = None,
    form: Form = "dimensions",
) -> Iterator[tuple[int, int, HeadActivations]]:
    """(layer, head, activations) of all heads of `layers` (all unless given).

    Keys that query heads share are computed once.
    """
    of_model = model if isinstance(model, Weights) else weights(model)
    shared_by = of_model.n_heads // of_model.n_key_value_heads
    for layer in range(of_model.n_layers) if layers is None else layers:
        for head in range(of_model.n_heads):
            if form == "bilinear" or head % shared_by == 0:
                found = head_activations(of_model, layer, head, word_embeddings, form=form)
            else:
                query = _excited(of_model.query(layer, head).float(), word_embeddings)
                found = HeadActivations(query, found.key)
            yield layer, head, found
