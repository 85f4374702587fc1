"""Whether all prompts fit what the models of a pair can read, looked at before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence

from helpers.density import BadInput
from helpers.pairs import ROLES, Pair, PairInTurns
from helpers.prompts import Prompt, encode

NAMED = 5  # prompts that a refusal names


def longest(pair: Pair | PairInTurns) -> int | None:
    """Tokens that both models can read; None where their configurations set no limit."""
    found = [getattr(pair.config(role), "max_position_embeddings", None) for role in ROLES]
    return min((one for one in found if one is not None), default=None)


def check_lengths(pair: Pair | PairInTurns, prompts: Sequence[Prompt], max_tokens: int) -> None:
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
    raise BadInput(
        f"{len(tokens)} of {len(prompts)} prompts are too long for {pair.name}: {named}{more}. It "
        f"reads {limit} tokens, the template included, and {max_tokens} are for the response, so a "
        f"prompt may take {room}. Shorten them, or leave them out."
    )
