"""Put the cell that installs the package on Colab first in every notebook, or renew it.

Run as `python scripts/install_cell.py [NOTEBOOK ...]`. The repository's address comes from `_config.yml`;
no other place holds it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from helpers.paths import package_folder

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
    root = package_folder().parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebooks", nargs="*", type=Path, help="all of book/ when left out")
    parser.add_argument("--config", type=Path, default=root / "_config.yml")
    given = parser.parse_args(arguments)
    for path in given.notebooks or sorted((root / "book").glob("[!_]*/*.ipynb")):
        try:
            before = path.read_text(encoding="utf-8")
            notebook = json.loads(before)
            notebook["cells"][0]["cell_type"]
        except (OSError, ValueError, LookupError, TypeError):
            raise SystemExit(
                f"{str(path)!r} is no notebook: name files that end in .ipynb."
            ) from None
        found = with_install_cell(notebook, address(given.config))
        after = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"{path}: renewed")


if __name__ == "__main__":
    main()
