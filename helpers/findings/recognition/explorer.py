"""Chapter 1's explorer: what each response token rests on, for every stored prompt.

S, density and score are computed in the browser from the stored importance, so that every control
works in the published page. With a kernel the reader's own prompt is run by `compute`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import traitlets

from helpers.methods.density import LEVELS, normalise, score
from helpers.pages.explorer import BookWidget, module, number_words, squeeze, squeeze_json

MODELS = ("base", "tuned")
LETTERS = {"instruction": "i", "context": "c", "input": "x", "cue": "q", "template": "t"}
LEAST_TOKENS = 5  # of both responses where the explorer opens


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


def pack_items(prompts: list[dict], added: int = 0, opening: str | None = None) -> dict:
    """Prompts with both models' importance, as one small JSON object.

    The last `added` ones are the reader's own and enter no mean. It opens at the prompt `opening`,
    a `typical` one unless it is named.
    Each prompt: id, kind, place, tokens, roles and models, {name: {tokens, importance (N, M),
    followed}}; if it has them, `crossed`, {name: that model's importance on the other's response}.
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
    }
    matrices = [shares(matrix).ravel() for item in prompts for matrix in _matrices(item)]
    return {
        "items": items,
        "texts": squeeze_json(texts),
        "shares": squeeze(np.concatenate(matrices), "<u2"),
        "added": added,
        "opening": opening or typical(prompts),
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


def typical(prompts: list[dict]) -> str:
    """The prompt whose difference of scores, tuned minus base, is nearest the mean over all.

    Both models on the tuned model's response, or each on its own where that is all a prompt has. Of
    prompts that the tuned model alone followed, and of those with two responses of LEAST_TOKENS or
    more, as far as there are any.
    """
    gained = np.array([_score(item, "tuned") - _score(item, "base") for item in prompts])
    if np.isnan(gained).all():
        return prompts[0]["id"]
    off, among = np.abs(gained - np.nanmean(gained)), ~np.isnan(gained)
    long = [min(map(len, _responses(item))) >= LEAST_TOKENS for item in prompts]
    followed = [[item["models"][name]["followed"] for name in MODELS] for item in prompts]
    for wanted in (np.array(long), np.array([pair == [False, True] for pair in followed])):
        among = among & wanted if (among & wanted).any() else among
    return prompts[int(np.argmin(np.where(among, off, np.inf)))]["id"]


def _score(item: dict, name: str) -> float:
    crossed = name == "base" and "crossed" in item
    importance = np.asarray(
        item["crossed"][name] if crossed else item["models"][name]["importance"]
    )
    levels = normalise(importance, LEVELS) if importance.size else importance
    return score(levels, np.array(item["roles"]))["score"]


class SaliencyExplorer(BookWidget):
    """Choose a prompt and a model, move L, b and p, follow a token."""

    _esm = module(__file__, "density", "strip")
    data = traitlets.Dict().tag(sync=True)
    progress = traitlets.Float(0.0).tag(sync=True)
    problem = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self,
        prompts: list[dict],
        compute: Compute | None = None,
        *,
        opening: str | None = None,
        **options,
    ) -> None:
        if not prompts:
            raise ValueError("prompts is empty: give at least one explained prompt.")
        self._prompts, self._compute, self._added = list(prompts), compute, 0
        super().__init__(data=pack_items(self._prompts, opening=opening), **options)
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
