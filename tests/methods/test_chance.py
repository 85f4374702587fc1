"""Power and ranks among draws: what is said to be found is found as often as it says."""

import numpy as np
import pytest
from scipy import stats

from helpers.methods.chance import among, detectable
from helpers.methods.statistics import compare_independent, compare_paired, untested

ABOUT = {"label": "x", "null_hypothesis": "no difference"}


@pytest.mark.parametrize("power", [0.5, 0.8])
def test_a_detectable_difference_of_pairs_is_found_as_often_as_it_says(power):
    rng, n = np.random.default_rng(0), 18
    size = detectable(2 / np.sqrt(n), power=power, degrees=n - 1)
    found = [stats.ttest_1samp(rng.normal(size, 2, n), 0).pvalue < 0.05 for _ in range(2000)]
    assert np.mean(found) == pytest.approx(power, abs=0.035)


def test_comparisons_know_what_they_would_have_found():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0, 1, 50), rng.normal(0, 3, 30)
    error = np.sqrt(a.var(ddof=1) / 50 + b.var(ddof=1) / 30)
    free = compare_independent(a, b, **ABOUT)
    assert free.detectable() == pytest.approx(error * 2.85, rel=0.02)
    assert free.detectable(0.5) < free.detectable(0.8) < free.detectable(0.95)
    paired = compare_paired(a[:30], b, **ABOUT)
    assert paired.detectable() == pytest.approx(2.9 * stats.sem(b - a[:30]), rel=0.02)
    assert np.isnan(untested("x", "too few").detectable())


def test_a_shift_that_is_detectable_among_draws_is_found_as_often_as_it_says():
    rng = np.random.default_rng(2)
    shift = among(0, rng.normal(0, 3, 4000)).detectable
    assert shift == pytest.approx(3 * (1.96 + 0.84), rel=0.05)
    found = [among(rng.normal(shift, 3), rng.normal(0, 3, 200)).p_value < 0.05 for _ in range(600)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.06)


def test_the_rank_among_draws_is_two_sided_and_uniform_without_an_effect():
    draws = np.arange(20.0)
    assert among(-1, draws).p_value == among(20, draws).p_value == 2 / 21
    assert among(9.5, draws).p_value == 1.0
    rng = np.random.default_rng(7)
    drawn = [among(one[0], one[1:]).p_value for one in rng.random((2000, 20))]
    assert np.mean(np.array(drawn) <= 0.1) == pytest.approx(0.1, abs=0.02)


def test_what_cannot_be_ranked_has_no_p_value():
    assert np.isnan(among(np.nan, np.arange(3.0)).p_value)
    assert np.isnan(among(1, [np.nan]).p_value) and among(1, [np.nan, 2]).draws == 1


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (-1, "less than every one of 200 draws"),
        (0, "more than 0 of 200 draws"),
        (150.5, "more than 151 of 200 draws"),
        (200, "more than every one of 200 draws"),
    ],
)
def test_a_rank_is_said_in_words(value, says):
    assert among(value, np.arange(200.0)).said == says
