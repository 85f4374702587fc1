"""One store, one pair, one precision, one set of prompts: a run that would mix two is refused."""

import json

import numpy as np
import pytest
from tiny import save_model

from helpers import paths
from helpers.commands import chapter, compute
from helpers.methods.errors import Mendable
from helpers.models import registry
from helpers.paths import results_folder
from helpers.prompts.prompt import Segment
from helpers.store.conditions import check, conditions, told
from helpers.store.store import Part, Store, open_store

WEIGHTS = {"base": "sha256:1", "tuned": "sha256:2"}
MODELS = {"base": "/models/base", "tuned": "/models/tuned"}


@pytest.fixture
def filled(tmp_path):
    """The folder of a store that was computed on six prompts, in single precision."""
    store = Store(tmp_path / "mine", WEIGHTS, MODELS, conditions(None, 6))
    store.write("finding/part", {})
    return store.folder


def test_the_same_run_may_go_on_and_an_empty_store_takes_any(filled, tmp_path):
    check(Store(filled, WEIGHTS, MODELS, conditions(None, 6)))
    check(Store(tmp_path / "other", WEIGHTS, MODELS, conditions("a.jsonl", 3)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"conditions": conditions(None, 3)}, "--limit was 6 and is 3"),
        ({"conditions": {}}, "--limit was 6 and is not given"),
        ({"conditions": conditions("a.jsonl", 6)}, "--prompts was not given and is a.jsonl"),
        ({"models": MODELS | {"base": "/else"}}, "--base was /models/base and is /else"),
        ({"expected": WEIGHTS | {"tuned": "sha256:3"}}, "the weights of tuned are others"),
        ({"expected": WEIGHTS | {"dtype": "bfloat16"}}, "precision was float32 and is bfloat16"),
    ],
)
def test_another_run_is_refused_with_what_differs_and_the_remedy(filled, change, says):
    same = {"expected": WEIGHTS, "models": MODELS, "conditions": conditions(None, 6)}
    with pytest.raises(Mendable, match=says) as refused:
        check(Store(filled, **same | change))
    assert all(option in str(refused.value) for option in ("--name", "--folder", "--replace"))


def test_prompts_edited_in_place_are_another_run_and_older_stores_stay_valid(tmp_path):
    def store(content):
        read = content and [Segment("instruction", content)]
        return Store(tmp_path, WEIGHTS, MODELS, conditions("a.jsonl", None, read))

    store(None).write("finding/old", {})  # as versions did that recorded the path alone
    store("1").write("finding/part", {})
    check(store("1"))
    check(store(None))
    with pytest.raises(Mendable, match="the prompts in a.jsonl were changed since"):
        check(store("2"))
    assert "content" not in store("1").command() and "--prompts a.jsonl" in store("1").command()


def test_two_runs_begun_together_on_an_empty_store_do_not_mix(tmp_path):
    """Both look at the store while it is empty; what is written first decides whose it is."""
    runs = [Store(tmp_path, WEIGHTS, {}, conditions(f"{k}.jsonl", None)) for k in "ab"]
    for run in runs:
        check(run)
    parts = [Part(f"finding/{k}", lambda: {"x": np.ones(1)}) for k in range(3)]
    runs[0].write("finding/0", {"x": np.zeros(1)})
    before = (tmp_path / "finding" / "0.safetensors").read_bytes()
    for way in (lambda: runs[1].write("finding/0", {"x": np.ones(1)}), lambda: runs[1].fill(parts)):
        with pytest.raises(Mendable, match="--prompts was a.jsonl and is b.jsonl"):
            way()
    assert (tmp_path / "finding" / "0.safetensors").read_bytes() == before
    runs[0].fill(parts)
    assert len(runs[0].manifest()) == 3


def test_what_another_run_filled_meanwhile_is_not_taken_for_ones_own(tmp_path):
    mine, other = (Store(tmp_path, conditions=conditions(f"{k}.jsonl", None)) for k in "ab")
    parts = [Part("finding/1", lambda: other.write("finding/2", {}) or {})]
    with pytest.raises(Mendable, match="--prompts was b.jsonl and is a.jsonl"):
        mine.fill(parts)
    assert list(mine.manifest()) == ["finding/2"]


def test_the_books_own_store_takes_no_first_look():
    book = open_store("gemma-3-270m", conditions=conditions(None, 3))
    with pytest.raises(Mendable, match="--limit was not given and is 3"):
        check(book)


def test_commands_repeat_the_conditions(filled):
    store = Store(filled)
    assert "--limit 6" in store.command("recognition") and "--base /models/base" in store.command()
    assert told(store, 216).startswith("A first look: 6 drawn at random from the book's 216")
    own = Store(filled.parent / "own", {}, {}, conditions("/private/mine.jsonl", None))
    own.write("finding/part", {})
    assert told(Store(own.folder), 216) == "Computed on prompts of one's own (mine.jsonl)."


def test_a_first_look_at_few_prompts_says_how_few():
    three = [Segment("instruction", one) for one in "abc"]
    assert conditions("a.jsonl", None, three, quick=12)["quick"] == 3
    assert conditions(None, None, None, quick=12) == {"quick": 12}


def test_replacing_deletes_what_was_there_and_nothing_else(filled):
    (filled / "notes.txt").write_text("mine")
    Store(filled).clear()
    assert not (filled / "manifest.json").exists() and (filled / "notes.txt").exists()
    assert not list((filled / "finding").glob("*"))


def test_from_the_command_line_a_store_is_kept_refused_and_replaced(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("INSTRUCTION_SHIFT_RESULTS", str(tmp_path / "results"))
    models = [str(save_model(tmp_path / name, seed=i)) for i, name in enumerate(("base", "tuned"))]
    lines = [{"id": str(n), "kind": "k", "instruction": f"Name colour {n}."} for n in range(5)]
    file = tmp_path / "own.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    first = ["--base", models[0], "--tuned", models[1], "--name", "tiny"]
    rest = ["--finding", "recognition", "--device", "cpu", "--prompts", str(file)]
    compute.main([*first, *rest, "--limit", "3"])
    before = open_store("tiny").manifest()
    with pytest.raises(Mendable, match="--limit was 3 and is not given"):
        compute.main([*first, *rest])
    assert open_store("tiny").manifest() == before
    compute.main(["--pair", "tiny", *rest, "--limit", "3"])  # by the name of its store
    assert open_store("tiny").manifest() == before
    compute.main([*first, *rest, "--replace"])
    held = open_store("tiny").recorded()["conditions"]
    assert held.keys() == {"prompts", "content"} and held["prompts"] == str(file)
    file.write_text(file.read_text(encoding="utf-8").replace("colour 4", "fruit"), encoding="utf-8")
    with pytest.raises(Mendable, match="the prompts in .*own.jsonl were changed since"):
        compute.main([*first, *rest])
    assert len(open_store("tiny").read("recognition/scores")["id"].unique()) == 5


@pytest.mark.parametrize("name", ["gemma-3-270m", "llama-vicuna-7b"])
def test_an_own_pair_cannot_take_the_name_of_the_books(name):
    with pytest.raises(Mendable, match="choose another one with --name"):
        registry.own("/models/base", "/models/tuned", name=name)


def test_an_installed_package_writes_beside_the_reader_and_reads_the_books_until_then(
    tmp_path, monkeypatch
):
    installed = tmp_path / "_data"
    (installed / "results" / "gemma-3-270m").mkdir(parents=True)
    monkeypatch.setattr(paths, "data_folder", lambda: installed)
    monkeypatch.chdir(tmp_path)
    assert results_folder("gemma-3-270m") == installed / "results"
    assert str(results_folder("gemma-3-270m", writing=True)) == "results"
    open_store("gemma-3-270m", writing=True).write("part", {})
    assert str(results_folder("gemma-3-270m")) == "results"


def test_a_folder_of_stores_leads_to_the_one_of_that_name(filled):
    assert open_store("mine", filled.parent).folder == filled
    assert open_store("mine", filled).folder == filled


def test_a_notebook_names_the_stores_there_are(filled, monkeypatch):
    monkeypatch.setenv("INSTRUCTION_SHIFT_RESULTS", str(filled.parent))
    with pytest.raises(Mendable, match="there: mine"):
        chapter.results("nonsense", "recognition")


def test_what_needs_another_finding_first_says_so_without_a_traceback(tmp_path, monkeypatch):
    monkeypatch.setenv("INSTRUCTION_SHIFT_RESULTS", str(tmp_path / "results"))
    models = [str(save_model(tmp_path / name, seed=i)) for i, name in enumerate(("base", "tuned"))]
    named = ["--base", models[0], "--tuned", models[1], "--name", "tiny", "--device", "cpu"]
    with pytest.raises(Mendable, match="--finding recognition|Compute it with"):
        compute.main([*named, "--finding", "faithfulness", "--limit", "3"])
