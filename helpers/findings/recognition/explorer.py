"""Chapter 1's explorer: what each response token rests on, for every stored prompt.

Share of importance, S, density and score are computed in the browser from the stored importance, so that
every control works in the published page; what blanking a segment takes is shown where the store holds
it. With a kernel the reader's own prompt is run by `compute`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import traitlets

from helpers.methods.density import normalise
from helpers.pages.example import RUNNING
from helpers.pages.explorer import BookWidget, module, number_words, squeeze, squeeze_json

MODELS = ("base", "tuned")
LETTERS = {"instruction": "i", "context": "c", "input": "x", "cue": "q", "template": "t"}

Compute = Callable[[str, Callable[[float], None]], dict]


def shares(importance: np.ndarray) -> np.ndarray:
    """Positive importance as whole 65535ths of each column's maximum, the rest as 0.

    S depends on nothing else. Rounding keeps S at ten levels exactly as it is.
    """
    if not importance.size:
        return np.zeros(importance.shape)
    positive = np.asarray(importance, dtype=float).clip(min=0)
    largest = positive.max(0, keepdims=True)
    steps = np.rint(65535 * positive / np.where(largest > 0, largest, 1))
    levels = normalise(importance, 10).astype(float)
    low, high = np.floor((levels - 1) * 6553.5) + 1, np.floor(levels * 6553.5)
    return np.where(levels > 0, np.clip(steps, low, high), 0)


def scales(importance: np.ndarray) -> np.ndarray:
    """Each column's largest importance, as whole 65535ths of the largest of all."""
    largest = np.asarray(importance, dtype=float).clip(min=0).max(0, initial=0)
    return np.rint(65535 * largest / (largest.max(initial=0) or 1))


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
        | {"f": {name: item["models"][name]["followed"] for name in MODELS}}
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
    matrices = [matrix for item in prompts for matrix in _matrices(item)]
    named = [item["id"] for item in prompts]
    return {
        "items": items,
        "texts": squeeze_json(texts),
        "shares": squeeze(np.concatenate([shares(one).ravel() for one in matrices]), "<u2"),
        "scales": squeeze(np.concatenate([scales(one) for one in matrices]), "<u2"),
        "added": added,
        "opening": opening if opening in named else named[0],
    }


def _matrices(item: dict) -> list[np.ndarray]:
    """Each model on its own response, then each on the other's where the item has them."""
    own = [_checked(item, name, name, item["models"][name]["importance"]) for name in MODELS]
    if "crossed" not in item:
        return own
    others = zip(MODELS, reversed(MODELS), strict=True)
    return own + [_checked(item, name, other, item["crossed"][name]) for name, other in others]


def _checked(item: dict, name: str, author: str, importance: np.ndarray) -> np.ndarray:
    matrix = np.asarray(importance)
    wanted = (len(item["tokens"]), len(item["models"][author]["tokens"]))
    if matrix.shape != wanted:
        raise ValueError(
            f"prompt {item['id']!r}, {name} on the {author} model's response: importance has shape "
            f"{matrix.shape}, its tokens ask for {wanted}: give one row a prompt token."
        )
    return matrix


def _responses(item: dict) -> list[list[str]]:
    return [item["models"][name]["tokens"] for name in MODELS]


class SaliencyExplorer(BookWidget):
    """Choose a prompt, a measure and whose response is read, and follow a token.

    `compact`: the prompt `opening` alone, with one control.
    """

    _esm = module(__file__, "density", "strip")
    data = traitlets.Dict().tag(sync=True)
    compact = traitlets.Bool(False).tag(sync=True)
    progress = traitlets.Float(0.0).tag(sync=True)
    problem = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self,
        prompts: list[dict],
        compute: Compute | None = None,
        *,
        opening: str = RUNNING,
        compact: bool = False,
        **options,
    ) -> None:
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
