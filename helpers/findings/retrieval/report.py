"""Whether density tells that a document was used, in a report on any pair."""

from __future__ import annotations

from helpers.findings.retrieval import figures, tables
from helpers.pages.blocks import Block
from helpers.pages.tables import comparison_table
from helpers.store.store import Store


def blocks(store: Store) -> list[Block]:
    found = tables.measures(store)
    return [
        Block("What responses say, by document", lambda: tables.labels(found)),
        Block(
            "Does the score tell whether the document was used?",
            lambda: figures.curves(found),
            "ROC curves of the document score with a band and of three other scores, a panel a "
            "model.",
        ),
        Block("Area under the ROC curve [95 % CI]", lambda: tables.area_table(found)),
        Block(
            "Areas against chance",
            lambda: comparison_table(tables.against_chance(found), names=("chance", "area")),
        ),
        Block(
            "The document score against simpler ones",
            lambda: comparison_table(
                tables.against_baselines(found), names=("other score", "document score")
            ),
        ),
        Block(
            "Scores under each document",
            lambda: figures.by_document(found),
            "Document score and share of importance on the document under each kind of document, "
            "one mark a response, both models.",
        ),
    ]
