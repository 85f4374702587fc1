"""The registry of pairs, with the memory that each needs and where it fits."""

from __future__ import annotations

import argparse

from helpers.models import registry


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m helpers pairs", description=__doc__)
    parser.parse_args(arguments)
    print(registry.table().to_string())
