"""The grid over L, b and p holds the chapter's own numbers."""

import pytest

from helpers.findings.recognition.sensitivity import COMPARISONS, grid, summary
from helpers.store.store import open_store


def test_the_chapters_own_numbers_lie_in_the_grid():
    store = open_store("gemma-3-270m")
    found = grid(store)
    cell = found.query("L == 10 and p == 4 and `b / L` == 0.7").set_index("comparison")
    scores = store.read("recognition/scores").query("setting == 'template'")
    means = scores.groupby(["model", "author"])["score"].mean()
    own = means["tuned", "tuned"] - means["base", "base"]
    assert cell.loc["own response", "difference"] == pytest.approx(own, abs=2e-3)
    shared = means["tuned", "base"] - means["base", "base"]
    assert cell.loc["on the base's", "difference"] == pytest.approx(shared, abs=2e-3)
    table = summary(found)
    parts = table[["tuned higher", "interval holds 0", "tuned lower"]].sum(axis=1)
    assert list(table.index) == list(COMPARISONS) and (parts == table["cells"]).all()
