"""One response, its prompt tinted by an estimate or by exact erasure: a switch shows how far they agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from helpers.findings.faithfulness.read import SHARED, estimates, explained, labels
from helpers.findings.recognition.explorer import LETTERS
from helpers.findings.recognition.read import read_responses
from helpers.models.roles import ROLES
from helpers.pages.example import RUNNING
from helpers.pages.explorer import BookWidget, module, number_words, squeeze, squeeze_json
from helpers.store.store import Store

STEPS = 127  # a matrix is kept as whole steps of its largest magnitude


def items(store: Store) -> list[dict]:
    """Prompts that both models read with one response: tokens, roles, and matrices by model."""
    known = labels(store)
    answers = read_responses(store, "template", "tuned").set_index("id")["tokens"]
    found: dict[str, dict] = {}
    for prompt, reader, arrays in explained(store, SHARED.values()):
        found.setdefault(prompt, {})[reader] = estimates(arrays)
    return [
        {"id": prompt, "response": list(answers[prompt])}
        | {name: list(known.loc[prompt, name]) for name in ("tokens", "roles")}
        | {"models": {role: by[reader] for role, reader in SHARED.items()}}
        for prompt, by in found.items()
        if len(by) == len(SHARED)
    ]


def opened(prompts: Sequence[dict], wanted: str = RUNNING) -> dict:
    """The wanted prompt; where the store lacks it one of its kind, or any."""
    like = [one for one in prompts if one["id"].startswith(wanted.rsplit("-", 1)[0])]
    return next((one for one in prompts if one["id"] == wanted), [*like, *prompts][0])


def pack_items(prompts: Sequence[dict], opening: str) -> dict:
    """One JSON object: texts by number, matrices one after another in whole steps."""
    texts, matrices, packed = [], [], []
    for one in prompts:
        own = {role: dict(one["models"][role]) for role in ROLES}
        names = [name for name in own["tuned"] if name in own["base"]]
        shape = own["tuned"]["erasure"].shape
        texts += [one["tokens"], one["response"][: shape[1]]]
        packed.append({
            "id": one["id"], "roles": "".join(LETTERS[role] for role in one["roles"]),
            "names": names, "shape": shape,
        })  # fmt: skip
        for matrix in (own[role][name] for role in ROLES for name in names):
            most = np.abs(matrix).max() or 1.0
            matrices.append(np.rint(STEPS * matrix / most).astype("i1").ravel())
    words, numbered = number_words(texts)
    return {
        "items": squeeze_json({"items": packed, "words": words, "texts": numbered}),
        "matrices": squeeze(np.concatenate(matrices).view("u1"), "u1"),
        "opening": opened(prompts, opening)["id"],
    }


class TintExplorer(BookWidget):
    """The same prompt under several tints; `compact`: one prompt, no list and no dots."""

    _esm = module(__file__, "strip")

    def __init__(
        self, prompts: Sequence[dict], *, opening: str = RUNNING, compact: bool = False, **options
    ) -> None:
        if not prompts:
            raise ValueError("prompts is empty: give at least one prompt that both models read.")
        if compact:
            prompts = [opened(prompts, opening)]
        super().__init__(data=pack_items(prompts, opening), compact=compact, **options)
