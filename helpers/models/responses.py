"""Greedy responses of a model, as the methods explain them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from helpers.methods.errors import Mendable
from helpers.models.pair import Pair
from helpers.models.roles import ROLES
from helpers.prompts.prompt import Prompt, Template, encode

NAMED = 5  # prompts that a refusal names


@dataclass(frozen=True)
class Response:
    """Token ids without the end-of-sequence token, their text, and how the response ended."""

    ids: tuple[int, ...]
    text: str
    ended: str  # "stop" (end of sequence), "marker" (cut at a template marker) or "length"


LONGEST = 4  # bytes of a character in UTF-8, so tokens that one can be made of


def pieces(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> list[str]:
    """Text of each token; a character made of several stands at the first, the others are empty."""
    found: list[str] = []
    while len(found) < len(ids):
        rest = ids[len(found) : len(found) + LONGEST]
        texts = [tokenizer.decode(list(rest[:size])) for size in range(1, len(rest) + 1)]
        whole = next((n for n, text in enumerate(texts) if "\ufffd" not in text), 0)
        found += [texts[whole], *[""] * whole]
    return found


def _cut(ids: list[int], tokenizer, template: Template) -> tuple[list[int], bool]:
    """The longest run of tokens whose text holds no marker and does not begin one."""
    text = tokenizer.decode(ids, skip_special_tokens=True)
    whole = len(template.cut(text))
    if whole == len(text):
        return ids, False
    kept = list(ids)
    while kept and len(tokenizer.decode(kept, skip_special_tokens=True).rstrip()) > whole:
        kept.pop()
    return kept, True


def _finish(ids: list[int], tokenizer, stops: set[int], template: Template) -> Response:
    stop = next((at for at, token in enumerate(ids) if token in stops), None)
    kept, cut = _cut(ids if stop is None else ids[:stop], tokenizer, template)
    ended = "marker" if cut else "length" if stop is None else "stop"
    while kept and not tokenizer.decode([kept[-1]]).strip():  # the white space that it ends in
        kept = kept[:-1]
    return Response(tuple(kept), tokenizer.decode(kept, skip_special_tokens=True).strip(), ended)


def stop_ids(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, template: Template
) -> set[int]:
    """Ids that end a response: by the model's configurations, the tokenizer, or the template."""
    found = [tokenizer.eos_token_id]
    for configured in (model.config, model.generation_config):
        ends = getattr(configured, "eos_token_id", None)
        found += ends if isinstance(ends, (list, tuple)) else [ends]
    added = tokenizer.get_added_vocab()
    found += [added.get(marker) for marker in template.markers]
    return {token for token in found if token is not None}


@torch.no_grad()
def respond(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Sequence[int]],
    template: Template,
    *,
    max_tokens: int = 32,
) -> list[Response]:
    """Greedy responses to a batch of prompts (ids as the tokenizer gives them), padded on the left.

    A batch too large for the accelerator's memory is halved.
    """
    try:
        return _respond(model, tokenizer, prompts, template, max_tokens)
    except torch.OutOfMemoryError:
        if len(prompts) == 1:
            raise
    half = len(prompts) // 2  # outside of `except`: the error holds on to the batch's tensors
    blocks = (prompts[:half], prompts[half:])
    return [
        answer
        for block in blocks
        for answer in respond(model, tokenizer, block, template, max_tokens=max_tokens)
    ]


def _respond(model, tokenizer, prompts, template: Template, max_tokens: int) -> list[Response]:
    width, device = max(map(len, prompts)), model.get_input_embeddings().weight.device
    ids = torch.zeros((len(prompts), width), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.as_tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    stops = stop_ids(model, tokenizer, template)
    # What a model's makers set for generation, `generate` would take for defaults. What is padded is
    # masked, or comes after an end: any id will do.
    own, model.generation_config = model.generation_config, GenerationConfig(
        eos_token_id=sorted(stops) or None, pad_token_id=0, max_new_tokens=max_tokens
    )  # fmt: skip
    try:
        output = model.generate(ids.to(device), attention_mask=mask.to(device))
    finally:
        model.generation_config = own
    return [_finish(row.tolist(), tokenizer, stops, template) for row in output[:, width:]]


def longest(pair: Pair) -> int | None:
    """Tokens that both models can read; None where their configurations set no limit."""
    found = [getattr(pair.config(role), "max_position_embeddings", None) for role in ROLES]
    return min((one for one in found if one is not None), default=None)


def check_lengths(pair: Pair, prompts: Sequence[Prompt], max_tokens: int) -> None:
    """Refuse prompts that leave no room for `max_tokens` of response, all of them by name."""
    limit = longest(pair)
    if limit is None:
        return
    room, tokens = limit - max_tokens + 1, {}
    for prompt in prompts:
        settings = (None, pair.template)
        n = max(len(encode(prompt, pair.tokenizer, template).ids) for template in settings)
        if n > room:
            tokens[prompt.id] = n
    if not tokens:
        return
    named = ", ".join(f"{id!r} ({n} tokens)" for id, n in list(tokens.items())[:NAMED])
    more = f" and {len(tokens) - NAMED} more" if len(tokens) > NAMED else ""
    raise Mendable(
        f"{len(tokens)} of {len(prompts)} prompts are too long for {pair.name}: {named}{more}. It "
        f"reads {limit} tokens, the template included, and {max_tokens} are for the response, so a "
        f"prompt may take {room}. Shorten them, or leave them out."
    )
