"""Can importance tell whether a retrieved document was used? Responses and importance of a pair.

Every item is asked four times of both models, in the tuning template: with each of its three
documents, and alone. A response is its first line. Under a document it is explained, and its
probability is taken with and without the document. Parts are `retrieval/MODEL/BLOCK`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from helpers.methods.density import LEVELS, normalise, share_on
from helpers.methods.erasure import scaled_probabilities
from helpers.methods.importance import importance
from helpers.models.pair import Pair
from helpers.models.responses import respond
from helpers.models.roles import ROLES
from helpers.prompts.prompt import Encoded, Template, encode
from helpers.prompts.retrieval import CONDITIONS, DOCUMENTS, Item, read_items
from helpers.store.origin import inputs_hash
from helpers.store.store import Part, Store

BLOCK = 5  # items
MAX_TOKENS = 24


def part_name(model: str, block: int) -> str:
    return f"retrieval/{model}/{block:02d}"


def blocks(items: Sequence[Item]) -> list[Sequence[Item]]:
    return [items[start : start + BLOCK] for start in range(0, len(items), BLOCK)]


def one_line(template: Template) -> Template:
    """The template with a line's end as a marker: what a model goes on to write is no answer."""
    return replace(template, markers=(*template.markers, "\n"))


def make_items(pair: Pair, items: Sequence[Item]) -> pd.DataFrame:
    """Tokens and roles of every item under every condition."""
    rows = []
    for item, condition in product(items, CONDITIONS):
        code = encode(item.under(condition), pair.tokenizer, pair.template)
        labels = dict(id=item.id, condition=condition, question=item.question)
        answers = dict(true=item.true[0], contradicting=item.contradicting[0])
        texts = dict(document=item.documents.get(condition, ""))
        rows.append(labels | answers | texts | _labelled(code))
    return pd.DataFrame(rows)


def _labelled(code: Encoded) -> dict:
    return dict(tokens=list(code.tokens), roles=list(code.roles))


def make_responses(
    pair: Pair, items: Sequence[Item], role: str, max_tokens: int, progress: bool = False
) -> pd.DataFrame:
    """Greedy responses of one model, and which answer each names."""
    rows, template = [], one_line(pair.template)
    for block in tqdm(blocks(items), desc=f"responses {role}", disable=not progress):
        asked = list(product(block, CONDITIONS))
        ids = [encode(item.under(c), pair.tokenizer, pair.template).ids for item, c in asked]
        found = respond(pair.model(role), pair.tokenizer, ids, template, max_tokens=max_tokens)
        for (item, condition), answer in zip(asked, found, strict=True):
            labels = dict(id=item.id, condition=condition, says=item.says(answer.text))
            text = dict(text=answer.text, ids=list(answer.ids), ended=answer.ended)
            rows.append(labels | text)
    return pd.DataFrame(rows)


def log_probability(model, prompt_ids: Sequence[int], response_ids: Sequence[int]) -> float:
    """Mean log-probability of the response's tokens (natural logarithm)."""
    found = scaled_probabilities(model, prompt_ids, response_ids, torch.ones(1, 1))
    return float(found.double().clamp(min=1e-45).log().mean())


def explain_document(pair: Pair, role: str, code: Encoded, alone: Encoded, ids: list[int]) -> dict:
    """S without a threshold, the document's share of importance, log-probabilities."""
    if not ids:
        empty = np.zeros((len(code.tokens), 0), np.uint8)
        return dict(normalised=empty, share=np.nan, with_document=np.nan, alone=np.nan)
    found = importance(pair.model(role), code.ids, ids).numpy()
    return {
        "normalised": normalise(found, LEVELS).astype(np.uint8),
        "share": share_on(found, code.mask("context")),
        "with_document": log_probability(pair.model(role), code.ids, ids),
        "alone": log_probability(pair.model(role), alone.ids, ids),
    }


def make_block(pair: Pair, role: str, block: Sequence[Item], answers: pd.DataFrame) -> dict:
    """Everything of one block and model, in the order item, document."""
    found = []
    for item in block:
        alone = encode(item.under("none"), pair.tokenizer, pair.template)
        for condition in DOCUMENTS:
            code = encode(item.under(condition), pair.tokenizer, pair.template)
            ids = [int(token) for token in answers.loc[(item.id, condition), "ids"]]
            found.append(explain_document(pair, role, code, alone, ids))
    levels = [one["normalised"] for one in found]
    numbers = {
        key: np.array([one[key] for one in found], dtype=np.float32)
        for key in ("share", "with_document", "alone")
    }
    return numbers | {
        "shape": np.array([one.shape for one in levels], dtype=np.int32),
        "normalised": np.concatenate([one.ravel() for one in levels]),
    }


def read_block(store: Store, role: str, number: int) -> list[dict]:
    """What `make_block` stored, one dictionary an item and document."""
    arrays = store.read(part_name(role, number))
    pieces = np.split(arrays["normalised"], np.cumsum(arrays["shape"].prod(axis=1))[:-1])
    return [
        {"normalised": piece.reshape(arrays["shape"][at])}
        | {key: float(arrays[key][at]) for key in ("share", "with_document", "alone")}
        for at, piece in enumerate(pieces)
    ]


def compute(
    pair: Pair,
    store: Store,
    *,
    items: Sequence[Item] | None = None,
    max_tokens: int = MAX_TOKENS,
    progress: bool = True,
) -> None:
    """Fill the store; what is there already is kept."""
    items = items or read_items()
    about = {"levels": LEVELS, "max_tokens": max_tokens}
    source = {"inputs": inputs_hash([[*vars(item).values()] for item in items] + [max_tokens])}
    first = [
        Part("retrieval/items", partial(make_items, pair, items), source, about),
        *(
            Part(
                f"retrieval/responses-{role}",
                partial(make_responses, pair, items, role, max_tokens, progress),
                source,
                about,
            )
            for role in ROLES
        ),
    ]
    store.fill(first)
    parts = [
        _part(pair, store, role, number, block, about)
        for number, block in enumerate(blocks(items))
        for role in ROLES
    ]
    store.fill(parts, desc="retrieval", progress=progress)


def _part(
    pair: Pair, store: Store, role: str, number: int, block: Sequence[Item], about: dict
) -> Part:
    """One block of one model, tied to its items and to the responses it is computed from."""
    answers = store.read(f"retrieval/responses-{role}").set_index(["id", "condition"])
    own = [[int(i) for i in answers.loc[(item.id, c), "ids"]] for item in block for c in DOCUMENTS]
    return Part(
        part_name(role, number),
        partial(make_block, pair, role, block, answers),
        {"inputs": inputs_hash([[[*vars(item).values()] for item in block], own])},
        about,
    )
