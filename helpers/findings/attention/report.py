"""Chapter 3 in a report on any pair."""

from __future__ import annotations

from functools import cache, partial

from helpers.findings.attention import explorer, figures, heads, lift
from helpers.pages.blocks import Block
from helpers.store.store import Store
from helpers.words.verbs import Lexicon, read_lexicon


def blocks(store: Store) -> list[Block]:
    lexicon = read_lexicon()
    return [*_of_verbs(store, lexicon), *_of_heads(store, lexicon)]


def _of_verbs(store: Store, lexicon: Lexicon) -> list[Block]:
    compared = lift.both_counts(store, lexicon)
    drawn = cache(lambda: lift.against_random(store, lexicon))
    return [
        Block(
            "Verb lift by part of the layers",
            lambda: figures.lift_by_quarter(compared),
            "Verb lift of instruction and general verbs by part of the layers, with intervals and "
            "the band of relabelled verbs.",
        ),
        *(
            Block(f"Verb lift, pairs held by {name}", partial(lift.table, found))
            for name, found in compared.items()
        ),
        Block(
            "Against random updates of the same size",
            lambda: figures.random_updates(drawn()),
            "Number of changed verb counts and difference of lift: tuning as a line, random "
            "updates as dots.",
        ),
        Block("Tuning among random updates", lambda: lift.random_table(drawn())),
    ]


def _of_heads(store: Store, lexicon: Lexicon) -> list[Block]:
    silenced = cache(lambda: heads.read_silenced(store))
    return [
        Block(
            "Where verbs gained and lost pairs",
            lambda: figures.verb_map(heads.verb_map(store, lexicon)),
            "Maps of layers by heads: pairs gained less pairs lost per 100 verbs of a group.",
        ),
        Block(
            "Heads silenced",
            lambda: figures.silenced(heads.silenced_table(silenced())),
            "Share of prompts followed and loss on plain text with heads silenced, chosen sets as "
            "marks and random ones as dots.",
        ),
        Block("What silencing them costs", lambda: heads.silenced_comparisons(silenced())),
        Block(
            "Explore every head",
            lambda: explorer.HeadExplorer(explorer.from_store(store)),
            widget=True,
        ),
    ]
