"""The authors' matrices in a report: instruction recognition at seven billion parameters."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

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
        *_released("heads", lambda: heads.shown(store, read_lexicon()), heads.is_there(store)),
        *_released("components", lambda: concepts.shown(store), concepts.is_there(store)),
    ]


def _released(name: str, make: Callable[[], list], there: bool) -> list[Block]:
    """Tables of the released heads or components, where the store holds them."""
    tables_of = cache(make)
    return [
        Block(f"Released {name}, table {n + 1}", lambda n=n: tables_of()[n])
        for n in range(len(tables_of()) if there else 0)
    ]
