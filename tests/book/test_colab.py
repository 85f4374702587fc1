"""A chapter as Colab runs it: no repository around it, the package from a wheel, its own first cell.

The wheel is built from a copy of the sources and installed, without its dependencies, by the install
cell itself, in a process from which the checkout cannot be imported and which starts in an empty
folder. A stand-in for `google.colab` and for `%pip` (which would fetch the repository) is all that is
not real. The line `PAIR = ...` is changed to a pair that is not in the registry: two tiny random models,
which the installed package computes first, on a few prompts, as the book says that one does.
`make colab` runs this in an environment of its own, with Python 3.12 where there is one (COLAB_PYTHON).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import install_cell as notebook
import pytest
from install_cell import address, with_install_cell
from packaging.version import Version
from tiny import save_model, word_tokenizer

from helpers.commands import compute
from helpers.commands.chapter import results
from helpers.methods.errors import Mendable
from helpers.models import registry
from helpers.pages import prose
from helpers.paths import data_folder
from helpers.prompts.prompt import read_prompts
from helpers.store.store import open_store

pytestmark = [pytest.mark.xdist_group("colab"), pytest.mark.timeout(1800)]
ROOT = Path(__file__).resolve().parents[2]
PYTHON = os.environ.get("COLAB_PYTHON", sys.executable)
CHAPTERS = sorted(
    p for f in ("chapters", "robustness") for p in (ROOT / "book" / f).glob("*.ipynb")
)
NAMES = [f"{path.parent.name}-{path.stem}" for path in CHAPTERS]
SOURCES = ("helpers", "data", "pyproject.toml", "README.md", "LICENSE", "NOTICE.md")
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".claims", "*.egg-info")
# Runs in the empty folder: the code cells of each notebook, in a fresh namespace, then a question.
RUNNER = """
import json, subprocess, sys
from IPython.core.interactiveshell import InteractiveShell

def editable(finder):
    return "editable" in (getattr(finder, "__module__", "") + repr(finder))

sys.meta_path[:] = [finder for finder in sys.meta_path if not editable(finder)]
sys.path_hooks[:] = [hook for hook in sys.path_hooks if not editable(hook)]
wheel, target, base, tuned, question, *notebooks = sys.argv[1:]
asked, ran, errors, live = [], [], [], []

def pip(line):
    asked.append(line)
    if len(asked) == 1:
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", target]
        subprocess.run([*command, wheel], check=True)
        sys.path.insert(0, target)

shell = InteractiveShell.instance()
shell.register_magic_function(pip)
try:
    import helpers
    sys.exit("the package can be imported before it is installed")
except ModuleNotFoundError:
    pass
for notebook in notebooks:
    shell.reset()
    ran.append(0)
    errors.append(None)
    for cell in json.load(open(notebook, encoding="utf-8"))["cells"]:
        source = "".join(cell["source"]).replace('PAIR = "gemma-3-270m"', 'PAIR = "other"')
        if cell["cell_type"] != "code":
            continue
        done = shell.run_cell(source)
        if not done.success:
            errors[-1] = [cell["id"], repr(done.error_before_exec or done.error_in_exec)]
            break
        ran[-1] += 1
        if "live_check(" in source:
            shown = done.result
            live.append(shown if isinstance(shown, str) else shown.to_csv())
        if cell["id"] == "install":  # whether cells find what they need, few resamples tell as well
            from helpers.commands import compute
            from helpers.methods import statistics
            statistics.RESAMPLES = 100
            if len(ran) == 1:
                own = ["--base", base, "--tuned", tuned, "--name", "other", "--limit", "6"]
                compute.main([*own, "--device", "cpu"])
shell.run_cell(question).raise_error()
told = {"asked": asked, "cells": ran, "errors": errors, "live": live, "answer": shell.user_ns["answer"]}
print("RESULT" + json.dumps(told))
"""
LISTED = """
import importlib, warnings
from pathlib import Path
import helpers
from helpers.findings.ffn.trust import read_labels
from helpers.models import registry
from helpers.pages.explorer import BookWidget
from helpers.paths import adapter_folder, data_folder
from helpers.prompts.placement import read_items
from helpers.prompts.prompt import read_prompts
from helpers.store import store as results
from helpers.words.verbs import read_lexicon
warnings.simplefilter("error", results.DamagedResultWarning)
for path in Path(helpers.__file__).parent.glob("findings/*/explorer.py"):
    importlib.import_module(f"helpers.findings.{path.parent.name}.explorer")
folder = data_folder()
stores = {path.name: results.open_store(path.name) for path in (folder / "results").iterdir()}
answer = {
    "package": str(Path(helpers.__file__).parent),
    "data": str(folder),
    "adapter": str(adapter_folder()),
    "prompts": len(read_prompts()),
    "items": len(read_items()),
    "pairs": list(registry.read()),
    "verbs": len(read_lexicon().verbs),
    "labels": len(read_labels("hand")),
    "stores": {name: sum(map(store.has, store.manifest())) for name, store in stores.items()},
    "files": sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()),
    "explorers": {one.__name__: one._esm for one in BookWidget.__subclasses__()},
}
"""


def files_of(folder, *patterns):
    """Files below a folder that the package must bring, by their path there."""
    found = (path for pattern in patterns for path in folder.rglob(pattern) if path.is_file())
    hidden = {"__pycache__", ".claims"}
    return {str(path.relative_to(folder)) for path in found if not hidden & set(path.parts)}


def builder_is_here():
    """Whether setuptools is new enough for pyproject.toml; pip fetches one for the build otherwise."""
    try:
        return Version(version("setuptools")) >= Version("77")
    except PackageNotFoundError:
        return False


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A copy, so that neither an old build folder nor a change during the test gets into the wheel."""
    folder = tmp_path_factory.mktemp("sources")
    for name in SOURCES:
        whole = (ROOT / name).is_dir()
        (shutil.copytree if whole else shutil.copy)(
            ROOT / name, folder / name, **({"ignore": LEFT_OUT} if whole else {})
        )
    return folder


@pytest.fixture(scope="module")
def wheel(sources, tmp_path_factory):
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps"]
    if builder_is_here():
        command.append("--no-build-isolation")
    subprocess.run([*command, "-w", str(target), str(sources)], check=True, timeout=300)
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def ran(wheel, tmp_path_factory):
    """The chapters, run as Colab would: what was installed, how many cells ran, the answer."""
    tmp_path = tmp_path_factory.mktemp("colab")
    (tmp_path / "image" / "google" / "colab").mkdir(parents=True)
    (tmp_path / "image" / "google" / "colab" / "__init__.py").touch()
    empty, runner = tmp_path / "content", tmp_path / "runner.py"
    empty.mkdir()
    runner.write_text(RUNNER)
    words = word_tokenizer([s.text for one in read_prompts() for s in one.segments], size=1500)
    shape = {"vocab_size": len(words), "max_position_embeddings": 1024}
    pair = [
        save_model(tmp_path / role, seed=n, tokenizer=words, **shape)
        for n, role in enumerate(("base", "tuned"))
    ]

    files = [tmp_path / f"{name}.ipynb" for name in NAMES]
    for file, path in zip(files, CHAPTERS, strict=True):
        file.write_text(json.dumps(chapter(path)), encoding="utf-8")
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    env |= {"PYTHONPATH": str(tmp_path / "image"), "MPLBACKEND": "Agg", "HF_HUB_OFFLINE": "1"}
    env["OMP_NUM_THREADS"] = "1"  # tiny models gain nothing from threads that wait for each other
    arguments = [runner, wheel, tmp_path / "installed", *pair, LISTED, *files]
    done = subprocess.run(
        [PYTHON, *map(str, arguments)],
        cwd=empty,
        env=env,
        capture_output=True,
        text=True,
        timeout=1500,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found = json.loads(done.stdout.rpartition("RESULT")[2])
    return found | {"folder": tmp_path / "installed" / "helpers", "left": list(empty.iterdir())}


def chapter(path):
    return with_install_cell(json.loads(path.read_text("utf-8")), address(ROOT / "_config.yml"))


def test_the_wheel_brings_every_module_script_style_and_data_file(wheel, sources):
    held = set(zipfile.ZipFile(wheel).namelist())
    package = {
        f"helpers/{name}"
        for name in files_of(sources / "helpers", "*.py", "*.js", "*.css", "*.html")
    }
    data = {f"helpers/_data/{name}" for name in files_of(sources / "data", "*")}
    assert any(name.endswith(".js") for name in package)
    assert sorted((package | data) - held) == []


def test_the_installed_package_finds_its_data_and_its_explorers(ran, sources):
    found, installed = ran["answer"], ran["folder"]
    assert (found["package"], found["data"]) == (str(installed), str(installed / "_data"))
    data, lines = sources / "data", lambda name: (sources / "data" / name).read_text().splitlines()
    assert found["prompts"] == len(lines("prompts.jsonl"))
    assert found["items"] == len(lines("placement.jsonl"))
    assert found["pairs"] == list(registry.read())
    verbs = [lines(f"words/{kind}_verbs.csv") for kind in ("instruction", "general")]
    assert found["verbs"] == sum(map(len, verbs)) - len(verbs)
    assert found["labels"] == len(lines("annotations/hand_labels.csv")) - 1
    assert files_of(data, "*") <= set(found["files"])
    assert Path(found["adapter"], "adapter_model.safetensors").is_file()
    own = [path.read_text("utf-8") for path in (ROOT / "helpers").rglob("explorer.js")]
    assert len(found["explorers"]) >= len(own) > 0
    assert all(any(script in esm for esm in found["explorers"].values()) for script in own)
    for name, parts in found["stores"].items():  # read by hash: any warning was an error
        manifest = json.loads((data / "results" / name / "manifest.json").read_text())["parts"]
        assert parts == sum(
            (data / "results" / name / p["file"]).exists() for p in manifest.values()
        )
    assert found["stores"]["llama-vicuna-7b"] > 0


@pytest.mark.parametrize("number", range(len(CHAPTERS)), ids=NAMES)
def test_a_chapter_runs_top_to_bottom_where_nothing_but_its_file_was(ran, number):
    assert ran["errors"][number] is None
    code = [c["source"] for c in chapter(CHAPTERS[number])["cells"] if c["cell_type"] == "code"]
    asks = any("results(PAIR" in "".join(source) for source in code)
    assert sum("PAIR = " in "".join(source) for source in code) == asks
    assert ran["cells"][number] == len(code) > 2


def test_live_cells_find_the_models_again_that_the_pair_was_computed_from(ran):
    words = ("score, now", "entries that differ", "pairs stored", "words in common")
    assert [word for word in words if not any(word in said for said in ran["live"])] == []


def test_the_install_cell_asks_pip_for_the_configured_repository_and_nothing_is_left_behind(ran):
    config = (ROOT / "_config.yml").read_text("utf-8")
    url, branch = (re.search(rf"^  {key}: (\S+)$", config, re.M)[1] for key in ("url", "branch"))
    wanted = f'install -q "instruction-shift[offline] @ git+{url}@{branch}"'
    assert ran["asked"] == [wanted] * len(CHAPTERS)
    assert [path.name for path in ran["left"]] == ["results"]
    assert [path.name for path in (ran["left"][0]).iterdir()] == ["other"]


def test_numbers_of_the_text_are_said_without_the_books_builder(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "myst_nb", None)
    prose.say(n_prompts=216)
    assert "n_prompts" in (said := capsys.readouterr().out) and "216" in said


# The install cell


def test_a_notebooks_install_cell_has_the_address_of_the_configuration():
    for path in CHAPTERS:
        content = json.loads(path.read_text("utf-8"))
        assert chapter(path) == content, f"run `python scripts/install_cell.py` ({path.name})"


def test_the_install_cell_is_renewed_in_place_and_nothing_else_is_touched(tmp_path, capsys):
    config, file = tmp_path / "_config.yml", tmp_path / "own.ipynb"
    before = CHAPTERS[0].read_text("utf-8")
    file.write_text(before, encoding="utf-8")
    for url in ("https://one.example/a", "https://two.example/b"):
        config.write_text(f"repository:\n  url: {url}\n  branch: v1\n")
        notebook.main([str(file), "--config", str(config)])
        cells = json.loads(file.read_text("utf-8"))["cells"]
        (cell,) = (cell for cell in cells if cell["id"] == notebook.ID)
        assert (
            f'"{url}@v1"' in "".join(cell["source"]) and "remove-cell" in cell["metadata"]["tags"]
        )
        code = [cell["id"] for cell in cells if cell["cell_type"] == "code"]
        assert code[0] == notebook.ID and cells[0]["cell_type"] == "markdown"
        others = [cell for cell in json.loads(before)["cells"] if cell["id"] != notebook.ID]
        assert [cell for cell in cells if cell["id"] != notebook.ID] == others
    once = file.read_text("utf-8")
    capsys.readouterr()
    notebook.main([str(file), "--config", str(config)])
    assert file.read_text("utf-8") == once and capsys.readouterr().out == ""


# The line `PAIR = ...`


@pytest.fixture
def computed(monkeypatch, tmp_path):
    """Commands that `results` runs; nothing is computed, and stores lie in an empty folder."""
    monkeypatch.setenv("INSTRUCTION_SHIFT_RESULTS", str(tmp_path))
    asked = []
    monkeypatch.setattr(compute, "main", asked.append)
    return asked


def test_the_books_own_pair_is_opened_and_never_computed(computed, monkeypatch):
    monkeypatch.delenv("INSTRUCTION_SHIFT_RESULTS")
    store = results("gemma-3-270m", "recognition")
    assert computed == [] and store.folder == data_folder() / "results" / "gemma-3-270m"


def test_another_pair_is_computed_for_the_chapters_findings(computed, tmp_path):
    store = results("smollm2-135m", "recognition", "positions")
    assert store.folder == tmp_path / "smollm2-135m"
    assert computed == [
        ["--pair", "smollm2-135m", "--finding", name] for name in ("recognition", "positions")
    ]


def test_a_pair_of_ones_own_is_found_by_the_name_it_was_computed_under(computed, tmp_path):
    with pytest.raises(Mendable, match="mine"):
        results("mine", "recognition")
    open_store("mine").write("recognition/scores", {})
    assert results("mine", "recognition").folder == tmp_path / "mine" and computed == []


def test_why_a_pair_cannot_be_computed_is_said_without_ending_the_notebook(computed, monkeypatch):
    ends = (SystemExit("No memory."), SystemExit(130), Mendable("No network: try again."))
    for end, says in zip(ends, ("No memory", "was stopped", "No network"), strict=True):

        def stop(_, end=end):
            raise end

        monkeypatch.setattr(compute, "main", stop)
        with pytest.raises(Mendable, match=f"{says}.*smollm2-135m"):
            results("smollm2-135m", "recognition")
