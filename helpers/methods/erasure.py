"""What a response loses without a part of its prompt: exact, by forward passes.

Erasure zeroes the embedding of one prompt token at a time (the exact form of importance), blanking
takes a whole segment away at once. method.md, section 1. No text that a model was trained on looks
like either, so there are three ways to blank: rows of zeros, the mean embedding of the vocabulary, and
positions hidden from attention.
"""

from __future__ import annotations

from copy import deepcopy
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from helpers.methods import memory
from helpers.methods.errors import Mendable
from helpers.methods.passes import Ids, embed, frozen, hidden_states, log_probabilities, start

WAYS = ("zero", "mean", "hidden")
TOGETHER = 6  # variants that go on from one kept prefix: neighbours differ late or early alike


def _factors(factors: Tensor, wanted: int, skipped: int) -> Float[Tensor, "variants prompt"]:
    factors = torch.as_tensor(factors, dtype=torch.float32)
    if factors.ndim != 2 or factors.shape[1] not in (1, wanted):
        raise Mendable(f"factors has shape {tuple(factors.shape)}: give {wanted} columns, or one.")
    return torch.nn.functional.pad(factors.expand(-1, wanted), (skipped, 0), value=1.0)


class _Prefix:
    """What a model keeps of the unchanged start of a prompt, for variants that differ later.

    It grows token by token and is copied for each block of variants; an architecture whose cache
    cannot be copied row by row reads every variant whole.
    """

    def __init__(self, model: PreTrainedModel, embeddings: Float[Tensor, "1 T hidden"]) -> None:
        self.model, self.embeddings, self.length = model, embeddings, 0
        self.cache = DynamicCache(config=model.config)

    def extended(self, length: int, copies: int) -> DynamicCache:
        """The cache of the first `length` positions, for `copies` rows."""
        if length > self.length:
            rows = self.embeddings[:, self.length : length]
            hidden_states(self.model, rows, past_key_values=self.cache, use_cache=True)
            self.length = length
        mine = deepcopy(self.cache)
        mine.batch_repeat_interleave(copies)
        return mine


def _reuses(model: PreTrainedModel) -> bool:
    """Whether a cache of keys and values tells all that the model knows of a prefix."""
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    attends = getattr(config, "num_attention_heads", 0) and config.num_hidden_layers
    return bool(attends) and kinds <= {"full_attention", "sliding_attention"}


@torch.no_grad()
def _scaled(
    model,
    embeddings: Tensor,
    response: Tensor,
    factors: Tensor,
    batch: int | str,
    reuse: bool,
    filler: Float[Tensor, " hidden"] | float = 0.0,
) -> Float[Tensor, "variants M"]:
    """log p(y_m) with the rows of the prompt moved to `filler` by the factors of each variant."""
    if batch == "auto":
        batch = memory.rows_at_once(model, embeddings.shape[1], len(factors), embeddings.device)
    found, reuse = torch.empty(len(factors), len(response)), reuse and _reuses(model)
    batch = min(int(batch), TOGETHER) if reuse else int(batch)
    # The first position at which each variant differs from the prompt (its length where none does).
    changed, prefix = factors != 1, _Prefix(model, embeddings)
    starts = torch.where(changed.any(1), changed.int().argmax(1), factors.shape[1])
    least = embeddings.shape[1] - len(response)  # the last prompt position is always read anew
    for block in starts.argsort(stable=True).split(batch):
        kept = min(int(starts[block].min()), least) if reuse else 0
        rows = embeddings[:, kept:].repeat(len(block), 1, 1)
        own = factors[block, kept:].to(rows)
        rows[:, : own.shape[1]].sub_(filler).mul_(own[..., None]).add_(filler)
        past = {"past_key_values": prefix.extended(kept, len(block)), "use_cache": True}
        options = past if kept else {}
        found[block] = log_probabilities(model, rows, response, **options).cpu()
    return found


def scaled_probabilities(
    model: PreTrainedModel,
    prompt_ids: Ids,
    response_ids: Ids,
    factors: Float[Tensor, "variants columns"],
    *,
    batch_rows: int | str = "auto",
    reuse: bool = True,
    filler: str = "zero",
) -> Float[Tensor, "variants response"]:
    """p(y_m | Z_m) of every response token with each prompt token's embedding times a factor.

    A factor of zero erases the token, one leaves it. `factors` has a column for every prompt token but
    a leading BOS, which is left as it is, or one column for all of them. `reuse`: what stands before
    the first changed token is read once and kept, which halves the cost of erasing each token.
    `filler`: what a factor of zero leaves, "zero" or "mean" (the vocabulary's mean embedding).
    """
    prompt, response, skipped = start(model, prompt_ids, response_ids)
    factors = _factors(factors, len(prompt) - skipped, skipped)
    with frozen(model, batchable=False):
        embeddings = embed(model, prompt, response)
        there = _mean_embedding(model).to(embeddings) if filler == "mean" else 0.0
        return _scaled(model, embeddings, response, factors, batch_rows, reuse, there).exp()


def erasure(
    model: PreTrainedModel, prompt_ids: Ids, response_ids: Ids, *, batch_rows: int | str = "auto",
    filler: str = "zero",
) -> Float[Tensor, "prompt response"]:  # fmt: skip
    """p(y_m | Z_m) - p(y_m | Z_m with row n zero): importance, exactly.

    `filler`: "mean" puts the vocabulary's mean embedding there in place of zeros. Neither is what a
    model was trained on; how far the two agree is what an estimate of either can reach.
    """
    prompt, _, skipped = start(model, prompt_ids, response_ids)
    n = len(prompt) - skipped
    each = torch.cat([torch.ones(1, n), 1 - torch.eye(n)])
    found = scaled_probabilities(
        model, prompt_ids, response_ids, each, batch_rows=batch_rows, filler=filler
    )
    return found[0] - found[1:]


_MEANS: WeakKeyDictionary[PreTrainedModel, Tensor] = WeakKeyDictionary()


def _mean_embedding(model: PreTrainedModel) -> Float[Tensor, " hidden"]:
    """The mean over the vocabulary of the rows that enter the model; kept while the model lives."""
    if model not in _MEANS:
        table = model.get_input_embeddings()
        every = torch.arange(len(table.weight), device=table.weight.device).split(65536)
        _MEANS[model] = sum(table(ids).float().sum(0) for ids in every) / len(table.weight)
    return _MEANS[model]


def _checked(masks, tokens: int) -> Bool[Tensor, "segments prompt"]:
    masks = torch.as_tensor(masks, dtype=torch.bool)
    if masks.ndim != 2 or masks.shape[1] != tokens:
        raise Mendable(
            f"masks has shape {tuple(masks.shape)}: give one truth value a prompt token (there are "
            f"{tokens} beside BOS), a row a segment."
        )
    return masks


def blankings(
    model: PreTrainedModel,
    prompt_ids: Ids,
    response_ids: Ids,
    masks: Bool[Tensor, "segments prompt"],
    *,
    ways: tuple[str, ...] = WAYS,
) -> Float[Tensor, "ways segments response"]:
    """log p(y_m | x) - log p(y_m | x without the segment), in nats, for every response token.

    `masks` marks the tokens of each segment, a row a segment (without a leading BOS). `ways`: rows of
    zeros ("zero"), the vocabulary's mean embedding ("mean"), or positions that nothing attends to
    ("hidden"). Positive: the segment made the response token more likely. One pass a way and segment,
    in one batch, and one for the whole prompt.
    """
    if unknown := set(ways) - set(WAYS):
        raise Mendable(f"way={min(unknown)!r} is unknown: use one of {', '.join(WAYS)}.")
    prompt, response, skipped = start(model, prompt_ids, response_ids)
    masks = _checked(masks, len(prompt) - skipped)
    blank = torch.zeros(len(ways), len(masks), len(prompt) + len(response) - 1, dtype=torch.bool)
    blank[..., skipped : len(prompt)] = masks
    with frozen(model, batchable=False):
        embeddings = embed(model, prompt, response)
        rows = embeddings.repeat(1 + len(ways) * len(masks), 1, 1)
        blanked, blank = rows[1:].unflatten(0, blank.shape[:2]), blank.to(rows.device)
        seen = torch.ones_like(rows[..., 0], dtype=torch.long)
        for number, way in enumerate(ways):
            if way == "hidden":
                seen[1:].unflatten(0, blank.shape[:2])[number] = (~blank[number]).long()
            else:
                filler = _mean_embedding(model).to(rows) if way == "mean" else rows.new_zeros(())
                blanked[number] = torch.where(blank[number][..., None], filler, blanked[number])
        options = {}
        if "hidden" in ways:
            places = torch.arange(rows.shape[1], device=rows.device)[None]
            options = {"attention_mask": seen, "position_ids": places}
        found = log_probabilities(model, rows, response, **options).cpu()
    return (found[:1] - found[1:]).unflatten(0, blank.shape[:2])


def blanking(
    model: PreTrainedModel, prompt_ids: Ids, response_ids: Ids, masks: Tensor, *, way: str = "zero"
) -> Float[Tensor, "segments response"]:
    """`blankings` in one way."""
    return blankings(model, prompt_ids, response_ids, masks, ways=(way,))[0]
