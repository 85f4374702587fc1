"""Fill the store of a pair: `python -m helpers compute --pair gemma-3-270m --finding recognition`.

Interrupted at any point, the same command goes on where it stopped. The same command may run several
times at once on one folder, on one machine or on several: each part is computed once, by whoever
claims it first. On a CPU one process a free core is started, unless OMP_NUM_THREADS is set; `accelerate
launch -m helpers compute ...` starts one a GPU.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from helpers.commands import estimate
from helpers.commands.beside import beside, end_with_parent, processes
from helpers.commands.filling import QUICK, at_least, fill, load_as, something
from helpers.findings.registry import BY_NAME
from helpers.methods.memory import free_memory
from helpers.models import registry, sources
from helpers.models.devices import DTYPES, Placement, choose_threads, place
from helpers.models.registry import Choice
from helpers.pages import live
from helpers.paths import DEFAULT_PAIR
from helpers.prompts.prompt import Prompt
from helpers.prompts.reading import load_prompts
from helpers.store.origin import rank
from helpers.store.store import Store, open_store
from helpers.words.verbs import said_words

PASSED_ON = ("allow_pickle", "trust_remote_code", "limit", "course", "quick", "vocabulary",
             "replace")  # fmt: skip


def _place(choice: Choice, given: argparse.Namespace) -> Placement:
    found = choice.parameters
    if found is None:
        found = sources.find(choice.base, allow_pickle=given.allow_pickle).parameters()
    return place(found, device=given.device, dtype=given.dtype)


def dry_run(
    choice: Choice, findings: list[str], given: argparse.Namespace, prompts: list[Prompt] | None
) -> None:
    """Say how long a run takes and how much memory, measured on one prompt and one layer."""
    placement = _place(choice, given)
    print(f"{choice.name}: {placement}")
    pair = load_as(choice, placement, given.allow_pickle, given.trust_remote_code)
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
    base = load_as(choice, exact, given.allow_pickle, given.trust_remote_code).model("base")
    difference = estimate.precision(pair, base)
    return (
        f"{placement.dtype} against float32: importance differs by {difference:.1e} of its largest "
        "value (one prompt, base model)."
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m helpers compute", description=__doc__)
    parser.add_argument(
        "--pair", type=something, help=f"a pair of the registry (default: {DEFAULT_PAIR})"
    )
    parser.add_argument("--base", type=something, help="own pair: Hub id, folder or GGUF file")
    parser.add_argument("--tuned", type=something, help="own pair: the same, or a LoRA adapter")
    parser.add_argument(
        "--name", type=something, help="own pair: its name (default: the tuned model's)"
    )
    parser.add_argument("--finding", choices=[*BY_NAME, "all"], default="all")
    parser.add_argument(
        "--prompts", type=something, help="JSONL, CSV, a Hub data set, or 'released' (authors')"
    )
    parser.add_argument(
        "--vocabulary", type=something, help="words: 'released' (authors'), or a file of that form"
    )
    parser.add_argument(
        "--course", type=something, help="checkpoints: a folder, or OWNER/NAME@REVISION,REVISION"
    )
    parser.add_argument("--limit", type=at_least(3), help="only so many prompts and items")
    parser.add_argument(
        "--quick", action="store_true",
        help="a first look in minutes: 12 prompts explained, no random updates; a run without it goes on",
    )  # fmt: skip
    parser.add_argument("--folder", type=Path, help="another folder for the store")
    parser.add_argument("--replace", action="store_true", help="delete what the store holds first")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    parser.add_argument("--dtype", default="auto", choices=["auto", *DTYPES])
    parser.add_argument("--dry-run", action="store_true", help="only say how long and how much")
    parser.add_argument("--allow-pickle", action="store_true", help="open weights as pickles")
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
    options = "".join(store.command().partition("--folder")[1:])
    return f"To see it: python -m helpers report --pair {store.folder.name} {options}".strip()


def _stoppable(run: Callable[[], None], command: str) -> None:
    """Run; what stops a run half way ends in one sentence that says how to go on."""
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
    finally:
        signal.signal(signal.SIGTERM, before)


def _findings(parser: argparse.ArgumentParser, given: argparse.Namespace) -> list[str]:
    """The findings that were asked for."""
    if given.quick and given.limit:
        parser.error("--quick chooses how many prompts it takes: leave --limit out")
    if given.quick and given.finding not in ("all", *QUICK):
        parser.error(f"--quick looks at {', '.join(QUICK)}: name one of them, or none")
    if given.finding != "all":
        return [given.finding]
    others = given.base or given.pair not in (None, DEFAULT_PAIR)
    # The book's own pair alone has checkpoints in the book.
    found = [name for name in BY_NAME if name != "course" or given.course or not others]
    return [name for name in found if name in QUICK] if given.quick else found


def _run(parser: argparse.ArgumentParser, given: argparse.Namespace, asked: list[str]) -> None:
    findings, choice = _findings(parser, given), _choice(parser, given)
    prompts = load_prompts(given.prompts) if given.prompts else None
    if given.dry_run:
        return dry_run(choice, findings, given, prompts)
    placement, first = _place(choice, given), rank()[0] == 0
    end_with_parent()
    said, others = "", None
    if placement.device == "cpu":
        threads, said = choose_threads()
        number = processes(placement, threads)
        if number > 1:
            torch.set_num_threads(threads // number)
            again = ["compute", *(one for one in asked if one != "--replace")]
            others = beside(again, number, threads // number)
        said = f" {said}{f', {number} processes' if number > 1 else ''}."
    print(f"{choice.name}: {placement}{said}", file=sys.stderr)
    options = {name: getattr(given, name) for name in PASSED_ON}
    options |= {"prompts": prompts, "source": given.prompts, "progress": first, "others": others}
    store = fill(choice, findings, given.folder, placement=placement, **options)
    if first:
        held = f"Done: {len(store.manifest())} parts in {store.folder}."
        words = f"Words: {said_words(store)}. " if given.vocabulary else ""
        print(f"{held} {words}{_next(store)}", file=sys.stderr)


def main(arguments: list[str] | None = None) -> None:
    warnings.filterwarnings("ignore", category=FutureWarning)
    parser = _parser()
    given = parser.parse_args(arguments)
    asked = sys.argv[1:] if arguments is None else arguments
    command = f"python -m helpers compute {shlex.join(asked)}".strip()
    _stoppable(partial(_run, parser, given, asked), command)
