"""Chapter 1's explorer: what each response token rests on, for every stored prompt.

S, density and score are computed in the browser from the stored importance, so that every control
works in the published page. With a kernel the reader's own prompt is run by `compute`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import traitlets

from helpers.widgets.base import BookWidget, module, number_words, pack

MODELS = ("base", "tuned")
LETTERS = {"instruction": "i", "context": "c", "input": "x", "cue": "q", "template": "t"}
Compute = Callable[[str, Callable[[float], None]], dict]


def pack_items(prompts: list[dict]) -> dict:
    """Prompts with both models' importance, as one small JSON object.

    Each prompt: id, kind, place, tokens, roles and models, {name: {tokens, importance (N, M),
    followed}}. Importance becomes floats relative to each column's largest magnitude.
    """
    texts = [text for item in prompts for text in (item["tokens"], *_responses(item))]
    words, numbered = number_words(texts)
    relative, scales, items = [], [], []
    for number, item in enumerate(prompts):
        rows = len(item["tokens"])
        for name in MODELS:
            side = item["models"][name]
            matrix = np.asarray(side["importance"], dtype=np.float64)
            if matrix.shape != (rows, len(side["tokens"])):
                raise ValueError(
                    f"prompt {item['id']!r}, {name}: importance has shape {matrix.shape}, tokens ask "
                    f"for {(rows, len(side['tokens']))}: give one row a prompt token."
                )
            scale = np.abs(matrix).max(0) if matrix.size else np.zeros(matrix.shape[1])
            relative.append((matrix / np.where(scale > 0, scale, 1)).ravel())
            scales.append(scale)
        tokens, base, tuned = numbered[3 * number : 3 * number + 3]
        items.append(
            {key: item[key] for key in ("id", "kind", "place")}
            | {"t": tokens, "r": "".join(LETTERS[role] for role in item["roles"])}
            | {"m": {"base": base, "tuned": tuned}}
            | {"f": {name: item["models"][name]["followed"] for name in MODELS}}
        )
    return {
        "words": words,
        "items": items,
        "relative": pack(np.concatenate(relative), "<f4"),
        "scale": pack(np.concatenate(scales), "<f4"),
    }


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
