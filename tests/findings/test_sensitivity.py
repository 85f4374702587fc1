"""The grid over L, b and p agrees with the method's own functions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from helpers.findings.recognition.sensitivity import (
    COMPARISONS,
    grid,
    levels_of,
    scores_of,
    summary,
)
from helpers.methods.density import density, instruction_score, normalise
from helpers.store.store import open_store


@settings(max_examples=60, deadline=None)
@given(arrays(float, (6, 4), elements=st.floats(-1, 1, width=16)), st.sampled_from([5, 10, 20]))
def test_fast_scores_are_the_methods(importance, levels):
    mask = np.array([1, 1, 0, 0, 0, 1], dtype=bool)
    thresholds, powers = (0, 0.7 * levels), (2, 4)
    found = list(scores_of(levels_of(importance, levels), mask, thresholds, powers))
    expected = [
        instruction_score(density(normalise(importance, levels, threshold=b), p), mask)
        for b in thresholds
        for p in powers
    ]
    assert found == pytest.approx(expected, abs=1e-6)


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
