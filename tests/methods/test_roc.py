"""Areas under ROC curves: planted truths, an independent implementation, intervals by item."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from helpers.methods.roc import Cases, area, area_draws, compare_areas
from helpers.methods.statistics import BadSample, Comparison


def planted(n: int = 30, seed: int = 0) -> tuple[np.ndarray, Cases]:
    labels = np.arange(n) % 2 == 0
    return np.random.default_rng(seed).normal(size=n), Cases(labels, list(range(n)))


def above_chance(scores: np.ndarray, cases: Cases) -> Comparison:
    return compare_areas(None, scores, cases, label="x", null_hypothesis="a half")


def test_a_score_that_is_the_label_has_area_one_and_its_opposite_zero():
    _, cases = planted()
    one = above_chance(cases.positive * 1.0, cases)
    assert (one.mean_b, one.low, one.high, one.n) == (1, 0.5, 0.5, 30)
    assert area(-1.0 * cases.positive, cases) == 0
    assert area(np.ones(30), cases) == 0.5


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=4, max_size=40))
def test_the_area_is_that_of_scikit_learn_ties_included(rows):
    labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    if labels.all() or not labels.any():
        with pytest.raises(BadSample, match="both kinds"):
            Cases(labels, list(range(len(rows))))
        return
    found = area(scores, Cases(labels, list(range(len(rows)))))
    assert found == pytest.approx(roc_auc_score(labels, scores))


def test_the_interval_of_noise_covers_a_half_about_as_often_as_it_says():
    covered = []
    for seed in range(24):
        one = above_chance(*planted(60, seed))
        covered.append(one.low <= 0 <= one.high)
    assert 20 <= sum(covered) <= 24


def test_resamples_draw_items_not_cases():
    """Every case three times over is no new evidence: the interval stays as wide."""
    scores, cases = planted(24)
    scores = scores + cases.positive
    thrice = Cases(np.repeat(cases.positive, 3), list(np.repeat(cases.items, 3)))
    alone = Cases(thrice.positive, list(range(72)))
    width = lambda one: one.high - one.low  # noqa: E731
    by_item, by_case = (width(above_chance(np.repeat(scores, 3), c)) for c in (thrice, alone))
    assert by_item == pytest.approx(width(above_chance(scores, cases)), abs=1e-9)
    assert by_case < 0.75 * by_item


def test_strata_take_away_what_comes_from_the_confound_alone():
    rng = np.random.default_rng(0)
    positive = np.arange(80) < 40
    length = np.where(rng.random(80) < 0.9, positive, ~positive).astype(int)
    score = length + 1e-3 * rng.random(80)
    items = list(range(80))
    assert area(score, Cases(positive, items)) > 0.8
    within = above_chance(score, Cases(positive, items, list(length)))
    assert within.low < 0 < within.high


def test_comparisons_name_both_areas_and_find_planted_differences():
    noise, cases = planted(60)
    good = cases.positive + 0.1 * noise
    one = compare_areas(noise, good, cases, label="x", null_hypothesis="equal")
    assert one.mean_b == 1 and one.difference == pytest.approx(1 - area(noise, cases))
    assert one.low > 0 and one.p_value < 0.001 and one.n == 60
    same = compare_areas(good, good, cases, label="x", null_hypothesis="equal")
    assert same.difference == 0 and same.p_value == 1
    chance = above_chance(noise, cases)
    assert chance.mean_a == 0.5 and chance.p_value > 0.05


def test_resamples_without_a_pair_count_for_nothing():
    cases = Cases(np.array([True, False, False]), ["a", "b", "c"])
    draws = area_draws([2.0, 1.0, 0.0], cases)
    assert np.isnan(draws).any() and (draws[np.isfinite(draws)] == 1).all()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s, c: area(s[:-1], c), "29 for 30 cases"),
        (lambda s, c: area(s * np.nan, c), "not finite"),
        (lambda s, c: Cases(c.positive, c.items[1:]), "29 items"),
        (lambda s, c: Cases(c.positive, c.items, [*c.positive]), "no stratum holds both"),
    ],
)
def test_unusable_cases_are_refused_with_the_reason(change, reason):
    with pytest.raises(BadSample, match=reason):
        change(*planted())
