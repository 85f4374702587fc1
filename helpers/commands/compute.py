"""Fill the store of a pair: `python -m helpers compute --pair gemma-3-270m --finding recognition`.

Interrupted at any point, the same command goes on where it stopped. The same command may run several
times at once on one folder, on one machine or on several: each part is computed once, by whoever
claims it first. `accelerate launch -m helpers compute ...` starts one process a GPU, and `torchrun
--nproc_per_node 2 -m helpers compute ...` two on a CPU.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import torch

from helpers.commands import estimate
from helpers.findings.registry import BY_NAME
from helpers.methods.density import BadInput
from helpers.methods.errors import Mendable
from helpers.methods.memory import free_memory
from helpers.methods.weights import weights
from helpers.models import registry, sources
from helpers.models.devices import DTYPES, Placement, keep_freed_memory, place
from helpers.models.pair import fingerprint, load
from helpers.models.registry import Choice
from helpers.models.roles import ROLES
from helpers.pages import live
from helpers.paths import DEFAULT_PAIR
from helpers.prompts import retrieval
from helpers.prompts.placement import read_items
from helpers.prompts.prompt import Prompt, few, read_prompts
from helpers.prompts.reading import load_prompts
from helpers.store.conditions import StoreTaken, check, conditions
from helpers.store.origin import rank
from helpers.store.store import Store, open_store


def fill(
    pair_name: str | Choice,
    findings: list[str],
    folder: Path | None = None,
    *,
    placement: Placement | None = None,
    allow_pickle: bool = False,
    trust_remote_code: bool = False,
    prompts: list[Prompt] | None = None,
    source: str | None = None,
    limit: int | None = None,
    replace: bool = False,
    **options,
) -> Store:
    """Load a pair once and compute the named findings into its store (see `inputs`).

    `source` says where prompts of one's own are from. `replace` deletes what the store holds.
    """
    keep_freed_memory()
    choice = registry.find(pair_name) if isinstance(pair_name, str) else pair_name
    on = conditions(source, limit, prompts)
    store = _open(choice, folder, placement, allow_pickle, on, replace)
    pair = _load(choice, placement, allow_pickle, trust_remote_code)
    # What only reads weights comes last: it may move the models off the device.
    refused = []
    for finding in sorted((BY_NAME[name] for name in findings), key=lambda one: one.on_cpu):
        # What this pair cannot read must not cost it the other findings.
        try:
            if finding.reads_weights:
                weights(pair.model("base"))  # an unknown architecture is better said now
            if finding.on_cpu:
                pair = _on_cpu(pair, choice, placement, allow_pickle, trust_remote_code)
            own = inputs(finding.name, prompts, limit)
            finding.compute()(pair, store, **own, **options)
        except Mendable as error:
            refused.append(f"{finding.name}: {error}")
    if refused:
        others = f" What else was asked for is computed, in {store.folder}."
        raise BadInput(" ".join(refused) + (others if len(findings) > len(refused) else ""))
    return store


def _open(
    choice: Choice,
    folder: Path | None,
    placement: Placement | None,
    allow_pickle: bool,
    on: dict[str, str | int],
    replace: bool,
) -> Store:
    """The store to fill: emptied where that was asked for, and refused where it holds other things."""
    own = {} if choice.name in registry.read() else {r: str(getattr(choice, r)) for r in ROLES}
    expected = _expected(choice, placement, allow_pickle)
    store = open_store(
        choice.name, folder, expected=expected, models=own, conditions=on, writing=True
    )
    if replace and rank()[1] > 1:
        raise StoreTaken("--replace is for one process: run it once alone, then all together.")
    if replace:
        store.clear()
    check(store)
    store.claims.sweep()
    return store


def inputs(finding: str, prompts: list[Prompt] | None, limit: int | None) -> dict[str, list]:
    """What a finding is run on in place of all that the book holds; empty where it is all of that.

    Prompts of one's own enter where no rule is needed (takes_prompts); a limit holds for items and
    for the prompts that heads are silenced on too.
    """
    if BY_NAME[finding].takes_prompts:
        return {"prompts": few(prompts or read_prompts(), limit)} if prompts or limit else {}
    if limit and finding == "positions":
        return {"items": few(read_items(), limit)}
    if limit and finding == "retrieval":
        return {"items": few(retrieval.read_items(), limit)}
    return {"prompts": few(read_prompts(), limit)} if limit and finding == "attention" else {}


def _expected(choice: Choice, placement: Placement | None, allow_pickle: bool) -> dict[str, str]:
    """What every part must be made from; the precision is named unless it is float32."""
    exact = placement is None or placement.dtype == "float32"
    made_from = fingerprint(choice, allow_pickle=allow_pickle)
    return made_from if exact else made_from | {"dtype": placement.dtype}


def _load(choice: Choice, placement: Placement | None, allow_pickle: bool, trusted: bool):
    where = {} if placement is None else {
        "dtype": getattr(torch, placement.dtype), "device": placement.device,
        "layout": placement.layout,
    }  # fmt: skip
    return load(choice, allow_pickle=allow_pickle, trust_remote_code=trusted, **where)


def _on_cpu(pair, choice: Choice, placement: Placement | None, allow_pickle: bool, trusted: bool):
    if placement is None or placement.device == "cpu":
        return pair
    if placement.layout == "together":
        pair.model("base").to("cpu"), pair.model("tuned").to("cpu")
        return pair
    there = Placement("cpu", placement.dtype, "in turns", 0, placement.parameters)
    return _load(choice, there, allow_pickle, trusted)


def _place(choice: Choice, given: argparse.Namespace) -> Placement:
    parameters = choice.parameters
    if parameters is None:
        base = sources.find(choice.base, allow_pickle=given.allow_pickle)
        parameters = base.parameters()
    return place(parameters, device=given.device, dtype=given.dtype)


def dry_run(
    choice: Choice, findings: list[str], given: argparse.Namespace, prompts: list[Prompt] | None
) -> None:
    """Say how long a run takes and how much memory, measured on one prompt and one layer."""
    placement = _place(choice, given)
    print(f"{choice.name}: {placement}")
    pair = _load(choice, placement, given.allow_pickle, given.trust_remote_code)
    print("\n".join(estimate.memory_report(pair.model("base").config, placement)))
    total = 0.0
    for cost in estimate.costs(pair, findings, given.limit, prompts=prompts):
        total += cost.seconds
        print(f"{cost.finding:12} {estimate.duration(cost.seconds):>8} = {cost.formula}")
    processes = rank()[1]
    share = f"; {estimate.duration(total / processes)} by {processes} processes" if (
        processes > 1) else ""  # fmt: skip
    print(f"{'in all':12} {estimate.duration(total):>8}{share}, less what the store already holds")
    if placement.dtype != "float32":
        print(_precision(pair, choice, placement, given))


def _precision(pair, choice: Choice, placement: Placement, given: argparse.Namespace) -> str:
    if 4 * placement.parameters > 0.8 * free_memory():
        return f"{placement.dtype} against float32: not measured, float32 does not fit in memory."
    exact = Placement("cpu", "float32", "in turns", 0, placement.parameters)
    base = _load(choice, exact, given.allow_pickle, given.trust_remote_code).model("base")
    difference = estimate.precision(pair, base)
    return (
        f"{placement.dtype} against float32: importance differs by {difference:.1e} of its largest "
        "value (one prompt, base model)."
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 3:
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number, 3 or more")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m helpers compute", description=__doc__)
    parser.add_argument("--pair", help=f"a pair of the registry (default: {DEFAULT_PAIR})")
    parser.add_argument("--base", help="own pair: Hub id, folder or GGUF file")
    parser.add_argument("--tuned", help="own pair: the same, or a LoRA adapter")
    parser.add_argument("--name", help="own pair: its name (default: the tuned model's)")
    parser.add_argument("--finding", choices=[*BY_NAME, "all"], default="all")
    parser.add_argument(
        "--prompts", help="JSONL, CSV, a Hub data set, or 'released' (the authors')"
    )
    parser.add_argument("--limit", type=_positive, help="a first look: so many prompts and items")
    parser.add_argument("--folder", type=Path, help="another folder for the store")
    parser.add_argument(
        "--replace", action="store_true", help="delete what the store holds and start anew"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    parser.add_argument("--dtype", default="auto", choices=["auto", *DTYPES])
    parser.add_argument("--dry-run", action="store_true", help="only say how long and how much")
    parser.add_argument("--list", action="store_true", help="show the registry and what fits where")
    parser.add_argument(
        "--allow-pickle", action="store_true", help="open weights that can run code"
    )
    parser.add_argument("--trust-remote-code", action="store_true", help="run the model's own code")
    return parser


def _choice(parser: argparse.ArgumentParser, given: argparse.Namespace) -> Choice:
    if (given.base is None) != (given.tuned is None):
        parser.error("--base and --tuned go together: name both models of your own pair")
    if given.base is None:
        if given.name:
            parser.error("--name is for a pair of your own: give --base and --tuned with it")
        name = given.pair or DEFAULT_PAIR
        return live.choice(name, open_store(name, given.folder))
    if given.pair:
        parser.error("give either --pair, or --base and --tuned")
    return registry.own(given.base, given.tuned, name=given.name)


def _next(store: Store) -> str:
    """The command that shows what was computed."""
    options = store.command().partition("--folder")[1:]
    return (
        f"To see it: python -m helpers report --pair {store.folder.name} {''.join(options)}".strip()
    )


def _stoppable(run: Callable[[], None], command: str) -> None:
    """Run, and end every foreseeable way in one sentence that says how to go on."""
    on = f"What was computed is kept. To go on: {command}"

    def terminate(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        run()
    except KeyboardInterrupt:
        print(f"\nStopped. {on}", file=sys.stderr)
        raise SystemExit(130) from None
    except torch.OutOfMemoryError as error:
        raise SystemExit(
            f"Out of memory on the device ({str(error).splitlines()[0]}) Try --dtype float16 or "
            f"bfloat16, or --device cpu; --dry-run shows the arithmetic. {on}"
        ) from None
    except Mendable as error:
        raise SystemExit(str(error)) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def main(arguments: list[str] | None = None) -> None:
    warnings.filterwarnings("ignore", category=FutureWarning)
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.list:
        print(registry.table().to_string())
        return
    asked = sys.argv[1:] if arguments is None else arguments
    findings = list(BY_NAME) if given.finding == "all" else [given.finding]

    def run() -> None:
        choice = _choice(parser, given)
        prompts = load_prompts(given.prompts) if given.prompts else None
        if given.dry_run:
            return dry_run(choice, findings, given, prompts)
        placement, first = _place(choice, given), rank()[0] == 0
        print(f"{choice.name}: {placement}", file=sys.stderr)
        store = fill(
            choice,
            findings,
            given.folder,
            placement=placement,
            allow_pickle=given.allow_pickle,
            trust_remote_code=given.trust_remote_code,
            prompts=prompts,
            source=given.prompts,
            limit=given.limit,
            replace=given.replace,
            progress=first,
        )
        if first:
            print(f"Done: {len(store.manifest())} parts in {store.folder}. {_next(store)}",
                  file=sys.stderr)  # fmt: skip

    _stoppable(run, f"python -m helpers compute {shlex.join(asked)}".strip())


if __name__ == "__main__":
    main()
