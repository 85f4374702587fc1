"""Chapter 2 in a report on any pair."""

from __future__ import annotations

from functools import cache

from matplotlib.figure import Figure

from helpers.findings.positions import explorer, figures, placed, profile_tables, read
from helpers.findings.positions.profiles import OURS
from helpers.pages.blocks import Block
from helpers.pages.tables import comparison_table
from helpers.store.store import Store


def panels(measures, losses) -> dict:
    """The four panels of the chapter's figure: what rests on the instruction, and what is followed."""
    with_it, without = (placed.by_place(losses, name) for name in ("whole", "without instruction"))
    return {
        "lost when blanked,\nnats a token": placed.by_place(losses, "instruction"),
        "log-probability of the\nanswer (dotted: blanked)": (with_it, without),
        "share of importance\non the instruction": placed.by_place(measures, "share"),
        "share of items followed": placed.by_place(measures, "followed", "own"),
    }


def _profiles(store: Store) -> list[Block]:
    profiles = cache(lambda: profile_tables.ours(store))
    plain = cache(lambda: profiles()[profiles()["kind"] == OURS["plain"]])
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
    measures = cache(lambda: placed.measures(store))
    losses = cache(lambda: read.losses(store))
    ends = dict(names=("end", "middle"))

    def placement() -> Figure:
        return figures.placement(panels(measures(), losses()))

    def table(compare, tables, *column, **options) -> object:
        return lambda: comparison_table(compare(tables(), *column), **options)

    return [
        *_profiles(store),
        Block(
            "One instruction at five places",
            placement,
            "Four measures against the five places of the instruction, both models with 95 % "
            "intervals: log-probability lost by blanking, its level, share of importance, share of "
            "items followed.",
        ),
        Block(
            "Log-probability lost with the instruction, by place",
            table(placed.base_against_tuned, losses, "instruction"),
        ),
        Block(
            "Share of importance on the instruction, by place",
            table(placed.base_against_tuned, measures, "share"),
        ),
        Block(
            "The middle against either end",
            table(placed.against_each_end, losses, "instruction", **ends),
        ),
        Block(
            "Log-probability of the expected answer, with and without the instruction",
            lambda: placed.levels(losses()).round(4),
        ),
        Block("Following, by place", table(placed.base_against_tuned, measures, "followed", "own")),
        Block("Explore every item", lambda: explorer.from_store(store), widget=True),
    ]
