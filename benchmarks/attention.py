"""Time of the word pairs of one head against simpler ways, and of a 7B-sized model as a whole.

    python benchmarks/attention.py                # one head of the embedded pair; 2 layers of 7B size
    python benchmarks/attention.py --layers 32    # all 32 layers of 7B size instead of an estimate

"words one by one" is the loop that the definition suggests: for every dimension it looks up the
vectors of its words, takes each word's threshold and compares the pairs, one after another.
"dimension by dimension" does the same with one matrix product a step, but still encodes each
dimension's words, thresholds and all, anew. Vectors are looked up in all three: a loop that asked a
sentence encoder for them would be slower still. All are checked to find the same pairs (but for
one in a thousand, where rounding decides at a threshold).

The large model has random weights and embeddings, drawn layer by layer, as a checkpoint can be
read; its time is without the drawing, its memory is the peak of a process of its own. Exit code 1
where a promise is broken: 100 times faster than the loop, 30 minutes and 6 GB for the large model.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from transformers import LlamaConfig, LlamaForCausalLM

from helpers.methods.heads import each_head, head_activations
from helpers.methods.weights import weights
from helpers.methods.word_pairs import (
    DEVIATIONS,
    REFERENCE,
    TOP_K,
    head_knowledge,
    word_pairs,
    word_space,
)
from helpers.words.vocabulary import read_vectors, read_vocabulary, word_embeddings

PROMISES = {"speed_up": 100.0, "minutes": 30.0, "gigabytes": 6.0, "differing": 1e-3}
LAYERS, HEADS, HEAD_DIM = 32, 32, 128
Found = list[set[tuple[int, int]]]  # pairs of each dimension, dimensions by falling norm


def strongest(embeddings: np.ndarray, weight: np.ndarray, r: int) -> tuple[list[int], np.ndarray]:
    """The words that drive one dimension most, and what all words excite in it."""
    activation = embeddings @ weight[:, r]
    return np.argsort(-np.abs(activation))[:TOP_K].tolist(), activation


def by_norm(embeddings: np.ndarray, query: np.ndarray, key: np.ndarray) -> np.ndarray:
    norms = ((embeddings @ query) ** 2).sum(axis=0) + ((embeddings @ key) ** 2).sum(axis=0)
    return np.argsort(-norms)


def one_by_one(embeddings: np.ndarray, query: np.ndarray, key: np.ndarray, vectors) -> Found:
    frequent = vectors[:REFERENCE] / np.linalg.norm(vectors[:REFERENCE], axis=1, keepdims=True)

    def encoded(word: int) -> tuple[np.ndarray, float]:
        unit = vectors[word] / np.linalg.norm(vectors[word])
        cosine = frequent @ unit
        return unit, cosine.mean() + DEVIATIONS * cosine.std()

    found = []
    for r in by_norm(embeddings, query, key):
        (q_words, q), (k_words, k) = (strongest(embeddings, side, r) for side in (query, key))
        q_known, k_known = ({w: encoded(w) for w in words} for words in (q_words, k_words))
        pairs = set()
        for a in q_words:
            for b in k_words:
                (unit_a, limit_a), (unit_b, limit_b) = q_known[a], k_known[b]
                if a != b and q[a] * k[b] > 0 and unit_a @ unit_b > max(limit_a, limit_b):
                    pairs.add((a, b))
        found.append(pairs)
    return found


def by_dimension(embeddings: np.ndarray, query: np.ndarray, key: np.ndarray, vectors) -> Found:
    frequent = vectors[:REFERENCE] / np.linalg.norm(vectors[:REFERENCE], axis=1, keepdims=True)
    found = []
    for r in by_norm(embeddings, query, key):
        sides = [strongest(embeddings, side, r) for side in (query, key)]
        units, limits, values = [], [], []
        for words, activation in sides:
            own = vectors[words] / np.linalg.norm(vectors[words], axis=1, keepdims=True)
            cosine = own @ frequent.T
            units.append(own)
            limits.append(cosine.mean(axis=1) + DEVIATIONS * cosine.std(axis=1))
            values.append(activation[words])
        keep = units[0] @ units[1].T > np.maximum(limits[0][:, None], limits[1])
        keep &= values[0][:, None] * values[1] > 0
        q, k = np.array(sides[0][0]), np.array(sides[1][0])
        a, b = np.nonzero(keep & (q[:, None] != k))
        found.append(set(zip(q[a].tolist(), k[b].tolist(), strict=True)))
    return found


def seconds(task: Callable[[], object], repeats: int = 1) -> tuple[float, object]:
    """The median of some runs, and the last result."""
    taken = []
    for _ in range(repeats):
        begin = time.perf_counter()
        result = task()
        taken.append(time.perf_counter() - begin)
    return float(np.median(taken)), result


def compare(layer: int, head: int) -> dict[str, float]:
    """Seconds of one head in three ways, and of the thresholds that all heads share."""
    from helpers.models import pair as pairs

    pair, words, vectors = pairs.load("gemma-3-270m"), read_vocabulary().words, read_vectors()
    of_model = weights(pair.model("tuned"))
    embeddings = word_embeddings(of_model, pair.tokenizer, words)
    once, space = seconds(lambda: word_space(vectors))

    def ours():
        own = head_activations(of_model, layer, head, embeddings)
        found = word_pairs(own.query, own.key, space)
        return found, head_knowledge(found)

    ours()  # warm: the first call pays for starting the libraries
    taken, (found, _) = seconds(ours, repeats=9)
    both = of_model.query(layer, head).numpy(), of_model.key(layer, head).numpy()
    arrays = (embeddings.numpy(), *both, vectors)
    loop, expected = seconds(lambda: one_by_one(*arrays))
    steps, same = seconds(lambda: by_dimension(*arrays))
    sides = zip(found.query.tolist(), found.key.tolist(), strict=True)
    numbers = np.repeat(np.arange(len(expected)), np.diff(found.start)).tolist()
    mine = {(number, *pair) for number, pair in zip(numbers, sides, strict=True)}
    theirs = [{(i, *pair) for i, own in enumerate(way) for pair in own} for way in (expected, same)]
    differing = max(len(mine ^ own) for own in theirs)
    return {"words one by one": loop, "dimension by dimension": steps, "helpers.methods.word_pairs": taken,
            "thresholds, once": once, "words": len(words), "dimensions": len(expected),
            "pairs": len(mine), "differing": differing / len(mine)}  # fmt: skip


def large(layers: int, seed: int = 0) -> dict[str, float]:
    """Seconds a layer of 32 heads of 128 dimensions, and the peak of this process's memory."""
    size = {"hidden_size": HEADS * HEAD_DIM, "num_attention_heads": HEADS, "head_dim": HEAD_DIM}
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(**size, num_hidden_layers=1, intermediate_size=8, vocab_size=8)
    )
    model.requires_grad_(False)
    attention, space = model.model.layers[0].self_attn, word_space(read_vectors())
    embeddings = torch.randn(len(space.unit), size["hidden_size"])
    taken, n_pairs = 0.0, 0
    for _ in range(layers):
        for projection in (attention.q_proj, attention.k_proj):
            projection.weight.normal_(std=0.02)
        begin = time.perf_counter()
        for _, _, own in each_head(model, embeddings):
            n_pairs += len(head_knowledge(word_pairs(own.query, own.key, space)))
        taken += time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kilobytes
    return {"seconds_a_layer": taken / layers, "gigabytes": peak * unit / 1e9, "pairs": n_pairs}


def in_own_process(layers: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--only-large", "--layers", str(layers)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def show(one: dict[str, float], many: dict[str, float], layers: int, threads: int) -> bool:
    """Print both tables; True where every promise was kept."""
    console = Console()
    title = f"One head: {one['words']:,} words, {one['dimensions']} dimensions, {threads} threads"
    table = Table("method", "seconds", "times faster than the loop", title=title)
    for name in ("words one by one", "dimension by dimension", "helpers.methods.word_pairs"):
        table.add_row(name, f"{one[name]:.3g}", f"{one['words one by one'] / one[name]:.0f}")
    table.add_row("thresholds, once for all heads", f"{one['thresholds, once']:.3g}", "")
    console.print(table)
    console.print(
        f"{one['pairs']:,} pairs, of which {one['differing']:.3%} are found by one method only "
        "(rounding at a threshold)"
    )
    minutes = many["seconds_a_layer"] * LAYERS / 60
    console.print(
        f"{LAYERS} layers of {HEADS} heads of {HEAD_DIM}: {minutes:.1f} minutes "
        f"({'measured' if layers == LAYERS else f'from {layers} layers'}), "
        f"peak {many['gigabytes']:.2f} GB"
    )
    return (
        one["words one by one"] / one["helpers.methods.word_pairs"] >= PROMISES["speed_up"]
        and one["differing"] <= PROMISES["differing"]
        and minutes <= PROMISES["minutes"]
        and many["gigabytes"] <= PROMISES["gigabytes"]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layer", type=int, default=9)
    parser.add_argument("--head", type=int, default=0)
    parser.add_argument("--layers", type=int, default=2, help="layers of the large model to run")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only-large", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only_large:
        print(json.dumps(large(options.layers)))
        return 0
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(options.threads)  # the child process reads it when it starts
    torch.set_num_threads(options.threads)
    one = compare(options.layer, options.head)
    return 0 if show(one, in_own_process(options.layers), options.layers, options.threads) else 1


if __name__ == "__main__":
    sys.exit(main())
