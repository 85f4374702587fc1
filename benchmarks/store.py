"""What a store of many parts costs, a part: to fill, to look through, to read, for one process and two.

    python benchmarks/store.py                 # 2,000 parts: a table and a set of arrays in turns

The parts are made of nothing, so that what is measured is the store alone. Beside it stand the same
bytes as bare files, each written whole and read back: the ratio says what the bookkeeping costs on
this disk. Exit code 1 where a promise is broken: less than 5 ms of the processor a part to write and
to read, and the last tenth of the parts at most four times as dear as the first. By the clock a
write waits for the disk, twice, which other programs on it keep waiting.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from helpers.store.claims import write_whole
from helpers.store.store import Part, Store, Value

PROMISES = {
    "write, processor": 5.0,
    "read, processor": 5.0,
    "last tenth / first tenth": 4.0,
}


def value(number: int) -> Value:
    if number % 2:
        return {"x": np.full((40, 30), number, dtype=np.float32)}
    return pd.DataFrame({"id": [f"p{k}" for k in range(50)], "score": np.arange(50.0) + number})


def parts(count: int) -> list[Part]:
    made_from = {"inputs": "0" * 64}
    return [
        Part(f"part/{k}", lambda k=k: value(k), made_from, {"seed": k, "levels": 10})
        for k in range(count)
    ]


def fill(folder: Path, count: int) -> None:
    Store(folder).fill(parts(count))


def together(folder: Path, count: int, processes: int = 2) -> None:
    context = multiprocessing.get_context("fork")
    running = [context.Process(target=fill, args=(folder, count)) for _ in range(processes)]
    for process in running:
        process.start()
    for process in running:
        process.join()


def timed(run: Callable[[], object]) -> np.ndarray:
    """Seconds by the clock and of the processor."""
    begin = np.array([time.perf_counter(), time.process_time()])
    run()
    return np.array([time.perf_counter(), time.process_time()]) - begin


def measure(count: int, folder: Path) -> dict[str, float]:
    """Milliseconds a part, and ratios; parts and bare files are written in turns, in tenths."""
    store, tenth, found, bare = Store(folder / "one"), count // 10, [], []
    for begin in range(0, count, tenth):
        piece = parts(count)[begin : begin + tenth]
        found.append(timed(lambda piece=piece: store.fill(piece)))
        files = [store.folder / store.manifest()[part.name]["file"] for part in piece]
        held = {folder / "bare" / file.name: file.read_bytes() for file in files}
        bare.append(timed(lambda held=held: [write_whole(*one) for one in held.items()]))
    write, beside = np.sum(found, axis=0), np.sum(bare, axis=0)
    read = timed(lambda: [store.read(part.name) for part in parts(count)])
    look = timed(lambda: Store(folder / "one").fill(parts(count)))
    two = timed(lambda: together(folder / "two", count))
    assert len(Store(folder / "two").manifest()) == count
    each = {
        "write": write[0], "write, processor": write[1], "bare write": beside[0],
        "read": read[0], "read, processor": read[1], "look at a whole store": look[0],
        "write by two processes": two[0],
    }  # fmt: skip
    return {name: 1e3 * one / count for name, one in each.items()} | {
        "write / bare write": write[0] / beside[0],
        "last tenth / first tenth": found[-1][1] / found[0][1],
    }


def show(found: dict[str, float], count: int) -> None:
    table = Table("ms a part, or ratio", "measured", "at most", title=f"A store of {count:,} parts")
    for name, one in found.items():
        table.add_row(name, f"{one:.2f}", f"{PROMISES[name]:g}" if name in PROMISES else "")
    Console().print(table)


def missed(found: dict[str, float]) -> list[str]:
    return [
        f"{name}: {found[name]:.2f} instead of {most:g}"
        for name, most in PROMISES.items()
        if found[name] > most
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", type=int, default=2000)
    count = parser.parse_args().parts
    with tempfile.TemporaryDirectory() as folder:
        found = measure(count, Path(folder))
    show(found, count)
    print("\n".join(missed(found)))
    return 1 if missed(found) else 0


if __name__ == "__main__":
    sys.exit(main())
