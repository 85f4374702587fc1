"""The authors' matrices in a report: instruction recognition at seven billion parameters."""

from __future__ import annotations

from helpers.findings.recognition.read import scores
from helpers.findings.release import concepts, figures, heads, tables
from helpers.findings.release.compute import FIRST
from helpers.pages.blocks import Block
from helpers.pages.tables import comparison_table
from helpers.store.store import Store
from helpers.words.verbs import read_lexicon

NAMES, JUDGED = ("LLaMA", "Vicuna"), ("not followed", "followed")


def blocks(store: Store) -> list[Block]:
    held = scores(store)
    return [
        Block(
            "Instruction score, each on its own response",
            lambda: comparison_table(tables.base_against_tuned(held), names=NAMES),
        ),
        Block(
            "Both responses cut to the shorter one's length",
            lambda: comparison_table(tables.matched(store), names=NAMES),
        ),
        Block(
            "On the first k response tokens",
            lambda: figures.by_first_tokens({k: tables.at_first(store, k) for k in FIRST[:4]}),
            "Difference Vicuna minus LLaMA on the first k response tokens, a line a data set.",
        ),
        Block(
            "Followed against not followed",
            lambda: comparison_table(tables.followed_against_not(held), names=JUDGED),
        ),
        Block("Which prompts are left out, and why", lambda: tables.dropped(held)),
        *_released("heads", heads.shown(store, read_lexicon()) if heads.is_there(store) else []),
        *_released("components", concepts.shown(store) if concepts.is_there(store) else []),
    ]


def _released(name: str, shown: list) -> list[Block]:
    named = ((f"Released {name}, table {number}", one) for number, one in enumerate(shown, 1))
    return [Block(title, lambda one=one: one) for title, one in named]
