"""Chapter 2 in a report on any pair."""

from __future__ import annotations

from functools import cache

from matplotlib.figure import Figure

from helpers.findings.positions import explorer, figures, followed, placed, profile_tables, read
from helpers.pages.blocks import Block
from helpers.pages.tables import comparison_table
from helpers.store.store import Store


def _profiles(store: Store) -> list[Block]:
    profiles = cache(lambda: profile_tables.ours(store))
    plain = cache(lambda: profiles()[profiles()["kind"] == profile_tables.OURS["plain"]])
    return [
        Block(
            "Position profiles",
            lambda: figures.profiles(profile_tables.bands(profiles())),
            "Mean relative density by place in the prompt, both models with 95 % bands.",
        ),
        Block(
            "Middle ratio: density in the middle over density at the ends",
            lambda: comparison_table(profile_tables.ratio_of_means(profiles())),
        ),
        Block(
            "Middle ratio by the threshold b",
            lambda: comparison_table(profile_tables.by_threshold(plain(), "plain text")),
        ),
    ]


def blocks(store: Store) -> list[Block]:
    measures, responses = (
        cache(lambda make=make: make(store)) for make in (placed.measures, followed.followed)
    )

    def placement() -> Figure:
        panels = {
            f"{name}, expected answer": placed.by_place(measures(), column)
            for name, column in (("share of importance", "share"), ("density", "density"))
        }
        return figures.placement(panels | {"share of items followed": followed.rates(responses())})

    ends = lambda: placed.against_each_end(measures(), "share")  # noqa: E731
    return [
        *_profiles(store),
        Block(
            "One instruction at five places",
            placement,
            "Three measures against the five places of the instruction, both models with 95 % "
            "intervals: share of importance, relative density, share of items followed.",
        ),
        Block(
            "Share of importance on the instruction, by place",
            lambda: comparison_table(placed.base_against_tuned(measures(), "share")),
        ),
        Block(
            "The middle against either end",
            lambda: comparison_table(ends(), names=("end", "middle")),
        ),
        Block(
            "Log-probability of the expected answer, with and without the instruction",
            lambda: placed.levels(read.losses(store)).round(4),
        ),
        Block("Following, by place", lambda: comparison_table(followed.by_place(responses()))),
        Block("Explore every item", lambda: explorer.from_store(store), widget=True),
    ]
