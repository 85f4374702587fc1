"""A run: one pair, some findings, one store."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

import torch

from helpers.commands.estimate import runs_on, shares
from helpers.commands.progress import WholeRun
from helpers.findings import update
from helpers.findings.registry import BY_NAME, Finding
from helpers.methods.errors import Mendable
from helpers.methods.weights import weights
from helpers.models import registry
from helpers.models.devices import Placement, keep_freed_memory
from helpers.models.pair import Pair, fingerprint, load
from helpers.models.registry import Choice
from helpers.models.roles import ROLES
from helpers.prompts.prompt import Prompt
from helpers.store.conditions import check, conditions
from helpers.store.origin import rank
from helpers.store.store import Store, open_store
from helpers.words import ranked

# What a first look leaves out of each finding; findings that are not named are left out whole.
QUICK = {"recognition": {"sample": 12}, "attention": {"nulls": False}, "ffn": {"nulls": False}}


def at_least(least: float) -> Callable[[str], float]:
    """For a parser's options: reads a number that is no smaller, and whole where the smallest one is."""

    def read(text: str) -> float:
        try:
            value = type(least)(text)
        except ValueError:
            value = float("nan")
        if not least <= value < 2**32:
            what = "whole number" if isinstance(least, int) else "number"
            raise argparse.ArgumentTypeError(f"{text!r}: give a {what} of {least} or more")
        return value

    return read


def something(text: str) -> str:
    """For a parser's options: an empty one, of a variable that is not set, is not the default."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty: give a value, or leave the option out")
    return text


def fill(
    choice: Choice, findings: list[str], folder: Path | None = None, *, placement: Placement,
    allow_pickle: bool = False, trust_remote_code: bool = False, prompts: list[Prompt] | None = None,
    source: str | None = None, limit: int | None = None, course: str | None = None,
    quick: bool = False, vocabulary: str | None = None, replace: bool = False,
    others: AbstractContextManager | None = None, **options,
) -> Store:  # fmt: skip
    """Load a pair once and compute the named findings into its store (see `inputs`).

    `source`, `course`, `vocabulary`: where prompts, checkpoints, words are from; `quick`: a first look;
    `others`: processes that share the work, entered once the store is open.
    """
    keep_freed_memory()
    on = conditions(source, limit, prompts, QUICK["recognition"]["sample"] if quick else None)
    on |= ranked.condition(vocabulary)
    store = _open(choice, folder, placement, allow_pickle, on, replace)
    with others or nullcontext():
        pair = load_as(choice, placement, allow_pickle, trust_remote_code)
        work = (
            dict.fromkeys(findings, (1.0, 20)) if quick else shares(pair, findings, limit, prompts)
        )
        whole, refused = WholeRun(work, store, shown=options.get("progress", True)), []
        # What only reads weights comes last: it may move the models off the device.
        for finding in sorted(map(BY_NAME.get, findings), key=lambda one: one.on_cpu):
            whole.begin(finding.name)
            own = options | inputs(finding.name, prompts, limit)
            own |= {"course": course} if finding.name == "course" else {}
            own |= QUICK[finding.name] if quick else {}
            if finding.on_cpu:
                pair = _on_cpu(pair, choice, placement, allow_pickle, trust_remote_code)
            refused += _compute(finding, pair, store, own)
        whole.close()
        _end(pair, store, refused, len(findings))
    return store


def _compute(finding: Finding, pair: Pair, store: Store, options: dict) -> list[str]:
    """Compute one finding; what this pair cannot read is said, and costs it no other finding."""
    try:
        if finding.reads_weights:
            weights(pair.model("base"))  # an unknown architecture is better said now
        finding.compute()(pair, store, **options)
    except Mendable as error:
        return [f"{finding.name}: {error}"]
    return []


def _end(pair: Pair, store: Store, refused: list[str], asked: int) -> None:
    """The size of the update, and a refusal of what could not be computed."""
    if not pair.alone and len(refused) < asked:  # it needs both models at once
        store.get(update.PART, partial(update.update_sizes, pair))
    if refused:
        others = f" What else was asked for is computed, in {store.folder}."
        raise Mendable(" ".join(refused) + (others if asked > len(refused) else ""))


def _open(
    choice: Choice,
    folder: Path | None,
    placement: Placement,
    allow_pickle: bool,
    on: dict[str, str | int],
    replace: bool,
) -> Store:
    """The store to fill: emptied where that was asked for, and refused where it holds other things."""
    own = {} if choice.name in registry.read() else {r: str(getattr(choice, r)) for r in ROLES}
    made_from = fingerprint(choice, allow_pickle=allow_pickle)
    # The precision is named unless it is float32.
    expected = made_from if placement.dtype == "float32" else made_from | {"dtype": placement.dtype}
    store = open_store(
        choice.name, folder, expected=expected, models=own, conditions=on, writing=True
    )
    if own:
        registry.check_free(store.folder.name, "--folder")
    if replace and rank()[1] > 1:
        raise Mendable("--replace is for one process: run it once alone, then all together.")
    if replace:
        store.clear()
    check(store)
    if "quick" in store.recorded()["conditions"] and "quick" not in on:
        store.clear(first_look=True)
    store.claims.sweep()
    return store


def inputs(finding: str, prompts: list[Prompt] | None, limit: int | None) -> dict[str, list]:
    """What a finding is run on in place of all that the book holds; empty where it is all of that.

    Prompts of one's own enter where no rule is needed (takes_prompts); a limit holds for items and
    for the prompts that heads are silenced on too.
    """
    own = prompts and BY_NAME[finding].takes_prompts
    if finding == "ffn" or not (own or limit):  # ffn reads weights alone
        return {}
    what = "items" if finding in ("positions", "retrieval") else "prompts"
    return {what: runs_on(BY_NAME[finding], limit, prompts)[0]}


def load_as(choice: Choice, placement: Placement, allow_pickle: bool, trusted: bool) -> Pair:
    return load(
        choice, dtype=getattr(torch, placement.dtype), device=placement.device,
        layout=placement.layout, allow_pickle=allow_pickle, trust_remote_code=trusted,
    )  # fmt: skip


def _on_cpu(
    pair: Pair, choice: Choice, placement: Placement, allow_pickle: bool, trusted: bool
) -> Pair:
    if placement.device == "cpu":
        return pair
    if placement.layout == "together":
        pair.model("base").to("cpu"), pair.model("tuned").to("cpu")
        return pair
    there = Placement("cpu", placement.dtype, "in turns", 0, placement.parameters)
    return load_as(choice, there, allow_pickle, trusted)
