"""What several findings store alike: blocks of items, packed matrices, responses, whole experiments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from helpers.methods.density import LEVELS, normalise, share_on
from helpers.methods.importance import importance
from helpers.models import registry
from helpers.models.pair import Pair
from helpers.models.responses import pieces, respond
from helpers.models.roles import ROLES
from helpers.prompts.prompt import Encoded, Prompt, Template, encode
from helpers.store.origin import inputs_hash
from helpers.store.store import MissingResult, Part, Store

BLOCK = 24  # prompts


def named(store: Store) -> str:
    """The pair of a store as tables call it, with its size where the registry knows it."""
    known = registry.read().get(store.folder.name)
    size = f" ({known.parameters / 1e6:,.0f}M parameters)" if known and known.parameters else ""
    return f"{store.folder.name}{size}"


def blocks(items: Sequence, size: int | None = None) -> list[Sequence]:
    size = size or BLOCK
    return [items[start : start + size] for start in range(0, len(items), size)]


def encoded(prompts: Iterable[Prompt], pair: Pair, setting: str = "template") -> list[Encoded]:
    template = pair.template if setting == "template" else None
    return [encode(prompt, pair.tokenizer, template) for prompt in prompts]


def importance_of(pair: Pair, role: str, code: Encoded, ids: Sequence[int]) -> np.ndarray:
    """Importance of a prompt's tokens for a response, (prompt, response); no column for an empty one."""
    empty = np.zeros((len(code.tokens), 0), np.float32)
    return importance(pair.model(role), code.ids, ids).numpy() if len(ids) else empty


def described(code: Encoded, found: np.ndarray, role: str) -> dict:
    """S without a threshold as bytes, and the share of plain importance on a role's tokens."""
    share = share_on(found, code.mask(role)) if found.size else np.nan
    return dict(normalised=normalise(found) if found.size else found.astype(np.uint8), share=share)


def read_all(store: Store, start: str, *, finding: str = "", what: str = "") -> dict[str, Any]:
    """All parts whose name begins with `start`, by the rest of it; MissingResult, with the command, where
    there is none of `what`."""
    names = sorted(name for name in store.manifest() if name.startswith(start))
    if what and not names:
        raise MissingResult(
            f"The store {store.folder} holds no {what}. Compute it with `{store.command(finding)}`."
        )
    return {name.removeprefix(start): store.read(name) for name in names}


def responses(
    pair: Pair, role: str, codes: Sequence[Encoded], *, max_tokens: int, at_once: int | None = None,
    template: Template | None = None, progress: bool = False,
) -> list[dict]:  # fmt: skip
    """Greedy responses, `at_once` in a batch (two blocks): text, ids, tokens, and how each ended."""
    found, template = {}, template or pair.template
    order = sorted(
        range(len(codes)), key=lambda n: len(codes[n].ids)
    )  # alike in length: less padding
    batches = blocks(order, at_once or 2 * BLOCK)
    for batch in tqdm(batches, desc=f"responses {role}", disable=not progress):
        ids, model = [codes[n].ids for n in batch], pair.model(role)
        answers = respond(model, pair.tokenizer, ids, template, max_tokens=max_tokens)
        found |= zip(batch, answers, strict=True)
    found = [found[n] for n in range(len(codes))]
    tokens = (pieces(pair.tokenizer, one.ids) for one in found)
    return [
        dict(text=one.text, ids=list(one.ids), tokens=own, ended=one.ended)
        for one, own in zip(found, tokens, strict=True)
    ]


@dataclass
class Experiment:
    """Items that both models are asked under several conditions, in the template.

    Parts `NAME/items`, `NAME/responses-ROLE`, and `NAME/ROLE/BLOCK`, which explains `size` items under
    the conditions `explained`. `key` is the column of the condition, `at` makes the prompt, `labels`
    and `judge` say what stands beside an item and beside a response.
    """

    name: str
    key: str
    asked: tuple[str, ...]
    explained: tuple[str, ...]
    size: int
    at: Callable[[Any, str], Prompt]
    labels: Callable[[Any, str], dict]
    judge: Callable[[Any, str], dict]

    def part_name(self, role: str, block: int) -> str:
        return f"{self.name}/{role}/{block:02d}"

    def blocks(self, items: Sequence) -> list[Sequence]:
        return blocks(items, self.size)

    def codes(self, pair: Pair, items: Sequence) -> list[tuple[Any, str, Encoded]]:
        cells = list(product(items, self.asked))
        codes = encoded((self.at(*cell) for cell in cells), pair)
        return [(*cell, code) for cell, code in zip(cells, codes, strict=True)]

    def make_items(self, pair: Pair, items: Sequence) -> pd.DataFrame:
        """Tokens and roles of every item under every condition."""
        return pd.DataFrame(
            {"id": item.id, self.key: condition}
            | self.labels(item, condition)
            | dict(tokens=list(code.tokens), roles=list(code.roles))
            for item, condition, code in self.codes(pair, items)
        )

    def make_responses(self, pair: Pair, items: Sequence, role: str, **options) -> pd.DataFrame:
        """Greedy responses of one model to every item under every condition, judged."""
        cells = self.codes(pair, items)
        at_once = self.size * len(self.asked)
        found = responses(pair, role, [code for *_, code in cells], at_once=at_once, **options)
        return pd.DataFrame(
            {"id": item.id, self.key: condition} | answer | self.judge(item, answer["text"])
            for (item, condition, _), answer in zip(cells, found, strict=True)
        )

    def answers(self, store: Store, role: str) -> pd.DataFrame:
        """Responses of one model by item and condition."""
        return store.read(f"{self.name}/responses-{role}").set_index(["id", self.key])

    def own_ids(self, answers: pd.DataFrame, item: Any, condition: str) -> list[int]:
        return [int(token) for token in answers.loc[(item.id, condition), "ids"]]

    def fill(
        self, pair: Pair, store: Store, items: Sequence, explain: Callable[..., dict], *,
        max_tokens: int, template: Template | None = None,
        more: Callable[[str], list[Part]] = lambda role: [], progress: bool = True,
    ) -> None:  # fmt: skip
        """All parts of one model and then of the other, so that each is loaded once.

        `explain(pair, role, block, answers)` gives the arrays of a block, `more` further parts.
        """
        about = {"levels": LEVELS, "max_tokens": max_tokens}
        source = {"inputs": inputs_hash([[*vars(item).values()] for item in items] + [max_tokens])}
        first = [Part(f"{self.name}/items", partial(self.make_items, pair, items), source, about)]
        for role in ROLES:
            options = dict(max_tokens=max_tokens, template=template, progress=progress)
            make = partial(self.make_responses, pair, items, role, **options)
            store.fill([*first, Part(f"{self.name}/responses-{role}", make, source, about)])
            answers, parts = self.answers(store, role), more(role)
            for number, block in enumerate(self.blocks(items)):
                own = [self.own_ids(answers, *cell) for cell in product(block, self.explained)]
                asked = [[*vars(item).values()] for item in block]
                made_from = {"inputs": inputs_hash([asked, own])}
                make = partial(explain, pair, role, block, answers)
                parts.append(Part(self.part_name(role, number), make, made_from, about))
            store.fill(parts, desc=f"{self.name} {role}", progress=progress)

    def read_block(self, store: Store, role: str, number: int) -> list[dict]:
        """What `pack_levels` packed, one dictionary a matrix: `normalised`, and its numbers."""
        arrays = store.read(self.part_name(role, number))
        keys = arrays.keys() - {"shape", "normalised"}
        return [
            {"normalised": one} | {key: float(arrays[key][at]) for key in keys}
            for at, one in enumerate(_cut(arrays["normalised"], arrays["shape"]))
        ]


def pack_levels(found: Sequence[dict]) -> dict[str, np.ndarray]:
    """Dictionaries with S (`normalised`) and equal numbers, as arrays."""
    levels = [one["normalised"] for one in found]
    keys = [key for key in found[0] if key != "normalised"]
    numbers = {key: np.array([one[key] for one in found], np.float32) for key in keys}
    return numbers | {"shape": _shapes(levels), "normalised": _flat(levels, np.uint8)}


def pack(matrices: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Importance as half floats relative to each column's largest magnitude, S as bytes.

    Half floats alone would lose columns below 6e-8; with a scale per column none is lost.
    """
    scales = [np.abs(m).max(0) if m.size else np.zeros(m.shape[1]) for m in matrices]
    relative = [m / np.where(s > 0, s, 1) for m, s in zip(matrices, scales, strict=True)]
    levels = [normalise(m, LEVELS) if m.size else m for m in matrices]
    return {
        "shape": _shapes(matrices),
        "relative": _flat(relative, np.float16),
        "scale": _flat(scales, np.float32),
        "normalised": _flat(levels, np.uint8),
    }


def unpack(arrays: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Importance (to half precision) of each prompt of a block; its normal form is the stored S."""
    shapes = arrays["shape"]
    scales = np.split(arrays["scale"].astype(float), np.cumsum(shapes[:, 1])[:-1])
    relative, levels = _cut(arrays["relative"], shapes), _cut(arrays["normalised"], shapes)
    packed = zip(relative, levels, scales, strict=True)
    return [_agree(part.astype(float), s) * scale for part, s, scale in packed]


def _shapes(matrices: list[np.ndarray]) -> np.ndarray:
    return np.array([m.shape for m in matrices], dtype=np.int32).reshape(-1, 2)


def _flat(matrices: list[np.ndarray], kind: type) -> np.ndarray:
    return np.concatenate([np.ravel(m) for m in matrices]).astype(kind)


def _cut(flat: np.ndarray, shapes: np.ndarray) -> list[np.ndarray]:
    pieces = np.split(flat, np.cumsum(shapes.prod(axis=1))[:-1])
    return [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]


def _agree(relative: np.ndarray, normalised: np.ndarray) -> np.ndarray:
    """Undo what rounding to half precision did to S: the normal form of the result is S again."""
    if not relative.size:
        return relative
    largest, margin = relative.max(0, keepdims=True).clip(min=0), 1e-5
    low, high = ((normalised + shift) / LEVELS * largest for shift in (margin - 1, -margin))
    inside = np.where(normalised > 0, np.clip(relative, low, high), np.minimum(relative, 0))
    return np.where((relative == largest) & (normalised > 0), largest, inside)
