"""Time, memory and agreement of importance on the embedded pair, against other ways to get it.

    python benchmarks/attribution.py
    python benchmarks/attribution.py --methods loop ours --threads 1

One prompt of N tokens and one response of M, the base model in float32. Times are taken in turns in
one process, memory and results in a process for each method. `loop` is the formula taken literally:
for every response token one backward pass through the whole model, head included, into
every parameter. inseq attributes probabilities; captum attributes log-probabilities, whose columns
are multiplied by the probability afterwards. Exit code 1 where the promise is broken: eight times
faster than the loop, results equal to 1e-3.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from measure import PeakMemory
from rich.console import Console
from rich.table import Table

from helpers.methods.importance import importance
from helpers.models.embedded import load_base
from helpers.prompts.placement import read_items

PROMISES = {"speed_up": 8.0, "difference": 1e-3}
N, M = 53, 24


def example(tokenizer, n: int, m: int) -> tuple[list[int], list[int]]:
    """Ids of a prompt (BOS first) and of its continuation, cut from one of the book's contexts."""
    for item in read_items():
        ids = tokenizer(" ".join(item.sentences))["input_ids"][: 1 + n + m]
        if len(ids) == 1 + n + m and tokenizer(tokenizer.decode(ids[1:]))["input_ids"] == ids:
            return ids[: 1 + n], ids[1 + n :]
    raise SystemExit(f"No context is {n + m} tokens long.")


def by_loop(model, tokenizer, prompt: list[int], response: list[int]) -> np.ndarray:
    """One backward pass through everything for each response token."""
    model.requires_grad_(True)
    columns, layer = [], model.get_input_embeddings()
    for m, token in enumerate(response):
        model.zero_grad(set_to_none=True)
        rows = layer(torch.tensor([prompt + response[:m]])).detach().requires_grad_(True)
        probability = model(inputs_embeds=rows).logits[0, -1].softmax(-1)[token]
        probability.backward()
        columns.append((rows.grad * rows)[0, 1 : len(prompt)].sum(-1).detach())
    return torch.stack(columns, dim=1).numpy()


def by_ours(model, tokenizer, prompt: list[int], response: list[int]) -> np.ndarray:
    return importance(model, prompt, response).numpy()


def by_inseq(model, tokenizer, prompt: list[int], response: list[int]) -> np.ndarray:
    import inseq

    attributed = inseq.load_model(model, "input_x_gradient", tokenizer=tokenizer)
    text = tokenizer.decode(prompt[1:])
    out = attributed.attribute(
        text, text + tokenizer.decode(response), attributed_fn="probability", show_progress=False
    )
    found = out.sequence_attributions[0]
    return found.target_attributions.sum(-1).numpy()[1 : len(prompt), -len(response) :]


def by_captum(model, tokenizer, prompt: list[int], response: list[int]) -> np.ndarray:
    from captum.attr import LayerGradientXActivation, LLMGradientAttribution, TextTokenInput

    method = LLMGradientAttribution(
        LayerGradientXActivation(model, model.get_input_embeddings()), tokenizer
    )
    asked = TextTokenInput(tokenizer.decode(prompt[1:]), tokenizer)
    found = method.attribute(asked, target=torch.tensor(response)).token_attr
    with torch.no_grad():
        logits = model(torch.tensor([prompt + response[:-1]])).logits[0, len(prompt) - 1 :]
    chosen = logits.softmax(-1)[range(len(response)), response]
    return (found * chosen[:, None]).T.detach().numpy()[1:]


METHODS: dict[str, Callable[..., np.ndarray]] = {
    "loop": by_loop,
    "ours": by_ours,
    "inseq": by_inseq,
    "captum": by_captum,
}


def prepared(method: str):
    """Arguments of a method: the model as the method finds it, and the example."""
    model, tokenizer = load_base()
    if method in ("inseq", "captum"):
        model.requires_grad_(True)  # as these libraries find it
    return model, tokenizer, *example(tokenizer, N, M)


def measure(method: str, save: Path) -> None:
    """Result of one method to `save`, and the gigabytes it takes beyond the weights."""
    arguments = prepared(method)
    with PeakMemory() as memory:
        found = METHODS[method](*arguments)
    np.save(save, found)
    print(json.dumps({"gigabytes": memory.gigabytes}))


def times(names: list[str], repeats: int) -> dict[str, float]:
    """Fastest of `repeats` rounds; in each round every method runs once, in turns."""
    arguments = {name: prepared(name) for name in names}
    taken: dict[str, list[float]] = {name: [] for name in names}
    for name, (model, tokenizer, prompt, response) in arguments.items():
        METHODS[name](model, tokenizer, prompt[:9], response[:2])  # wake libraries and threads
    for _ in range(repeats):
        for name, given in arguments.items():
            begin = time.perf_counter()
            METHODS[name](*given)
            taken[name].append(time.perf_counter() - begin)
            given[0].zero_grad(set_to_none=True)
    return {name: min(seconds) for name, seconds in taken.items()}


def in_own_process(method: str, folder: str) -> dict:
    save = Path(folder) / f"{method}.npy"
    command = [sys.executable, __file__, "--only", method, "--save", str(save)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1]) | {"found": np.load(save)}


def compare(names: list[str], repeats: int) -> dict[str, dict]:
    """Measurements by method; differences are relative to each column's largest magnitude."""
    with tempfile.TemporaryDirectory() as folder:
        found = {name: in_own_process(name, folder) for name in names}
    for name, seconds in times(names, repeats).items():
        found[name]["seconds"] = seconds
    exact = found["loop"]
    largest = np.abs(exact["found"]).max(axis=0)
    for one in found.values():
        one["speed_up"] = exact["seconds"] / one["seconds"]
        one["difference"] = float((np.abs(one["found"] - exact["found"]) / largest).max())
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=2, help="the fastest counts")
    parser.add_argument("--only", choices=list(METHODS), help=argparse.SUPPRESS)
    parser.add_argument("--save", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        warnings.filterwarnings("ignore")
        measure(options.only, options.save)
        return 0
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(options.threads)  # the child processes read it when they start
    torch.set_num_threads(options.threads)
    warnings.filterwarnings("ignore")
    found = compare(list(dict.fromkeys(["loop", "ours", *options.methods])), options.repeats)
    columns = ["seconds", "speed_up", "gigabytes", "difference"]
    table = Table(
        "method", *columns, title=f"importance, N = {N}, M = {M}, {options.threads} threads"
    )
    for name, one in found.items():
        table.add_row(name, *(f"{one[column]:.3g}" for column in columns))
    Console().print(table)
    ours = found["ours"]
    kept = ours["speed_up"] >= PROMISES["speed_up"] and ours["difference"] <= PROMISES["difference"]
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
