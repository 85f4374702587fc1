"""Can importance tell whether a retrieved document was used? Responses and importance of a pair.

Every item is asked four times of both models, in the tuning template: with each of its three
documents, and alone. A response is its first line. Under a document it is explained, and its
probability is taken with and without the document. Parts are `retrieval/MODEL/BLOCK`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from helpers.findings.parts import Experiment, described, encoded, importance_of, pack_levels
from helpers.methods.erasure import scaled_probabilities
from helpers.models.pair import Pair
from helpers.prompts.prompt import Encoded, Template
from helpers.prompts.retrieval import CONDITIONS, DOCUMENTS, Item, read_items
from helpers.store.store import Store

MAX_TOKENS = 24


def _labels(item: Item, condition: str) -> dict:
    answers = dict(true=item.true[0], contradicting=item.contradicting[0])
    return dict(question=item.question, document=item.documents.get(condition, "")) | answers


RETRIEVAL = Experiment(
    "retrieval",
    key="condition",
    asked=CONDITIONS,
    explained=DOCUMENTS,
    size=5,
    at=Item.under,
    labels=_labels,
    judge=lambda item, text: {"says": item.says(text)},
)


def one_line(template: Template) -> Template:
    """The template with a line's end as a marker: what a model goes on to write is no answer."""
    return replace(template, markers=(*template.markers, "\n"))


def log_probability(model, prompt_ids: Sequence[int], response_ids: Sequence[int]) -> float:
    """Mean log-probability of the response's tokens (natural logarithm)."""
    found = scaled_probabilities(model, prompt_ids, response_ids, torch.ones(1, 1))
    return float(found.double().clamp(min=1e-45).log().mean())


def explain_document(pair: Pair, role: str, code: Encoded, alone: Encoded, ids: list[int]) -> dict:
    """S without a threshold, the document's share of importance, log-probabilities."""
    found = described(code, importance_of(pair, role, code, ids), "context")
    for name, asked in (("with_document", code), ("alone", alone)):
        found[name] = log_probability(pair.model(role), asked.ids, ids) if ids else np.nan
    return found


def make_block(pair: Pair, role: str, block: Sequence[Item], answers: pd.DataFrame) -> dict:
    """Everything of one block and model, in the order item, document."""
    found = []
    for item in block:
        *codes, alone = encoded((item.under(condition) for condition in CONDITIONS), pair)
        for condition, code in zip(DOCUMENTS, codes, strict=True):
            ids = RETRIEVAL.own_ids(answers, item, condition)
            found.append(explain_document(pair, role, code, alone, ids))
    return pack_levels(found)


def compute(
    pair: Pair, store: Store, *, items: Sequence[Item] | None = None, max_tokens: int = MAX_TOKENS,
    progress: bool = True,
) -> None:  # fmt: skip
    """Fill the store; what is there already is kept."""
    RETRIEVAL.fill(
        pair, store, items or read_items(), make_block, max_tokens=max_tokens,
        template=one_line(pair.template), progress=progress,
    )  # fmt: skip
