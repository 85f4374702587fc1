"""Fetch the authors' released matrices, check every file, and fill the store `llama-vicuna-7b`.

python -m helpers released
python -m helpers released --path FOLDER      # a local copy of their repository
"""

from __future__ import annotations

import argparse
from pathlib import Path

from helpers.findings.release.compute import compute
from helpers.findings.release.read import PAIR
from helpers.methods.errors import Mendable
from helpers.store.store import open_store


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m helpers released",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--path", type=Path, help="a local copy, read instead of fetching")
    parser.add_argument("--folder", type=Path, help="another folder for the store")
    given = parser.parse_args(arguments)
    try:
        compute(given.path, open_store(PAIR, given.folder))
    except (Mendable, FileNotFoundError) as error:
        raise SystemExit(str(error)) from None
