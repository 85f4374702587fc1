"""Parts made anew: the same are the same, and a change of one value is found."""

import numpy as np
import pandas as pd
import pytest
from tiny import save_model

from helpers.commands import compute, recheck
from helpers.store.store import open_store


def test_tables_and_arrays_are_compared_value_by_value():
    table = pd.DataFrame({"x": [1.0, np.nan, 4.0], "text": list("abc"), "ids": [[1, 2], [3], [4]]})
    same = recheck.compare("t", table, table.copy())
    assert same == {"part": "t", "values": 10, "largest": 0.0, "differing": 0}
    other = table.assign(x=[1.0, np.nan, 4.4], text=list("abd"))
    found = recheck.compare("t", table, other)
    assert found["differing"] == 2 and found["largest"] == pytest.approx(0.1)
    assert recheck.compare("t", table, table.drop(columns="text"))["differing"] == 3
    arrays = {"a": np.arange(6.0).reshape(2, 3)}
    assert recheck.compare("a", arrays, {"a": arrays["a"] + 1e-5})["differing"] == 0
    assert recheck.compare("a", arrays, {"a": arrays["a"][:, :2]})["differing"] == 6


def test_a_store_that_the_present_code_made_is_the_same_and_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("INSTRUCTION_SHIFT_RESULTS", str(tmp_path / "results"))
    models = [str(save_model(tmp_path / name, seed=i)) for i, name in enumerate(("base", "tuned"))]
    named = ["--base", models[0], "--tuned", models[1], "--name", "tiny", "--device", "cpu"]
    compute.main([*named, "--finding", "recognition", "--limit", "3"])
    before = open_store("tiny").manifest()
    found = recheck.recheck("tiny", parts=len(before))
    assert {one["part"] for one in found} == set(before) - {"pair/update"}
    assert not any(one["differing"] for one in found)
    assert open_store("tiny").manifest() == before
