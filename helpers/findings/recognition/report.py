"""Chapter 1 in a report on any pair."""

from __future__ import annotations

from functools import cache

from helpers.findings.recognition import blanked, figures, lengths, read, segments, tables
from helpers.findings.recognition.explorer import SaliencyExplorer
from helpers.pages.blocks import Block
from helpers.pages.tables import comparison_table
from helpers.store.store import Store

SCORE = "instruction score, tuned minus base (95 % interval)"


def _segments(store: Store) -> list[Block]:
    """What rests on which segment: by blanking, and by the share of importance."""
    losses = cache(lambda: blanked.read_blanking(store))
    return [
        Block(
            "How many times less likely a response token becomes without a segment",
            lambda: blanked.times_less_likely(losses()).round(2),
        ),
        Block(
            "What blanking a segment takes, nats a response token",
            lambda: comparison_table(blanked.families(losses())["zero"]),
        ),
        Block(
            "Share of importance on each segment",
            lambda: comparison_table(segments.family(segments.read_segments(store), "share")),
        ),
    ]


def blocks(store: Store) -> list[Block]:
    scores = read.scores(store)
    own, robust = tables.sides(scores, "template", "own"), tables.alternatives(store)
    return [
        *_segments(store),
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
            lambda: comparison_table(tables.by_group(own, "kind", "own")),
        ),
        Block(
            "Both models on one and the same response",
            lambda: comparison_table(tables.shared_response(scores)),
        ),
        Block("Length of the responses, in tokens", lambda: tables.lengths(scores).round(1)),
        Block("Score and length", lambda: lengths.score_and_length(scores).round(2)),
        Block("Following", lambda: comparison_table([tables.following(scores)])),
        Block(
            "Explore every prompt",
            lambda: SaliencyExplorer(read.explorer_items(store)),
            widget=True,
        ),
    ]
