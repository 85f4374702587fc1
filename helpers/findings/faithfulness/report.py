"""The faithfulness of the gradient in a report on any pair."""

from __future__ import annotations

from functools import cache

from helpers.findings.faithfulness import figures, tables
from helpers.pages.blocks import Block
from helpers.pages.tables import comparison_table
from helpers.store.store import Store


def blocks(store: Store) -> list[Block]:
    curves = tables.curves(store)
    scores = cache(lambda: tables.instruction_scores(store))
    return [
        Block(
            "Agreement with erasure, token by token",
            lambda: tables.agreement_table(tables.agreement(store)),
        ),
        Block(
            "Estimates summed over a segment, against blanking it",
            lambda: tables.blanking_table(tables.segments(store)),
        ),
        Block(
            "The whole prompt shrinks",
            lambda: figures.shrinking(tables.path(store)),
            "Probability of the response that is left while all prompt embeddings shrink from "
            "their full size to zero, both models with 95 % bands.",
        ),
        Block(
            "The most important tokens erased together",
            lambda: figures.deletion(curves),
            "Probability of the response that is left against the share of prompt tokens erased, a "
            "panel a model, a line an order of erasing.",
        ),
        Block(
            "The gradient's order against others: probability left",
            lambda: comparison_table(
                tables.against_others(curves), names=("other order", "gradient")
            ),
        ),
        Block(
            "Both models on the tuned model's response, by each estimate",
            lambda: comparison_table(
                tables.by_estimate(scores(), "score") + tables.by_estimate(scores(), "share")
            ),
        ),
    ]
