"""Time and memory of 300 components of a 7B-sized layer, against the other ways to get them.

    python benchmarks/ffn.py                 # 11,008 x 4,096, the layer of LLaMA-7B (some minutes)
    python benchmarks/ffn.py --rows 2048 --hidden 640

Each method runs in a process of its own on the same matrix, with the same number of threads; its
memory is the peak of the resident set less what was resident once the weights were there. The
matrix is Gaussian with a falling scale: a nearly flat spectrum, as trained down projections have,
which is the hard case for iterative solvers. Exit code 1 where a promise is broken: five times
faster than the full decomposition, variances and directions to 1e-3, at most 1.5 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from measure import PeakMemory
from rich.console import Console
from rich.table import Table

from helpers.methods.components import components

PROMISES = {"speed_up": 5.0, "error": 1e-3, "gigabytes": 1.5}
Leading = tuple[np.ndarray, np.ndarray]  # variances (falling), directions (rows)


def weights(rows: int, hidden: int, seed: int = 0) -> np.ndarray:
    matrix = np.empty((rows, hidden), dtype=np.float32)
    rng = np.random.default_rng(seed)
    for block in np.array_split(matrix, 64):
        block[:] = rng.standard_normal(block.shape, dtype=np.float32)
        block *= np.linspace(1.5, 0.6, hidden, dtype=np.float32)
    return matrix


def by_covariance(matrix: np.ndarray, n: int) -> Leading:
    """What `helpers.methods.components.components` does."""
    found = components(torch.from_numpy(matrix), n)
    return found.explained_variance_ratio, found.directions


def by_svd(matrix: np.ndarray, n: int) -> Leading:
    """The full singular value decomposition (LAPACK gesdd through torch)."""
    centred = torch.from_numpy(matrix - matrix.mean(axis=0))
    _, values, directions = torch.linalg.svd(centred, full_matrices=False)
    variance = values.double() ** 2
    return (variance[:n] / variance.sum()).numpy(), directions[:n].numpy()


def by_lanczos(matrix: np.ndarray, n: int) -> Leading:
    """ARPACK on the covariance."""
    from scipy.sparse.linalg import eigsh

    centred = matrix - matrix.mean(axis=0)
    covariance = centred.T @ centred
    values, directions = eigsh(covariance, n, which="LA", tol=1e-4)
    return values[::-1] / np.trace(covariance), directions.T[::-1]


def by_randomised(matrix: np.ndarray, n: int) -> Leading:
    """scikit-learn's randomised solver with its default number of power iterations."""
    from sklearn.decomposition import PCA

    found = PCA(n, svd_solver="randomized", random_state=0).fit(matrix)
    return found.explained_variance_ratio_, found.components_


METHODS: dict[str, Callable[[np.ndarray, int], Leading]] = {
    "full SVD": by_svd,
    "covariance": by_covariance,
    "Lanczos": by_lanczos,
    "randomised": by_randomised,
}


def measure(method: str, rows: int, hidden: int, n: int, save: Path) -> None:
    """One method in this process: result to `save`, seconds and gigabytes to standard output."""
    METHODS[method](weights(4 * n, n + 1), n)  # libraries and threads awake before the clock runs
    matrix = weights(rows, hidden)
    with PeakMemory() as memory:
        begin = time.perf_counter()
        variance, directions = METHODS[method](matrix, n)
        seconds = time.perf_counter() - begin
    np.savez(save, variance=variance, directions=directions)
    print(json.dumps({"seconds": seconds, "gigabytes": memory.gigabytes}))


def in_own_process(method: str, rows: int, hidden: int, n: int, folder: str) -> dict:
    """Results and measurements of one method; its libraries have no memory of the others."""
    save = Path(folder) / f"{method}.npz"
    sizes = ["--rows", str(rows), "--hidden", str(hidden), "--components", str(n)]
    command = [sys.executable, __file__, "--only", method, "--save", str(save), *sizes]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    with np.load(save) as arrays:
        return json.loads(done.stdout.splitlines()[-1]) | dict(arrays)


def compare(rows: int, hidden: int, n: int, names: list[str]) -> list[dict]:
    with tempfile.TemporaryDirectory() as folder:
        found = {name: in_own_process(name, rows, hidden, n, folder) for name in names}
    exact = found["full SVD"]
    for name, one in found.items():
        cosine = np.abs((one["directions"] * exact["directions"]).sum(axis=1))
        one["method"] = name
        one["speed_up"] = exact["seconds"] / one["seconds"]
        one["variance_error"] = float(np.abs(one["variance"] / exact["variance"] - 1).max())
        one["direction_error"] = float((1 - cosine).max())
    return list(found.values())


def show(rows: list[dict], title: str) -> None:
    columns = ["seconds", "speed_up", "gigabytes", "variance_error", "direction_error"]
    table = Table("method", *columns, title=title)
    for row in rows:
        table.add_row(row["method"], *(f"{row[column]:.2g}" for column in columns))
    Console().print(table)


def kept(row: dict) -> bool:
    return (
        row["speed_up"] >= PROMISES["speed_up"]
        and max(row["variance_error"], row["direction_error"]) <= PROMISES["error"]
        and row["gigabytes"] <= PROMISES["gigabytes"]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=11008)
    parser.add_argument("--hidden", type=int, default=4096)
    parser.add_argument("--components", type=int, default=300)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--methods", nargs="+", default=["full SVD", "covariance"])
    parser.add_argument("--only", choices=list(METHODS), help=argparse.SUPPRESS)
    parser.add_argument("--save", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    sizes = (options.rows, options.hidden, options.components)
    if options.only:
        measure(options.only, *sizes, options.save)
        return 0
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(options.threads)  # the child processes read it when they start
    rows = compare(*sizes, list(dict.fromkeys(["full SVD", "covariance", *options.methods])))
    show(rows, f"{sizes[2]} components of {sizes[0]:,} x {sizes[1]:,}, {options.threads} threads")
    return 0 if kept(rows[1]) else 1


if __name__ == "__main__":
    sys.exit(main())
