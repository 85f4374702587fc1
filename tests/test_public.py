"""What a researcher calls: all of it importable, on its page, and cheap to ask for."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import helpers
from helpers import __main__ as commands

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


@pytest.mark.parametrize("command", commands.COMMANDS)
def test_a_stop_at_any_time_is_answered_in_a_sentence_and_help_does_nothing(
    command, monkeypatch, capsys
):
    with pytest.raises(SystemExit) as ended:
        commands.main([command, "--help"])
    assert (
        ended.value.code in (0, None)
        and f"usage: python -m helpers {command}" in capsys.readouterr().out
    )

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("importlib.import_module", stop)
    with pytest.raises(SystemExit) as ended:
        commands.main([command, "--pair", "my pair"])
    assert ended.value.code == 130
    assert f"To go on: python -m helpers {command} --pair 'my pair'" in capsys.readouterr().err


def test_scripts_that_are_asked_for_help_do_nothing():
    for path in (PAGE.parents[2] / "scripts").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert "__main__" not in source or "parse_args(" in source or "sys.argv" in source, (
            path.name
        )
