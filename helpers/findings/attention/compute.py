"""Attention: word pairs of every head in both models, and what silencing heads does.

`attention/pairs/LL` and `attention/example` are made by `.pairs`; `attention/readings/NAME` and
`attention/null/KIND-BLOCK`, in how many heads each verb's number of pairs rose and fell, by `.readings`.
Each part is written as soon as it is there, and tied to the words, or prompts, that it was made with.

`attention/silenced/NAME` is a causal check: the tuned model answers the prompts that have a rule, and
reads plain text, with the output of a few heads set to zero: those that gained most pairs with instruction
verbs, those that gained most with general verbs, and as many random heads of the first set's layers. If
the first set carried what tuning added, following would suffer more than under random heads, and more
than plain text does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from math import comb, prod

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from numpy import ndarray
from transformers import PreTrainedModel

from helpers.findings.attention.pairs import gains, make_example, make_pairs
from helpers.findings.attention.readings import READINGS, Reading, make_null, make_readings
from helpers.findings.parts import encoded, responses
from helpers.methods.weights import Weights, weights
from helpers.methods.word_pairs import TOP_K
from helpers.models.pair import Pair
from helpers.prompts.placement import read_items
from helpers.prompts.prompt import Prompt, read_prompts
from helpers.prompts.rules import follows
from helpers.store.origin import inputs_hash
from helpers.store.store import Part, Store
from helpers.words.verbs import Lexicon, lexicon_of

Head = tuple[int, int]  # layer, head
DRAWS = 100  # random updates of each kind
N_HEADS = 6
CONTROL_DRAWS = 40
MAX_TOKENS = 16
BATCH = 52
N_TEXTS = 40


def top_heads(table: pd.DataFrame, group: str, n_heads: int) -> list[Head]:
    """The heads that gained most pairs with verbs of a group.

    Ties go to heads that lost fewer of them, then to heads that gained fewer other pairs.
    """
    keys = [f"{group}_gained", f"{group}_lost", "gained", "layer", "head"]
    order = table.sort_values(keys, ascending=[False, True, True, True, True])
    if n_heads > len(table):
        raise ValueError(f"n_heads={n_heads}: the model has {len(table)} heads.")
    return sorted(zip(order["layer"][:n_heads], order["head"][:n_heads], strict=True))


def control_heads(
    chosen: Sequence[Head], n_per_layer: int, *, draws: int, seed: int = 0
) -> list[list[Head]]:
    """Different random sets with as many heads in each layer as `chosen` has, none of them `chosen`.

    Single heads of `chosen` may be among them: were the choice without meaning, `chosen` would be one
    more such draw, which is what makes its rank among them a test. Fewer where there are fewer sets.
    """
    rng, found = np.random.default_rng(seed), {tuple(sorted(chosen))}
    layers, counts = np.unique([layer for layer, _ in chosen], return_counts=True)
    possible = prod(comb(n_per_layer, count) for count in counts.tolist())
    drawn: list[list[Head]] = []
    while len(drawn) < min(draws, possible - 1):
        one = [
            (layer, int(head))
            for layer, count in zip(layers.tolist(), counts.tolist(), strict=True)
            for head in sorted(rng.choice(n_per_layer, count, replace=False))
        ]
        if tuple(one) not in found:
            found.add(tuple(one))
            drawn.append(one)
    return drawn


@contextmanager
def silenced(of_model: Weights, heads: Sequence[Head]) -> Iterator[PreTrainedModel]:
    """The model with the output of some heads set to zero, in front of the output projection."""
    by_layer: dict[int, list[int]] = {}
    for layer, head in heads:
        if not (0 <= layer < of_model.n_layers and 0 <= head < of_model.n_heads):
            raise ValueError(f"heads has ({layer}, {head}): the model has no such head.")
        by_layer.setdefault(layer, []).append(head)

    def silence(own: list[int]):
        def hook(_, given):
            split = given[0].unflatten(-1, (of_model.n_heads, of_model.head_dim)).clone()
            split[..., own, :] = 0
            return (split.flatten(-2), *given[1:])

        return hook

    handles = [
        of_model.attention_output(layer).register_forward_pre_hook(silence(own))
        for layer, own in by_layer.items()
    ]
    try:
        yield of_model.model
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def text_loss(model: PreTrainedModel, ids: Sequence[Sequence[int]]) -> Float[ndarray, " text"]:
    """Mean negative log-likelihood (nats) of a text's tokens after the first, text by text."""
    found = []
    for one in ids:
        row = torch.as_tensor(one, device=model.get_input_embeddings().weight.device)[None]
        logits = model(row, use_cache=False).logits[0, :-1].float()
        found.append(float(torch.nn.functional.cross_entropy(logits, row[0, 1:])))
    return np.array(found)


def plain_texts(n: int = N_TEXTS) -> list[str]:
    """The contexts of the placement experiment, without their instructions: short plain texts."""
    return [" ".join(item.sentences) for item in read_items()[:n]]


def conditions(table: pd.DataFrame, n_per_layer: int, n_heads: int, draws: int) -> dict:
    """Name and heads of every condition; 'none' silences nothing."""
    instruction, general = (top_heads(table, g, n_heads) for g in ("instruction", "general"))
    control = control_heads(instruction, n_per_layer, draws=draws)
    random = {f"random-{number:02d}": heads for number, heads in enumerate(control)}
    return {"none": [], "instruction": instruction, "general": general, **random}


def make_silenced(
    pair: Pair, store: Store, lexicon: Lexicon, *, prompts: Sequence[Prompt] | None = None,
    texts: Sequence[str] | None = None, n_heads: int = N_HEADS, control_draws: int = CONTROL_DRAWS,
    max_tokens: int = MAX_TOKENS, progress: bool = True,
) -> None:  # fmt: skip
    """One part a condition: following by prompt and loss by text, with the heads silenced."""
    prompts = [p for p in (read_prompts() if prompts is None else prompts) if p.rule]
    codes, rules = encoded(prompts, pair), [prompt.rule for prompt in prompts]
    read = [pair.tokenizer(t)["input_ids"] for t in (plain_texts() if texts is None else texts)]

    def make(heads: list[Head]) -> dict[str, ndarray]:
        with silenced(weights(pair.model("tuned")), heads) as model:
            answers = responses(pair, "tuned", codes, max_tokens=max_tokens, at_once=BATCH)
            followed = map(follows, rules, (one["text"] for one in answers))
            return {
                "followed": np.array([*followed], dtype=bool),
                "loss": text_loss(model, read).astype(np.float32),
                "heads": np.array(heads, dtype=np.int16).reshape(-1, 2),
            }

    parts, n_per_layer = [], weights(pair.model("tuned")).n_heads
    todo = conditions(gains(store, lexicon.compared), n_per_layer, n_heads, control_draws)
    for name, heads in todo.items():
        inputs = [heads, [code.ids for code in codes], rules, read, max_tokens, BATCH]
        made_from, about = {"inputs": inputs_hash(inputs)}, {"max_tokens": max_tokens}
        parts.append(Part(f"attention/silenced/{name}", partial(make, heads), made_from, about))
    store.fill(parts, desc="silenced heads", progress=progress)


def compute(
    pair: Pair, store: Store, *, lexicon: Lexicon | None = None,
    readings: dict[str, Reading] | None = None, top_k: int = TOP_K, draws: int = DRAWS,
    nulls: bool = True, progress: bool = True, **causal: object,
) -> None:  # fmt: skip
    """Fill the store with everything chapter 3 shows; what is there already is kept.

    Without `nulls` neither random updates nor silenced heads are computed, and one reading alone.
    `causal` are options of `make_silenced`: prompts, texts, n_heads, control_draws, max_tokens.
    """
    lexicon = lexicon or lexicon_of(store)
    make_pairs(pair, store, lexicon, top_k, progress)
    make_example(pair, store, lexicon, top_k)
    if not nulls:
        main = {"main": (readings or READINGS)["main"]}
        return make_readings(pair, store, lexicon, main, progress)
    make_readings(pair, store, lexicon, readings, progress)
    make_null(pair, store, lexicon, draws=draws, top_k=top_k, progress=progress)
    make_silenced(pair, store, lexicon, progress=progress, **causal)
