import numpy as np
import pytest

from helpers.methods.statistics import compare_paired, holm, untested
from helpers.pages.forest import clear, forest
from helpers.pages.prose import direction


def planted(shift: float):
    noise = np.random.default_rng(0).normal(size=60)
    return compare_paired(np.zeros(60), shift + noise, label="planted", null_hypothesis="no shift")


@pytest.mark.parametrize(("shift", "word"), [(2, "more"), (-2, "less"), (0, "not clearly more")])
def test_a_sentence_takes_its_word_from_the_comparison(shift, word):
    assert direction(planted(shift)) == word
    assert clear(planted(shift)) == (word != "not clearly more")


def test_the_word_is_taken_after_correction():
    almost = planted(0.26)
    assert almost.p_value < 0.05 <= holm([almost, *[planted(0)] * 9])[0].p_holm
    assert direction(almost) == "more"
    assert direction(holm([almost, *[planted(0)] * 9])[0]) == "not clearly more"


def test_what_cannot_be_tested_says_so():
    assert direction(untested("none", "too few values")) == "not testable"


def test_a_forest_names_every_comparison_and_the_one_that_could_not_be_tested():
    figure = forest({"Length?": [planted(2), untested("none", "too few values")]}, label="score")
    names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert names == ["Length?", "planted (n = 60)", "none (n = 0, not tested)"]
