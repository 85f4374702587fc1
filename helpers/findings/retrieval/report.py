"""Whether density tells that a document was used, in a report on any pair."""

from __future__ import annotations

from helpers.findings.retrieval import tables
from helpers.pages.blocks import Block, compared
from helpers.pages.forest import forest
from helpers.store.store import Store

LABEL = "area under the ROC curve, above one half"


def blocks(store: Store) -> list[Block]:
    found = tables.measures(store)
    return [
        Block("What responses say, by document", lambda: tables.labels(found)),
        Block(
            "Does a score tell whether the document was used?",
            lambda: forest(tables.against_chance(found), label=LABEL),
            "The area under the ROC curve of every score, less one half, with its interval, both "
            "models.",
        ),
        compared(
            "Areas against chance",
            lambda: sum(tables.against_chance(found).values(), []),
            names=("chance", "area"),
        ),
        compared(
            "The document score against the others",
            lambda: tables.against_baselines(found),
            names=("other score", "document score"),
        ),
    ]
