"""Memory and time of importance in a model of LLaMA-7B's shape with random weights, in 16 bits.

    python benchmarks/large/seven_billion.py [--rows 1] [--device cpu] [--dtype float16]

The longest case that the book asks for, N = 200 prompt and M = 100 response tokens, beside the arithmetic
of the appendix *Your own model*. Nothing is downloaded. It takes 16 GB of memory and, on a CPU, many
minutes.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.initialization import no_init_weights

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from measure import PeakMemory  # noqa: E402

from helpers.attribution import importance, row_bytes  # noqa: E402
from helpers.estimate import LENGTHS, kept_bytes  # noqa: E402
from helpers.machine import GIB, torch_dtype  # noqa: E402


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
    given = parser.parse_args()
    rows = given.rows if given.rows == "auto" else int(given.rows)
    config = LlamaConfig(num_hidden_layers=given.layers)  # the defaults are LLaMA-7B's
    torch.manual_seed(0)
    with PeakMemory() as whole:
        model = random_model(config, torch_dtype(given.dtype), given.device)
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
    print(f"{given.device}, {given.dtype}, {given.layers} layers, N = {n}, M = {m}, rows {rows}")
    for name, size in (parts | {"arithmetic, together": sum(parts.values())}).items():
        print(f"{name:22} {size / GIB:6.2f} GiB")
    if given.device.startswith("cuda"):
        peak = torch.cuda.max_memory_allocated() / GIB
    else:
        peak = whole.gigabytes * 1e9 / GIB
        print(f"{'measured, loaded':22} {loaded * 1e9 / GIB:6.2f} GiB")
    print(f"{'measured, peak':22} {peak:6.2f} GiB")
    print(f"{'seconds':22} {seconds:6.0f}")
    print(f"finite: {bool(torch.isfinite(found).all())}, columns of zeros: "
          f"{int((found.abs().amax(0) == 0).sum())}")  # fmt: skip


if __name__ == "__main__":
    main()
