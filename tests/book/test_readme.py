"""The README says what the intro says, and its commands and code are there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def module():
    spec = importlib.util.spec_from_file_location("readme", ROOT / "docs" / "readme.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_its_sentences_are_the_computed_ones_that_the_intro_shows():
    wanted = module().table()
    assert wanted.count("\n") == 4
    assert wanted in TEXT, "run `python docs/readme.py`"


def test_it_is_a_screen_and_a_half_with_one_picture_that_is_there():
    assert len(TEXT.splitlines()) <= 60
    pictures = re.findall(r"!\[[^\]]{30,}\]\(([^)]+)\)", TEXT)
    assert len(pictures) == 1
    with Image.open(ROOT / pictures[0]) as picture:
        assert picture.width >= 1000


def test_its_python_is_short_and_runs_as_far_as_it_can_without_models():
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.S)
    lines = [line for line in code.splitlines() if line]
    assert len(lines) <= 5
    exec(lines[0])


def test_its_commands_are_known():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", TEXT, re.M):
        assert re.search(rf"^{target}:", makefile, re.M)
    for command in re.findall(r"python -m helpers (\w+)", TEXT):
        assert (ROOT / "helpers" / "commands" / f"{command}.py").exists()


def test_every_file_it_names_is_there():
    for name in re.findall(r"`([A-Z][\w.-]+\.(?:md|cff)|LICENSE)`", TEXT):
        assert (ROOT / name).exists()
