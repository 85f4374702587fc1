"""Fetch what the paper's authors released, check it, and fill the store `llama-vicuna-7b`.

python -m helpers released                        # the importance matrices
python -m helpers released --heads --components   # word pairs of heads, feed-forward components
python -m helpers released --path FOLDER ...      # a local copy of their repository
python -m helpers released --heads --components --path FOLDER --models mistral mistral_inst
"""

from __future__ import annotations

import argparse
from pathlib import Path

from helpers.findings.release.compute import compute
from helpers.findings.release.fill_concepts import compute_concepts
from helpers.findings.release.fill_heads import MODELS, compute_heads
from helpers.findings.release.read import PAIR
from helpers.store.release import fetch_files
from helpers.store.released_files import HEADS, PINNED, check_blob
from helpers.store.released_rows import MODELS as KNOWN
from helpers.store.released_rows import Refusals
from helpers.store.store import open_store
from helpers.words.verbs import read_lexicon


def tell(refused: Refusals, name: str) -> None:
    """How much was read, passed over and refused, with every reason."""
    print(f"{name}: {sum(refused.read.values()):,} rows used")
    for what, n in refused.passed_over.items():
        print(f"  {n:,} passed over: {what}")
    for (file, what, reason), n in sorted(refused.counts.items()):
        lines = [str(line) for own, line, kind, why, _ in refused.listed
                 if (own, kind, why) == (file, what, reason)]  # fmt: skip
        more = ", ..." if len(lines) > 5 else ""
        print(f"  {n:,} refused ({what}): {file}: {reason}; line {', '.join(lines[:5])}{more}")


def tables(given: argparse.Namespace) -> None:
    """Fetch the tables asked for where no copy is given, read them and tell what was refused."""
    models = tuple(given.models)
    store = open_store(PAIR if models == MODELS else "-".join(models), given.folder, writing=True)
    asked = {"heads": given.heads, "components": given.components}
    tables = [name for name in PINNED if name.startswith("results/")]
    wanted = [name for name in tables if asked["heads" if name.startswith(HEADS) else "components"]]
    folder, lexicon = given.path or fetch_files(wanted, check_blob), read_lexicon()
    if given.heads:
        tell(compute_heads(folder, store, lexicon, models=models), "heads")
    if given.components:
        tell(compute_concepts(folder, store, lexicon.vocabulary, models=models), "components")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m helpers released",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--heads", action="store_true", help="word pairs of attention heads")
    parser.add_argument("--components", action="store_true", help="feed-forward components")
    parser.add_argument("--path", type=Path, help="a local copy, read instead of fetching")
    parser.add_argument("--folder", type=Path, help="another folder for the store")
    parser.add_argument("--models", nargs=2, default=MODELS, choices=KNOWN, metavar=("BASE", "TUNED"),
                        help="which two models of the tables of heads and components")  # fmt: skip
    given = parser.parse_args(arguments)
    try:
        if given.heads or given.components:
            tables(given)
        else:
            compute(given.path, open_store(PAIR, given.folder))
    except FileNotFoundError as error:  # the copy lacks a file
        raise SystemExit(str(error)) from None
