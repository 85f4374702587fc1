"""Chapter 1's explorer: what each response token rests on, for every stored prompt.

Share of importance, S, density and score are computed in the browser from the stored importance, so that
every control works in the published page; what blanking a segment takes is shown where the store holds
it. With a kernel the reader's own prompt is run by `compute`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import traitlets

from helpers.methods.density import LEVELS, TEMPLATE, normalise
from helpers.models.roles import ROLES
from helpers.pages.example import RUNNING
from helpers.pages.explorer import BookWidget, module, number_words, squeeze, squeeze_json

LETTERS = {"instruction": "i", "context": "c", "input": "x", "cue": "q", "template": "t"}

Compute = Callable[[str, Callable[[float], None]], dict]


def levels(importance: np.ndarray, roles: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """S of ten levels over all rows, and what is added to it over the segments' rows alone.

    Without the template's rows no level of a segment falls; theirs become 0, which is not stored.
    """
    found, inside = np.asarray(importance, dtype=float), np.array(roles) != TEMPLATE
    whole, alone = np.zeros((2, *found.shape), dtype=int)
    if found.size:
        whole[:] = normalise(found, LEVELS)
    if found[inside].size:
        alone[inside] = normalise(found[inside], LEVELS)
    return whole, np.where(inside[:, None], alone - whole, 0)


def sums(importance: np.ndarray) -> np.ndarray:
    """Each prompt token's positive importance, as whole 255ths of the largest."""
    found = np.asarray(importance, dtype=float).clip(min=0).sum(1)
    return np.rint(255 * found / (found.max(initial=0) or 1))


def pack_items(prompts: list[dict], added: int = 0, opening: str = RUNNING) -> dict:
    """Prompts with both models' importance, as one small JSON object.

    The last `added` ones are the reader's own and enter no mean. It opens at the prompt `opening`, the
    first one where there is no such prompt.
    Each prompt: id, kind, place, tokens, roles and models, {name: {tokens, importance (N, M),
    followed}}; if it has them, `crossed`, {name: that model's importance on the other's response}, and
    `blanked`, {"reader on author": {segment: nats a response token}}.
    """
    words, numbered = number_words(
        text for item in prompts for text in (item["tokens"], *_responses(item))
    )
    items = [
        {key: item[key] for key in ("id", "kind", "place")}
        | {"f": {name: item["models"][name]["followed"] for name in ROLES}}
        | {"crossed": "crossed" in item}
        for item in prompts
    ]
    texts = {
        "words": words,
        "prompt": numbered[::3],
        "roles": ["".join(LETTERS[role] for role in item["roles"]) for item in prompts],
        "base": numbered[1::3],
        "tuned": numbered[2::3],
        "blanked": [item.get("blanked") for item in prompts],
    }
    read = [(matrix, item["roles"]) for item in prompts for matrix in _matrices(item)]
    packed = [levels(*one) for one in read]
    named = [item["id"] for item in prompts]
    return {
        "items": items,
        "texts": squeeze_json(texts),
        "levels": squeeze(np.concatenate([whole.ravel() for whole, _ in packed]), "u1"),
        "more": squeeze(np.concatenate([more.ravel() for _, more in packed]), "u1"),
        "sums": squeeze(np.concatenate([sums(matrix) for matrix, _ in read]), "u1"),
        "added": added,
        "opening": opening if opening in named else named[0],
    }


def _matrices(item: dict) -> list[np.ndarray]:
    """Each model on its own response, then each on the other's where the item has them."""
    own = [item["models"][name]["importance"] for name in ROLES]
    return own + [item["crossed"][name] for name in ROLES if "crossed" in item]


def _responses(item: dict) -> list[list[str]]:
    return [item["models"][name]["tokens"] for name in ROLES]


class SaliencyExplorer(BookWidget):
    """Choose a prompt, a measure and whose response is read, and follow a token.

    `compact`: the prompt `opening` alone, with one control.
    """

    _esm = module(__file__, "density", "strip")
    progress = traitlets.Float(0.0).tag(sync=True)
    problem = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self, prompts: list[dict], compute: Compute | None = None, *, opening: str = RUNNING,
        compact: bool = False, **options,
    ) -> None:  # fmt: skip
        if not prompts:
            raise ValueError("prompts is empty: give at least one explained prompt.")
        if compact:
            prompts = [item for item in prompts if item["id"] == opening] or prompts[:1]
        self._prompts, self._compute, self._added = list(prompts), compute, 0
        packed = pack_items(self._prompts, opening=opening)
        super().__init__(data=packed, compact=compact, **options)
        self.on_msg(self._received)

    def _received(self, _widget, content: dict, _buffers) -> None:
        if content.get("type") == "run":
            self.run(str(content.get("text", "")))

    def run(self, text: str) -> None:
        """Run both models on the reader's prompt and show the result."""
        self.problem = ""
        if self._compute is None:
            self.problem = "No models are loaded: run the live cell of this chapter first."
            return
        try:
            item = self._compute(text, lambda share: self.set_trait("progress", float(share)))
        except Exception as error:  # the reader sees what went wrong, wherever it did
            self.problem = f"{type(error).__name__}: {error}"
            return
        self._prompts.append(item | {"id": f"own-{len(self._prompts)}"})
        self._added += 1
        self.data = pack_items(self._prompts, self._added)
        self.progress = 1.0
