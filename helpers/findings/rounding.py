"""How exact the embedded pair's weights are: its base comes in 4 to 8 bits, and both models share that.

`python scripts/measure_rounding.py` stores, for every matrix, the error that rounding leaves and the size
of the tuning update beside it (part `pair/weights`). The unrounded weights are not needed: in a block of
16 or 32 weights the stored values are equally spaced, and rounding to steps of size d leaves an error of
variance d^2 / 12.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from helpers.methods.rotation import update_size
from helpers.models.pair import Pair

BLOCKS = {"Q4_K": 32, "Q5_0": 32, "Q5_K": 32, "Q6_K": 16, "Q8_0": 32}  # weights that share a step
NAMES = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}  # fmt: skip
PART = "pair/weights"


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
    base, tuned = (dict(pair.model(role).named_parameters()) for role in ("base", "tuned"))

    def update(row: pd.Series) -> float:
        if row["layer"] < 0:
            return 0.0
        name = f"model.layers.{row['layer']}.{NAMES[row['matrix']]}.weight"
        return update_size(base[name], tuned[name])

    found = rounded(path)
    return found.assign(update=found.apply(update, axis=1))
