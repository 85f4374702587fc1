"""Chapter 1 in a report on any pair."""

from __future__ import annotations

from functools import cache

from helpers.findings.recognition import blanked, doubts, figures, lengths, read, segments, tables
from helpers.findings.recognition.explorer import SaliencyExplorer
from helpers.models.roles import ROLES
from helpers.pages.blocks import Block
from helpers.pages.forest import forest
from helpers.pages.tables import comparison_table
from helpers.store.store import Store


def _controls(store: Store, scores, side) -> list[Block]:
    """Kind of prompt, length of the response, following."""
    return [
        Block(
            "Share by kind of prompt",
            lambda: comparison_table(tables.by_group(side("tuned"), "kind", "tuned", "share")),
        ),
        Block("Length of the responses, in tokens", lambda: tables.lengths(scores).round(1)),
        Block("Score and length", lambda: lengths.score_and_length(scores).round(2)),
        Block("Length held equal", lambda: comparison_table(tables.length_controls(store))),
        Block("Following", lambda: comparison_table([tables.following(scores)])),
    ]


def _blanked(store: Store) -> list[Block]:
    """What blanking a segment takes."""
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
    ]


def blocks(store: Store) -> list[Block]:
    scores, asked = read.scores(store), cache(lambda: doubts.doubts(store))
    table = cache(lambda: segments.read_segments(store))
    side = lambda whose: segments.sides(table(), "template", whose, "instruction", "share")  # noqa: E731
    return [
        *_blanked(store),
        Block(
            "Share of importance on each segment",
            lambda: comparison_table(segments.family(table(), "share")),
        ),
        Block(
            "All prompts",
            lambda: figures.each_prompt(
                {r: side(r) for r in ROLES}, label="share on the instruction"
            ),
            "Share of importance on the instruction, a dot a prompt: base against tuned model.",
        ),
        Block(
            "What else could it be?",
            lambda: forest(doubts.drawn(asked()), label=doubts.AXIS),
            "Differences in standard deviations with 95 % intervals, a line a comparison; the numbers "
            "are in the tables.",
        ),
        *(
            Block(
                f"Instruction score, {reading}",
                lambda reading=reading: comparison_table(segments.family(table(), reading)),
            )
            for reading in segments.READINGS[1:]
        ),
        *_controls(store, scores, side),
        Block(
            "Explore every prompt",
            lambda: SaliencyExplorer(read.explorer_items(store, blanked.held(store))),
            widget=True,
        ),
    ]
