"""Build the book, warnings as errors: what `make book` runs, and what the tests look at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "book" / "_build" / "html"
SOURCES = ("book", "helpers", "data", "_config.yml")


def _newest_source() -> float:
    files = [
        path
        for name in SOURCES
        for path in ([ROOT / name] if (ROOT / name).is_file() else (ROOT / name).rglob("*"))
        if path.is_file() and "_build" not in path.parts and "__pycache__" not in path.parts
    ]
    return max(path.stat().st_mtime for path in files)


def build() -> Path:
    """Build the site unless it is newer than everything it is made from; its folder."""
    stamp = SITE / ".built"
    if stamp.exists() and stamp.stat().st_mtime > _newest_source():
        return SITE
    stamp.unlink(missing_ok=True)
    program = Path(sys.executable).with_name("jupyter-book")
    command = [str(program), "build", "book", "--config", "_config.yml"]
    subprocess.run([*command, "-W", "--keep-going"], cwd=ROOT, check=True)
    stamp.touch()
    return SITE


if __name__ == "__main__":
    try:
        build()
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
