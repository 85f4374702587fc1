"""Finding 1, instruction recognition: responses, importance and scores of a pair.

For every prompt, both models and two settings (in the tuning template, and plain text), each model
is explained on its own greedy response and on the other model's (a shared response). Parts of the
store are named `recognition/SETTING/MODEL-on-AUTHOR/BLOCK`; a block is a few dozen prompts, so an
interrupted run loses a minute at most.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from jaxtyping import Float
from tqdm.auto import tqdm

from helpers.attribution import importance
from helpers.density import density, instruction_score, normalise
from helpers.following import follows
from helpers.lengths import check_lengths
from helpers.pairs import ROLES, Pair
from helpers.prompts import Encoded, Prompt, encode, read_prompts
from helpers.responses import respond
from helpers.results import Part, Store

SETTINGS = ("template", "plain")
BLOCK = 24
LEVELS, THRESHOLD, P = 10, 7, 4


@dataclass(frozen=True)
class Explained:
    """One prompt, one model, one response: the importance matrix and what labels its axes."""

    id: str
    kind: str
    place: str
    tokens: tuple[str, ...]
    roles: tuple[str, ...]
    response: tuple[str, ...]
    followed: bool | None
    importance: Float[np.ndarray, "prompt response"]

    @property
    def mask(self) -> np.ndarray:
        return np.array([role == "instruction" for role in self.roles])


def part_name(setting: str, model: str, author: str, block: int) -> str:
    return f"recognition/{setting}/{model}-on-{author}/{block:02d}"


def blocks(prompts: list[Prompt]) -> list[list[Prompt]]:
    return [prompts[start : start + BLOCK] for start in range(0, len(prompts), BLOCK)]


def encoded(prompts: list[Prompt], pair: Pair, setting: str) -> list[Encoded]:
    template = pair.template if setting == "template" else None
    return [encode(prompt, pair.tokenizer, template) for prompt in prompts]


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


def pack(matrices: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Importance as half floats relative to each column's largest magnitude, S as bytes.

    Half floats alone would lose columns below 6e-8; with a scale per column none is lost.
    """
    scales = [np.abs(m).max(0) if m.size else np.zeros(m.shape[1]) for m in matrices]
    relative = [m / np.where(s > 0, s, 1) for m, s in zip(matrices, scales, strict=True)]
    levels = [normalise(m, LEVELS) if m.size else m for m in matrices]
    flat = lambda parts, kind: np.concatenate([np.ravel(x) for x in parts]).astype(kind)  # noqa: E731
    return {
        "shape": np.array([m.shape for m in matrices], dtype=np.int32).reshape(-1, 2),
        "relative": flat(relative, np.float16),
        "scale": flat(scales, np.float32),
        "normalised": flat(levels, np.uint8),
    }


def unpack(arrays: dict[str, np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Importance (to half precision) and S (exact) of each prompt of a block."""
    found, at, column = [], 0, 0
    for rows, columns in arrays["shape"]:
        size = rows * columns
        scale = arrays["scale"][column : column + columns].astype(float)
        relative = arrays["relative"][at : at + size].reshape(rows, columns).astype(float)
        normalised = arrays["normalised"][at : at + size].reshape(rows, columns)
        found.append((_agree(relative, normalised) * scale, normalised))
        at, column = at + size, column + columns
    return found


def _agree(relative: np.ndarray, normalised: np.ndarray) -> np.ndarray:
    """Undo what rounding to half precision did to S: the normal form of the result is S again."""
    if not relative.size:
        return relative
    largest = relative.max(0, keepdims=True).clip(min=0)
    margin = 1e-5
    low, high = (
        (normalised - 1.0 + margin) / LEVELS * largest,
        (normalised - margin) / LEVELS * largest,
    )
    inside = np.where(normalised > 0, np.clip(relative, low, high), np.minimum(relative, 0))
    return np.where((relative == largest) & (normalised > 0), largest, inside)


def _explain_block(pair: Pair, role: str, codes: list[Encoded], answers: pd.DataFrame) -> dict:
    matrices = []
    for code, ids in zip(codes, answers["ids"], strict=True):
        empty = np.zeros((len(code.tokens), 0), dtype=np.float32)
        found = importance(pair.model(role), code.ids, list(ids)).numpy() if len(ids) else empty
        matrices.append(found)
    return pack(matrices)


def read_responses(store: Store, setting: str, author: str) -> pd.DataFrame:
    return store.read(f"recognition/{setting}/responses-{author}")


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


def score(normalised: np.ndarray, roles: np.ndarray, threshold: int = THRESHOLD) -> dict:
    """Lengths and instruction score of one matrix; the score of an empty response is missing."""
    mask = roles == "instruction"
    found = {"prompt_tokens": len(roles), "response_tokens": normalised.shape[1]}
    if not normalised.size:
        return found | {"instruction_tokens": int(mask.sum()), "score": np.nan}
    kept = np.where(normalised > threshold, normalised, 0)
    value = instruction_score(density(kept, P), mask)
    return found | {"instruction_tokens": int(mask.sum()), "score": value}


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
    store.get(
        "recognition/scores",
        lambda: make_scores(store, prompts),
        made_from=source | {"importance": inputs_hash(made)},
        **about,
    )


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


def inputs_hash(inputs: object) -> str:
    """SHA-256 of what a part is computed from, so that a changed prompt is computed again."""
    return hashlib.sha256(json.dumps(inputs, default=list).encode()).hexdigest()


def block_hash(codes: list[Encoded], answers: pd.DataFrame) -> str:
    return inputs_hash([[code.ids, [int(i) for i in ids]]
                        for code, ids in zip(codes, answers["ids"], strict=True)])  # fmt: skip
