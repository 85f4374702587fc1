"""Is the first-order estimate justified? The gradient against erasure and integrated gradients.

For a few prompts of every kind and both models, on the first tokens of the model's own response in
the tuning template: the importance by all three estimates, and deletion curves, the probability of
the response that is left when the most important prompt tokens are erased together, with random
orders as the baseline. Parts are `faithfulness/MODEL/PROMPT`.
"""

from __future__ import annotations

from functools import partial
from itertools import product

import numpy as np
import torch
from jaxtyping import Bool, Float

from helpers.attribution import METHODS, erased_probabilities, importance
from helpers.findings.recognition import encoded, inputs_hash, read_responses
from helpers.pairs import ROLES, Pair
from helpers.prompts import Prompt, read_prompts
from helpers.results import Part, Store

PER_KIND = 1
TOKENS = 6  # response tokens
STEPS = 32  # of integrated gradients
SHARES = (0.1, 0.2, 0.3, 0.5)
RANDOM_ORDERS = 5


def chosen(prompts: list[Prompt]) -> list[Prompt]:
    """The first prompts of every kind."""
    kinds = dict.fromkeys(prompt.kind for prompt in prompts)
    of = {kind: [one for one in prompts if one.kind == kind] for kind in kinds}
    return [prompt for found in of.values() for prompt in found[:PER_KIND]]


def deletion_masks(
    order: Float[np.ndarray, " prompt"], shares=SHARES
) -> Bool[np.ndarray, "shares prompt"]:
    """Which tokens are erased at each share: those with the largest values of `order` first."""
    ranks = np.argsort(np.argsort(-order, kind="stable"))
    return np.array([ranks < max(1, round(share * len(order))) for share in shares])


def _curves(model, ids, response, found: dict[str, np.ndarray]) -> np.ndarray:
    """p(y_m) by method (random orders last), share and response token."""
    totals = [matrix.clip(min=0).sum(axis=1) for matrix in found.values()]
    rng = np.random.default_rng(0)
    totals += [rng.random(len(totals[0])) for _ in range(RANDOM_ORDERS)]
    masks = torch.from_numpy(np.concatenate([deletion_masks(total) for total in totals]))
    kept = erased_probabilities(model, ids, response, masks).numpy()
    return kept.reshape(len(totals), len(SHARES), -1)


def explain(model, ids, response) -> dict[str, np.ndarray]:
    """All that is stored of one prompt and model."""
    found = {
        method: importance(model, ids, response, method=method, steps=STEPS).numpy()
        for method in METHODS
    }
    length = found["gradient"].shape[0]
    ends = torch.tensor([[False] * length, [True] * length])
    whole, nothing = erased_probabilities(model, ids, response, ends).numpy()
    return found | {
        "curves": _curves(model, ids, response, found),
        "whole": whole,
        "nothing": nothing,
    }


def compute(
    pair: Pair, store: Store, *, prompts: list[Prompt] | None = None, progress: bool = True
) -> None:
    """Fill the store; needs the responses of the recognition finding."""
    prompts = chosen(prompts or read_prompts())
    codes = encoded(prompts, pair, "template")
    answers = {r: read_responses(store, "template", r).set_index("id") for r in ROLES}
    about = {"tokens": TOKENS, "steps": STEPS, "shares": SHARES, "random_orders": RANDOM_ORDERS}
    parts = []
    for (prompt, code), role in product(zip(prompts, codes, strict=True), ROLES):
        response = [int(token) for token in answers[role].loc[prompt.id, "ids"][:TOKENS]]
        if response:
            make = partial(explain, pair.model(role), code.ids, response)
            made_from = {"inputs": inputs_hash([code.ids, response, [*about.values()]])}
            parts.append(Part(f"faithfulness/{role}/{prompt.id}", make, made_from, about))
    store.fill(parts, desc="faithfulness", progress=progress)
