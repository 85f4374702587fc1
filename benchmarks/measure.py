"""What the benchmarks share: the peak of the resident memory."""

from __future__ import annotations

import threading

import psutil


class PeakMemory:
    """Resident bytes above those at the start, sampled every 2 ms while the block runs."""

    def __enter__(self) -> PeakMemory:
        self._process, self._done = psutil.Process(), threading.Event()
        self._start = self.peak = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(0.002):
            self.peak = max(self.peak, self._process.memory_info().rss)

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def gigabytes(self) -> float:
        return (self.peak - self._start) / 1e9
