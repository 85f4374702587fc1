"""Chapter 5 in a report on any pair."""

from __future__ import annotations

from functools import cache

from helpers.findings.course import change, explorer, figures, read, tables
from helpers.findings.course.points import MAIN
from helpers.pages.blocks import Block
from helpers.pages.tables import comparison_table
from helpers.store.store import MissingResult, Store


def blocks(store: Store) -> list[Block]:
    if not read.is_there(store):
        raise MissingResult(read.missing(store))
    ends = cache(lambda: tables.effects(store, [*read.finished(store).values()]))
    shown = [
        Block(
            "Along the training",
            lambda: figures.curves(store, change.changes(store)),
            "Following, reliance, share and length by step, with bands and the interval in which each "
            "comes half of its way.",
        ),
        Block("When each measure changes", lambda: change.table(store)),
        Block(
            "What blanking each segment takes, by step",
            lambda: figures.placebos(store),
            "Loss without instruction, input, context and template on one response, by step.",
        ),
        Block(
            "Every run at its end, against the base",
            lambda: figures.runs(ends()),
            "Change of each measure since the base, a line a run, with 95 % intervals.",
        ),
        Block("Following, against the base", lambda: comparison_table(ends()["following"])),
        Block(
            "Where the update went",
            lambda: figures.where(tables.where(store, read.last(store))),
            "Norm of the update over the norm of the base, by layer, attention and feed-forward.",
        ),
        Block("Components turned, beside random updates", lambda: tables.turned(store).round(2)),
        Block("Explore the training", lambda: explorer.from_store(store), widget=True),
    ]
    if any(p.run == MAIN and p.strength < 1 for p in read.points(store)):
        doses = Block(
            "Dose and effect",
            lambda: figures.doses(tables.dose(store)),
            "Share of each effect against share of the update, along the training and by strength.",
        )
        shown.insert(-1, doses)
    return shown
