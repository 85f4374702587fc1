"""What the rounding of the packaged base model is, matrix by matrix, into the store of the book's pair."""

from __future__ import annotations

import argparse

from helpers.findings.update import WEIGHTS, weight_table
from helpers.models import registry
from helpers.models.embedded import packaged_gguf
from helpers.models.pair import fingerprint, load
from helpers.paths import DEFAULT_PAIR
from helpers.store.store import open_store

if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()  # --help does no more
    store = open_store(DEFAULT_PAIR, expected=fingerprint(registry.find(DEFAULT_PAIR)))
    found = store.get(WEIGHTS, lambda: weight_table(load(), packaged_gguf()))
    print(found.groupby(["matrix", "type"])[["rounding", "update"]].mean().round(4).to_string())
