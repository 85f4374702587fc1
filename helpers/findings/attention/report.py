"""Chapter 3 in a report on any pair."""

from __future__ import annotations

from functools import cache, partial

from helpers.findings.attention import explorer, figures, heads, lift
from helpers.pages.blocks import Block, compared
from helpers.store.store import Store
from helpers.words.verbs import lexicon_of


def blocks(store: Store) -> list[Block]:
    lexicon = lexicon_of(store)
    counted = lift.both_counts(store, lexicon)
    drawn = cache(lambda: lift.against_random(store, lexicon))
    silenced = cache(lambda: heads.read_silenced(store))
    return [
        Block(
            "Verb lift by part of the layers",
            lambda: figures.lift_by_quarter(counted, drawn()),
            "Difference of verb lift between instruction and general verbs by part of the layers, with "
            "intervals, the band of relabelled verbs and a dot a random update.",
        ),
        *(Block(f"Verb lift, pairs held by {name}", partial(lift.table, found))
          for name, found in counted.items()),
        Block("Tuning among random updates", lambda: lift.random_table(drawn())),
        Block(
            "Heads silenced",
            lambda: figures.silenced(heads.silenced_table(silenced())),
            "Share of prompts followed and loss on plain text with heads silenced, chosen sets as "
            "marks and random ones as dots.",
        ),
        compared(
            "What silencing them costs",
            lambda: heads.compare_silenced(silenced()),
            names=("before", "silenced"),
        ),
        Block("Explore every head", lambda: explorer.HeadExplorer([explorer.from_store(store)]),
              widget=True),
    ]  # fmt: skip
