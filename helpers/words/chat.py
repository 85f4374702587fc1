"""An annotator that asks a chat model behind any OpenAI-compatible endpoint.

Nothing is sent without the reader's own key. Every answer is written to a cache as it arrives, so
that an interrupted run goes on where it stopped and a repeated one costs nothing.

    annotator = ChatAnnotator("some-model", cache="answers.jsonl")   # key from OPENAI_API_KEY
    annotator.estimate(lists)                                        # requests, tokens, cost
    annotator.annotate(lists)
"""

from __future__ import annotations

import json
import os
import threading
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from helpers.methods.errors import Mendable
from helpers.words.annotation import Annotation
from helpers.words.votes import (
    INSTRUCTIONS,
    Vote,
    key,
    majority,
    messages,
    read_vote,
    response_format,
)

if TYPE_CHECKING:
    from openai import OpenAI


SEEDS = (0, 1, 2, 3, 4)  # five, as the authors asked five times


ATTEMPTS = 3  # at an answer of the right form; the client itself retries 429, 5xx and timeouts


ANSWER_TOKENS = 60  # of a typical answer, for the estimate


CHARACTERS_PER_TOKEN = 4  # of English text, for the estimate


class MissingKey(Mendable, RuntimeError):
    """No key was given, so nothing was sent."""


class UnansweredWarning(UserWarning):
    """Some lists got too few usable answers; they are marked as unanswered."""


@dataclass(frozen=True)
class Estimate:
    """What a run would send. `cost` is None unless prices per million tokens were given."""

    requests: int
    cached: int
    input_tokens: int
    output_tokens: int
    cost: float | None


class Cache:
    """Answers as lines of JSON, appended one by one; a line cut short by a crash is ignored."""

    def __init__(self, path: str | Path | None) -> None:
        self.path, self._lock = Path(path) if path else None, threading.Lock()
        self._known: dict[str, Vote] = {}
        if self.path and self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                try:
                    entry = json.loads(line)
                    self._known[entry["key"]] = Vote.model_validate(entry["vote"])
                except (ValueError, KeyError, TypeError):
                    continue  # the request is simply asked again

    def get(self, key: str) -> Vote | None:
        return self._known.get(key)

    def put(self, key: str, vote: Vote) -> None:
        with self._lock:
            self._known[key] = vote
            if self.path:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                line = json.dumps({"key": key, "vote": vote.model_dump()}, ensure_ascii=False)
                with open(self.path, "a", encoding="utf-8") as file:
                    if file.tell() and not self._ends_with_newline():
                        file.write("\n")
                    file.write(line + "\n")

    def _ends_with_newline(self) -> bool:
        with open(self.path, "rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"


class ChatAnnotator:
    """Asks `model` once per list and seed and takes the majority.

    `api_key` and `base_url` default to OPENAI_API_KEY and OPENAI_BASE_URL. `structured` asks the
    endpoint to enforce the answer's schema; switch it off where that is not supported. `workers`
    requests run at a time; `retries` and `timeout` (seconds) are the client's.
    """

    def __init__(
        self,
        model: str,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        cache: str | Path | None = None,
        seeds: Sequence[int] = SEEDS,
        structured: bool = True,
        workers: int = 4,
        retries: int = 5,
        timeout: float = 60.0,
        progress: bool = True,
    ) -> None:
        self.model, self.seeds, self.name = model, tuple(seeds), f"chat:{model}"
        self.structured, self.workers, self.progress = structured, workers, progress
        self._key = api_key or os.environ.get("OPENAI_API_KEY") or None
        self._options = {"base_url": base_url, "max_retries": retries, "timeout": timeout}
        self._cache = Cache(cache)

    def _client(self) -> OpenAI:
        if not self._key:
            raise MissingKey(
                "No key, so nothing was sent: set OPENAI_API_KEY (and OPENAI_BASE_URL for another "
                "endpoint than OpenAI's), or use annotator('wordnet'), which needs no network."
            )
        from openai import OpenAI

        return OpenAI(api_key=self._key, **self._options)

    def _open(self, lists: Sequence[Sequence[str]]) -> list[tuple[int, int]]:
        """(list, seed) of the requests that the cache cannot answer."""
        return [
            (i, seed)
            for i, words in enumerate(lists)
            for seed in self.seeds
            if self._cache.get(key(self.model, words, seed)) is None
        ]

    def estimate(
        self,
        lists: Sequence[Sequence[str]],
        *,
        input_price: float | None = None,
        output_price: float | None = None,
    ) -> Estimate:
        """Requests, tokens and cost (prices per million tokens) of annotating `lists`; sends none.

        Assumes one attempt per request; tokens are characters over four, good to some 20 %.
        """
        asked = self._open(lists)
        characters = sum(len(json.dumps(list(lists[i]))) + len(INSTRUCTIONS) for i, _ in asked)
        inputs, outputs = characters // CHARACTERS_PER_TOKEN, ANSWER_TOKENS * len(asked)
        cost = None
        if input_price is not None and output_price is not None:
            cost = (inputs * input_price + outputs * output_price) / 1e6
        cached = len(lists) * len(self.seeds) - len(asked)
        return Estimate(len(asked), cached, inputs, outputs, cost)

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
        annotations = [majority(self._votes(words), len(self.seeds)) for words in lists]
        silent = sum(not one.answered for one in annotations)
        if silent:
            warnings.warn(
                f"{silent} of {len(lists)} lists got too few usable answers and are marked as "
                "unanswered; annotate them again to ask once more.",
                UnansweredWarning,
                stacklevel=2,
            )
        return annotations

    def _votes(self, words: Sequence[str]) -> list[Vote]:
        votes = (self._cache.get(key(self.model, words, seed)) for seed in self.seeds)
        return [vote for vote in votes if vote is not None]

    def _ask(self, client: OpenAI, words: Sequence[str], seed: int) -> None:
        """One request; a reply of the wrong form is asked for again under another seed."""
        from openai import APITimeoutError, InternalServerError, RateLimitError

        extra = {"response_format": response_format()} if self.structured else {}
        for attempt in range(ATTEMPTS):
            try:
                reply = client.chat.completions.create(
                    model=self.model,
                    messages=messages(words),
                    seed=seed + 1000 * attempt,
                    temperature=1.0,
                    max_tokens=300,
                    **extra,
                )
                vote = read_vote(reply.choices[0].message.content if reply.choices else None)
            except ValueError:  # not the answer asked for; includes pydantic's ValidationError
                continue
            except (APITimeoutError, InternalServerError, RateLimitError):
                return  # the client has already retried: this vote stays open
            self._cache.put(key(self.model, words, seed), vote)
            return
