"""What a response loses when a whole segment of its prompt is blanked: exact, a pass a segment.

For every prompt, setting, model and author of the response, each segment (and the template's tokens)
is blanked in three ways; the loss is the mean over response tokens of log p(y|x) - log p(y|x without
the segment), in nats a token. Parts `recognition/blanking/SETTING/MODEL-on-AUTHOR/BLOCK`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import torch

from helpers.findings.parts import read_all
from helpers.findings.recognition.read import WHERE, WHOSE, answered
from helpers.findings.recognition.segments import SEGMENTS, family, sides
from helpers.methods.density import TEMPLATE
from helpers.methods.erasure import WAYS, blankings
from helpers.methods.statistics import LEAST, Comparison, bootstrap_interval
from helpers.models.pair import Pair
from helpers.models.roles import ROLES
from helpers.prompts.prompt import Encoded, Prompt
from helpers.store.origin import inputs_hash
from helpers.store.store import Part, Store

TIMES = ("times less likely", "low", "high")
FIRST_LOOK = {"ways": ("zero",), "only": "instruction"}  # what a first look blanks, and how
COLUMNS = ("id", "kind", "segment", "way", "loss", "segment_tokens", "response_tokens")


def part_name(setting: str, model: str, author: str, block: int) -> str:
    return f"recognition/blanking/{setting}/{model}-on-{author}/{block:02d}"


def make_block(
    pair: Pair, role: str, prompts: list[Prompt], codes: list[Encoded], answers: list[list[int]],
    *, ways: tuple[str, ...] = WAYS, only: str | None = None,
) -> pd.DataFrame:  # fmt: skip
    """One row a prompt, segment (`only`: this one) and way: the loss in nats a response token."""
    rows = []
    for prompt, code, ids in zip(prompts, codes, answers, strict=True):
        labels = np.array(code.roles)
        roles = [role for role in dict.fromkeys(code.roles) if only in (None, role)]
        masks = torch.from_numpy(np.array([labels == one for one in roles]))
        if not ids or not roles:
            continue
        lost = blankings(pair.model(role), code.ids, ids, masks, ways=ways).mean(-1).tolist()
        rows += [
            (prompt.id, prompt.kind, one, way, loss, int(mask.sum()), len(ids))
            for way, of_way in zip(ways, lost, strict=True)
            for one, loss, mask in zip(roles, of_way, masks, strict=True)
        ]
    return pd.DataFrame(rows, columns=COLUMNS)


def parts(
    pair: Pair, store: Store, prompts: list[Prompt], cells: Iterable[tuple[str, str, str]],
    blanks: dict | None = None, **about: object,
) -> Iterator[Part]:  # fmt: skip
    """A part a block of prompts of every cell (model, setting, author); `blanks`: see `make_block`."""
    for model, setting, author in cells:
        for number, block, codes, ids in answered(pair, store, prompts, setting, author):
            source = [[c.ids, c.roles, i] for c, i in zip(codes, ids, strict=True)]
            made_from = {"inputs": inputs_hash([blanks, source] if blanks else source)}
            make = partial(make_block, pair, model, block, codes, ids, **(blanks or {}))
            yield Part(part_name(setting, model, author, number), make, made_from, about)


def read_blanking(store: Store) -> pd.DataFrame:
    """All losses: the columns of `make_block` with setting, model and author."""
    asked = dict(finding="recognition", what="blanked segment")
    tables = []
    for name, table in read_all(store, "recognition/blanking/", **asked).items():
        setting, condition, _ = name.split("/")
        model, author = condition.split("-on-")
        tables.append(table.assign(setting=setting, model=model, author=author))
    return pd.concat(tables, ignore_index=True)


def held(store: Store) -> pd.DataFrame | None:
    """`read_blanking`, or None while the store does not hold it."""
    return read_blanking(store) if store.has(part_name("template", "base", "base", 0)) else None


def sentence(store: Store, author: str = "tuned") -> str:
    """What blanking the instruction does to one response, for each of its two readers, in words."""
    table = held(store)
    if table is None:
        return store.lacks("recognition", "exact blanking")

    def times(segment: str, response: str) -> list[str]:
        own = sides(table[table["way"] == "zero"], "template", response, segment, "loss")
        means = own[list(ROLES)].mean()
        return [f"{np.exp(abs(x)):.1f} times {'less' if x >= 0 else 'more'}" for x in means]

    base, tuned = times("instruction", author)
    other = ROLES[author == "base"]
    scale = times("input", author)[::-1] + times("instruction", other)[::-1]
    one, two, three, four = (text.removesuffix(" less") for text in scale)
    return (
        f"Blank the instruction and a token of the {author} model's response becomes {tuned} likely to "
        f"the tuned model and {base} likely to its base. For scale: the input, {one} and {two}; the "
        f"instruction, for the {other} model's response, {three} and {four}."
    )


def families(table: pd.DataFrame) -> dict[str, list[Comparison]]:
    """Base against tuned by segment, setting and response, in nats a response token; a Holm family
    each way of blanking."""
    segments = (*SEGMENTS, TEMPLATE)
    ways = {way: table[table["way"] == way] for way in WAYS}
    return {way: family(part, "loss", segments=segments) for way, part in ways.items()}


def times_less_likely(table: pd.DataFrame, way: str = "zero") -> pd.DataFrame:
    """How many times less likely a response token becomes without a segment: exp(mean loss).

    One row a segment, setting, response and model; intervals are the mean's (bootstrap over prompts).
    """
    rows = []
    part = table[table["way"] == way]
    cells = product((*SEGMENTS, TEMPLATE), WHERE, WHOSE, ROLES)
    for segment, setting, response, role in cells:
        wide = sides(part, setting, response, segment, "loss")
        if len(wide) < LEAST:
            continue
        mean, (low, high) = wide[role].mean(), bootstrap_interval(wide[role])
        row = {"blanked": segment, "setting": WHERE[setting], "response": WHOSE[response]}
        row |= {"model": role, "n": len(wide), "nats a token": mean}
        rows.append(row | dict(zip(TIMES, np.exp([mean, low, high]), strict=True)))
    return pd.DataFrame(rows)
