"""Instruction-tune a base model: a LoRA adapter trained on responses only.

    python -m helpers tune --data instructions.jsonl --output data/adapters/gemma-3-270m-sft

Rows are JSON objects with `instruction`, `input` (may be empty) and `output`. The run is checkpointed:
started again with the same settings, it goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from helpers.models.devices import keep_freed_memory
from helpers.models.tuning import Settings, train
from helpers.paths import DEFAULT_PAIR, adapter_folder


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m helpers tune", description=__doc__)
    parser.add_argument("--data", required=True, help="JSONL file of instruction rows")
    parser.add_argument("--pair", default=DEFAULT_PAIR)
    parser.add_argument("--source", help="folder of the base model (default: the packaged one)")
    parser.add_argument("--output", type=Path, help="default: data/adapters/<pair>-sft")
    parser.add_argument("--epochs", type=float, default=Settings.epochs)
    parser.add_argument("--learning-rate", type=float, default=Settings.learning_rate)
    parser.add_argument("--seed", type=int, default=Settings.seed)
    given = parser.parse_args(arguments)
    settings = Settings(epochs=given.epochs, learning_rate=given.learning_rate, seed=given.seed)
    keep_freed_memory()
    output = given.output or adapter_folder(given.pair)
    try:
        train(given.data, output, settings, source=given.source)
    except KeyboardInterrupt:
        raise SystemExit("Stopped. The same command goes on from the last checkpoint.") from None


if __name__ == "__main__":
    main()
