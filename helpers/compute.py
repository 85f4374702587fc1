"""Fill the store of a pair: `python -m helpers.compute --pair gemma-3-270m --finding recognition`.

Interrupted at any point, the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from helpers.machine import keep_freed_memory
from helpers.pairs import DEFAULT_PAIR, MissingWeights, fingerprint, load
from helpers.results import open_store

FINDINGS = ("recognition", "positions", "attention", "ffn")


def fill(pair_name: str, findings: list[str], folder: Path | None = None, **options) -> None:
    """Load a pair once and compute the named findings into its store."""
    keep_freed_memory()
    pair = load(pair_name)
    store = open_store(pair_name, folder, expected=fingerprint(pair_name))
    for finding in findings:
        importlib.import_module(f"helpers.findings.{finding}").compute(pair, store, **options)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m helpers.compute", description=__doc__)
    parser.add_argument("--pair", default=DEFAULT_PAIR)
    parser.add_argument("--finding", choices=[*FINDINGS, "all"], default="all")
    parser.add_argument("--folder", type=Path, help="another folder for the store")
    given = parser.parse_args(arguments)
    findings = list(FINDINGS) if given.finding == "all" else [given.finding]
    try:
        fill(given.pair, findings, given.folder)
    except KeyboardInterrupt:
        raise SystemExit("Stopped. The same command goes on where it stopped.") from None
    except MissingWeights as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
