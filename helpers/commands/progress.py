"""One line for a whole run, above the bars of its stages: how much is done, and how long the rest takes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable

from tqdm.auto import tqdm

from helpers.commands.estimate import duration
from helpers.store.store import Part, Store


class WholeRun:
    """The progress of several findings, each with its share of the work (any unit) and of parts.

    Within a finding it counts the parts that are there among those that it will need, as far as is
    known; what a later stage adds never moves it back.
    """

    def __init__(self, shares: dict[str, tuple[float, int]], store: Store, *, shown: bool) -> None:
        self.shares, self.finding, self.start = shares, "", time.monotonic()
        self.before = self.best = 0.0
        self.known = self.there = 0
        total = sum(work for work, _ in shares.values()) or 1.0
        form = "{desc}: {percentage:3.0f}%|{bar}| {postfix}"
        self.bar = tqdm(total=total, desc="whole run", bar_format=form, disable=not shown,
                        file=sys.stderr)  # fmt: skip
        self._watch(store)

    def begin(self, finding: str = "") -> None:
        """All of the findings before this one count as done; all of them where none is named."""
        self.before += self.shares.get(self.finding, (0.0, 1))[0]
        self.finding, self.known, self.there = finding, 0, 0
        self._show()

    def _show(self) -> None:
        work, expected = self.shares.get(self.finding, (0.0, 1))
        self.best = max(self.best, self.before + work * self.there / max(self.known, expected))
        taken, rest = time.monotonic() - self.start, self.bar.total - self.best
        left = f"about {duration(taken * rest / self.best)} left" if self.best else "starting"
        self.bar.n = min(self.best, self.bar.total)
        self.bar.set_postfix_str(f"{self.finding or 'done'}, {duration(taken)} so far, {left}")

    def _watch(self, store: Store) -> None:
        """Follow what is asked of a store and written to it."""
        fill, write = store.fill, store.write

        def watched_fill(parts: Iterable[Part], **options: object) -> None:
            parts = list(parts)
            self.known += len(parts)
            self.there += sum(store.has(part.name, part.made_from) for part in parts)
            self._show()
            fill(parts, **options)
            self._show()

        def watched_write(*arguments: object, **options: object) -> None:
            write(*arguments, **options)
            self.there += 1
            self._show()

        store.fill: Callable[..., None] = watched_fill
        store.write: Callable[..., None] = watched_write

    def close(self) -> None:
        self.begin()
        self.bar.close()
