"""Normal form, density and instruction score: exact small cases, properties, refusals."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from helpers.methods.density import density, instruction_score, normalise, segment_scores, shares
from helpers.methods.errors import Mendable

MATRICES = arrays(
    np.float64,
    st.tuples(st.integers(1, 8), st.integers(1, 8)),
    elements=st.floats(-1, 1, allow_subnormal=False),
)


def test_the_normal_form_rounds_up_relative_to_the_column():
    found = normalise(np.array([[0.11, -1.0], [1.0, -0.5], [-3.0, 0.0]]))
    np.testing.assert_array_equal(found, [[2, 0], [10, 0], [0, 0]])


def test_entries_up_to_the_threshold_become_zero():
    found = normalise(np.array([[0.7], [0.71], [1.0]]), threshold=7)
    np.testing.assert_array_equal(found, [[0], [8], [10]])


@given(MATRICES, st.floats(1e-30, 1e30))
def test_the_normal_form_does_not_depend_on_the_scale(matrix, scale):
    # A power of two scales without rounding.
    factor = 2.0 ** np.round(np.log2(scale))
    assume((np.abs(matrix * factor)[matrix != 0] >= np.finfo(float).tiny).all())
    np.testing.assert_array_equal(normalise(matrix), normalise(matrix * factor))


@given(MATRICES)
def test_a_column_with_a_positive_entry_reaches_the_highest_level(matrix):
    found = normalise(matrix)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found.max(0), np.where((matrix > 0).any(0), 10, 0))


@pytest.mark.parametrize("entries", [1, 2, 5, 40])
@pytest.mark.parametrize("p", [2, 4, 6])
def test_equal_entries_give_their_number_to_the_power_one_minus_one_over_p(entries, p):
    row = np.zeros((1, 50))
    row[0, :entries] = 9
    assert density(row, p)[0] == pytest.approx(entries ** (1 - 1 / p))


def test_a_row_of_zeros_has_no_density():
    np.testing.assert_array_equal(density(np.array([[0, 0], [3, 0]])), [0, 1])


@given(MATRICES, st.floats(1, 8))
def test_density_lies_between_one_and_its_bound(matrix, p):
    found = density(normalise(matrix), p)
    assert ((found == 0) | (found >= 1 - 1e-9)).all()
    assert found.max() <= matrix.shape[1] ** (1 - 1 / p) + 1e-9


def test_the_score_is_the_sum_over_the_instruction_divided_by_a_logarithm():
    found = instruction_score(np.array([4.0, 2.0, 1.0]), np.array([False, True, True]))
    assert found == pytest.approx((0.5 + 0.25) / 2)


def test_torch_gives_torch_and_the_same_numbers():
    matrix = np.random.default_rng(0).standard_normal((6, 4))
    levels = normalise(torch.from_numpy(matrix))
    assert isinstance(levels, torch.Tensor)
    np.testing.assert_array_equal(levels.numpy(), normalise(matrix))
    np.testing.assert_allclose(density(levels).numpy(), density(normalise(matrix)))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: normalise(np.zeros(3)), "importance has shape"),
        (lambda: normalise(np.zeros((3, 0))), "importance has shape"),
        (lambda: normalise(np.array([[np.nan]])), "NaN"),
        (lambda: normalise(np.ones((2, 2)), levels=0), "levels=0"),
        (lambda: normalise(np.ones((2, 2)), threshold=11), "threshold=11"),
        (lambda: density(np.ones((2, 2)), p=0.5), "p=0.5"),
        (lambda: instruction_score(np.ones(3), np.ones(2, bool)), "3 tokens"),
        (lambda: instruction_score(np.ones(3), np.ones(3)), "truth value"),
        (lambda: instruction_score(np.ones(3), np.zeros(3, bool)), "no instruction"),
    ],
)
def test_bad_input_is_refused_with_its_name(call, says):
    with pytest.raises(Mendable, match=says):
        call()


ROLES = ["template", "instruction", "instruction", "input", "context", "template"]
PLANTED = np.array(
    [[9, 9, 9], [1, 0, 2], [0, 1, 0], [1, 1, 0], [-5, 1, -1], [8, 0, 9]], dtype=float
)


def test_shares_leave_the_template_out_and_add_up():
    found = shares(PLANTED, ROLES)
    assert found == {"instruction": 4 / 7, "input": 2 / 7, "context": 1 / 7}


def test_a_template_that_holds_the_largest_density_hides_the_segments():
    whole = segment_scores(PLANTED, ROLES)
    without = segment_scores(PLANTED, ROLES, rows="segments")
    assert set(whole.values()) == {0.0}  # every entry of a segment is under the threshold
    assert without["instruction"] > without["context"] > 0
    alone = instruction_score(density(normalise(PLANTED[1:5], threshold=7)), np.arange(4) < 2)
    assert without["instruction"] == alone


def test_all_rows_give_the_paper_s_score():
    rng = np.random.default_rng(1)
    found = rng.normal(size=(6, 9))
    mask = np.array(ROLES) == "instruction"
    expected = instruction_score(density(normalise(found, threshold=7)), mask)
    assert segment_scores(found, ROLES)["instruction"] == expected


def test_an_empty_response_has_no_score():
    assert np.isnan(segment_scores(np.zeros((6, 0)), ROLES)["instruction"])


def test_segments_are_named_by_plain_text():
    found = [shares(PLANTED, ROLES), segment_scores(PLANTED, ROLES)]
    assert all(type(name) is str for one in found for name in one)
