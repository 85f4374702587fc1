"""Comparisons: planted effects, the libraries' numbers, honest intervals, refusals."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.multitest import multipletests

from helpers.methods.chance import holm_adjusted
from helpers.methods.statistics import (
    BadSample,
    adjusted,
    at_equal_length,
    bootstrap_interval,
    compare_independent,
    compare_paired,
    holm,
    mcnemar,
)
from helpers.pages.tables import comparison_table

ABOUT = {"label": "x", "null_hypothesis": "no difference"}


@pytest.fixture
def samples():
    generator = np.random.default_rng(0)
    base = generator.normal(0, 1, 80)
    return base, base + generator.normal(0.5, 0.3, 80)


def test_a_planted_paired_difference_is_found(samples):
    found = compare_paired(*samples, **ABOUT)
    assert found.low < 0.5 < found.high
    assert found.p_value == stats.ttest_rel(samples[1], samples[0]).pvalue
    assert found.effect_size == pytest.approx(found.difference, rel=0.15)  # both sds are about 1


def test_independent_samples_use_welch(samples):
    a, b = samples[0], samples[1][:40] * 2
    found = compare_independent(a, b, alternative="greater", **ABOUT)
    expected = stats.ttest_ind(b, a, equal_var=False, alternative="greater").pvalue
    assert found.p_value == expected
    assert found.n == 120


def test_equal_samples_differ_in_nothing(samples):
    found = compare_paired(samples[0], samples[0], **ABOUT)
    assert (found.difference, found.p_value, found.low, found.high) == (0, 1, 0, 0)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(1)
    hits = 0
    for seed in range(100):
        low, high = bootstrap_interval(generator.exponential(1, 60), seed=seed)
        hits += low < 1 < high
    assert 86 <= hits <= 100


def test_mcnemar_agrees_with_statsmodels():
    generator = np.random.default_rng(2)
    a, b = generator.random(150) < 0.3, generator.random(150) < 0.5
    cells = [[int((a & b).sum()), int((a & ~b).sum())], [int((~a & b).sum()), int((~a & ~b).sum())]]
    found = mcnemar(a, b, **ABOUT)
    assert found.p_value == pytest.approx(reference_mcnemar(cells, exact=True).pvalue)
    assert found.difference == pytest.approx(b.mean() - a.mean())


def test_a_difference_that_is_all_length_vanishes_at_equal_length():
    generator = np.random.default_rng(3)
    lengths = generator.uniform(1, 30, (2, 300))
    a, b = 0.2 * np.log(lengths) + generator.normal(0, 0.05, (2, 300))
    b = b + 0.0
    assert compare_paired(a, a + 0.1, **ABOUT).difference == pytest.approx(0.1)
    none = at_equal_length(a, b, *lengths, **ABOUT)
    some = at_equal_length(a, b + 0.1, *lengths, **ABOUT)
    assert none.low < 0 < none.high
    assert some.low < 0.1 < some.high and some.p_value < 1e-6


def test_what_a_group_adds_is_found_with_a_covariate_held_equal():
    """The group has the longer responses, and a planted 0.3 (or nothing) of its own."""
    generator = np.random.default_rng(4)
    group = generator.random(400) < 0.3
    length = generator.normal(0, 1, 400) + 2 * group
    noise = 0.5 * length + generator.normal(0, 0.2, 400)
    none = adjusted(noise, group, [length], **ABOUT)
    some = adjusted(noise + 0.3 * group, group, [length], **ABOUT)
    assert none.low < 0 < none.high and none.p_value > 0.05
    assert some.difference == pytest.approx(0.3, abs=0.06) and some.p_value < 1e-6
    assert some.mean_b - some.mean_a > 1 and some.sizes == ((~group).sum(), group.sum())
    assert not adjusted(noise, group, [group], **ABOUT).possible  # nothing to tell them apart


def test_values_of_one_item_count_once():
    """Each value four times: errors by cluster are those of the values once, others are half."""
    generator = np.random.default_rng(5)
    group, values = np.arange(200) % 2 == 0, generator.normal(0, 1, 200)
    alone = adjusted(values, group, [], **ABOUT)
    four = [np.repeat(one, 4) for one in (values, group, np.arange(200))]
    clustered = adjusted(four[0], four[1], [], clusters=four[2], **ABOUT)
    assert clustered.error == pytest.approx(alone.error, rel=0.02)
    assert adjusted(four[0], four[1], [], **ABOUT).error == pytest.approx(alone.error / 2, rel=0.02)


SHORT = [0.2, 0.4]
THREE = [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("found", "n", "says"),
    [
        (compare_paired(SHORT, SHORT, **ABOUT), 2, "too few values: 2, and 3 are needed"),
        (compare_independent(THREE, SHORT, **ABOUT), 5, "too few values: 3 and 2"),
        (compare_independent(THREE, [], **ABOUT), 3, "too few values: 3 and 0"),
        (compare_independent([1] * 3, [1] * 4, **ABOUT), 7, "all values of either group are equal"),
        (mcnemar([True], [False], **ABOUT), 1, "too few values"),
        (at_equal_length(THREE, THREE[::-1], [2] * 3, [4] * 3, **ABOUT), 3, "the same ratio"),
        (
            at_equal_length(THREE, THREE[::-1], [2] * 3, [4, 4, 5], **ABOUT),
            3,
            "all but one",
        ),
    ],
)
def test_a_comparison_that_the_data_do_not_allow_says_why_and_stands_in_the_table(found, n, says):
    assert not found.possible and found.n == n and says in found.test
    good = compare_paired(THREE, THREE[::-1], **ABOUT | {"label": "good"})
    family = holm([found, good])
    assert family[1].p_holm == good.p_value and not family[0].p_holm < 0.05
    shown = comparison_table(family)
    assert says in (cell := shown.iloc[0]["difference [95 % CI]"]) and "nan" not in cell
    assert shown.iloc[0]["n"] == n and list(shown.iloc[0][["base", "tuned", "p"]]) == ["", "", ""]
    assert found.null_hypothesis in shown.caption and found.test not in shown.caption


@settings(max_examples=10)  # each call of theirs takes half a second
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_holm_is_that_of_statsmodels_and_leaves_its_argument_alone(p_values):
    given_ = pd.Series(p_values)
    found = holm_adjusted(given_)
    assert found == pytest.approx(multipletests(p_values, method="holm")[1])
    assert given_.tolist() == p_values


def test_holm_multiplies_the_smallest_by_the_number_of_tests(samples):
    found = [
        compare_paired(samples[0], samples[0] + d * samples[1], **ABOUT) for d in (0.1, 0.3, 0)
    ]
    corrected = holm(found)
    smallest = min(c.p_value for c in found)
    assert min(c.p_holm for c in corrected) == pytest.approx(3 * smallest)
    assert holm([]) == []


def test_the_table_names_everything_a_reader_needs(samples):
    one = compare_paired(*samples, **ABOUT)
    shown = comparison_table(holm([one]), names=("LLaMA", "Vicuna"))
    assert {"n", "LLaMA", "Vicuna", "difference [95 % CI]", "g", "p", "p (Holm)"} <= set(shown)
    assert one.null_hypothesis in shown._repr_html_() and one.test in shown._repr_html_()


def test_null_hypotheses_that_differ_stand_in_their_rows(samples):
    first = compare_paired(*samples, **ABOUT)
    second = replace(first, null_hypothesis="a < b")
    shown = comparison_table([first, second])
    assert list(shown["null hypothesis (test)"].str.contains("a < b")) == [False, True]
    assert "<caption></caption>" in shown._repr_html_() and "a &lt; b" in shown._repr_html_()


@pytest.mark.parametrize(
    ("a", "b", "says"),
    [
        ([1, 2, 3], [1, 2, 3, 4], "pair them"),
        ([1, 2, np.nan], [1, 2, 3], "NaN"),
        ([[1, 2, 3]], [1, 2, 3], "one axis"),
    ],
)
def test_bad_samples_are_refused(a, b, says):
    with pytest.raises(BadSample, match=says):
        compare_paired(a, b, **ABOUT)
