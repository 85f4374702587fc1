"""environment.yml and pyproject.toml ask for the same things, and the constraints satisfy them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
CONDA_NAMES = {"pytorch": "torch"}


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def ranges(lines):
    found = {}
    for line in lines:
        requirement = Requirement(line)
        name = CONDA_NAMES.get(requirement.name.lower(), requirement.name.lower())
        found[name] = str(requirement.specifier)
    return found


def environment():
    content = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    pip = next(entry["pip"] for entry in content if isinstance(entry, dict))
    names = [entry for entry in content if isinstance(entry, str) and entry != "pip"]
    return ranges([*names, *(line for line in pip if not line.startswith("-e"))]), pip


def test_the_conda_environment_is_the_projects():
    conda, pip = environment()
    wanted = ranges([*project()["dependencies"], *project()["optional-dependencies"]["book"]])
    python = conda.pop("python")
    assert conda == wanted
    assert set(python.split(",")) == set(project()["requires-python"].split(","))
    assert "-e .[offline]" in pip


def test_every_constraint_lies_in_its_range():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if re.match(r"^[a-z]", line)]
    groups = [project()["dependencies"], *project()["optional-dependencies"].values()]
    for requirement in map(Requirement, (line for group in groups for line in group)):
        for pin in pins:
            if pin.name == requirement.name.lower():
                (one,) = pin.specifier
                assert one.operator == "==" and requirement.specifier.contains(one.version), pin


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_every_constraint_is_one_version_on_each_python(python):
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if re.match(r"^[a-z]", line)]
    here = {"python_version": python}
    names = [pin.name for pin in pins if pin.marker is None or pin.marker.evaluate(here)]
    assert len(names) == len(set(names)) and set(names) == {pin.name for pin in pins}


def test_torch_is_pinned_to_the_build_the_book_was_computed_with():
    assert "torch==2.13.0" in (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
