"""Build the book, warnings as errors: what `make book` runs, and what the tests look at."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "book" / "_build" / "html"
SOURCES = ("book", "helpers", "data", "_config.yml")


def _fingerprint(names: tuple[str, ...]) -> str:
    """Hash of the files that a page, or an executed notebook, is made from."""
    digest = hashlib.sha256()
    for name in names:
        root = ROOT / name
        files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file())
        for path in files:
            if not {"_build", "__pycache__"} & set(path.parts):
                digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()


def build() -> Path:
    """Build the site unless it was built from just these files; its folder.

    Executed notebooks are kept while the package and the data are the same: the cache of Jupyter Book
    knows only the notebooks.
    """
    stamp, executed = SITE.parent / "built-from", SITE.parent / "executed-with"
    sources, used = _fingerprint(SOURCES), _fingerprint(("helpers", "data"))
    if stamp.exists() and stamp.read_text() == sources and SITE.exists():
        return SITE
    if not executed.exists() or executed.read_text() != used:
        shutil.rmtree(SITE.parent, ignore_errors=True)
    program = Path(sys.executable).with_name("jupyter-book")
    command = [str(program), "build", "book", "--config", "_config.yml", "--path-output", "book"]
    subprocess.run([*command, "-W", "--keep-going"], cwd=ROOT, check=True)
    executed.write_text(used)
    stamp.write_text(sources)
    return SITE


if __name__ == "__main__":
    try:
        build()
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
