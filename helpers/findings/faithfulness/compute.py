"""Is the first-order estimate justified? The gradient against erasure and integrated gradients.

For a few prompts of every kind and both models, on the first tokens of the model's own response in
the tuning template: the importance by gradient and by erasure, and deletion curves, the probability
of the response that is left when the most important prompt tokens are erased together, with random
orders as the baseline. Integrated gradients, which cost thirty times as much, join for the first
prompt of every kind. The base reads the tuned model's responses too, so that the comparison of
models on one and the same response can be made by erasure. Parts are `faithfulness/READER/PROMPT`,
where READER is a model, or `base-on-tuned`, and `faithfulness/integrated-MODEL/PROMPT` for integrated
gradients. `faithfulness/path-MODEL` holds what is left of the
response's probability while all prompt tokens shrink together.
"""

from __future__ import annotations

from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float

from helpers.findings.parts import encoded
from helpers.findings.recognition.read import read_responses
from helpers.methods.erasure import scaled_probabilities
from helpers.methods.importance import METHODS, importance
from helpers.models.pair import Pair
from helpers.models.roles import ROLES
from helpers.prompts.prompt import Prompt, read_prompts
from helpers.store.origin import inputs_hash
from helpers.store.store import Part, Store

PER_KIND = 4
INTEGRATED = 1  # prompts of every kind with integrated gradients
TOKENS = 6  # response tokens
STEPS = 64  # of integrated gradients
SHARES = (0.1, 0.2, 0.3, 0.5)
RANDOM_ORDERS = 5
FACTORS = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0)
READERS = {
    "base": ("base", "base"),
    "tuned": ("tuned", "tuned"),
    "base-on-tuned": ("base", "tuned"),
}


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


def _curves(model, ids, response, found: dict[str, np.ndarray], random: int) -> np.ndarray:
    """p(y_m) by method (random orders last), share and response token."""
    totals = [matrix.clip(min=0).sum(axis=1) for matrix in found.values()]
    rng = np.random.default_rng(0)
    totals += [rng.random(len(totals[0])) for _ in range(random)]
    masks = torch.from_numpy(np.concatenate([deletion_masks(total) for total in totals]))
    kept = scaled_probabilities(model, ids, response, ~masks).numpy()
    return kept.reshape(len(totals), len(SHARES), -1)


def explain(
    model, ids, response, methods=METHODS[:2], *, erase: bool = True, random: int = RANDOM_ORDERS
) -> dict[str, np.ndarray]:
    """All that is stored of one prompt and model; `erase`: with deletion curves."""
    found = {
        method: importance(model, ids, response, method=method, steps=STEPS).numpy()
        for method in methods
    }
    if not erase:
        return found
    ends = torch.tensor([[1.0], [0.0]])
    whole, nothing = scaled_probabilities(model, ids, response, ends).numpy()
    curves = _curves(model, ids, response, found, random)
    return found | {"curves": curves, "whole": whole, "nothing": nothing}


def shrink(pair: Pair, role: str, asked: list[tuple[str, list[int], list[int]]]) -> pd.DataFrame:
    """Probability of the response that is left when all prompt embeddings take a factor."""
    rows = []
    for prompt, ids, response in asked:
        factors = torch.tensor(FACTORS)[:, None]
        found = scaled_probabilities(pair.model(role), ids, response, factors).mean(dim=1)
        left = (found / found[0]).tolist()
        rows += [{"id": prompt, "factor": f, "left": x} for f, x in zip(FACTORS, left, strict=True)]
    return pd.DataFrame(rows)


def compute(
    pair: Pair, store: Store, *, prompts: list[Prompt] | None = None, progress: bool = True
) -> None:
    """Fill the store; needs the responses of the recognition finding."""
    prompts = prompts or read_prompts()
    integrated = {prompt.id for prompt in chosen(prompts, INTEGRATED)}
    prompts = chosen(prompts)
    codes = encoded(prompts, pair, "template")
    answers = {r: read_responses(store, "template", r).set_index("id") for r in ROLES}
    about = {"tokens": TOKENS, "shares": SHARES, "random_orders": RANDOM_ORDERS}
    parts, asked = [], {role: [] for role in ROLES}

    def add(name, make, source, about):
        made_from = {"inputs": inputs_hash([*source, *about.values()])}
        parts.append(Part(f"faithfulness/{name}", make, made_from, about))

    for (prompt, code), reader in product(zip(prompts, codes, strict=True), READERS):
        role, written = READERS[reader]
        response = [int(token) for token in answers[written].loc[prompt.id, "ids"][:TOKENS]]
        if not response:
            continue
        explained = partial(explain, pair.model(role), code.ids, response)
        source = [code.ids, response]
        add(f"{reader}/{prompt.id}", partial(explained, erase=role == written), source, about)
        if role != written:
            continue
        asked[role].append((prompt.id, list(code.ids), response))
        if prompt.id in integrated:
            make = partial(explained, METHODS[2:3], random=0)
            add(f"integrated-{reader}/{prompt.id}", make, source, about | {"steps": STEPS})
    for role, of_role in asked.items():
        make = partial(shrink, pair, role, of_role)
        add(f"path-{role}", make, [of_role], {"factors": FACTORS})
    store.fill(parts, desc="faithfulness", progress=progress)
