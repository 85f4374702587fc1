"""Chapter 2 in a report on any pair."""

from __future__ import annotations

from functools import cache

from helpers.findings.positions import explorer, figures, middle, placed, profiles, read
from helpers.pages.blocks import Block, compared
from helpers.pages.forest import forest
from helpers.store.store import Store


def panels(measures, losses) -> dict:
    """The four panels of the chapter's figure: what rests on the instruction, and what is followed."""
    with_it, without = (placed.by_place(losses, name) for name in ("whole", "without instruction"))
    return {
        "lost when blanked,\nnats a token": placed.by_place(losses, "instruction"),
        "log-probability a token\n(dotted: blanked)": (with_it, without),
        "share of importance\non the instruction": placed.by_place(measures, "share"),
        "share of items followed": placed.by_place(measures, "followed", "own"),
    }


def by_place(measures, losses) -> list[Block]:
    """Base against tuned model at each place, by three measures."""
    measured = {
        "Log-probability lost with the instruction, by place": (losses, "instruction"),
        "Share of importance on the instruction, by place": (measures, "share"),
        "Following, by place": (measures, "followed", "own"),
    }
    return [
        compared(title, lambda own=own: placed.base_against_tuned(own[0](), *own[1:]))
        for title, own in measured.items()
    ]


def blocks(store: Store) -> list[Block]:
    measures, losses = cache(lambda: placed.measures(store)), cache(lambda: read.losses(store))
    ours = cache(lambda: profiles.ours(store))
    bare = cache(lambda: ours()[ours()["kind"] == profiles.LEFT_OUT])
    return [
        Block(
            "One instruction at five places",
            lambda: figures.placement(panels(measures(), losses())),
            "Four measures against the five places of the instruction, both models with 95 % "
            "intervals: log-probability lost by blanking, its level, share of importance, share of "
            "items followed.",
        ),
        *by_place(measures, losses),
        Block(
            "Is the middle lost?",
            lambda: forest(middle.lines(measures(), losses(), bare()), label=middle.LABEL),
            "The middle against either end, in per cent of that end, with 95 % intervals.",
        ),
        Block(
            "Log-probability of the expected answer, with and without the instruction",
            lambda: placed.levels(losses()).round(4),
        ),
        Block(
            "Position profiles",
            lambda: figures.profiles(profiles.bands(ours())),
            "Mean relative density by place in the prompt, both models with 95 % bands.",
        ),
        compared(
            "Middle ratio by the threshold b",
            lambda: profiles.by_threshold(bare(), "template left out"),
        ),
        Block("Explore every item", lambda: explorer.from_store(store), widget=True),
    ]
