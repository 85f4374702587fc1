"""Is the first-order estimate justified? The gradient against erasure and integrated gradients.

For a few prompts of every kind and both models, on the first tokens of the model's own response in
the tuning template: the importance by gradient and by erasure, and deletion curves, the probability
of the response that is left when the most important prompt tokens are erased together, with random
orders as the baseline. Integrated gradients, which cost thirty times as much, join for the first
prompt of every kind. The base reads the tuned model's responses too, so that the comparison of
models on one and the same response can be made by erasure. Parts are `faithfulness/READER/PROMPT`,
where READER is a model, or `base-on-tuned`.
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

PER_KIND = 4
INTEGRATED = 1  # prompts of every kind with integrated gradients
TOKENS = 6  # response tokens
STEPS = 32  # of integrated gradients
SHARES = (0.1, 0.2, 0.3, 0.5)
RANDOM_ORDERS = 5
READERS = {"base": ("base", "base"), "tuned": ("tuned", "tuned"), "base-on-tuned": ("base", "tuned")}


def chosen(prompts: list[Prompt], per_kind: int = PER_KIND) -> list[Prompt]:
    """The first prompts of every kind."""
    kinds = dict.fromkeys(prompt.kind for prompt in prompts)
    of = {kind: [one for one in prompts if one.kind == kind] for kind in kinds}
    return [prompt for found in of.values() for prompt in found[:per_kind]]


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


def explain(model, ids, response, methods=METHODS, *, erase: bool = True) -> dict[str, np.ndarray]:
    """All that is stored of one prompt and model; `erase`: with deletion curves."""
    found = {
        method: importance(model, ids, response, method=method, steps=STEPS).numpy()
        for method in methods
    }
    if not erase:
        return found
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
    prompts = prompts or read_prompts()
    integrated = {prompt.id for prompt in chosen(prompts, INTEGRATED)}
    prompts = chosen(prompts)
    codes = encoded(prompts, pair, "template")
    answers = {r: read_responses(store, "template", r).set_index("id") for r in ROLES}
    about = {"tokens": TOKENS, "steps": STEPS, "shares": SHARES, "random_orders": RANDOM_ORDERS}
    parts = []
    for (prompt, code), reader in product(zip(prompts, codes, strict=True), READERS):
        role, written = READERS[reader]
        response = [int(token) for token in answers[written].loc[prompt.id, "ids"][:TOKENS]]
        if not response:
            continue
        own = role == written
        methods = METHODS if own and prompt.id in integrated else METHODS[:2]
        make = partial(explain, pair.model(role), code.ids, response, methods, erase=own)
        made_from = {"inputs": inputs_hash([code.ids, response, [*about.values()]])}
        parts.append(Part(f"faithfulness/{reader}/{prompt.id}", make, made_from, about))
    store.fill(parts, desc="faithfulness", progress=progress)
