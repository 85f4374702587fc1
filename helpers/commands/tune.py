"""Instruction-tune a base model: a LoRA adapter trained on responses only.

    python -m helpers tune                                  # the book's own run, from data/tuning
    python -m helpers tune --data rows.jsonl --source BASE --output ad

Rows: `segments` and `response`, or `instruction`, `input` and `output`. The run is checkpointed:
given again with the same settings and data, it goes on.
"""

from __future__ import annotations

import argparse
from dataclasses import fields, replace
from pathlib import Path

from helpers.commands.filling import at_least, something
from helpers.paths import adapter_folder, data_folder

LEAST = {
    "rank": 1, "learning_rate": 1e-9, "epochs": 1e-3, "batch_size": 1, "written": 1, "rows": 1, "steps": 1,
    "seed": 0, "held_out": 1, "course": 0,
}  # fmt: skip
CHOICES = {
    "control": ("none", "responses only", "shuffled"), "trained": ("all", "attention", "feed-forward"),
}  # fmt: skip


def own_data() -> list[Path]:
    """The book's own tuning data."""
    return [data_folder() / "tuning" / name for name in ("written.jsonl", "generated.jsonl")]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m helpers tune",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", nargs="+", type=Path, help="JSONL files of rows")
    parser.add_argument(
        "--source", type=something, help="folder of the base model (default: the packaged one)"
    )
    parser.add_argument("--output", type=Path, help="default: data/adapters/gemma-3-270m-sft")
    parser.add_argument("--kinds", nargs="+", help="only rows of these kinds")
    for name, least in LEAST.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=at_least(least))
    for name, choices in CHOICES.items():
        parser.add_argument(f"--{name}", choices=choices)
    return parser


def main(arguments: list[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    from helpers.models.devices import keep_freed_memory
    from helpers.models.rows import Settings
    from helpers.models.tuning import train

    named = {one.name: getattr(given, one.name, None) for one in fields(Settings)}
    settings = replace(Settings(), **{k: v for k, v in named.items() if v is not None})
    if given.kinds:
        settings = replace(settings, kinds=tuple(given.kinds))
    keep_freed_memory()
    try:
        train(
            given.data or own_data(),
            given.output or adapter_folder(),
            settings,
            source=given.source,
        )
    except KeyboardInterrupt:
        raise SystemExit("Stopped. The same command goes on from the last checkpoint.") from None
