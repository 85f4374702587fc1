"""One prompt, one model, one response: the importance matrix with its labels, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from helpers.methods.density import segment_scores, shares
from helpers.methods.errors import Mendable
from helpers.methods.importance import importance
from helpers.models.pair import Pair
from helpers.models.responses import pieces, respond
from helpers.models.roles import ROLES, Role
from helpers.prompts.prompt import Prompt, Segment, encode


@dataclass(frozen=True)
class Explanation:
    """Importance of every prompt token for every response token of one model.

    `importance` (prompt tokens, response tokens), in units of probability; `roles` names the segment
    of each prompt token ("template" for those of none).
    """

    tokens: tuple[str, ...]
    roles: tuple[str, ...]
    response: tuple[str, ...]
    importance: Float[np.ndarray, "prompt response"]

    @property
    def mask(self) -> Bool[np.ndarray, " prompt"]:
        """Which tokens carry the instruction."""
        return np.array([role == "instruction" for role in self.roles])

    @property
    def score(self) -> float:
        """The instruction score of the paper; NaN for an empty response."""
        return segment_scores(self.importance, self.roles)["instruction"]

    @property
    def shares(self) -> dict[str, float]:
        """Share of positive importance on each segment, the template left out."""
        return shares(self.importance, self.roles)


def _response(pair: Pair, role: Role, ids: Sequence[int], asked, max_tokens: int) -> list[int]:
    """Token ids of the response that is asked for."""
    author = role if asked == "own" else asked
    if isinstance(author, str) and author in ROLES:
        model = pair.model(author)
        [answer] = respond(model, pair.tokenizer, [ids], pair.template, max_tokens=max_tokens)
        return list(answer.ids)
    if isinstance(asked, str):
        return pair.tokenizer(asked, add_special_tokens=False)["input_ids"]
    return [int(token) for token in asked]


def explain(
    pair: Pair,
    prompt: Prompt | str,
    role: Role = "tuned",
    *,
    response: str | Sequence[int] = "own",
    template: bool = True,
    max_tokens: int = 32,
    method: str = "gradient",
) -> Explanation:
    """What a model's response rests on.

    `prompt`: one of `read_prompts`, or a text, which then is all instruction. `response`: "own" (the
    model's greedy response), "base" or "tuned" (that model's: a shared response), any other text, or
    token ids. `template`: whether the prompt stands in the template of the tuning. Raises Mendable for
    what cannot be read; an empty response gives a matrix without columns.
    """
    if role not in ROLES:
        raise Mendable(f"role={role!r} is unknown: use 'base' or 'tuned'.")
    if isinstance(prompt, str):
        prompt = Prompt("own", "own", (Segment("instruction", prompt),))
    code = encode(prompt, pair.tokenizer, pair.template if template else None)
    ids = _response(pair, role, code.ids, response, max_tokens)
    found = np.zeros((len(code.tokens), 0), dtype=np.float32)
    if ids:
        found = importance(pair.model(role), code.ids, ids, method=method).numpy()
    return Explanation(code.tokens, code.roles, tuple(pieces(pair.tokenizer, ids)), found)
