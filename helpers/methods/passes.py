"""Forward passes that the methods share: checked ids, embeddings that enter a model, probabilities."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedModel

from helpers.methods.errors import Mendable
from helpers.methods.weights import backbone, has_linear_softmax_head

Ids = Sequence[int] | Tensor
PART = 4096  # words of the vocabulary that are looked at together


def _as_ids(model: PreTrainedModel, ids: Ids, name: str) -> Tensor:
    tensor = torch.as_tensor(ids, dtype=torch.long).flatten()
    known = model.config.vocab_size
    outside = tensor[(tensor < 0) | (tensor >= known)]
    if len(outside):
        raise Mendable(
            f"{name} holds the id {int(outside[0])}, but the model knows {known} tokens: use the "
            "tokenizer that belongs to this model."
        )
    return tensor


def start(model: PreTrainedModel, prompt_ids: Ids, response_ids: Ids) -> tuple[Tensor, Tensor, int]:
    """Checked ids of prompt and response, and how many rows (a leading BOS) are no row of I."""
    prompt = _as_ids(model, prompt_ids, "prompt_ids")
    response = _as_ids(model, response_ids, "response_ids")
    bos = getattr(model.config, "bos_token_id", None)
    skipped = int(prompt.numel() > 0 and bos is not None and int(prompt[0]) == bos)
    if prompt.numel() - skipped < 1:
        raise Mendable("prompt_ids has no token (beside BOS): give a prompt of one token or more.")
    if response.numel() < 1:
        raise Mendable("response_ids is empty: give a response of one token or more.")
    longest = getattr(model.config, "max_position_embeddings", None)
    total = prompt.numel() + response.numel() - 1
    if longest is not None and total > longest:
        raise Mendable(
            f"prompt_ids and response_ids take {total} positions, the model has {longest}: shorten "
            "the prompt or the response."
        )
    return prompt, response, skipped


@contextlib.contextmanager
def frozen(model: PreTrainedModel, *, batchable: bool = True) -> Iterator[None]:
    """Evaluation mode and frozen parameters, put back afterwards.

    `batchable`: with plain attention, which batched vector-Jacobian products need.
    """
    training = model.training
    trainable = [p for p in model.parameters() if p.requires_grad]
    attention = model.config._attn_implementation
    model.eval()
    for parameter in trainable:
        parameter.requires_grad_(False)
    changed = batchable and attention != "eager"
    if changed:
        model.set_attn_implementation("eager")
    try:
        yield
    finally:
        if changed:
            model.set_attn_implementation(attention)
        for parameter in trainable:
            parameter.requires_grad_(True)
        model.train(training)


def embed(model: PreTrainedModel, prompt: Tensor, response: Tensor) -> Float[Tensor, "1 T hidden"]:
    """Rows that enter the model for [prompt; response without its last token]."""
    device = model.get_input_embeddings().weight.device
    with torch.no_grad():
        return model.get_input_embeddings()(torch.cat([prompt, response[:-1]])[None].to(device))


def hidden_states(
    model: PreTrainedModel, embeddings: Tensor, **options
) -> Float[Tensor, "batch T hidden"]:
    """Last hidden states, after the final norm."""
    options = {"use_cache": False} | options
    return backbone(model)(inputs_embeds=embeddings, **options).last_hidden_state


def in_parts(head: Float[Tensor, "vocab hidden"]) -> tuple[Tensor, ...]:
    """The head in parts that become float32 one at a time: whole it could take gigabytes."""
    return head.split(len(head) if head.dtype == torch.float32 else PART)


def logits(head: Float[Tensor, "vocab hidden"], hidden: Float[Tensor, "... hidden"]) -> Tensor:
    return torch.cat([hidden.float() @ part.float().T for part in in_parts(head)], dim=-1)


def _log_softmax_at(
    head: Float[Tensor, "vocab hidden"], hidden: Float[Tensor, "batch M hidden"], response: Tensor
) -> Float[Tensor, "batch M"]:
    """log softmax(W h)[y], over a part of the vocabulary at a time: all logits would be gigabytes."""
    top = hidden.new_full(hidden.shape[:2], -torch.inf)
    total, chosen, first = torch.zeros_like(top), torch.zeros_like(top), 0
    for part in head.split(PART):
        found = hidden @ part.float().T
        here = (response >= first) & (response < first + len(part))
        chosen[:, here] = found[:, here, response[here] - first]
        most = torch.maximum(top, found.amax(-1))
        total = total * (top - most).exp() + (found - most[..., None]).exp().sum(-1)
        top, first = most, first + len(part)
    return chosen - top - total.log()


def log_probabilities(
    model: PreTrainedModel, embeddings: Float[Tensor, "batch T hidden"], response: Tensor, **options
) -> Float[Tensor, "batch M"]:
    """log p(y_m | Z_m) for the last M positions, through the model's own head."""
    rows = range(len(response))
    if has_linear_softmax_head(model):
        head = model.get_output_embeddings().weight
        hidden = hidden_states(model, embeddings, **options)[:, -len(response) :].to(head.device)
        return _log_softmax_at(head, hidden.float(), response.to(head.device))
    options = {"use_cache": False, "logits_to_keep": len(response)} | options
    output = model(inputs_embeds=embeddings, **options)
    return output.logits.float().log_softmax(-1)[:, rows, response]
