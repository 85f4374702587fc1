"""What a researcher calls: all of it importable, on its page, and cheap to ask for."""

import re
import subprocess
import sys
from pathlib import Path

import helpers

PAGE = Path(__file__).resolve().parents[1] / "book" / "appendices" / "package.md"


def test_every_public_name_can_be_had_and_is_on_the_page():
    page = PAGE.read_text(encoding="utf-8")
    listed = set(re.findall(r"^\.\. auto\w+:: (\w+)$", page, re.M))
    assert listed == set(helpers.PUBLIC) == set(helpers.__all__) <= set(dir(helpers))
    assert all(getattr(helpers, name).__doc__ for name in helpers.PUBLIC)


def test_importing_the_package_imports_no_heavy_library():
    code = "import sys, helpers, helpers.methods.errors; print(*(set(sys.modules) & {'torch', 'pandas'}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


def test_old_commands_say_what_replaces_them():
    command = [sys.executable, "-m", "helpers.compute", "--help"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (
        "python -m helpers compute" in run.stderr
        and "usage: python -m helpers compute" in run.stdout
    )


def test_without_a_command_it_is_said_what_there_is_to_do():
    run = subprocess.run(
        [sys.executable, "-m", "helpers"], capture_output=True, text=True, check=True
    )
    assert all(word in run.stdout for word in ("compute", "report", "tune", "--base X --tuned Y"))
    wrong = subprocess.run(
        [sys.executable, "-m", "helpers", "dance"], capture_output=True, text=True
    )
    assert wrong.returncode == 1 and "'dance' is no command" in wrong.stderr
