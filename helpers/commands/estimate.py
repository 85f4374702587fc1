"""How long a run will take and how much memory, from a short prompt, a head and a layer that are timed.

The arithmetic of memory is that of `helpers.methods.memory`; the appendix "Your own model" explains it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import torch

from helpers.findings.registry import BY_NAME, Finding
from helpers.methods.components import MAX_COMPONENTS, components, layer_value_vectors
from helpers.methods.erasure import scaled_probabilities
from helpers.methods.heads import head_activations
from helpers.methods.importance import importance
from helpers.methods.memory import kept_bytes, row_bytes
from helpers.methods.weights import weights
from helpers.methods.word_pairs import word_pairs, word_space
from helpers.models.devices import GIB, Placement, bytes_of
from helpers.models.pair import Pair
from helpers.models.responses import check_lengths, respond
from helpers.prompts import placement, retrieval
from helpers.prompts.prompt import Encoded, Prompt, encode, few, read_prompts
from helpers.words.vocabulary import read_vectors, read_vocabulary, word_embeddings

LENGTHS = (200, 100)  # N and M of the longest case that the book asks for
SHORT = 4  # response tokens that are timed
ROWS = 4  # prompts and variants that are timed in one batch
LONG = 0.3  # seconds: what takes so long is timed once
VERBS = {
    "respond": "respond", "explain": "explain", "read": "read once", "head": "read a head",
    "layer": "take a layer apart",
}  # fmt: skip


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
    """Time of the second run, since the first one loads code and memory; of a long run, of the first."""
    for _ in range(2):
        start = time.perf_counter()
        work()
        taken = time.perf_counter() - start
        if taken > LONG:
            break
    return taken


@dataclass
class Pace:
    """Seconds of what findings are made of, each measured once, on the base and a typical prompt.

    ROWS prompts respond and ROWS variants are read in a batch, as in a run, over SHORT tokens, and SHORT
    tokens are explained; responses and explanations grow with the tokens that a finding asks for.
    """

    pair: Pair
    prompt: Prompt

    @cached_property
    def code(self) -> Encoded:
        return encode(self.prompt, self.pair.tokenizer, self.pair.template)

    def seconds(self, unit: str, tokens: int) -> float:
        """Of one unit (a key of VERBS), on responses of so many tokens."""
        return getattr(self, unit) * (tokens if unit in ("respond", "explain") else 1)

    @cached_property
    def respond(self) -> float:
        """A token of a response, its share of reading the prompt included."""
        model, ask = self.pair.model("base"), [self.code.ids] * ROWS
        work = partial(respond, model, self.pair.tokenizer, ask, self.pair.template)
        return _seconds(partial(work, max_tokens=SHORT)) / SHORT / ROWS

    @cached_property
    def explain(self) -> float:
        """A token of a response."""
        ids = list(self.code.ids[-SHORT:])
        once = partial(importance, self.pair.model("base"), self.code.ids, ids)
        return _seconds(once) / SHORT

    @cached_property
    def read(self) -> float:
        """A variant of the prompt and a short response, in a forward pass over several."""
        ids, rows = list(self.code.ids[-SHORT:]), torch.full((ROWS, 1), 0.5)
        once = partial(scaled_probabilities, self.pair.model("base"), self.code.ids, ids, rows)
        return _seconds(once) / ROWS

    @cached_property
    def head(self) -> float:
        """The word pairs of one head."""
        of_model, space = weights(self.pair.model("base")), word_space(read_vectors())
        words = word_embeddings(of_model, self.pair.tokenizer, read_vocabulary().words)

        def one_head() -> None:
            found = head_activations(of_model, 0, 0, words)
            word_pairs(found.query, found.key, space)

        return _seconds(one_head)

    @cached_property
    def layer(self) -> float:
        """The components of one layer."""
        rows = layer_value_vectors(weights(self.pair.model("base")), 0)
        n = min(MAX_COMPONENTS, rows.shape[1], rows.shape[0] - 1)
        return _seconds(lambda: components(rows, n))


def runs_on(finding: Finding, limit: int | None, own: list[Prompt] | None) -> tuple[list, list]:
    """What a finding runs on, and the prompts that stand for it."""
    if finding.name == "positions":
        items = few(placement.read_items(), limit)
        return items, [item.at(placement.PLACES[0]) for item in items]
    if finding.name == "retrieval":
        items = few(retrieval.read_items(), limit)
        return items, [item.under(retrieval.DOCUMENTS[0]) for item in items]
    prompts = few((finding.takes_prompts and own) or read_prompts(), limit)
    return prompts, prompts


def _counts(pair: Pair, asked: list) -> dict[str, int]:
    """How many items, heads and layers there are."""
    config = pair.config("base").get_text_config()
    layers = config.num_hidden_layers
    heads = layers * getattr(config, "num_attention_heads", 0)
    return {"item": len(asked), "head": heads, "layer": layers}


def _cost(
    pair: Pair, finding: Finding, limit: int | None, own: list[Prompt] | None, paces: dict
) -> Cost:
    asked, prompts = runs_on(finding, limit, own)
    if finding.per == "item":
        check_lengths(pair, prompts, finding.tokens)
    length = lambda one: len(encode(one, pair.tokenizer, pair.template).ids)  # noqa: E731
    typical = sorted(prompts, key=length)[len(prompts) // 2]  # of median length
    pace = paces.setdefault(typical.id, Pace(pair, typical))
    n = _counts(pair, asked)[finding.per]
    seconds = {unit: pace.seconds(unit, finding.tokens) for unit in finding.work}
    total = n * sum(finding.work[unit] * each for unit, each in seconds.items())
    terms = " + ".join(f"{finding.work[u]} x {s:.2f} s to {VERBS[u]}" for u, s in seconds.items())
    on = f", on {pace.prompt.id!r}, of median length" if finding.per == "item" else ""
    return Cost(finding.name, total, f"{n} {finding.per}s x ({terms}){on}")


def costs(
    pair: Pair,
    findings: list[str],
    limit: int | None = None,
    *,
    prompts: list[Prompt] | None = None,
) -> list[Cost]:
    """What each finding will take on this machine, alone, with `limit` prompts and items.

    `prompts`: prompts of one's own, for the findings that they enter (recognition, faithfulness).
    """
    paces: dict = {}
    return [_cost(pair, BY_NAME[name], limit, prompts, paces) for name in findings]


# About how many parts a finding fills, from its numbers of items and of layers.
PARTS = {
    "recognition": lambda items, layers: 6 + 16 * -(-items // 24),
    "positions": lambda items, layers: 3 + items,
    "attention": lambda items, layers: 92 + layers,
    "ffn": lambda items, layers: 5 + 3 * layers,
    "faithfulness": lambda items, layers: 26 + 2 * items + min(items, 48),
    "retrieval": lambda items, layers: 3 + 2 * items // 5,
}


def shares(
    pair: Pair, findings: list[str], limit: int | None, prompts: list[Prompt] | None
) -> dict[str, tuple[float, int]]:
    """The work of each finding, by arithmetic alone, in tokens that are read; and about how many parts."""
    found = {}
    for finding in (BY_NAME[name] for name in findings):
        asked, shown = runs_on(finding, limit, prompts)
        text = sum(len(segment.text) for one in shown for segment in one.segments) / len(shown)
        tokens = finding.tokens + 10 + text / 4  # ten of the template
        unit = {
            "respond": tokens, "explain": (finding.tokens + 1) * tokens, "read": tokens,
            "head": 100.0, "layer": 60.0,
        }  # fmt: skip
        each, counts = sum(n * unit[name] for name, n in finding.work.items()), _counts(pair, asked)
        parts = PARTS.get(finding.name, lambda *_: 1)(counts["item"], counts["layer"])
        found[finding.name] = counts[finding.per] * each, parts
    return found


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
