"""Components, concept words and rotation: planted truths, then the authors' numbers, errors."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

from helpers.methods.components import components, concept_words, word_outputs
from helpers.methods.errors import Mendable
from helpers.methods.rotation import (
    match,
    principal_angles,
    random_factors,
    random_updates,
    share_in_span,
    turned_components,
    update_rank,
    update_size,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "ffn.npz"


def spread_along(directions: np.ndarray, spreads: list[float], rows: int = 400) -> torch.Tensor:
    """Value vectors that vary along the given unit directions, on top of a little noise."""
    rng = np.random.default_rng(3)
    hidden = directions.shape[1]
    vectors = rng.standard_normal((rows, len(spreads))) * spreads @ directions
    return torch.from_numpy(vectors + 0.01 * rng.standard_normal((rows, hidden)) + 5.0)


@pytest.fixture(scope="module")
def vocabulary() -> np.ndarray:
    return word_outputs(np.random.default_rng(0).standard_normal((200, 32)))


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as arrays:
        return dict(arrays)


# --- planted truths


def test_value_vectors_spread_along_a_word_return_that_word_first(vocabulary):
    found = components(spread_along(vocabulary[[17, 90]], [3.0, 1.0]), 2)
    words = concept_words(found.directions, vocabulary, pole="absolute").words
    assert words[0, 0, 0] == 17
    assert words[1, 0, 0] == 90


def test_each_pole_returns_its_own_word(vocabulary):
    between = vocabulary[5] - vocabulary[60]
    found = components(spread_along((between / np.linalg.norm(between))[None], [2.0]), 1)
    listed = concept_words(found.directions, vocabulary)
    assert {listed.words[0, 0, 0], listed.words[0, 1, 0]} == {5, 60}
    assert (listed.scores[0, 0] > 0).all()
    assert (listed.scores[0, 1] < 0).all()


def test_variance_ratios_are_those_planted(vocabulary):
    basis = np.linalg.qr(vocabulary[:3].T)[0].T
    found = components(spread_along(basis, [3.0, 2.0, 1.0], rows=20000), 3)
    np.testing.assert_allclose(found.explained_variance_ratio, [9 / 14, 4 / 14, 1 / 14], rtol=0.03)


def test_a_rotation_by_a_known_angle_is_measured_as_that_angle():
    base = np.eye(10)[:4]
    tuned = base.copy()
    tuned[1] = np.cos(np.pi / 6) * base[1] + np.sin(np.pi / 6) * np.eye(10)[9]
    angles = principal_angles(base, tuned, [1, 2, 4])
    np.testing.assert_allclose(angles.largest, [0, 30, 30], atol=1e-6)
    np.testing.assert_allclose(angles.mean, [0, 15, 7.5], atol=1e-6)


def test_components_that_changed_places_are_matched_and_their_ranks_reported():
    base = np.linalg.qr(np.random.default_rng(1).standard_normal((12, 5)))[0].T
    matching = match(base, -base[[2, 0, 1, 3, 4]])
    np.testing.assert_array_equal(matching.partner, [1, 2, 0, 3, 4])
    np.testing.assert_array_equal(matching.rank_change, [1, 1, -2, 0, 0])
    np.testing.assert_allclose(matching.cosine, -1)
    np.testing.assert_allclose(matching.angle, 0, atol=1e-5)


@pytest.mark.parametrize("null", ["norm", "spectrum"])
def test_random_updates_keep_norm_and_rank_but_not_direction(null):
    rng = np.random.default_rng(0)
    low_rank = rng.standard_normal((60, 3)) * [5, 1, 0.2] @ rng.standard_normal((3, 20))
    update = torch.from_numpy(low_rank)
    drawn = list(random_updates(update, draws=3, seed=4, null=null))
    again = list(random_updates(update, draws=3, seed=4, null=null))
    for one, same in zip(drawn, again, strict=True):
        assert torch.equal(one, same)
        assert update_rank(one) == 3
        torch.testing.assert_close(torch.linalg.norm(one), torch.linalg.norm(update))
        assert abs(float((one * update).sum() / torch.linalg.norm(update) ** 2)) < 0.5
    if null == "spectrum":
        kept = torch.linalg.svdvals(drawn[0])[:3]
        torch.testing.assert_close(kept, torch.linalg.svdvals(update)[:3])


@pytest.mark.parametrize("null", ["norm", "spectrum"])
def test_components_after_a_random_update_are_those_of_the_sum(null):
    rng = np.random.default_rng(8)
    base = torch.from_numpy(rng.standard_normal((90, 20)) * np.linspace(2, 0.5, 20) + 0.3)
    update = torch.from_numpy(0.2 * rng.standard_normal((90, 3)) @ rng.standard_normal((3, 20)))
    options = {"draws": 4, "seed": 2, "null": null}
    found = list(turned_components(base, random_factors(update, **options), 12))
    assert len(found) == 4
    for own, drawn in zip(found, random_updates(update, **options), strict=True):
        expected = components(base + drawn, 12).directions
        np.testing.assert_allclose(np.abs((own * expected).sum(axis=1)), 1, atol=1e-12)
        near, same = (principal_angles(components(base, 12).directions, x) for x in (own, expected))
        np.testing.assert_allclose(near.mean, same.mean, atol=1e-6)
        np.testing.assert_allclose(near.largest, same.largest, atol=1e-6)


def test_an_update_in_one_direction_rotates_less_than_chance_only_where_it_is_aligned(vocabulary):
    base = spread_along(vocabulary[:4], [4.0, 3.0, 2.0, 1.0])
    first = components(base, 4)
    aligned = base @ torch.from_numpy(np.outer(first.directions[0], first.directions[0]))
    real = principal_angles(first.directions, components(base + aligned, 4).directions, [4])
    null = [
        principal_angles(first.directions, components(base + drawn, 4).directions, [4]).mean[0]
        for drawn in random_updates(aligned, draws=5)
    ]
    assert real.mean[0] < 0.1 < min(null)


def test_angles_are_those_of_scipy_for_spans_given_by_any_directions():
    base, tuned = np.random.default_rng(5).standard_normal((2, 6, 20))
    angles = principal_angles(base, tuned)
    expected = [np.degrees(subspace_angles(base[:k].T, tuned[:k].T)) for k in range(1, 7)]
    np.testing.assert_allclose(angles.mean, [one.mean() for one in expected])
    np.testing.assert_allclose(angles.largest, [one.max() for one in expected])


def test_an_update_along_known_directions_has_its_share_in_their_span():
    rng = np.random.default_rng(6)
    basis = np.linalg.qr(rng.standard_normal((12, 5)))[0].T
    left = np.linalg.qr(rng.standard_normal((30, 2)))[0]
    update = torch.from_numpy(left * [2.0, 1.0] @ basis[[1, 4]])  # squared sizes 4 and 1
    np.testing.assert_allclose(share_in_span(update, basis), [0, 0.8, 0.8, 0.8, 1], atol=1e-12)
    triangle = torch.linalg.qr(update, mode="r").R
    whole = share_in_span(update, basis)
    np.testing.assert_allclose(share_in_span(triangle, basis), whole, atol=1e-12)
    assert np.isnan(share_in_span(torch.zeros(3, 12), basis)).all()


def test_a_random_update_has_no_preference():
    update = torch.from_numpy(np.random.default_rng(7).standard_normal((30, 3)) @ np.eye(3, 20))
    drawn = random_updates(update, draws=300, null="spectrum")
    shares = [share_in_span(one, np.eye(8, 20)) for one in drawn]
    np.testing.assert_allclose(np.mean(shares, axis=0), np.arange(1, 9) / 20, atol=0.02)


def test_the_size_of_an_update_is_relative_to_the_matrix():
    base = torch.full((3, 4), 2.0)
    assert update_size(base, base * 1.1) == pytest.approx(0.1)


def test_no_update_has_rank_zero_and_a_null_of_nothing():
    nothing = torch.zeros(8, 4)
    assert update_rank(nothing) == 0
    assert all(not drawn.any() for drawn in random_updates(nothing, draws=2))
    base = torch.from_numpy(np.random.default_rng(9).standard_normal((8, 4)))
    [found] = turned_components(base, random_factors(nothing, draws=1, null="spectrum"), 3)
    cosines = (found * components(base, 3).directions).sum(axis=1)
    np.testing.assert_allclose(np.abs(cosines), 1)


# --- the authors' numbers


@pytest.mark.parametrize("layer", range(4))
def test_words_and_variance_equal_what_the_authors_code_computes(golden, layer):
    found = components(torch.from_numpy(golden["value_vectors"][layer]).double(), 64)
    listed = concept_words(
        found.directions, word_outputs(golden["word_embeddings"]), pole="absolute"
    )
    np.testing.assert_allclose(found.explained_variance_ratio, golden["variance"][layer], atol=1e-7)
    ours, theirs = listed.words[:, 0], golden["words"][layer]
    for component, (mine, reference) in enumerate(zip(ours, theirs, strict=True)):
        assert set(mine) == set(reference)
        swapped = mine != reference  # only equal scores may stand in another order
        tied = np.abs(listed.scores[component, 0][swapped])
        assert np.ptp(tied) < 1e-5 if swapped.any() else True


# --- agreement with a well-kept library, precision, blocks


def test_components_agree_with_scikit_learn(golden):
    vectors = golden["value_vectors"][0]
    found, theirs = components(vectors, 20), PCA(20, svd_solver="full").fit(vectors)
    np.testing.assert_allclose(
        found.explained_variance_ratio, theirs.explained_variance_ratio_, rtol=1e-4
    )
    np.testing.assert_allclose(found.mean, theirs.mean_, atol=1e-6)
    np.testing.assert_allclose(
        np.abs((found.directions * theirs.components_).sum(axis=1)), 1, atol=1e-4
    )


def test_precision_follows_the_input(golden):
    vectors = torch.from_numpy(golden["value_vectors"][0])
    assert components(vectors, 3).directions.dtype == np.float32
    assert components(vectors.bfloat16(), 3).directions.dtype == np.float32
    assert components(vectors.double(), 3).directions.dtype == np.float64


@settings(max_examples=20, deadline=None)
@given(
    block=st.integers(1, 9), top_k=st.integers(1, 30), pole=st.sampled_from(["both", "absolute"])
)
def test_the_block_size_changes_nothing(block, top_k, pole):
    rng = np.random.default_rng(top_k)
    rows, vocabulary = rng.standard_normal((8, 6)), word_outputs(rng.standard_normal((30, 6)))
    whole = concept_words(rows, vocabulary, top_k=top_k, pole=pole, block=100)
    blocks = concept_words(rows, vocabulary, top_k=top_k, pole=pole, block=block)
    np.testing.assert_array_equal(whole.words, blocks.words)
    one = concept_words(rows[0], vocabulary, top_k=top_k, pole=pole)
    np.testing.assert_array_equal(one.words, whole.words[0])


def test_a_final_norm_that_mutes_a_dimension_takes_its_words_down():
    embeddings = np.eye(3)[[0, 1, 2, 2]] + 0.1
    muted = word_outputs(embeddings, final_norm=np.array([1.0, 1.0, 0.0]))
    listed = concept_words(np.array([0.0, 0.0, 1.0]), muted, top_k=1, pole="absolute")
    assert listed.scores[0, 0] == 0


# --- errors


@pytest.mark.parametrize(
    ("vectors", "n", "message"),
    [
        (np.full((50, 8), 0.3), 3, "constant"),
        (np.tile(np.linspace(-1e3, 1e3, 8), (50, 1)), 3, "constant"),
        (np.where(np.eye(50, 8) > 0, np.nan, 1.0), 3, "NaN or infinite entries in 8 of 50 rows"),
        (np.where(np.eye(50, 8) > 0, np.inf, 1.0), 3, "NaN or infinite"),
        (np.random.default_rng(0).standard_normal((5, 8)), 5, "between 1 and 4"),
        (np.random.default_rng(0).standard_normal((50, 8)), 9, "between 1 and 8"),
        (np.random.default_rng(0).standard_normal((50, 8)), 0, "between 1 and 8"),
        (np.outer(np.arange(50.0), np.arange(8.0)), 2, "about 1 directions"),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_degenerate_weights_are_named(vectors, n, message, dtype):
    with pytest.raises(Mendable, match=message):
        components(torch.from_numpy(vectors).to(dtype), n)


def test_other_wrong_arguments_are_named(vocabulary):
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        components(torch.ones(3), 1)
    with pytest.raises(ValueError, match="top_k=201"):
        concept_words(vocabulary[0], vocabulary, top_k=201)
    with pytest.raises(ValueError, match="pole='plus'"):
        concept_words(vocabulary[0], vocabulary, pole="plus")
    with pytest.raises(ValueError, match="1 words have a zero"):
        word_outputs(np.array([[1.0, 0.0], [0.0, 0.0]]))
    with pytest.raises(ValueError, match="same number of components"):
        match(vocabulary[:3], vocabulary[:4])
    with pytest.raises(ValueError, match="between 1 and 3"):
        principal_angles(vocabulary[:3], vocabulary[:3], [4])
    with pytest.raises(ValueError, match="null='sign'"):
        list(random_updates(torch.ones(2, 2), draws=1, null="sign"))
