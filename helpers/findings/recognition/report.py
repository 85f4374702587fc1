"""Chapter 1 in a report on any pair."""

from __future__ import annotations

from helpers.findings.recognition import figures, read, tables
from helpers.findings.recognition.explorer import SaliencyExplorer
from helpers.methods import statistics
from helpers.pages.blocks import Block
from helpers.pages.tables import comparison_table
from helpers.store.store import Store

SCORE = "instruction score, tuned minus base (95 % interval)"


def blocks(store: Store) -> list[Block]:
    scores = read.scores(store)
    own = tables.paired(tables.own(scores))
    robust = statistics.holm(
        [
            tables.compare(own, "own responses, in the template"),
            *tables.in_plain_text(scores),
            tables.compare(tables.paired(tables.matched_scores(store)), "first k tokens of both"),
            tables.equal_length(scores),
            tables.compare(tables.at_least(own, scores, 5), "both responses 5 tokens or more"),
        ]
    )
    return [
        Block("Instruction score of both models", lambda: comparison_table(robust)),
        Block(
            "How far it depends on the comparison",
            lambda: figures.intervals(robust, label=SCORE),
            "Mean differences in instruction score with 95 % intervals, a line a comparison; the "
            "numbers are in the table above.",
        ),
        Block(
            "All prompts",
            lambda: figures.distributions(own),
            "Instruction scores of all prompts for both models, and the paired differences.",
        ),
        Block(
            "Instruction score by kind of prompt",
            lambda: comparison_table(tables.by_group(own, "kind")),
        ),
        Block(
            "Both models on one and the same response",
            lambda: comparison_table(tables.shared_response(scores)),
        ),
        Block("Length of the responses, in tokens", lambda: tables.lengths(scores).round(1)),
        Block("Following", lambda: comparison_table([tables.following(scores)])),
        Block("Explore every prompt", lambda: SaliencyExplorer(read.explorer_items(store))),
    ]
