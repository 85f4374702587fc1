"""The store: whole files, a manifest that is believed only when it matches, resumption."""

import json

import numpy as np
import pandas as pd
import pytest

from helpers.store.claims import write_whole
from helpers.store.store import DamagedResultWarning, MissingResult, open_store


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
