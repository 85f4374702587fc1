"""Chapter 4 in a report on any pair."""

from __future__ import annotations

from functools import cache

from helpers.findings.ffn import explorer, figures, tables
from helpers.pages.blocks import Block, compared
from helpers.store.store import Store


def blocks(store: Store) -> list[Block]:
    annotations, baseline = tables.read_annotations(store), tables.read_baseline(store)
    found = cache(lambda: tables.read_rotation(store))
    return [
        Block(
            "How far components turned",
            lambda: figures.turned(found()),
            "Angles between both models' components, for tuning and for random updates: of the first "
            "k components, and of single ones.",
        ),
        Block(
            "Tuning against random updates (degrees)",
            lambda: tables.rotation_table(tables.compare_rotation(found())),
        ),
        Block("Tuning among random updates", lambda: tables.matched_table(found())),
        Block(
            "What the components' words share",
            lambda: figures.share_bars(annotations, baseline),
            "Share of word lists by linguistic level and by task, both models, with random "
            "directions as dashed lines and layers as dots.",
        ),
        compared("Shares of lists, paired by layer", lambda: tables.compare_shares(annotations)),
        Block(
            "Explore every component",
            lambda: explorer.ComponentExplorer(explorer.from_store(store)),
            widget=True,
        ),
    ]
