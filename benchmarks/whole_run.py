"""A whole run of a pair against the plainest way to do the same, and by two processes against one.

    python benchmarks/whole_run.py                   # the embedded and a tiny pair, on three prompts each
    python benchmarks/whole_run.py --limit 216       # on all: hours for the plain way

"plain": one backward pass through the whole model for every response token, one forward pass for every
variant of a prompt with nothing kept, and a model that is loaded anew whenever the other one was used.
The tiny pair fills the parts of recognition, positions, faithfulness and retrieval, the embedded one
those of recognition (`--findings` for others). Each runs in a process of its own, whose peak of memory is
taken, with one thread. Two processes share one store, a thread each. Promises are of the embedded pair.
Those below the table are of its base alone: erasing tokens with and without what stands before them, and
blanking segments. Exit code 1 where a promise is broken.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from attribution import example
from rich.console import Console
from rich.table import Table

FINDINGS = ("recognition", "positions", "faithfulness", "retrieval")
PROMISES = {"plain / ours": 2.0, "one process / two": 1.6, "erasure kept": 1.6, "blanking": 10.0}


def plain_importance(model, prompt, response, *, method: str = "gradient", steps: int = 64):
    """The definitions, a pass at a time; other estimates than gradient and erasure stay as they are."""
    from helpers.methods import importance as ours
    from helpers.methods.erasure import erasure
    from helpers.methods.passes import start

    if method == "erasure":
        return erasure(model, prompt, response, batch_rows=1)
    if method != "gradient":
        return ours.importance(model, prompt, response, method=method, steps=steps, batch_rows=1)
    given, answer, skipped = start(model, prompt, response)
    layer, columns = model.get_input_embeddings(), []
    for m, token in enumerate(answer):
        rows = layer(torch.cat([given, answer[:m]])[None]).detach().requires_grad_(True)
        probability = model(inputs_embeds=rows, use_cache=False).logits[0, -1].softmax(-1)[token]
        [gradient] = torch.autograd.grad(probability, rows)
        columns.append((gradient * rows)[0, skipped : len(given)].sum(-1).detach())
    return torch.stack(columns, dim=1)


def be_plain() -> None:
    """Put the plain ways in place of the package's own, in this process."""
    from functools import partial
    from importlib import import_module

    from helpers.methods import erasure
    from helpers.models.pair import Pair

    one_by_one = partial(erasure.scaled_probabilities, batch_rows=1, reuse=False)
    for name in (*(f"{one}.compute" for one in FINDINGS), "parts"):
        module = import_module(f"helpers.findings.{name}")
        for own, other in (("importance", plain_importance), ("scaled_probabilities", one_by_one)):
            if hasattr(module, own):
                setattr(module, own, other)
    Pair.alone = property(lambda _: True, lambda *_: None)


def run(base: str, tuned: str, folder: str, limit: int, plain: bool, findings: list[str]) -> None:
    """One run in this process: its seconds and its peak of memory to standard output."""
    from helpers.commands import compute

    if plain:
        be_plain()
    pair = ["--base", base, "--tuned", tuned] if base else []
    begin = time.perf_counter()
    for finding in findings:
        given = ["--finding", finding, "--limit", str(limit), "--folder", folder, "--device", "cpu"]
        compute.main([*pair, *given])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({"seconds": time.perf_counter() - begin, "gigabytes": peak}))


def runs(
    pair: tuple[str, str],
    limit: int,
    findings: list[str],
    *,
    plain: bool = False,
    processes: int = 1,
) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--only", *pair, folder, "--limit", str(limit)]
        command += ["--findings", *findings]
        command += ["--plain"] if plain else []
        started = [
            subprocess.Popen(
                command, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL,
                env=os.environ | {"RANK": str(number), "WORLD_SIZE": str(processes),
                                  "OMP_NUM_THREADS": "1"},
            )
            for number in range(processes)
        ]  # fmt: skip
        found = [json.loads(one.communicate()[0].splitlines()[-1]) for one in started]
    return {key: max(one[key] for one in found) for key in found[0]}


def passes() -> dict[str, float]:
    """How many times as long as ours a plain loop takes to erase, and erasure to blank."""
    from helpers.methods.erasure import WAYS, blanking, erasure, scaled_probabilities
    from helpers.models.embedded import load_base

    model, tokenizer = load_base()
    prompt, response = example(tokenizer, 53, 6)
    n = len(prompt) - 1
    each = torch.cat([torch.ones(1, n), 1 - torch.eye(n)])
    masks = torch.zeros(3, n, dtype=torch.bool)
    masks[0, :8], masks[1, 8:40], masks[2, 40:] = True, True, True

    def seconds(work) -> float:
        work()
        begin = time.perf_counter()
        work()
        return time.perf_counter() - begin

    whole = seconds(lambda: erasure(model, prompt, response))
    loop = seconds(
        lambda: scaled_probabilities(model, prompt, response, each, batch_rows=1, reuse=False)
    )
    blanked = seconds(lambda: blanking(model, prompt, response, masks, way=WAYS[0]))
    return {"erasure kept": loop / whole, "blanking": whole / blanked}


def tiny(folder: Path) -> tuple[str, str]:
    """A pair of small random Llamas on disk, whose tokens are about as long as a real model's."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    from tiny import save_model, word_tokenizer

    from helpers.prompts.placement import read_items

    words = word_tokenizer([" ".join(item.sentences) for item in read_items()], 2000)
    options = {"vocab_size": len(words), "tokenizer": words}
    base, tuned = (
        str(save_model(folder / name, seed=number, **options))
        for number, name in enumerate(("base", "tuned"))
    )
    return base, tuned


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=int, default=3, help="prompts and items")
    parser.add_argument("--findings", nargs="+", choices=FINDINGS, default=FINDINGS[:1],
                        help="of the embedded pair")  # fmt: skip
    parser.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        run(*given.only, given.limit, given.plain, given.findings)
        return 0
    columns, ratios = ("pair", "way", "seconds", "times ours", "gigabytes"), {}
    table = Table(*columns, title=f"{given.limit} of each")
    with tempfile.TemporaryDirectory() as folder:
        for name, *work in (
            ("tiny", tiny(Path(folder)), given.limit, FINDINGS),
            ("embedded", ("", ""), given.limit, given.findings),
        ):
            found = {"ours": runs(*work), "two processes": runs(*work, processes=2),
                     "plain": runs(*work, plain=True)}  # fmt: skip
            seconds = {way: one["seconds"] for way, one in found.items()}
            for way, one in found.items():
                times = f"{one['seconds'] / seconds['ours']:.2f}"
                table.add_row(name, way, f"{one['seconds']:.1f}", times, f"{one['gigabytes']:.2f}")
            ratios["plain / ours"] = seconds["plain"] / seconds["ours"]
            ratios["one process / two"] = seconds["ours"] / seconds["two processes"]
    ratios |= passes()
    Console().print(table)
    for name, least in PROMISES.items():
        print(f"{name:18} {ratios[name]:5.2f} (at least {least})")
    return 0 if all(ratios[name] >= least for name, least in PROMISES.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
