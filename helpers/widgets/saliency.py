"""Chapter 1's explorer: what each response token rests on, for every stored prompt.

S, density and score are computed in the browser from the stored importance, so that every control
works in the published page. With a kernel the reader's own prompt is run by `compute`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import traitlets

from helpers.density import normalise
from helpers.widgets.base import BookWidget, module, number_words, pack

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


def pack_items(prompts: list[dict]) -> dict:
    """Prompts with both models' importance, as one small JSON object.

    Each prompt: id, kind, place, tokens, roles and models, {name: {tokens, importance (N, M),
    followed}}.
    """
    texts = [text for item in prompts for text in (item["tokens"], *_responses(item))]
    words, numbered = number_words(texts)
    packed, items = [], []
    for number, item in enumerate(prompts):
        packed += [shares(_matrix(item, name)).ravel() for name in MODELS]
        tokens, base, tuned = numbered[3 * number : 3 * number + 3]
        items.append(
            {key: item[key] for key in ("id", "kind", "place")}
            | {"t": tokens, "r": "".join(LETTERS[role] for role in item["roles"])}
            | {"m": {"base": base, "tuned": tuned}}
            | {"f": {name: item["models"][name]["followed"] for name in MODELS}}
        )
    return {"words": words, "items": items, "shares": pack(np.concatenate(packed), "<u2")}


def _matrix(item: dict, name: str) -> np.ndarray:
    side = item["models"][name]
    matrix, wanted = np.asarray(side["importance"]), (len(item["tokens"]), len(side["tokens"]))
    if matrix.shape != wanted:
        raise ValueError(
            f"prompt {item['id']!r}, {name}: importance has shape {matrix.shape}, its tokens ask for "
            f"{wanted}: give one row a prompt token."
        )
    return matrix


def _responses(item: dict) -> list[list[str]]:
    return [item["models"][name]["tokens"] for name in MODELS]


class SaliencyExplorer(BookWidget):
    """Choose a prompt and a model, move L, b and p, follow a token."""

    _esm = module("saliency")
    data = traitlets.Dict().tag(sync=True)
    progress = traitlets.Float(0.0).tag(sync=True)
    problem = traitlets.Unicode("").tag(sync=True)

    def __init__(self, prompts: list[dict], compute: Compute | None = None, **options) -> None:
        if not prompts:
            raise ValueError("prompts is empty: give at least one explained prompt.")
        self._prompts, self._compute = list(prompts), compute
        super().__init__(data=pack_items(self._prompts), **options)
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
        self.data = pack_items(self._prompts)
        self.progress = 1.0
