"""Memory and time of importance in a model of LLaMA-7B's shape with random weights, in 16 bits.

    python benchmarks/large/seven_billion.py [--rows 1] [--device cpu] [--output FILE]

The longest case that the book asks for, N = 200 prompt and M = 100 response tokens, beside the arithmetic
of the appendix *Your own model*, which shows `cpu.json`. Nothing is downloaded. It takes 16 GB of
memory and, on a CPU, many minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.initialization import no_init_weights

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from measure import PeakMemory  # noqa: E402

from helpers.commands.estimate import LENGTHS
from helpers.methods.importance import importance
from helpers.methods.memory import kept_bytes, row_bytes
from helpers.models.devices import GIB


def random_model(config: LlamaConfig, dtype: torch.dtype, device: str) -> LlamaForCausalLM:
    """Random weights as small as a trained model's; norms are one."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device), no_init_weights():
            model = LlamaForCausalLM(config).eval()
    finally:
        torch.set_default_dtype(before)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1) if parameter.ndim == 1 else parameter.uniform_(-0.02, 0.02)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="auto", help="response tokens in one product")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", default="bfloat16", choices=["float16", "bfloat16"])
    parser.add_argument("--layers", type=int, default=32, help="fewer for a quick look")
    parser.add_argument("--output", type=Path, help="a JSON file for what was measured")
    given = parser.parse_args()
    rows = given.rows if given.rows == "auto" else int(given.rows)
    config = LlamaConfig(num_hidden_layers=given.layers)  # the defaults are LLaMA-7B's
    torch.manual_seed(0)
    with PeakMemory() as whole:
        model = random_model(config, getattr(torch, given.dtype), given.device)
        loaded = whole.gigabytes
        n, m = LENGTHS
        ids = torch.randint(3, config.vocab_size, (n + 1 + m,))
        ids[0] = config.bos_token_id
        start = time.perf_counter()
        found = importance(model, ids[: n + 1], ids[n + 1 :], batch_rows=rows)
        seconds = time.perf_counter() - start
    positions = n + m
    weights = 2 * sum(parameter.numel() for parameter in model.parameters())
    parts = {
        "weights": weights,
        "kept by autograd": kept_bytes(config, positions, size=2),
        "one row": row_bytes(config, positions),
    }
    on_card = given.device.startswith("cuda")
    peak = torch.cuda.max_memory_allocated() if on_card else 1e9 * whole.gigabytes
    told = {
        "device": given.device, "dtype": given.dtype, "layers": given.layers, "N": n, "M": m,
        "rows": rows, "threads": torch.get_num_threads(),
        "GiB": {name: round(size / GIB, 2) for name, size in parts.items()}
        | {"arithmetic, together": round(sum(parts.values()) / GIB, 2)}
        | {"measured, loaded": round(1e9 * loaded / GIB, 2), "measured, peak": round(peak / GIB, 2)},
        "seconds": round(seconds),
        "finite": bool(torch.isfinite(found).all()),
    }  # fmt: skip
    print(text := json.dumps(told, indent=1))
    if given.output:
        given.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
