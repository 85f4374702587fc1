"""Is the first-order estimate justified? Estimates of importance against erasure and blanking.

All on the first tokens of a response in the tuning template; parts:

faithfulness/READER/PROMPT             estimates, blanked segments, deletion curves; READER is a model on
                                       its own response (the base for a few of every kind), or
                                       `base-on-tuned` (no curves); erased to the mean for a few
faithfulness/integrated-MODEL/PROMPT   integrated gradients, for the first prompt of every kind
faithfulness/path-MODEL                what is left of the response while all prompt tokens shrink
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float

from helpers.findings.parts import encoded
from helpers.findings.recognition.read import read_responses
from helpers.methods.erasure import scaled_probabilities
from helpers.methods.importance import importance
from helpers.models.pair import Pair
from helpers.models.roles import ROLES
from helpers.pages.example import RUNNING
from helpers.prompts.prompt import Encoded, Prompt, read_prompts
from helpers.store.origin import inputs_hash
from helpers.store.store import Part, Store

METHODS = ("gradient", "erasure", "fixed_norms")  # of every prompt
FEW_METHODS = ("gradient", "erasure", "mean_erasure", "fixed_norms")  # of a few of every kind
INTEGRATED = 1  # of every kind with integrated gradients
FEW = 4  # of every kind: what is more than erasure on the tuned model's response
TOKENS = 6  # response tokens
STEPS = 64  # of integrated gradients
SHARES = (0.1, 0.2, 0.3, 0.5)
RANDOM_ORDERS = 5
FACTORS = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0)
# (model, author of the response): all of one model before the other.
READERS = {
    "base": ("base", "base"),
    "base-on-tuned": ("base", "tuned"),
    "tuned": ("tuned", "tuned"),
}


def chosen(prompts: list[Prompt], per_kind: int | None = None) -> list[Prompt]:
    """Prompts kind by kind: all, or the first of every kind, the running example before others."""
    kinds = dict.fromkeys(prompt.kind for prompt in prompts)
    order = sorted(prompts, key=lambda prompt: prompt.id != RUNNING)
    return [p for kind in kinds for p in [p for p in order if p.kind == kind][:per_kind]]


def deletion_masks(
    order: Float[np.ndarray, " prompt"], shares=SHARES
) -> Bool[np.ndarray, "shares prompt"]:
    """Which tokens are erased at each share: those with the largest values of `order` first."""
    ranks = np.argsort(np.argsort(-order, kind="stable"))
    return np.array([ranks < max(1, round(share * len(order))) for share in shares])


def segment_masks(roles: Sequence[str]) -> Bool[np.ndarray, "segments prompt"]:
    """The tokens of each role, in the order in which roles appear."""
    return np.array([[role == one for role in roles] for one in dict.fromkeys(roles)])


def _curves(model, ids, response, found: dict[str, np.ndarray], random: int) -> np.ndarray:
    """p(y_m) by method (random orders last), share and response token."""
    totals = [matrix.clip(min=0).sum(axis=1) for matrix in found.values()]
    rng = np.random.default_rng(0)
    totals += [rng.random(len(totals[0])) for _ in range(random)]
    masks = torch.from_numpy(np.concatenate([deletion_masks(total) for total in totals]))
    kept = scaled_probabilities(model, ids, response, ~masks).numpy()
    return kept.reshape(len(totals), len(SHARES), -1)


def explain(
    pair: Pair, role: str, code: Encoded, response: list[int], methods: tuple[str, ...] = METHODS,
    *, curves: bool = True, random: int = RANDOM_ORDERS,
) -> dict[str, np.ndarray]:  # fmt: skip
    """All that is stored of one prompt and model: estimates (prompt, response), and p(y_m) of each
    response token with all of the prompt (`whole`), with `nothing` of it, `blanked` without each segment
    (`segment_masks`), and with its most important tokens erased together (`_curves`)."""
    model, found = pair.model(role), {}
    for method in methods:
        matrix = importance(model, code.ids, response, method=method, steps=STEPS)
        found[method] = matrix.numpy()
    kept = torch.from_numpy(~segment_masks(code.roles)).float()
    ends = torch.tensor([[1.0], [0.0]]).expand(-1, kept.shape[1])
    left = scaled_probabilities(model, code.ids, response, torch.cat([ends, kept])).numpy()
    more = {"whole": left[0], "nothing": left[1], "blanked": left[2:]}
    if curves:
        more["curves"] = _curves(model, code.ids, response, found, random)
    return found | more


def shrink(pair: Pair, role: str, asked: list[tuple[str, list[int], list[int]]]) -> pd.DataFrame:
    """Probability of the response that is left when all prompt embeddings take a factor."""
    tables, factors = [], torch.tensor(FACTORS)[:, None]
    for prompt, ids, response in asked:
        found = scaled_probabilities(pair.model(role), ids, response, factors).mean(dim=1)
        left = (found / found[0]).tolist()
        tables.append(pd.DataFrame({"id": prompt, "factor": FACTORS, "left": left}))
    return pd.concat(tables, ignore_index=True)


def _part(name: str, make, source: list, about: dict) -> Part:
    made_from = {"inputs": inputs_hash([*source, *about.values()])}
    return Part(f"faithfulness/{name}", make, made_from, about)


def _parts_of(
    pair: Pair,
    reader: str,
    asked: list[tuple[Prompt, Encoded, list[int]]],
    integrated: set[str],
    few: set[str],
) -> list[Part]:
    (role, author), parts = READERS[reader], []
    about = {"tokens": TOKENS, "shares": SHARES, "random_orders": RANDOM_ORDERS}
    for prompt, code, response in asked:
        source, make = [code.ids, response], partial(explain, pair, role, code, response)
        methods = FEW_METHODS if prompt.id in few else METHODS
        own = partial(make, methods, curves=role == author)
        parts.append(_part(f"{reader}/{prompt.id}", own, source, about | {"methods": methods}))
        if role == author and prompt.id in integrated:
            make, name = partial(make, ("integrated_gradients",), random=0), f"integrated-{reader}"
            parts.append(_part(f"{name}/{prompt.id}", make, source, about | {"steps": STEPS}))
    if role == author:
        of_role = [
            (prompt.id, list(code.ids), response)
            for prompt, code, response in asked
            if prompt.id in few
        ]
        make = partial(shrink, pair, role, of_role)
        parts.append(_part(f"path-{role}", make, [of_role], {"factors": FACTORS}))
    return parts


def compute(
    pair: Pair, store: Store, *, prompts: list[Prompt] | None = None, progress: bool = True
) -> None:
    """Fill the store; needs the responses of the recognition finding."""
    prompts = prompts or read_prompts()
    integrated, few = ({one.id for one in chosen(prompts, n)} for n in (INTEGRATED, FEW))
    prompts = chosen(prompts)
    codes, parts = encoded(prompts, pair), []
    answers = {r: read_responses(store, "template", r).set_index("id")["ids"] for r in ROLES}
    for reader, (_, author) in READERS.items():
        first = [[int(token) for token in answers[author][one.id][:TOKENS]] for one in prompts]
        asked = [one for one in zip(prompts, codes, first, strict=True) if one[2]]
        if author == "base":
            asked = [one for one in asked if one[0].id in few]
        parts += _parts_of(pair, reader, asked, integrated, few)
    store.fill(parts, desc="faithfulness", progress=progress)
