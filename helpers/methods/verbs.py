"""In how many pairs of a head's knowledge each verb occurs, without making all its pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from torch import Tensor

from helpers.methods.word_pairs import LEAST, TOP_K, WordSpace, strongest

# Words with the largest activations of each dimension, and these activations.
Strongest = tuple[Int[Tensor, "dimension top"], Float[Tensor, "dimension top"]]


@dataclass(frozen=True)
class VerbSpace:
    """Verbs of a vocabulary by number, and which words each of them co-occurs with."""

    number: Int[Tensor, " word"]  # -1: no verb
    together: Bool[Tensor, "verb word"]


def verb_space(space: WordSpace, verbs: Int[ndarray, " verb"]) -> VerbSpace:
    """What `verb_counts` needs of the words, once for all heads; `verbs` are places of words."""
    places = torch.as_tensor(verbs, device=space.unit.device)
    number = torch.full((len(space.unit),), -1, device=places.device)
    number[places] = torch.arange(len(places), device=places.device)
    limit = torch.maximum(space.threshold[places][:, None], space.threshold)
    together = space.unit[places] @ space.unit.T > limit
    together[number[places], places] = False
    return VerbSpace(number, together)


def verb_counts(
    query: Float[Tensor, "word dimension"],
    key: Float[Tensor, "word dimension"],
    space: VerbSpace,
    *,
    least: Sequence[int] = (LEAST,),
    top_k: int = TOP_K,
) -> Int[ndarray, "least verb"]:
    """In how many pairs of one head's knowledge each verb occurs, for every number of dimensions.

    The same as counting in `head_knowledge(word_pairs(query, key))`, of which it makes only the
    pairs with a verb on one side.
    """
    sides = (strongest(side.T.contiguous(), top_k) for side in (query, key))
    return linked_verbs(*sides, space, least=least)


def linked_verbs(
    query: Strongest, key: Strongest, space: VerbSpace, *, least: Sequence[int] = (LEAST,)
) -> Int[ndarray, "least verb"]:
    """`verb_counts` of a head whose strongest words (`word_pairs.strongest`) are known."""
    n_words, n_dimensions, n_verbs = len(space.number), len(query[0]), len(space.together)
    found, sides = [], (query, key)
    for (words, values), (others, other_values) in (sides, sides[::-1]):
        verb = space.number[words]
        row, at = (verb >= 0).nonzero(as_tuple=True)
        keep = space.together[verb[row, at][:, None], others[row]]
        keep &= values[row, at].sign()[:, None] * other_values[row].sign() > 0
        i, j = keep.nonzero(as_tuple=True)
        pair = verb[row, at][i] * n_words + others[row[i], j]
        found.append(pair * n_dimensions + row[i])
    pair, counts = (torch.cat(found).unique() // n_dimensions).unique_consecutive(
        return_counts=True
    )
    known = [(pair // n_words)[counts >= one] for one in least]
    return torch.stack([one.bincount(minlength=n_verbs) for one in known]).numpy(force=True)
