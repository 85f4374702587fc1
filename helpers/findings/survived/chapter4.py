"""Claims of chapter 4: on what feed-forward layers write."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pandas as pd

from helpers.findings.ffn import tables as ffn
from helpers.findings.ffn.trust import blind_shares, read_labels
from helpers.findings.ffn.verdict import against_random
from helpers.findings.release.concepts import KEYS, read_votes
from helpers.findings.survived.claims import Claim, Wide, beyond_shuffled, of_weights, paired
from helpers.methods.rotation import NULLS
from helpers.methods.statistics import Comparison
from helpers.store.store import Store
from helpers.words.annotation import LINGUISTIC_LEVELS, TASKS

NEVER = of_weights("components") | {
    "blanking": "components are read from weights: no words are there to be blanked"
}


# --- shares of tasks, by layer


def _by_layer(table: pd.DataFrame, answer: pd.Series) -> Wide:
    return answer.astype(float).groupby([table["layer"], table["role"]]).mean().unstack("role")


def tasks(store: Store, *, less_levels: bool = False) -> Wide:
    """Share of a layer's lists that have a user task; less that of lists with a linguistic level."""
    table = ffn.read_annotations(store)
    found = _by_layer(table, table[list(TASKS)].any(axis=1))
    levels = _by_layer(table, table[list(LINGUISTIC_LEVELS)].any(axis=1))
    return found - levels if less_levels else found


def interpretable_tasks(store: Store) -> Wide:
    """The same, of the lists whose words are more alike than random directions'."""
    table = ffn.read_annotations(store).query("beyond_random")
    return _by_layer(table, table[list(TASKS)].any(axis=1)).dropna()


def seven_tasks(store: Store) -> Wide:
    """Share of the released components that ChatGPT gave a task, by layer."""
    votes = read_votes(store)
    votes = votes.assign(task=votes[list(TASKS)].any(axis=1))
    named = votes.groupby(KEYS)["task"].mean().reset_index()
    return _by_layer(named, named["task"]).dropna()


# --- rotation


def turned(store: Store) -> list[Comparison]:
    """Degrees under random updates (a) and under tuning (b), paired by layer; all components first."""
    found = ffn.compare_rotation(ffn.read_rotation(store))
    spans = [one for one in found[: len(found) // len(NULLS)] if one.label.startswith("first")]
    return [spans[-1], *(one for one in found if one is not spans[-1])]


# --- lists of words against those of random directions


def coherent(store: Store, *, question: str = "beyond_random", role: str = "tuned") -> Comparison:
    table = ffn.read_annotations(store)
    own = table[table["role"] == role]
    return against_random(own, ffn.read_baseline(store), question, ffn.NAMES[question])


BLIND = {"blind": "a blind reader", "again": "a second blind reader"}


def read_blindly(reader: str, _: Store) -> Comparison:
    """Lists of the book's own pair that a reader who did not know their source found interpretable."""
    one = next(x for x in blind_shares(read_labels(reader)) if x.label == "interpretable")
    return replace(one, label=f"{BLIND[reader]} of {one.n} lists of the book's pair")


CLAIMS = (
    Claim(
        chapter=4, key="turned", whose="paper", sign=1, unit="degrees", lead=True, course="turned",
        compare=lambda store: turned(store)[0],
        text="Tuning turns feed-forward components further than a random update of its size",
        said="Feed-forward components {turned further/turned less/did not clearly turn further} "
        "with the tuning than with random updates of its size",
        checks=NEVER | {
            "placebo": "the random updates are part of the claim itself",
            "other estimate": [lambda store: turned(store)[1:]],
            "shuffled tuning": [partial(beyond_shuffled, "turned")],
            "7B": "the paper's weights were not turned at random: no null at this size",
        },
    ),
    Claim(
        compare=partial(paired, tasks, "lists with a task, by layer"),
        chapter=4, key="tasks", whose="paper", sign=1, unit="share of lists",
        text="After tuning, more of what the layers write belongs to user tasks",
        said="After tuning {more/less/not clearly more} of what feed-forward layers write belongs to "
        "user tasks",
        checks=NEVER | {
            "placebo": [
                partial(paired, partial(tasks, less_levels=True), "less the change of linguistic levels")
            ],
            "other estimate": [
                partial(paired, interpretable_tasks, "of lists more alike than random directions'")
            ],
            "shuffled tuning": "no lists of words are kept of the control tuning",
            "7B": [partial(paired, seven_tasks, "LLaMA and Vicuna, ChatGPT's labels")],
        },
    ),
    Claim(
        chapter=4, key="coherent", whose="paper", sign=1, unit="share of lists",
        compare=coherent,
        text="Components can be read: their words are more alike than those of random directions",
        said="Words of components are {more/less/not clearly more} alike than those of random directions",
        checks=NEVER | {
            "placebo": "the random directions are part of the claim itself",
            "other estimate": [
                partial(coherent, question="interpretable"),
                *(partial(read_blindly, reader) for reader in BLIND),
            ],
            "shuffled tuning": "no lists of words are kept of the control tuning",
            "7B": "the released lists have none of random directions beside them",
        },
    ),
)  # fmt: skip
