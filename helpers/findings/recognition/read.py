"""What chapter 1 reads from the store: prompts, responses, importance, scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import pandas as pd

from helpers.findings import parts
from helpers.methods.statistics import BadSample
from helpers.models.explain import Explanation
from helpers.models.pair import Pair
from helpers.models.roles import ROLES
from helpers.prompts.prompt import Encoded, Prompt
from helpers.store.store import Store

# How tables name a setting, and whose response is read: each model's own, or one that both read.
WHERE = {"template": "in the template", "plain": "in plain text"}
WHOSE = {"own": "own responses"} | {role: f"the {role}'s response" for role in ROLES}


@dataclass(frozen=True)
class Explained(Explanation):
    """One model's explanation of a stored prompt, and whether the response followed."""

    id: str
    kind: str
    place: str
    followed: bool | None

    @property
    def judged(self) -> bool | None:
        """`followed` as JSON has it."""
        return None if self.followed is None else bool(self.followed)


def part_name(setting: str, model: str, author: str, block: int) -> str:
    return f"recognition/{setting}/{model}-on-{author}/{block:02d}"


def read_responses(store: Store, setting: str, author: str) -> pd.DataFrame:
    return store.read(f"recognition/{setting}/responses-{author}")


def scores(store: Store) -> pd.DataFrame:
    """One row a prompt, setting, model and author of the response."""
    return store.read("recognition/scores")


def answered(
    pair: Pair, store: Store, prompts: list[Prompt], setting: str, author: str
) -> Iterator[tuple[int, list[Prompt], list[Encoded], list[list[int]]]]:
    """Block by block: its number, its prompts, their tokens, and the author's responses to them."""
    answers = read_responses(store, setting, author).set_index("id")["ids"]
    for number, block in enumerate(parts.blocks(prompts)):
        ids = [[int(token) for token in answers[prompt.id]] for prompt in block]
        yield number, block, parts.encoded(block, pair, setting), ids


def explained(store: Store, setting: str, model: str, author: str) -> list[Explained]:
    """Every prompt's importance matrix for one model and one author of the response."""
    labels = store.read("recognition/prompts").query("setting == @setting")
    answers = read_responses(store, setting, author).set_index("id")
    held = [
        importance
        for number in range(-(-len(labels) // parts.BLOCK))
        for importance in parts.unpack(store.read(part_name(setting, model, author, number)))
    ]
    said, followed = answers["tokens"], answers["followed"]
    return [
        Explained(
            *(tuple(one.tokens), tuple(one.roles), tuple(said[one.id]), importance),
            *(one.id, one.kind, one.place, followed[one.id]),
        )
        for one, importance in zip(labels.itertuples(), held, strict=True)
    ]


def both(
    store: Store, response: str = "own", setting: str = "template"
) -> list[tuple[Explained, Explained]]:
    """Base and tuned on every prompt: on their own responses, or on that of one author."""
    authors = ROLES if response == "own" else (response, response)
    sides = (explained(store, setting, *one) for one in zip(ROLES, authors, strict=True))
    return list(zip(*sides, strict=True))


def example(store: Store, id: str, response: str = "own") -> tuple[Explained, Explained]:
    """Base and tuned on one prompt (see `both`); on another one where the store lacks it."""
    read = both(store, response)
    answered = {one[0].id: one for one in read if all(side.importance.size for side in one)}
    if not answered:
        raise BadSample("no prompt has a response to explain: there is nothing to draw.")
    return answered.get(id) or next(iter(answered.values()))


def explorer_items(store: Store, losses: pd.DataFrame | None = None) -> list[dict]:
    """What the explorer shows: both models on both responses, prompt by prompt.

    `losses`: what blanking takes (`blanked.held`), where the store holds it.
    """
    readings = [explained(store, "template", *cell) for cell in product(ROLES, ROLES)]
    blanked: dict[str, dict] = {}
    if losses is not None:
        for row in losses.query("setting == 'template' and way == 'zero'").itertuples():
            found = blanked.setdefault(row.id, {}).setdefault(f"{row.model} on {row.author}", {})
            found[row.segment] = round(row.loss, 3)
    items = []
    for base, base_crossed, tuned_crossed, tuned in zip(*readings, strict=True):
        models = {
            role: dict(tokens=list(one.response), importance=one.importance, followed=one.judged)
            for role, one in zip(ROLES, (base, tuned), strict=True)
        }
        crossed = {"base": base_crossed.importance, "tuned": tuned_crossed.importance}
        labels = dict(id=base.id, kind=base.kind, place=base.place, blanked=blanked.get(base.id))
        text = dict(tokens=list(base.tokens), roles=list(base.roles))
        items.append(labels | text | dict(models=models, crossed=crossed))
    return items
