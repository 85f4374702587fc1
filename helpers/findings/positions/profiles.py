"""Finding 2, position profiles: of one stored matrix, and of all prompts of our own pair.

method.md, section 2. A profile needs a prompt of 20 tokens or more and responses of 5 or more from
both models. Our prompts make three "data sets": in the template, in the template with its tokens left
out of the profile, and as plain text. Each is profiled for the models' own responses, for the first
tokens of them that both have, and for the response of either model as a shared one. The tables have
the columns of the released pair's.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd

from helpers.findings.recognition.read import Explained, explained
from helpers.methods.density import LEVELS, normalise
from helpers.methods.profiles import GRID, LEAST_PROMPT, LEAST_RESPONSE, profile_of
from helpers.models.roles import ROLES
from helpers.store.store import Store

OURS = {"template": "ours, in the template", "plain": "ours, plain text"}
LEFT_OUT = "ours, template left out"  # the same responses, profiles without the template's tokens


def _pairs(store: Store, setting: str, response: str) -> Iterator[tuple[Explained, Explained]]:
    """Both models on every prompt: on their own responses, or on one author's."""
    authors = ROLES if response in ("own", "matched") else (response, response)
    sides = [explained(store, setting, *one) for one in zip(ROLES, authors, strict=True)]
    return zip(*sides, strict=True)


def _variants(setting: str, response: str) -> list[tuple[int, int, float, str]]:
    """(bins, b, p, data set): the whole grid on own responses, the main setting on the others."""
    grid = GRID if response == "own" else GRID[:1]
    kinds = (OURS[setting], LEFT_OUT) if setting == "template" else (OURS[setting],)
    return [(*one, kind) for kind in kinds for one in grid]


def _prompt_rows(both: tuple[Explained, Explained], setting: str, response: str) -> list[dict]:
    rows, roles = [], np.array(both[0].roles)
    shorter = min(len(one.response) for one in both)
    if len(roles) < LEAST_PROMPT or shorter < LEAST_RESPONSE:
        return rows
    columns = slice(shorter) if response == "matched" else slice(None)
    levels = [normalise(one.importance, LEVELS)[:, columns] for one in both]
    for bins, b, p, kind in _variants(setting, response):
        kept = np.ones(len(roles), bool) if kind != LEFT_OUT else roles != "template"
        if kept.sum() < LEAST_PROMPT:
            continue
        label = dict(id=both[0].id, kind=kind, place=both[0].place)
        label |= dict(bins=bins, threshold=b, p=p, response=response, tokens="all")
        for role, one in zip(ROLES, levels, strict=True):
            found = profile_of(one, kept, bins=bins, threshold=b, p=p)
            rows.append(label | dict(model=role) | found)
    return rows


def make_profiles(store: Store) -> pd.DataFrame:
    """All profiles of our pair, from the stored matrices of chapter 1 (a few seconds)."""
    rows = []
    for setting, response in product(OURS, ("own", "matched", *ROLES)):
        for both in _pairs(store, setting, response):
            rows += _prompt_rows(both, setting, response)
    return pd.DataFrame(rows)
