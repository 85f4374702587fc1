"""Chapter 1 in a report on any pair."""

from __future__ import annotations

from functools import cache

from helpers.findings.recognition import blanked, doubts, figures, read, segments, tables
from helpers.findings.recognition.explorer import SaliencyExplorer
from helpers.models.roles import ROLES
from helpers.pages.blocks import Block, compared
from helpers.pages.forest import forest
from helpers.store.store import Store


def _controls(store: Store, scores, side) -> list[Block]:
    """Kind of prompt, length of the response, following."""
    by_kind = lambda: tables.by_group(side("tuned"), "kind", "tuned", "share")  # noqa: E731
    return [
        compared("Share by kind of prompt", by_kind),
        Block("Length of the responses, in tokens", lambda: tables.lengths(scores).round(1)),
        Block("Score and length", lambda: tables.score_and_length(scores).round(2)),
        compared("Length held equal", lambda: tables.length_controls(store)),
        compared("Following", lambda: [tables.following(scores)]),
    ]


def blocks(store: Store) -> list[Block]:
    scores, asked = read.scores(store), cache(lambda: doubts.doubts(store))
    table = cache(lambda: segments.read_segments(store))
    losses = cache(lambda: blanked.read_blanking(store))
    side = lambda whose: segments.sides(table(), "template", whose, "instruction", "share")  # noqa: E731
    return [
        Block(
            "How many times less likely a response token becomes without a segment",
            lambda: blanked.times_less_likely(losses()).round(2),
        ),
        compared(
            "What blanking a segment takes, nats a response token",
            lambda: blanked.families(losses())["zero"],
        ),
        compared("Share of importance on each segment", lambda: segments.family(table(), "share")),
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
            compared(f"Instruction score, {one}", lambda one=one: segments.family(table(), one))
            for one in segments.READINGS[1:]
        ),
        *_controls(store, scores, side),
        Block(
            "Explore every prompt",
            lambda: SaliencyExplorer(read.explorer_items(store, blanked.held(store))),
            widget=True,
        ),
    ]
