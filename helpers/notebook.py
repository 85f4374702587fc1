"""Notebooks that run anywhere: the cell that installs the package on Colab, and a pair's results.

`python -m helpers.notebook [NOTEBOOK ...]` puts the install cell first in the chapters, or renews it.
The repository's address comes from `_config.yml`; no other place holds it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from helpers import compute, registry
from helpers.results import Store, open_store

ID = "install"
INSTALL = '''\
# On Colab this installs the book's package; anywhere else it does nothing.
try:
    import google.colab  # noqa: F401
except ImportError:
    pass
else:
    REPOSITORY = "{repository}"
    %pip install -q "instruction-shift[offline] @ git+{{REPOSITORY}}"'''


class NotComputed(RuntimeError):
    """The results of a pair could not be computed here; the message says why and what to do."""


def results(pair: str, *findings: str) -> Store:
    """The store of a pair with what the chapter of each finding reads.

    The book's own pair is stored. Any other pair of the registry is computed here as far as its store
    lacks it, as `python -m helpers.compute --pair PAIR --finding FINDING` does: interrupted, it goes on
    when the cell is run again. A pair of your own is found by the name that you computed it under.
    """
    store = open_store(pair)
    if pair not in registry.read() and store.manifest():
        return store
    if pair not in registry.read():
        held = sorted(path.parent.name for path in store.folder.parent.glob("*/manifest.json"))
        raise registry.RegistryError(
            f"PAIR = {pair!r}: there are no results of that name in {store.folder.parent} (there: "
            f"{', '.join(held) or 'none'}), and no pair of the registry has it "
            f"({', '.join(registry.read())}). For a pair of your own, first run "
            f"python -m helpers.compute --base X --tuned Y --name {pair}"
        )
    if registry.find(pair).embedded:
        return store
    for finding in findings:
        try:
            compute.main(["--pair", pair, "--finding", finding])
        except (
            SystemExit
        ) as stopped:  # its message is written for readers; a notebook goes on living
            why = stopped.code if isinstance(stopped.code, str) else "the run was stopped"
            raise NotComputed(f"{why} (pair {pair!r}, finding {finding!r})") from None
    return store


def address(config: Path) -> str:
    """What pip installs the package from: address and branch of the site's `_config.yml`."""
    import yaml

    repository = yaml.safe_load(config.read_text(encoding="utf-8"))["repository"]
    return f"{repository['url']}@{repository['branch']}"


def install_cell(repository: str) -> dict:
    """The first cell of a chapter; the published page does not show it."""
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": ID,
        "metadata": {"tags": ["remove-cell"]},
        "outputs": [],
        "source": INSTALL.format(repository=repository).splitlines(keepends=True),
    }


def with_install_cell(notebook: dict, repository: str) -> dict:
    """The notebook with the install cell before its first code cell, in place of an older one."""
    cells = [cell for cell in notebook["cells"] if cell.get("id") != ID]
    first = next((n for n, cell in enumerate(cells) if cell["cell_type"] == "code"), len(cells))
    return notebook | {"cells": [*cells[:first], install_cell(repository), *cells[first:]]}


def main(arguments: list[str] | None = None) -> None:
    root = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(prog="python -m helpers.notebook", description=__doc__)
    parser.add_argument("notebooks", nargs="*", type=Path, help="all chapters when left out")
    parser.add_argument("--config", type=Path, default=root / "_config.yml")
    given = parser.parse_args(arguments)
    for path in given.notebooks or sorted((root / "book" / "chapters").glob("*.ipynb")):
        before = path.read_text(encoding="utf-8")
        found = with_install_cell(json.loads(before), address(given.config))
        after = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"{path}: renewed")


if __name__ == "__main__":
    main()
