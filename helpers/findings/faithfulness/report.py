"""The faithfulness of the gradient in a report on any pair."""

from __future__ import annotations

from functools import cache

from helpers.findings.faithfulness import figures, tables
from helpers.findings.faithfulness.explorer import TintExplorer, items
from helpers.findings.faithfulness.read import path
from helpers.pages.blocks import Block
from helpers.pages.tables import comparison_table as table
from helpers.store.store import Store


def blocks(store: Store) -> list[Block]:
    curves, scores = tables.curves(store), cache(lambda: tables.instruction_scores(store))
    by_estimate = lambda column: tables.by_estimate(scores(), column)  # noqa: E731
    single = lambda: tables.single_tokens(tables.agreement(store))  # noqa: E731
    sums = lambda: tables.taken_over_prompts(tables.taken(store))  # noqa: E731
    return [
        Block("Every prompt, every tint", lambda: TintExplorer(items(store)), widget=True),
        Block(
            "Agreement with erasure, token by token (rank correlation)",
            lambda: table(single(), names=("none", "estimate")),
        ),
        Block(
            "Estimates summed over a segment, beside blanking it (rank correlation over prompts)",
            lambda: table(sums(), names=("blanked", "estimated")),
        ),
        Block(
            "The whole prompt shrinks",
            lambda: figures.shrinking(path(store)),
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
            lambda: table(tables.against_others(curves), names=("other order", "gradient")),
        ),
        Block(
            "Both models on the tuned model's response, by each estimate",
            lambda: table(by_estimate("score") + by_estimate("share")),
        ),
        Block("What each costs: passes for one prompt", lambda: tables.cost(store)),
    ]
