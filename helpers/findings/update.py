"""How large the tuning update is, by layer and kind of matrix, relative to the weights it was added to.

It is read from both models in a second, opens a report, and lies in the store as `pair/update` (for the
book's pair the same numbers stand in `pair/weights`, beside what rounding left).
"""

from __future__ import annotations

import re

import pandas as pd
from matplotlib import pyplot
from matplotlib.figure import Figure

from helpers.findings import rounding
from helpers.methods.rotation import update_size
from helpers.models.pair import Pair
from helpers.pages.blocks import Block
from helpers.pages.style import WIDTH
from helpers.store.store import Store

PART = "pair/update"
TITLE = "Size of the update by layer and kind of matrix, relative to the weights"


def update_sizes(pair: Pair) -> pd.DataFrame:
    """One row a matrix: its kind, its layer (-1: in none), the norm of its change over its norm.

    Both models are in memory: not for a pair that holds one at a time.
    """
    base, tuned = (dict(pair.model(role).named_parameters()) for role in ("base", "tuned"))
    rows = []
    for name, before in base.items():
        if before.ndim != 2 or name not in tuned or tuned[name].shape != before.shape:
            continue  # norms and biases; an embedding that grew
        layer = re.search(r"\.(\d+)\.(.+)\.weight$", name)
        kind = (layer[2] if layer else name.removesuffix(".weight")).rsplit(".", 1)[-1]
        size = update_size(before.float(), tuned[name].float())
        rows.append({"matrix": kind, "layer": int(layer[1]) if layer else -1, "update": size})
    return pd.DataFrame(rows)


def read_sizes(store: Store) -> pd.DataFrame:
    """The columns of `update_sizes`; MissingResult names the command where the store has none."""
    name = rounding.PART if store.has(rounding.PART) and not store.has(PART) else PART
    return store.read(name)[["matrix", "layer", "update"]]


def by_layer(sizes: pd.DataFrame) -> pd.DataFrame:
    """In percent: a row a kind of matrix, a column a layer."""
    inside = sizes[sizes["layer"] >= 0]
    return 100 * inside.pivot(index="matrix", columns="layer", values="update")


def figure(sizes: pd.DataFrame) -> Figure:
    wide = by_layer(sizes)
    drawn, axes = pyplot.subplots(figsize=(WIDTH, 1 + 0.3 * len(wide)))
    image = axes.pcolormesh(wide.to_numpy(), cmap="Oranges", vmin=0)
    axes.set_yticks([i + 0.5 for i in range(len(wide))], wide.index)
    step = max(1, wide.shape[1] // 12)
    axes.set_xticks([i + 0.5 for i in range(0, wide.shape[1], step)], wide.columns[::step])
    axes.invert_yaxis()
    axes.set(xlabel="layer", title="How much tuning changed each matrix")
    drawn.colorbar(image, label="change, % of the matrix's norm")
    return drawn


def table(sizes: pd.DataFrame) -> pd.DataFrame:
    """In percent: mean, smallest and largest by kind of matrix; those in no layer have one."""
    groups = (100 * sizes["update"]).groupby(sizes["matrix"], sort=False)
    found = groups.agg(["count", "mean", "min", "max"]).round(3)
    return found.set_axis(["matrices", "mean (%)", "smallest", "largest"], axis=1)


def blocks(store: Store) -> list[Block]:
    sizes = read_sizes(store)
    alt = "Change of each matrix relative to its norm, a row a kind of matrix, a column a layer."
    return [Block(TITLE, lambda: figure(sizes), alt), Block("In percent", lambda: table(sizes))]
