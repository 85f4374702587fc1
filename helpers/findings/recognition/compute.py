"""Finding 1, instruction recognition: responses, importance, scores and losses of a pair.

For every prompt, both models and two settings (in the tuning template, and plain text), each model
is explained on its own greedy response and on the other model's (a shared response). Parts of the
store are named `recognition/SETTING/MODEL-on-AUTHOR/BLOCK`; a block is a few dozen prompts, so an
interrupted run loses a minute at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from itertools import product

import pandas as pd

from helpers.findings.parts import encoded, importance_of, pack, responses
from helpers.findings.recognition import blanked
from helpers.findings.recognition.read import answered, explained, part_name
from helpers.methods.density import LEVELS, THRESHOLD, P, score
from helpers.models.pair import Pair
from helpers.models.responses import check_lengths
from helpers.models.roles import ROLES
from helpers.prompts.prompt import Encoded, Prompt, few, read_prompts
from helpers.prompts.rules import follows
from helpers.store.origin import inputs_hash
from helpers.store.store import Part, Store

SETTINGS = ("template", "plain")


def make_prompts(
    pair: Pair, prompts: list[Prompt], settings: tuple[str, ...] = SETTINGS
) -> pd.DataFrame:
    """Tokens and roles of every prompt in every setting."""
    rows = []
    for setting in settings:
        for prompt, code in zip(prompts, encoded(prompts, pair, setting), strict=True):
            labels = dict(id=prompt.id, kind=prompt.kind, place=prompt.place, setting=setting)
            rows.append(labels | dict(tokens=list(code.tokens), roles=list(code.roles)))
    return pd.DataFrame(rows)


def make_responses(
    pair: Pair, prompts: list[Prompt], setting: str, role: str, max_tokens: int,
    progress: bool = False,
) -> pd.DataFrame:  # fmt: skip
    """Greedy responses of one model in one setting, and whether each followed its rule."""
    codes = encoded(prompts, pair, setting)
    answers = responses(pair, role, codes, max_tokens=max_tokens, progress=progress)
    return pd.DataFrame(
        dict(id=prompt.id, setting=setting, model=role)
        | answer
        | dict(followed=follows(prompt.rule, answer["text"]) if prompt.rule else None)
        for prompt, answer in zip(prompts, answers, strict=True)
    )


def _explain_block(pair: Pair, role: str, codes: list[Encoded], answers: list[list[int]]) -> dict:
    cells = zip(codes, answers, strict=True)
    return pack([importance_of(pair, role, code, ids) for code, ids in cells])


def make_scores(store: Store, settings: tuple[str, ...] = SETTINGS) -> pd.DataFrame:
    """One row a prompt, setting, model and author of the response: lengths, score, followed."""
    rows = []
    for setting, model, author in product(settings, ROLES, ROLES):
        for one in explained(store, setting, model, author):
            row = dict(id=one.id, kind=one.kind, place=one.place, setting=setting, model=model)
            row |= dict(author=author, followed=one.followed)
            rows.append(row | score(one.importance, one.roles))
    return pd.DataFrame(rows)


def compute(
    pair: Pair, store: Store, *, prompts: list[Prompt] | None = None, max_tokens: int = 32,
    sample: int | None = None, progress: bool = True,
) -> None:  # fmt: skip
    """Fill the store with everything chapter 1 shows; what is there already is kept.

    Each stage takes one model and then the other, beginning with the one that is loaded. `sample`: a
    first look, in the template alone: importance of so many prompts, and what blanking the instruction
    with zeros takes from the tuned model's responses to all.
    """
    prompts = prompts or read_prompts()
    settings = SETTINGS if sample is None else SETTINGS[:1]
    check_lengths(pair, prompts, max_tokens)
    about = {"levels": LEVELS, "threshold": THRESHOLD, "p": P, "max_tokens": max_tokens}
    options = dict(max_tokens=max_tokens, progress=progress)
    asked = [
        _responses(pair, prompts, about, setting, role, **options)
        for role, setting in product(ROLES, settings)
    ]
    if sample is not None:
        about |= {"quick": sample}
    explained_ones = few(prompts, sample)
    source = {"inputs": inputs_hash([asdict(prompt) for prompt in explained_ones])}
    make = partial(make_prompts, pair, explained_ones, settings)
    store.fill([Part("recognition/prompts", make, source, about), *asked])
    # The scores are tied to their parts in this order, in which older stores have them.
    conditions = [(s, m, a) for s in settings for own in (True, False) for m, a in
                  product(ROLES, ROLES) if (m == a) is own]  # fmt: skip
    parts = [part for c in conditions for part in _blocks(pair, store, explained_ones, about, *c)]
    store.fill(
        sorted(parts, key=lambda one: "/base-on-" in one.name), desc="importance", progress=progress
    )
    made = {part.name: store.manifest()[part.name]["sha256"] for part in parts}
    source |= {"importance": inputs_hash(made)}
    store.fill([Part("recognition/scores", partial(make_scores, store, settings), source, about)])
    quick = {} if sample is None else {"blanks": blanked.FIRST_LOOK, "quick": sample}
    cells = product(ROLES, settings, ROLES if sample is None else ("tuned",))
    losses = blanked.parts(pair, store, prompts, cells, **quick)
    store.fill(losses, desc="blanking", progress=progress)


def _responses(
    pair: Pair, prompts: list[Prompt], about: dict, setting: str, role: str, *, max_tokens: int,
    progress: bool,
) -> Part:  # fmt: skip
    asked = [code.ids for code in encoded(prompts, pair, setting)]
    return Part(
        f"recognition/{setting}/responses-{role}",
        partial(make_responses, pair, prompts, setting, role, max_tokens, progress),
        {"inputs": inputs_hash([asked, max_tokens])},
        about,
    )


def _blocks(
    pair: Pair, store: Store, prompts: list[Prompt], about: dict, setting: str, model: str,
    author: str,
) -> Iterator[Part]:  # fmt: skip
    """The parts of one condition: importance of every block of prompts."""
    for number, _, codes, own in answered(pair, store, prompts, setting, author):
        read = [[code.ids, ids] for code, ids in zip(codes, own, strict=True)]
        make = partial(_explain_block, pair, model, codes, own)
        source = {"inputs": inputs_hash(read)}
        yield Part(part_name(setting, model, author, number), make, source, about)
