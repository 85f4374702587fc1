"""How large the tuning update is, by layer and kind of matrix, relative to the weights it was added to.

It is read from both models in a second, opens a report, and lies in the store as `pair/update` (for the
book's pair the same numbers stand in `pair/weights`, beside what rounding left).

How exact are the embedded pair's weights? Its base comes in 4 to 8 bits, and both models share that.
`python scripts/measure_rounding.py` stores, for every matrix, the error that rounding leaves and the size
of the tuning update beside it (`pair/weights`). The unrounded weights are not needed: in a block of 16 or
32 weights the stored values are equally spaced, and rounding to steps of size d leaves an error of
variance d^2 / 12.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib import pyplot
from matplotlib.figure import Figure

from helpers.methods.rotation import update_size
from helpers.models.pair import Pair
from helpers.pages.blocks import Block
from helpers.pages.style import WIDTH
from helpers.store.store import Store

PART, WEIGHTS = "pair/update", "pair/weights"
BLOCKS = {"Q4_K": 32, "Q5_0": 32, "Q5_K": 32, "Q6_K": 16, "Q8_0": 32}  # weights that share a step
NAMES = {
    "attn_q": "q_proj", "attn_k": "k_proj", "attn_v": "v_proj", "attn_output": "o_proj",
    "ffn_gate": "gate_proj", "ffn_up": "up_proj", "ffn_down": "down_proj",
}  # fmt: skip
TITLE = "Size of the update by layer and kind of matrix, relative to the weights"


def rounding_error(weights: Float[np.ndarray, "blocks block"]) -> float:
    """Norm of the error that rounding left, over the norm of the weights (estimated from the steps)."""
    gaps = np.diff(np.sort(weights, axis=1), axis=1)
    scale = np.abs(weights).max(axis=1, keepdims=True)
    steps = np.where(gaps > 1e-5 * scale, gaps, np.inf).min(axis=1)
    steps = np.where(np.isfinite(steps), steps, 0)
    return float(np.sqrt((steps**2).mean() / 12 / (weights**2).mean()))


def rounded(path: Path) -> pd.DataFrame:
    """One row a matrix of a GGUF file: layer (-1: embeddings), type of rounding, relative error."""
    import gguf

    rows = []
    for tensor in gguf.GGUFReader(str(path)).tensors:
        kind, block = tensor.tensor_type.name, BLOCKS.get(tensor.tensor_type.name)
        if block is None:  # norms are kept as they are
            continue
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).reshape(-1, block)
        layer = re.match(r"blk\.(\d+)\.(\w+)\.weight", tensor.name)
        name = layer[2] if layer else "token_embd"
        row = {"matrix": name, "layer": int(layer[1]) if layer else -1, "type": kind}
        rows.append(row | {"rounding": rounding_error(values.astype(np.float32))})
    return pd.DataFrame(rows)


def weight_table(pair: Pair, path: Path) -> pd.DataFrame:
    """The same with `update`: norm of what tuning changed, over the norm of the base's matrix."""
    found, sizes = rounded(path), update_sizes(pair).set_index(["matrix", "layer"])["update"]
    places = zip(found["matrix"].map(NAMES), found["layer"], strict=True)
    return found.assign(update=[sizes[place] if place[1] >= 0 else 0.0 for place in places])


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
    name = WEIGHTS if store.has(WEIGHTS) and not store.has(PART) else PART
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
