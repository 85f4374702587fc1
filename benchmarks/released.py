"""What reading the authors' released heads costs: minutes and memory, on a synthetic table of their size.

    python benchmarks/released.py                  # 2 models x 32 layers x 32 heads x 128 dimensions
    python benchmarks/released.py --share 0.02     # a 50th of the heads, and the rule of three

A dimension has 100 pairs, of words drawn by their frequency from 20,000, half of which the book's
vocabulary lacks; so pairs repeat within a head about as real ones do. Reading, comparing and storing
run in a process of their own, whose memory is measured whole, libraries included. Exit code 1 where a
promise is broken: under 4 minutes and 1 GB.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from helpers.commands.released import main as read
from helpers.store.released_files import HEADS
from helpers.store.released_rows import HEAD_COLUMNS
from helpers.words.vocabulary import read_vocabulary

LAYERS, N_HEADS, DIMENSIONS, PAIRS = 32, 32, 128, 100
MINUTES, GIGABYTES = 4, 1


def words() -> np.ndarray:
    own = list(read_vocabulary().words)
    return np.array([*own, *(f"w{i}é" for i in range(20_000 - len(own)))], dtype=object)


def rows(n_heads: int) -> Iterator[str]:
    """Heads of both models, one after the other; the second model's differ in a tenth of the pairs."""
    spelled, weight = words(), 1 / np.arange(1, 20_001)
    chance = np.cumsum(weight / weight.sum())
    yield "\t".join(HEAD_COLUMNS)
    for name in ("llama", "vicuna"):
        for number in range(n_heads):
            layer, head = divmod(number, N_HEADS)
            rng, own = (
                np.random.default_rng(number),
                np.random.default_rng([number, len(name)]),
            )
            drawn = np.searchsorted(chance, rng.random((DIMENSIONS, PAIRS, 2)))
            changed = own.random((DIMENSIONS, PAIRS)) < 0.1
            drawn[changed] = np.searchsorted(chance, own.random((int(changed.sum()), 2)))
            drawn[..., 1] += drawn[..., 0] == drawn[..., 1]  # no word with itself
            text = spelled[drawn % 20_000]
            for dimension in range(DIMENSIONS):
                pairs = "|||".join(f"{key}={query}" for key, query in text[dimension])
                place = f"{name}\t7B\t{layer}\tQK\t{head}\t{dimension}\t{dimension + 1}"
                yield f"{place}\t{100 - dimension / 2:.4f}\t{pairs}"


def write(folder: Path, n_heads: int, parts: int = 23) -> float:
    """The table in 23 parts, as released; its gigabytes."""
    content = folder / "whole"
    with content.open("w", encoding="utf-8", newline="") as file:
        file.writelines(f"{row}\n" for row in rows(n_heads))
    size, first = content.stat().st_size, folder / f"{HEADS}aa"
    first.parent.mkdir(parents=True)
    subprocess.run(
        ["split", "-n", str(parts), str(content), str(first).removesuffix("aa")], check=True
    )
    content.unlink()
    return size / 1e9


def measure(folder: Path) -> None:
    """Child process: seconds of reading and storing, and the most memory it ever held."""
    begin = time.perf_counter(), time.process_time()
    read(["--heads", "--path", str(folder), "--folder", str(folder / "store")])
    status = Path("/proc/self/status").read_text()  # what getrusage says includes the parent's
    most = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1e6
    clock, processor = time.perf_counter() - begin[0], time.process_time() - begin[1]
    print(f"measured {clock} {processor} {most}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="of the heads")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        measure(given.read)
        return 0
    n_heads = max(1, round(given.share * LAYERS * N_HEADS))
    with tempfile.TemporaryDirectory() as name:
        size = write(Path(name), n_heads)
        command = [sys.executable, __file__, "--read", name]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        stored = sum(file.stat().st_size for file in (Path(name) / "store").rglob("*.parquet"))
    clock, processor, most = map(float, told.rsplit("measured ", 1)[1].split())
    table = Table(
        "", "measured", "all heads, by the rule of three", "at most", title=told.splitlines()[0]
    )
    whole = LAYERS * N_HEADS / n_heads
    table.add_row("size of the table, GB", f"{size:.3f}", f"{size * whole:.2f}", "")
    table.add_row("clock, min", f"{clock / 60:.2f}", f"{clock / 60 * whole:.2f}", f"{MINUTES}")
    table.add_row("processor, min", f"{processor / 60:.2f}", f"{processor / 60 * whole:.2f}", "")
    table.add_row("memory, GB", f"{most:.2f}", "", f"{GIGABYTES}")
    table.add_row("store, MB", f"{stored / 1e6:.1f}", f"{stored / 1e6 * whole:.0f}", "")
    Console().print(table)
    return int(clock / 60 > MINUTES or most > GIGABYTES)


if __name__ == "__main__":
    sys.exit(main())
