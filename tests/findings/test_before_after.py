"""One prompt, its response before and after tuning, what each rests on."""

import numpy as np
import pandas as pd

from helpers.findings.recognition.before_after import before_after, segments
from helpers.paths import DEFAULT_PAIR
from helpers.store.store import open_store


def test_segments_are_runs_of_one_role_without_the_template():
    tokens = ("###", " My", " friend", "\n", "Do", " it", "\n\n", "###")
    roles = ("template", *["context"] * 3, *["instruction"] * 2, *["template"] * 2)
    assert segments(tokens, roles) == [
        {"role": "context", "text": "My friend"},
        {"role": "instruction", "text": "Do it"},
    ]


def test_the_books_own_pair_shows_its_running_example():
    store = open_store(DEFAULT_PAIR)
    found = before_after(store)
    assert {one["role"] for one in found["segments"]} == {"context", "input", "instruction"}
    for side in found["models"].values():
        assert set(side["weights"]) >= {"context", "input", "instruction"}
        assert found["unit"] == "nats" or np.isclose(sum(side["weights"].values()), 1)


def test_losses_stand_in_place_of_shares_once_they_are_stored(monkeypatch):
    module = "helpers.findings.recognition.before_after"
    store = open_store(DEFAULT_PAIR)
    shared = before_after(store)
    rows = [
        dict(id="translation-07", setting="template", way="zero", model=m, author="tuned", segment=s,
             loss=loss)
        for m in ("base", "tuned")
        for s, loss in (("context", 0.5), ("input", 1.0), ("instruction", 2.0))
    ]  # fmt: skip
    monkeypatch.setattr(f"{module}.read_blanking", lambda _: pd.DataFrame(rows))
    monkeypatch.setattr(type(store), "has", lambda *_: True)
    found = before_after(store)
    assert found["unit"] == "nats" and found["segments"] == shared["segments"]
    assert found["models"]["tuned"]["weights"] == {"context": 0.5, "input": 1, "instruction": 2}
