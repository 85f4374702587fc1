"""An annotator that asks a chat model behind any OpenAI-compatible endpoint, with the reader's own key.

Every answer is written to a folder as it arrives, so that an interrupted run goes on where it stopped
and a repeated one costs nothing.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from helpers.methods.errors import Mendable
from helpers.words.annotation import Annotation
from helpers.words.votes import INSTRUCTIONS, Vote, key, majority, messages

if TYPE_CHECKING:
    from openai import OpenAI

SEEDS = (0, 1, 2, 3, 4)  # five, as the authors asked five times
ATTEMPTS = 3  # at an answer of the right form; the client itself retries 429, 5xx and timeouts
ANSWER_TOKENS = 60  # of a typical answer, for the estimate
CHARACTERS_PER_TOKEN = 4  # of English text, for the estimate


class UnansweredWarning(UserWarning):
    """Some lists got too few usable answers; they are marked as unanswered."""


class ChatAnnotator:
    """Asks `model` once per list and seed and takes the majority.

    `cache` is a folder, with a file an answer. `workers` requests run at a time. `client` are options of
    `openai.OpenAI`: its key and address default to OPENAI_API_KEY and OPENAI_BASE_URL.
    """

    def __init__(
        self,
        model: str,
        cache: str | Path,
        *,
        seeds: Sequence[int] = SEEDS,
        workers: int = 4,
        progress: bool = True,
        **client: object,
    ) -> None:
        self.model, self.seeds, self.name = model, tuple(seeds), f"chat:{model}"
        self.workers, self.progress, self._folder = workers, progress, Path(cache)
        self._options = {"max_retries": 5, "timeout": 60.0} | client
        self._folder.mkdir(parents=True, exist_ok=True)

    def _client(self) -> OpenAI:
        from openai import OpenAI, OpenAIError

        try:
            return OpenAI(**self._options)
        except OpenAIError as error:
            raise Mendable(
                "No key, so nothing was sent: set OPENAI_API_KEY (and OPENAI_BASE_URL for another "
                "endpoint than OpenAI's), or use annotator('wordnet'), which needs no network."
            ) from error

    def _file(self, words: Sequence[str], seed: int) -> Path:
        return self._folder / f"{key(self.model, words, seed)}.json"

    def _vote(self, words: Sequence[str], seed: int) -> Vote | None:
        try:
            return Vote.model_validate_json(self._file(words, seed).read_bytes())
        except (FileNotFoundError, ValueError):  # or cut short by a crash: asked again
            return None

    def _open(self, lists: Sequence[Sequence[str]]) -> list[tuple[int, int]]:
        """(list, seed) of the requests that the cache cannot answer."""
        every = [(i, seed) for i in range(len(lists)) for seed in self.seeds]
        return [(i, seed) for i, seed in every if self._vote(lists[i], seed) is None]

    def estimate(
        self, lists: Sequence[Sequence[str]], *, input_price: float = 0, output_price: float = 0
    ) -> dict[str, float]:
        """Requests, tokens and cost (prices per million tokens) of annotating `lists`; sends none.

        Assumes one attempt per request; tokens are characters over four, good to some 20 %.
        """
        asked = self._open(lists)
        characters = sum(len(json.dumps(list(lists[i]))) + len(INSTRUCTIONS) for i, _ in asked)
        inputs, outputs = characters // CHARACTERS_PER_TOKEN, ANSWER_TOKENS * len(asked)
        cost = (inputs * input_price + outputs * output_price) / 1e6
        found = {"requests": len(asked), "input_tokens": inputs, "output_tokens": outputs}
        return found | {"cost": cost}

    def annotate(self, lists: Sequence[Sequence[str]]) -> list[Annotation]:
        """One annotation per list; those without a majority of usable answers are unanswered.

        An error that retries cannot mend (a wrong key, an unknown model) ends the run; all
        answers until then are in the cache.
        """
        asked = self._open(lists)
        if asked:
            client = self._client()
            with ThreadPoolExecutor(self.workers) as pool:
                tasks = [pool.submit(self._ask, client, lists[i], seed) for i, seed in asked]
                try:
                    for task in tqdm(tasks, desc="asking", disable=not self.progress):
                        task.result()
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
        votes = [[self._vote(words, seed) for seed in self.seeds] for words in lists]
        annotations = [majority([v for v in own if v], len(self.seeds)) for own in votes]
        silent = sum(not one.answered for one in annotations)
        if silent:
            warnings.warn(
                f"{silent} of {len(lists)} lists got too few usable answers and are marked as "
                "unanswered; annotate them again to ask once more.",
                UnansweredWarning,
                stacklevel=2,
            )
        return annotations

    def _ask(self, client: OpenAI, words: Sequence[str], seed: int) -> None:
        """One request; a reply of the wrong form is asked for again under another seed."""
        import openai

        for attempt in range(ATTEMPTS):
            try:
                reply = client.chat.completions.parse(
                    model=self.model,
                    messages=messages(words),
                    response_format=Vote,
                    seed=seed + 1000 * attempt,
                    temperature=1.0,
                    max_tokens=300,
                )
            except (
                ValueError,
                openai.LengthFinishReasonError,
                openai.ContentFilterFinishReasonError,
            ):
                continue  # not the answer asked for; pydantic's ValidationError is a ValueError
            except (openai.APITimeoutError, openai.InternalServerError, openai.RateLimitError):
                return  # the client has already retried: this vote stays open
            if reply.choices and reply.choices[0].message.parsed:
                vote = reply.choices[0].message.parsed.model_dump_json()
                self._file(words, seed).write_text(vote, encoding="utf-8")
                return
