"""Finding 1, instruction recognition: responses, importance and scores of a pair.

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

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from helpers.findings.parts import blocks, encoded, pack, unpack
from helpers.findings.recognition import blanked, segments
from helpers.findings.recognition.read import part_name, read_responses
from helpers.findings.recognition.segments import make_segments
from helpers.methods.density import LEVELS, THRESHOLD, P, score
from helpers.methods.importance import importance
from helpers.models.pair import Pair
from helpers.models.responses import check_lengths, respond
from helpers.models.roles import ROLES
from helpers.prompts.prompt import Encoded, Prompt, read_prompts
from helpers.prompts.rules import follows
from helpers.store.origin import inputs_hash
from helpers.store.store import Part, Store

SETTINGS = ("template", "plain")


def _pieces(tokenizer, ids) -> list[str]:
    return [tokenizer.decode([token]) for token in ids]


def make_prompts(pair: Pair, prompts: list[Prompt]) -> pd.DataFrame:
    """Tokens and roles of every prompt in every setting."""
    rows = []
    for setting in SETTINGS:
        for prompt, code in zip(prompts, encoded(prompts, pair, setting), strict=True):
            labels = dict(id=prompt.id, kind=prompt.kind, place=prompt.place, setting=setting)
            rows.append(labels | dict(tokens=list(code.tokens), roles=list(code.roles)))
    return pd.DataFrame(rows)


def make_responses(
    pair: Pair,
    prompts: list[Prompt],
    setting: str,
    role: str,
    max_tokens: int,
    progress: bool = False,
) -> pd.DataFrame:
    """Greedy responses of one model in one setting, and whether each followed its rule."""
    rows = []
    for block in tqdm(blocks(prompts), desc=f"responses {setting} {role}", disable=not progress):
        ids = [code.ids for code in encoded(block, pair, setting)]
        answers = respond(
            pair.model(role), pair.tokenizer, ids, pair.template, max_tokens=max_tokens
        )
        for prompt, answer in zip(block, answers, strict=True):
            rows.append(
                {
                    "id": prompt.id,
                    "setting": setting,
                    "model": role,
                    "text": answer.text,
                    "ids": list(answer.ids),
                    "tokens": _pieces(pair.tokenizer, answer.ids),
                    "ended": answer.ended,
                    "followed": follows(prompt.rule, answer.text) if prompt.rule else None,
                }
            )
    return pd.DataFrame(rows)


def _explain_block(pair: Pair, role: str, codes: list[Encoded], answers: pd.DataFrame) -> dict:
    matrices = []
    for code, ids in zip(codes, answers["ids"], strict=True):
        empty = np.zeros((len(code.tokens), 0), dtype=np.float32)
        found = importance(pair.model(role), code.ids, list(ids)).numpy() if len(ids) else empty
        matrices.append(found)
    return pack(matrices)


def make_scores(store: Store, prompts: list[Prompt]) -> pd.DataFrame:
    """One row a prompt, setting, model and author of the response: lengths, score, followed.

    Conditions that are not complete yet are left out as a whole (see `conditions_left`).
    """
    tokens = store.read("recognition/prompts").set_index(["setting", "id"])
    left, rows = set(conditions_left(store, prompts)), []
    for condition in product(SETTINGS, ROLES, ROLES):
        if condition not in left:
            rows += _condition_scores(store, prompts, tokens, *condition)
    return pd.DataFrame(rows)


def conditions_left(store: Store, prompts: list[Prompt]) -> list[tuple[str, str, str]]:
    """Conditions (setting, model, author) of which some block is not in the store."""
    held, numbers = store.manifest(), range(len(blocks(prompts)))
    whole = product(SETTINGS, ROLES, ROLES)
    return [c for c in whole if any(part_name(*c, n) not in held for n in numbers)]


def _condition_scores(store, prompts, tokens, setting, model, author) -> list[dict]:
    answers, rows = read_responses(store, setting, author).set_index("id"), []
    for number, block in enumerate(blocks(prompts)):
        matrices = unpack(store.read(part_name(setting, model, author, number)))
        for prompt, (_, normalised) in zip(block, matrices, strict=True):
            label = tokens.loc[(setting, prompt.id)]
            row = dict(id=prompt.id, kind=prompt.kind, place=prompt.place, setting=setting)
            row |= dict(model=model, author=author, followed=answers.loc[prompt.id, "followed"])
            rows.append(row | score(normalised, np.array(label["roles"])))
    return rows


def compute(
    pair: Pair,
    store: Store,
    *,
    prompts: list[Prompt] | None = None,
    max_tokens: int = 32,
    progress: bool = True,
) -> None:
    """Fill the store with everything chapter 1 shows; what is there already is kept."""
    prompts = prompts or read_prompts()
    check_lengths(pair, prompts, max_tokens)
    about = {"levels": LEVELS, "threshold": THRESHOLD, "p": P, "max_tokens": max_tokens}
    source = {"inputs": inputs_hash([asdict(prompt) for prompt in prompts])}
    store.get("recognition/prompts", lambda: make_prompts(pair, prompts), made_from=source, **about)
    store.fill(
        [
            _responses(pair, prompts, max_tokens, about, s, r, progress)
            for s, r in product(SETTINGS, ROLES)
        ]
    )
    # Own responses in the template first: the chapter's main comparison.
    conditions = [(s, m, a) for s in SETTINGS for own in (True, False) for m, a in
                  product(ROLES, ROLES) if (m == a) is own]  # fmt: skip
    parts = [
        part
        for condition in conditions
        for part in _blocks(pair, store, prompts, about, *condition)
    ]
    store.fill(parts, desc="importance", progress=progress)
    made = {part.name: store.manifest()[part.name]["sha256"] for part in parts}
    source |= {"importance": inputs_hash(made)}
    scores, table = lambda: make_scores(store, prompts), lambda: make_segments(store, SETTINGS)
    store.get("recognition/scores", scores, made_from=source, **about)
    store.get(segments.PART, table, made_from=source, **about)
    losses = [part for c in conditions for part in blanked.parts(pair, store, prompts, *c)]
    store.fill(losses, desc="blanking", progress=progress)


def _responses(
    pair: Pair,
    prompts: list[Prompt],
    max_tokens: int,
    about: dict,
    setting: str,
    role: str,
    progress: bool,
) -> Part:
    asked = [code.ids for code in encoded(prompts, pair, setting)]
    return Part(
        f"recognition/{setting}/responses-{role}",
        partial(make_responses, pair, prompts, setting, role, max_tokens, progress),
        {"inputs": inputs_hash([asked, max_tokens])},
        about,
    )


def _blocks(
    pair: Pair,
    store: Store,
    prompts: list[Prompt],
    about: dict,
    setting: str,
    model: str,
    author: str,
) -> Iterator[Part]:
    """The parts of one condition: importance of every block of prompts."""
    answers = read_responses(store, setting, author).set_index("id")
    for number, block in enumerate(blocks(prompts)):
        codes, own = encoded(block, pair, setting), answers.loc[[p.id for p in block]]
        yield Part(
            part_name(setting, model, author, number),
            partial(_explain_block, pair, model, codes, own),
            {"inputs": block_hash(codes, own)},
            about,
        )


def block_hash(codes: list[Encoded], answers: pd.DataFrame) -> str:
    return inputs_hash([[code.ids, [int(i) for i in ids]]
                        for code, ids in zip(codes, answers["ids"], strict=True)])  # fmt: skip
