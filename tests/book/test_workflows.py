"""The workflows do what `make` does, on the oldest and newest Python, with pinned actions."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet
from packaging.version import Version

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.S)


def read(name):
    """A workflow; YAML 1.1 reads its key `on` as true, which is put right."""
    text = (ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    return {("on" if key is True else key): value for key, value in content.items()}


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def workflow(request):
    return read(request.param.name)


def test_there_are_workflows():
    assert [path.name for path in FILES] == ["colab.yml", "tests.yml"]


def test_a_workflow_has_triggers_jobs_limits_and_least_rights(workflow):
    assert workflow["on"] and workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["runs-on"] == "ubuntu-latest" and 0 < job["timeout-minutes"] <= 360
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= set(workflow["jobs"])
        for step in job["steps"]:
            assert ("uses" in step) is not ("run" in step)


def test_actions_are_githubs_own_and_pinned_by_major_version(workflow):
    used = [step["uses"] for step in steps(workflow) if "uses" in step]
    assert used
    assert [name for name in used if not re.fullmatch(r"actions/[a-z-]+@v\d+", name)] == []


def test_one_version_of_each_action_is_used():
    used = {step["uses"] for path in FILES for step in steps(read(path.name)) if "uses" in step}
    names = [name.split("@")[0] for name in used]
    assert len(names) == len(set(names))


def make_targets():
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    return set(phony[1].split())


def test_only_targets_that_the_makefile_has_are_made(workflow):
    for step in steps(workflow):
        for line in step.get("run", "").splitlines():
            if match := re.match(r"\s*make\s+(.*)", line):
                assert {word for word in match[1].split() if "=" not in word} <= make_targets()


def test_nothing_but_make_and_the_container_builds_or_tests():
    """What a run does can be done by hand: its only tools are make, docker, git and gh."""
    assert {step["run"] for step in steps(read("tests.yml")) if "run" in step} == {
        "make lint PYTHON=python", "make test PYTHON=python", "make book PYTHON=python",
    }  # fmt: skip


def test_the_oldest_and_the_newest_python_of_the_project_are_tested():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    allowed = SpecifierSet(project["requires-python"])
    minors = [f"3.{n}" for n in range(40) if allowed.contains(Version(f"3.{n}"))]
    matrix = read("tests.yml")["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert matrix == [minors[0], minors[-1]]


def test_every_run_keeps_its_site_and_a_tag_publishes_the_one_that_passed():
    workflow = read("tests.yml")
    test, publish = workflow["jobs"]["test"], workflow["jobs"]["publish"]
    uses = {step["uses"].split("@")[0]: step for step in [*test["steps"], *publish["steps"]]
            if "uses" in step}  # fmt: skip
    kept, fetched = (uses[f"actions/{name}-artifact"]["with"] for name in ("upload", "download"))
    site = re.search(r"^SITE := (.*)/index\.html$", (ROOT / "Makefile").read_text(), re.M)[1]
    assert kept["path"] == site and kept["if-no-files-found"] == "error"
    names = [
        EXPRESSION.sub(python, kept["name"]) for python in test["strategy"]["matrix"]["python"]
    ]
    assert fetched["name"] == names[-1] and len(set(names)) == len(names)
    assert uses["actions/upload-pages-artifact"]["with"]["path"] == fetched["path"]
    assert publish["needs"] == "test" and publish["if"] == "github.ref_type == 'tag'"
    assert workflow["on"]["push"]["tags"] == ["v*"]
    assert publish["permissions"] == {"pages": "write", "id-token": "write"}


def test_only_known_values_stand_in_expressions(workflow):
    """An expression that does not exist is empty in silence; a step's id must be there."""
    known = r"github\.(ref|ref_type|token|repository|run_id|server_url)|matrix\.\w+|!cancelled\(\)"
    known += r"|failure\(\)|steps\.(\w+)\.outputs\.page_url"
    ids = {step.get("id") for step in steps(workflow)}
    for found in EXPRESSION.findall(yaml.safe_dump(workflow, width=10**6)):
        first = re.sub(r" != '+\w+'+$", "", found.strip())
        match = re.fullmatch(known, first)
        assert match, found
        assert match[2] is None or match[2] in ids


# The weekly run, with stand-ins for the programs that it calls


@pytest.fixture
def weekly(tmp_path):
    """Run a step of the weekly workflow; `failing` is a notebook whose container fails."""
    programs, calls = tmp_path / "bin", tmp_path / "calls"
    programs.mkdir()
    stubs = {
        "git": "echo book/chapters/one.ipynb; echo book/chapters/two.ipynb",
        "docker": f'echo "docker $*" >> {calls}; case "$*" in *"$FAILING"*) exit 1;; esac',
        "gh": f'echo "gh $*" >> {calls}; [ "$2" != list ] || echo "$OPEN"',
    }
    for name, script in stubs.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    job = read("colab.yml")["jobs"]["notebooks"]

    def run(words, failing="none", already=""):
        step = next(step for step in job["steps"] if words in step.get("name", ""))
        own = {key: EXPRESSION.sub("x", value) for key, value in step.get("env", {}).items()}
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        env = {"PATH": path, "RUNNER_TEMP": str(tmp_path), "FAILING": failing, "OPEN": already}
        env |= own | {"IMAGE": "image"}
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"]], env=env, cwd=tmp_path
        )  # as runners do
        return done.returncode, calls.read_text() if calls.exists() else ""

    return run


def test_each_week_every_notebook_runs_alone_in_colabs_image(weekly):
    assert read("colab.yml")["on"]["schedule"][0]["cron"].endswith(" * * 1")
    assert read("colab.yml")["env"]["IMAGE"].split(":")[0].endswith("/colab-images/public/runtime")
    code, calls = weekly("Run every notebook")
    assert code == 0 and len(calls.splitlines()) == 2
    assert "chapters/two.ipynb:/content/two.ipynb:ro image" in calls.splitlines()[1]
    assert "--execute" in calls and "two.ipynb" in calls.splitlines()[1].split("-c ")[1]


def test_one_failing_notebook_does_not_stop_the_others_and_fails_the_run(weekly):
    code, calls = weekly("Run every notebook", failing="one.ipynb")
    assert code == 1 and len(calls.splitlines()) == 2


@pytest.mark.parametrize(("already", "asked"), [("", "issue create"), ("7", "issue comment 7")])
def test_a_failure_opens_one_issue_that_names_the_notebook(weekly, already, asked):
    weekly("Run every notebook", failing="one.ipynb")
    code, calls = weekly("Open an issue", already=already)
    last = calls.splitlines()[-1]
    assert code == 0 and last.startswith(f"gh {asked}") and "book/chapters/one.ipynb" in last
    rights = read("colab.yml")["jobs"]["notebooks"]["permissions"]
    assert rights == {"contents": "read", "issues": "write"}


def test_a_run_that_never_came_to_a_notebook_opens_an_issue_too(weekly):
    code, calls = weekly("Open an issue")
    assert code == 0 and "stopped before the first" in calls
