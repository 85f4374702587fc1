"""How long a run will take and how much memory, from one prompt and one layer that are measured.

Memory of importance for N prompt and M response tokens, T = N + M, in a model of L layers with
hidden size H, intermediate size F and A heads (the appendix "Your own model" explains it):

    weights       models in memory x parameters x bytes
    kept          L (T (14 H + 6 F) + 6 A T^2) bytes in 16 bits, L (T (20 H + 12 F) + 4 A T^2) in 32
    a row         4 T (6 F + 12 H + 4 A T) bytes at most, for as many rows as fit (`batch_rows`)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from helpers.methods.importance import importance
from helpers.methods.memory import kept_bytes, row_bytes
from helpers.models.devices import GIB, Placement, bytes_of
from helpers.models.responses import check_lengths
from helpers.prompts.prompt import Prompt, encode, few, read_prompts

LENGTHS = (200, 100)  # N and M of the longest case that the book asks for
RESPONSE = 32  # tokens of a response at most, unless a finding says otherwise


@dataclass(frozen=True)
class Cost:
    """Seconds of one finding, and the sum they come from."""

    finding: str
    seconds: float
    formula: str


def memory_report(config, placement: Placement, lengths: tuple[int, int] = LENGTHS) -> list[str]:
    """The arithmetic of memory for one pair, in lines."""
    size, positions = bytes_of(placement.dtype), sum(lengths) - 1
    models = 2 if placement.layout == "together" else 1
    weights = models * placement.parameters * size / GIB
    kept, row = kept_bytes(config, positions, size) / GIB, row_bytes(config, positions) / GIB
    total, free = weights + kept + row, placement.free / GIB
    apart = placement.device.startswith("cuda") and weights + row <= free
    verdict = "fits" if total <= free else (
        "does not fit on one device: it will be spread" if placement.layout == "spread"
        else "fits with what is kept in main memory, a little slower" if apart
        else "does not fit: choose --dtype float16 or bfloat16, or a smaller pair"
    )  # fmt: skip
    return [
        f"weights   {models} x {placement.parameters:,} x {size} bytes = {weights:.2f} GiB",
        f"kept      for N={lengths[0]}, M={lengths[1]}: {kept:.2f} GiB",
        f"a row     {row:.2f} GiB, 1 to 16 rows at a time, as many as fit",
        f"together  {total:.2f} GiB of {free:.2f} GiB free: {verdict}",
    ]


def _seconds(work: Callable[[], object]) -> float:
    """Time of the second run: the first one loads code and memory."""
    work()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _typical(pair, prompts: Sequence[Prompt]) -> Prompt:
    """The prompt of median length: half of them are as long or longer."""
    lengths = [len(encode(one, pair.tokenizer, pair.template).ids) for one in prompts]
    return prompts[sorted(range(len(lengths)), key=lengths.__getitem__)[len(lengths) // 2]]


def _one_prompt(pair, prompt: Prompt, max_tokens: int = RESPONSE) -> tuple[float, float, str]:
    """Seconds of a response and of an explanation of it, and what was measured."""
    from helpers.models.responses import respond

    code, model = encode(prompt, pair.tokenizer, pair.template), pair.model("base")
    answers: list = []

    def answer():
        answers[:] = respond(
            model, pair.tokenizer, [code.ids], pair.template, max_tokens=max_tokens
        )

    response_time = _seconds(answer)
    ids = list(answers[0].ids) or list(code.ids[-1:])
    explanation_time = _seconds(lambda: importance(model, code.ids, ids))
    told = f"measured on {prompt.id!r}, of median length, {len(code.ids)} + {len(ids)} tokens"
    return response_time, explanation_time, told


def _recognition(pair, limit: int | None, own: list[Prompt] | None) -> Cost:
    prompts = few(own or read_prompts(), limit)
    check_lengths(pair, prompts, RESPONSE)
    response, explanation, told = _one_prompt(pair, _typical(pair, prompts))
    return Cost(
        "recognition",
        len(prompts) * (4 * response + 8 * explanation),
        f"{len(prompts)} prompts x (4 x {response:.2f} s to respond + 8 x {explanation:.2f} s to "
        f"explain; {told}; at most: responses come in batches)",
    )


def _positions(pair, limit: int | None, _) -> Cost:
    from helpers.findings.positions.compute import MAX_TOKENS
    from helpers.findings.positions.read import expected_ids
    from helpers.prompts.placement import PLACES, read_items

    items = {item.id: item for item in few(read_items(), limit)}
    typical = _typical(pair, [item.at(PLACES[0]) for item in items.values()])
    item = next(one for one in items.values() if one.at(PLACES[0]).id == typical.id)
    response, explanation, told = _one_prompt(pair, typical, MAX_TOKENS)
    code, expected = encode(typical, pair.tokenizer, pair.template), expected_ids(pair, item)
    short = _seconds(lambda: importance(pair.model("base"), code.ids, expected))
    each = len(items) * len(PLACES)
    return Cost(
        "positions",
        each * 2 * (response + explanation + short),
        f"{len(items)} items x {len(PLACES)} places x 2 x ({response:.2f} s to respond + "
        f"{explanation:.2f} s to explain that + {short:.2f} s to explain the expected answer; {told})",
    )


def _attention(pair, *_) -> Cost:
    from helpers.methods.heads import head_activations
    from helpers.methods.weights import weights
    from helpers.methods.word_pairs import word_pairs, word_space
    from helpers.words.vocabulary import read_vectors, read_vocabulary, word_embeddings

    of_model, space = weights(pair.model("base")), word_space(read_vectors())
    words = word_embeddings(of_model, pair.tokenizer, read_vocabulary().words)

    def one_head():
        found = head_activations(of_model, 0, 0, words)
        word_pairs(found.query, found.key, space)

    once, heads = _seconds(one_head), of_model.n_layers * of_model.n_heads
    return Cost(
        "attention",
        2 * 2 * heads * once,
        f"2 models x 2 forms x {heads} heads x {once:.2f} s (measured on one head; "
        "the random updates and the experiment that silences heads come on top)",
    )


def _ffn(pair, *_) -> Cost:
    from helpers.methods.components import MAX_COMPONENTS, components, layer_value_vectors
    from helpers.methods.weights import weights

    of_model = weights(pair.model("base"))
    rows = layer_value_vectors(of_model, 0)
    n = min(MAX_COMPONENTS, rows.shape[1], rows.shape[0] - 1)
    once, layers = _seconds(lambda: components(rows, n)), of_model.n_layers
    return Cost(
        "ffn",
        layers * 44 * once,
        f"{layers} layers x (2 models + 42 for the rotation and its null) x {once:.2f} s "
        "(measured on one layer; annotation comes on top)",
    )


def _faithfulness(pair, limit: int | None, own: list[Prompt] | None) -> Cost:
    from helpers.findings.faithfulness.compute import (
        INTEGRATED,
        READERS,
        STEPS,
        TOKENS,
        chosen,
    )

    prompts = few(own or read_prompts(), limit)
    explained, integrated = len(chosen(prompts)), len(chosen(prompts, INTEGRATED))
    code = encode(_typical(pair, prompts), pair.tokenizer, pair.template)
    ids = list(code.ids[-TOKENS:])
    gradient = _seconds(lambda: importance(pair.model("base"), code.ids, ids))
    erasure = _seconds(lambda: importance(pair.model("base"), code.ids, ids, method="erasure"))
    return Cost(
        "faithfulness",
        explained * (len(READERS) + 2) * (gradient + erasure) + integrated * 2 * STEPS * gradient,
        f"{explained} prompts x {len(READERS) + 2} x ({gradient:.2f} s by gradient + {erasure:.2f} s "
        f"by erasure) + {integrated} prompts x 2 models x {STEPS} steps x {gradient:.2f} s",
    )


def _retrieval(pair, limit: int | None, _) -> Cost:
    from helpers.findings.retrieval.compute import MAX_TOKENS
    from helpers.prompts.retrieval import CONDITIONS, DOCUMENTS, read_items

    items = few(read_items(), limit)
    typical = _typical(pair, [item.under(DOCUMENTS[0]) for item in items])
    response, explanation, told = _one_prompt(pair, typical, MAX_TOKENS)
    n, m = len(CONDITIONS), len(DOCUMENTS)
    return Cost(
        "retrieval",
        len(items) * 2 * (n * response + m * explanation),
        f"{len(items)} questions x 2 x ({n} x {response:.2f} s to respond + {m} x "
        f"{explanation:.2f} s to explain; {told})",
    )


MEASURES = {
    "recognition": _recognition, "positions": _positions, "attention": _attention, "ffn": _ffn,
    "faithfulness": _faithfulness, "retrieval": _retrieval,
}  # fmt: skip


def costs(
    pair,
    findings: list[str],
    limit: int | None = None,
    *,
    prompts: list[Prompt] | None = None,
) -> list[Cost]:
    """What each finding will take on this machine, alone, with `limit` prompts and items.

    `prompts`: prompts of one's own, for the findings that they enter (recognition, faithfulness).
    """
    return [MEASURES[finding](pair, limit, prompts) for finding in findings]


def precision(pair, exact_base) -> float:
    """Largest difference of importance to the float32 model's, relative to its largest value."""
    prompt = read_prompts()[0]
    code = encode(prompt, pair.tokenizer, pair.template)
    ids = list(code.ids[-8:])
    exact = importance(exact_base, code.ids, ids)
    return float(
        (importance(pair.model("base"), code.ids, ids) - exact).abs().max() / exact.abs().max()
    )


def duration(seconds: float) -> str:
    """Seconds for people: 45 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
