"""The store: whole files, a manifest that is believed only when it matches, resumption."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.methods.errors import Mendable
from helpers.paths import package_folder
from helpers.store.claims import UnwritableStore, write_whole
from helpers.store.manifest import ManifestFile
from helpers.store.store import DamagedResultWarning, MissingResult, Part, Store, open_store


@pytest.fixture
def store(tmp_path):
    return open_store("tiny", tmp_path / "tiny", expected={"base": "abc"})


def test_tables_and_arrays_come_back_as_they_were(store):
    table = pd.DataFrame({"id": ["a", "b"], "tokens": [["x"], ["y", "z"]]})
    store.write("some/table", table, seed=1)
    store.write("arrays", {"m": np.eye(3, dtype=np.float16)})
    assert store.read("some/table")["tokens"].map(list).tolist() == [["x"], ["y", "z"]]
    np.testing.assert_array_equal(store.read("arrays")["m"], np.eye(3))
    entry = store.manifest()["some/table"]
    assert entry["about"] == {"seed": 1} and entry["made_from"] == {"base": "abc"}


def test_what_is_there_is_not_computed_again(store):
    store.write("part", {"x": np.ones(1)})
    assert store.get("part", lambda: pytest.fail("computed again"))["x"] == 1


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_damaged_part_is_named_and_computed_again(store, damage):
    store.write("part", {"x": np.ones(4)})
    path = store.folder / "part.safetensors"
    path.write_bytes(path.read_bytes()[:-3] if damage is None else damage)
    with pytest.warns(DamagedResultWarning, match="part.safetensors"):
        found = store.get("part", lambda: {"x": np.zeros(4)})
    assert found["x"].sum() == 0
    assert store.has("part")


def test_a_foreign_file_is_not_read(store):
    write_whole(store.folder / "part.safetensors", b"whatever")
    assert not store.has("part")
    with pytest.raises(MissingResult, match="helpers compute"):
        store.read("part")


def test_results_of_other_weights_count_as_absent(store):
    store.write("part", {"x": np.ones(1)})
    other = open_store("tiny", store.folder, expected={"base": "xyz"})
    with pytest.warns(DamagedResultWarning, match="other base"):
        assert not other.has("part")


def test_a_damaged_manifest_is_named(store):
    store.write("part", {"x": np.ones(1)})
    (store.folder / "manifest.json").write_text("{")
    with pytest.warns(DamagedResultWarning, match="manifest.json"):
        assert not store.has("part")


def test_an_interrupted_write_leaves_nothing_behind(tmp_path, monkeypatch):
    target = tmp_path / "file"
    target.write_bytes(b"old")

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        write_whole(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_manifest_is_readable_json(store):
    store.write("part", {"x": np.ones(1)})
    content = json.loads((store.folder / "manifest.json").read_text())
    assert content["pair"] == "tiny"
    assert {"sha256", "code", "versions", "date"} <= set(content["parts"]["part"])


def test_only_tables_and_arrays_are_taken(store):
    with pytest.raises(TypeError, match="list"):
        store.write("part", [1, 2])


# --- manifests and parts that are not as they should be

FOREIGN = [
    {"name": "My extension", "manifest_version": 3},
    {"parts": {"wheel": {"file": "wheel.stl"}}},
    {"pair": "tiny", "version": 2, "parts": {}},
    {"pair": "tiny", "version": True, "parts": {}},
    {"pair": "tiny", "conditions": {"limit": "3"}, "parts": {}},
    {"pair": "tiny", "models": {"base": 3}, "parts": {}},
    {"pair": "tiny", "parts": []},
    [],
]
SCORES = pd.DataFrame({"id": ["a"], "factor": [0.5], "left": [0.5]})


TORN = ["{", "[" * 100_000, "\x00", '{"pair": "\\ud800", "parts": {}}']


@pytest.mark.parametrize("content", [*map(json.dumps, FOREIGN), *TORN])
def test_a_manifest_that_is_none_of_ours_is_named_and_left_as_it_is(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    (tmp_path / "wheel.stl").write_text("mine")
    store = Store(tmp_path)
    with pytest.warns(DamagedResultWarning, match="All parts count as absent"):
        assert not store.manifest()
    part = Part("part", lambda: pytest.fail("made"))
    for way in (lambda: store.write("part", {}), store.clear, lambda: store.fill([part])):
        with pytest.raises(Mendable, match=r"manifest\.json is no manifest .*left as it is"):
            way()
    assert (tmp_path / "manifest.json").read_text() == content
    assert len(list(tmp_path.iterdir())) == 2


def test_a_manifest_that_is_no_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "manifest.json")  # reading it would wait for ever
    with pytest.warns(DamagedResultWarning, match="no file"):
        assert not Store(tmp_path).has("part")


def edited(store, **changes):
    """The entry of one part with fields replaced (None: left out)."""
    path = store.folder / "manifest.json"
    content = json.loads(path.read_text())
    entry = content["parts"]["part"] | changes
    content["parts"]["part"] = {k: v for k, v in entry.items() if v is not None}
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "change",
    [
        {"file": "../victim.txt"}, {"file": "/victim.txt"}, {"file": "other.parquet"},
        {"file": "part.txt"}, {"file": None}, {"sha256": None}, {"sha256": "x"}, {"date": 3},
        {"made_from": []}, {"made_from": {"base": 1}}, {"versions": {"torch": {}}},
        {"code": None}, {"made_from": {"base": None}},
    ],
)  # fmt: skip
def test_an_entry_that_cannot_be_used_counts_as_absent_and_is_named(store, change):
    victim = store.folder.parent / "victim.txt"
    victim.write_text("mine")
    store.write("part", {"x": np.ones(1)})
    store.write("kept", {"x": np.ones(1)})
    edited(store, **change)
    with pytest.warns(DamagedResultWarning, match=r"the entry of part 'part' cannot be used"):
        assert list(store.manifest()) == ["kept"]
    with pytest.raises(MissingResult):
        store.read("part")
    store.clear()
    assert victim.read_text() == "mine" and (store.folder / "part.safetensors").exists()
    assert not (store.folder / "kept.safetensors").exists()


@pytest.mark.parametrize(
    "name", ["../victim", "/victim", "a/../../victim", ".claims/lock", "a//b", "", "C:/a", "a\\..\\b",
             "a\0b", "x" * 300, "a/.b"]
)  # fmt: skip
def test_a_part_cannot_be_named_after_what_lies_outside_or_is_hidden(store, name):
    with pytest.raises(Mendable, match="cannot name a part"):
        store.write(name, {"x": np.ones(1)})
    assert not store.folder.exists()


def test_a_folder_in_the_store_that_leads_elsewhere_is_neither_written_nor_emptied(store, tmp_path):
    store.write("inner/part", {"x": np.ones(1)})
    (store.folder / "inner").rename(tmp_path / "elsewhere")
    (store.folder / "inner").symlink_to(tmp_path / "elsewhere")
    for way in (store.clear, lambda: store.write("inner/other", {"x": np.ones(1)})):
        with pytest.raises(UnwritableStore, match="leads out of the store"):
            way()
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["part.safetensors"]


def test_halves_of_characters_do_not_spoil_a_manifest(store):
    store.write("part", {"x": np.ones(1)}, token="\ud83d", prompt="é😀")
    assert Store(store.folder).manifest()["part"]["about"] == {"token": "?", "prompt": "é😀"}


def test_manifests_without_a_version_are_read_and_written_in_the_present_one(store):
    store.write("part", {"x": np.ones(1)})
    path = store.folder / "manifest.json"
    content = json.loads(path.read_text())
    del content["version"], content["parts"]["part"]["about"], content["parts"]["part"]["code"]
    path.write_text(json.dumps(content))
    again = open_store("tiny", store.folder, expected={"base": "abc"})
    assert again.has("part") and again.manifest()["part"]["about"] == {}
    again.write("other", {"x": np.ones(1)})
    assert json.loads(path.read_text())["version"] == 1 and again.has("part")


def test_the_books_stores_hold_what_their_parts_are_read_for():
    for pair in ("gemma-3-270m", "llama-vicuna-7b"):
        book = open_store(pair)
        assert book.manifest() and all(map(book.has, book.manifest()))


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (SCORES.drop(columns="left"), "lacks 'left' with numbers"),
        (SCORES.astype({"factor": str}), "lacks 'factor' with numbers"),
        (SCORES.assign(id=[["a"]]), "lacks 'id' with text"),
        ({"factor": np.ones(1)}, "lacks 'id' with text"),
    ],
)
def test_a_part_with_other_columns_is_named_and_made_again(store, table, says):
    store.write("faithfulness/path-base", table)
    with pytest.raises(MissingResult, match=says):
        store.read("faithfulness/path-base")
    with pytest.warns(DamagedResultWarning, match=says):
        found = store.get("faithfulness/path-base", lambda: SCORES)
    assert found["left"].tolist() == [0.5]


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff" * 20, b"PAR1"])
@pytest.mark.parametrize("value", [{"x": np.ones(1)}, SCORES])
def test_a_part_whose_hash_fits_and_whose_content_is_no_such_file_is_named(store, value, content):
    store.write("part", value)
    (store.folder / store.manifest()["part"]["file"]).write_bytes(content)
    edited(store, sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(MissingResult, match="is damaged"):
        store.read("part")


def test_changes_by_other_processes_are_seen_and_none_is_lost(store):
    other = open_store("tiny", store.folder, expected={"base": "abc"})
    for number in range(6):
        (store, other)[number % 2].write(f"part/{number}", {"x": np.full(1, number)})
        assert store.manifest() == other.manifest() and len(store.manifest()) == number + 1
    other.write("part/0", {"x": np.full(1, 9)})
    assert store.read("part/0")["x"] == 9


def test_a_change_that_keeps_time_and_size_is_not_written_over(store):
    """Clocks of some disks count in seconds: under the lock, every byte is looked at."""
    store.write("part/1", {"x": np.ones(1)})
    path = store.folder / "manifest.json"
    before, text = path.stat(), path.read_text()
    path.write_text(text.replace("part/1", "part/2"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    store.write("part/3", {"x": np.ones(1)})
    assert sorted(json.loads(path.read_text())["parts"]) == ["part/2", "part/3"]


def test_the_manifest_is_parsed_and_the_code_hashed_once(store, monkeypatch):
    parsed, hashed = [], []
    real = ManifestFile.parse
    monkeypatch.setattr(ManifestFile, "parse", lambda *given: parsed.append(given) or real(*given))
    monkeypatch.setattr("pathlib.Path.read_bytes", counted(hashed))
    for number in range(20):
        store.write(f"part/{number}", {"x": np.ones(1)})
        store.read(f"part/{number}")
    assert not parsed and Store(store.folder).read("part/3") and len(parsed) == 1
    assert len([path for path in hashed if path.suffix == ".py"]) <= len(
        list(package_folder().rglob("*.py"))
    )


def counted(seen):
    real = Path.read_bytes
    return lambda path: seen.append(path) or real(path)
