"""Word pairs, knowledge and verb lift: planted truths, then the authors' numbers, then errors."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import build

from helpers.methods.heads import bilinear, each_head, head_activations
from helpers.methods.verbs import verb_counts, verb_space
from helpers.methods.weights import weights
from helpers.methods.word_pairs import (
    Knowledge,
    WordPairs,
    head_knowledge,
    layer_groups,
    verb_lift,
    word_pairs,
    word_space,
)
from helpers.words.vocabulary import word_embeddings

GOLDEN = Path(__file__).parents[1] / "golden" / "attention.npz"
N_WORDS, HIDDEN = 60, 32


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def embeddings() -> torch.Tensor:
    """Small random embeddings: a weight column equal to one of them is driven by that word."""
    rows = torch.randn(N_WORDS, HIDDEN, generator=torch.Generator().manual_seed(0))
    return 0.1 * rows


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """Word vectors in which words 7 and 31 are alike, and 7 and 50; all others are at random."""
    rows = np.random.default_rng(1).standard_normal((N_WORDS, 40))
    rows[31] = rows[7] + 0.2 * rows[31]
    rows[50] = rows[7] + 0.3 * rows[50]
    return rows


def pairs_of(found: WordPairs, number: int) -> set[tuple[int, int]]:
    part = slice(*found.start[number : number + 2])
    return set(zip(found.query[part].tolist(), found.key[part].tolist(), strict=True))


def by_loop(query, key, vectors, top_k) -> list[set[tuple[int, int]]]:
    """method.md, section 3, steps 1 to 3, word by word."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = unit @ unit.T
    threshold = [row[:3000].mean() + 1.96 * row[:3000].std() for row in cosine]
    norms = (query**2).sum(axis=0) + (key**2).sum(axis=0)
    found = []
    for r in np.argsort(-norms):
        best = [np.argsort(-np.abs(side[:, r]))[:top_k] for side in (query, key)]
        found.append(
            {
                (q, k)
                for q in best[0].tolist()
                for k in best[1].tolist()
                if q != k
                and query[q, r] * key[k, r] > 0
                and cosine[q, k] > max(threshold[q], threshold[k])
            }
        )
    return found


def listed(found: Knowledge) -> list[tuple[int, int]]:
    return list(zip(found.first.tolist(), found.second.tolist(), strict=True))


# --- planted truths


@pytest.mark.parametrize("name", ["llama", "gemma3", "gpt2"])
def test_a_head_built_to_link_two_words_in_one_dimension_links_them_there(
    name, embeddings, vectors
):
    model, layer, head = build(name), 1, 3
    of_model = weights(model)
    last = slice(-of_model.head_dim, None)  # its columns, and those of its key
    query, key = (of_model.projection(layer, side)[:, last] for side in ("query", "key"))
    with torch.no_grad():  # views of the weights: what is written here is what the model holds
        query.mul_(1e-3)
        key.mul_(1e-3)
        query[:, 5], key[:, 5] = embeddings[7], embeddings[31]
    found = head_activations(model, layer, head, embeddings)
    listed = word_pairs(found.query, found.key, vectors, top_k=5)
    assert listed.dimensions[0] == 5
    assert (7, 31) in pairs_of(listed, 0)


def test_words_of_opposite_sign_are_no_pair(embeddings, vectors):
    direction = embeddings[7][:, None], embeddings[31][:, None]
    same = word_pairs(embeddings @ direction[0], embeddings @ direction[1], vectors, top_k=5)
    opposite = word_pairs(embeddings @ direction[0], -embeddings @ direction[1], vectors, top_k=5)
    assert (7, 31) in pairs_of(same, 0)
    assert (7, 31) not in pairs_of(opposite, 0)


def test_words_that_never_occur_together_are_no_pair(embeddings):
    direction = embeddings[7][:, None], embeddings[31][:, None]
    apart = np.eye(N_WORDS)
    found = word_pairs(embeddings @ direction[0], embeddings @ direction[1], apart, top_k=20)
    assert len(found.query) == 0
    np.testing.assert_array_equal(found.start, [0, 0])
    assert len(head_knowledge(found)) == 0


def test_a_word_is_never_its_own_pair(embeddings, vectors):
    direction = embeddings[7][:, None]
    found = word_pairs(embeddings @ direction, embeddings @ direction, vectors, top_k=N_WORDS)
    assert len(found.query) > 0
    assert (found.query != found.key).all()


def test_singular_pairs_find_a_link_that_a_rotation_hid_from_the_dimensions(embeddings, vectors):
    rng = torch.Generator().manual_seed(2)
    query, key = 1e-3 * torch.randn(2, HIDDEN, 8, generator=rng)
    query[:, 0], key[:, 0] = embeddings[7], embeddings[31]
    turn = torch.linalg.qr(torch.randn(8, 8, generator=rng))[0]
    plain = bilinear(query, key)
    hidden = bilinear(query @ turn, key @ turn)
    torch.testing.assert_close(hidden.singular_values, plain.singular_values, rtol=1e-4, atol=1e-6)
    found = word_pairs(embeddings @ hidden.query, embeddings @ hidden.key, vectors, top_k=3)
    assert (7, 31) in pairs_of(found, 0)


def test_the_bilinear_form_is_that_of_the_head_and_its_first_pairs_the_best_at_lower_rank():
    query, key = torch.randn(2, 24, 6, generator=torch.Generator().manual_seed(3))
    whole, form = bilinear(query, key), query @ key.T
    torch.testing.assert_close(whole.query @ whole.key.T, form, rtol=1e-4, atol=1e-4)
    left, values, right = torch.linalg.svd(form)
    best = left[:, :2] * values[:2] @ right[:2]
    two = whole.query[:, :2] @ whole.key[:, :2].T
    torch.testing.assert_close(two, best, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(whole.singular_values, values[:6], rtol=1e-4, atol=1e-5)


def test_knowledge_is_what_two_dimensions_hold_in_either_direction():
    pairs = WordPairs(
        dimensions=np.array([4, 0, 2]),
        norms=np.array([3.0, 2.0, 1.0]),
        start=np.array([0, 3, 5, 6]),
        # (1, 2), (2, 1), (3, 4) | (4, 3), (5, 6) | (5, 6)
        query=np.array([1, 2, 3, 4, 5, 5]),
        key=np.array([2, 1, 4, 3, 6, 6]),
        similarity=np.array([0.9, 0.9, 0.8, 0.8, 0.7, 0.7]),
        n_words=10,
    )
    found = head_knowledge(pairs)
    # Both directions of (1, 2) stand in one dimension: that is one dimension, not two.
    assert listed(found) == [(3, 4), (5, 6)]
    np.testing.assert_array_equal(found.n_dimensions, [2, 2])
    np.testing.assert_array_equal(found.similarity, [0.8, 0.7])
    assert listed(head_knowledge(pairs, least=1)) == [(1, 2), (3, 4), (5, 6)]


@settings(max_examples=25, deadline=None)
@given(top_k=st.integers(1, 30), seed=st.integers(0, 50))
def test_verbs_are_counted_as_in_all_of_a_heads_knowledge(top_k, seed):
    rng = np.random.default_rng(seed)
    query, key = torch.from_numpy(rng.standard_normal((2, 30, 8)))
    space = word_space(rng.standard_normal((30, 3)))  # few dimensions: many words are alike
    verbs = rng.permutation(30)[:12]
    pairs = word_pairs(query, key, space, top_k=top_k)
    found = verb_counts(query, key, verb_space(space, verbs), least=(2, 1), top_k=top_k)
    for counts, least in zip(found, (2, 1), strict=True):
        known = head_knowledge(pairs, least=least)
        ends = np.concatenate([known.first, known.second])
        np.testing.assert_array_equal(counts, [(ends == verb).sum() for verb in verbs])


def test_lift_is_the_share_of_gaining_heads_among_those_that_changed():
    base = np.array([[1, 4, 2], [1, 4, 0], [3, 4, 1], [0, 4, 1]])
    tuned = np.array([[2, 4, 2], [5, 4, 1], [1, 4, 0], [0, 4, 0]])
    lift = verb_lift((tuned > base).sum(axis=0), (tuned < base).sum(axis=0))
    np.testing.assert_allclose(lift, [2 / 3, np.nan, 1 / 3])


@pytest.mark.parametrize(("layers", "sizes"), [(18, [5, 4, 5, 4]), (32, [8] * 4), (4, [1] * 4)])
def test_layer_groups_are_quarters(layers, sizes):
    np.testing.assert_array_equal(np.bincount(layer_groups(layers)), sizes)


# --- the authors' numbers


@pytest.mark.parametrize("layer", range(4))
def test_every_list_of_every_dimension_is_the_authors(golden, golden_model, layer):
    words, space = torch.from_numpy(golden["input"]), word_space(golden["word_vectors"])
    theirs = np.split(golden["pairs"], np.cumsum(golden["counts"].ravel())[:-1])
    for head in range(4):
        own = 4 * layer + head
        found = head_activations(golden_model, layer, head, words)
        pairs = word_pairs(found.query, found.key, space, top_k=20)
        np.testing.assert_array_equal(pairs.dimensions, golden["dimensions"][own])
        np.testing.assert_allclose(pairs.norms, golden["norms"][own], rtol=1e-5)
        for number in range(16):
            reference = {tuple(pair) for pair in theirs[16 * own + number].tolist()}
            assert pairs_of(pairs, number) == reference
            assert (np.diff(pairs.similarity[slice(*pairs.start[number : number + 2])]) <= 0).all()


def test_the_authors_word_embeddings_are_means_over_sub_tokens(golden, golden_model):
    spelled = np.split(golden["tokens"], np.cumsum(golden["lengths"])[:-1])

    class Spelling:
        """The golden tokenizer's answers, by the number of a word."""

        unk_token_id = 0

        def __call__(self, words, **_):
            return {"input_ids": [spelled[int(word)].tolist() for word in words]}

        def convert_ids_to_tokens(self, _):
            return "x"

    numbers = [str(i) for i in range(len(spelled))]
    found = word_embeddings(weights(golden_model), Spelling(), numbers)
    np.testing.assert_allclose(found.numpy(), golden["input"], atol=1e-6)


# --- agreement with the straightforward loop, blocks, shared keys


@settings(max_examples=15, deadline=None)
@given(block=st.integers(1, 9), top_k=st.integers(1, 30), seed=st.integers(0, 5))
def test_pairs_are_those_of_the_loop_whatever_the_block(block, top_k, seed):
    rng = np.random.default_rng(seed)
    query, key = rng.standard_normal((2, 30, 8))
    close = rng.standard_normal((30, 3))  # few dimensions: many words are alike
    found = word_pairs(
        torch.from_numpy(query), torch.from_numpy(key), close, top_k=top_k, block=block
    )
    expected = by_loop(query, key, close, top_k)
    assert [pairs_of(found, number) for number in range(8)] == expected
    assert len(found.query) == sum(len(own) for own in expected)


def test_thresholds_look_at_the_most_frequent_words_only(vectors):
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = unit @ unit[:20].T
    expected = cosine.mean(axis=1) + 1.96 * cosine.std(axis=1)
    np.testing.assert_allclose(word_space(vectors, reference=20).threshold, expected, rtol=1e-5)


@pytest.mark.parametrize("form", ["dimensions", "bilinear"])
def test_all_heads_at_once_are_the_heads_one_by_one(any_model, embeddings, form):
    of_model = weights(any_model)
    found = list(each_head(any_model, embeddings, form=form))
    assert [(layer, head) for layer, head, _ in found] == [
        (layer, head) for layer in range(of_model.n_layers) for head in range(of_model.n_heads)
    ]
    for layer, head, own in found:
        alone = head_activations(any_model, layer, head, embeddings, form=form)
        torch.testing.assert_close(own.query, alone.query)
        torch.testing.assert_close(own.key, alone.key)


def test_both_forms_give_every_pair_of_words_the_same_score(any_model, embeddings):
    plain = head_activations(any_model, 0, 1, embeddings)
    form = head_activations(any_model, 0, 1, embeddings, form="bilinear")
    torch.testing.assert_close(
        plain.query @ plain.key.T, form.query @ form.key.T, rtol=1e-3, atol=1e-4
    )


# --- errors


def test_wrong_words_and_vectors_are_named(embeddings, vectors):
    query = torch.ones(N_WORDS, 4)
    with pytest.raises(ValueError, match="top_k=61 words a side were asked of a vocabulary of 60"):
        word_pairs(query, query, vectors, top_k=61)
    with pytest.raises(ValueError, match="for 59 words, the activations for 60"):
        word_pairs(query, query, vectors[:59], top_k=5)
    with pytest.raises(ValueError, match=r"query has shape \(60, 4\), key \(60, 3\)"):
        word_pairs(query, query[:, :3], vectors)
    with pytest.raises(ValueError, match="for 60 words, the activations for 0"):
        word_pairs(query[:0], query[:0], word_space(vectors))
    with pytest.raises(ValueError, match=r"word_vectors has shape \(40,\)"):
        word_space(vectors[0])
    with pytest.raises(ValueError, match="1 words have a NaN or no vector"):
        word_space(np.vstack([vectors, np.full(40, np.nan)]))
    with pytest.raises(ValueError, match="all words have a NaN or no vector"):
        word_space(np.zeros((3, 40)))
    with pytest.raises(ValueError, match="NaN or infinite activations"):
        word_pairs(query * torch.nan, query, vectors, top_k=5)


def test_wrong_heads_and_forms_are_named(embeddings):
    model = build("llama")
    with pytest.raises(ValueError, match="layer=2: this model has layers 0 to 1"):
        head_activations(model, 2, 0, embeddings)
    with pytest.raises(ValueError, match="head=-1: this model has heads 0 to 3"):
        head_activations(model, 0, -1, embeddings)
    with pytest.raises(ValueError, match=r"shape \(60, 31\): expected \(words, 32\)"):
        head_activations(model, 0, 0, embeddings[:, 1:])
    with pytest.raises(ValueError, match="form='svd'"):
        head_activations(model, 0, 0, embeddings, form="svd")


def test_counts_and_knowledge_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"rose has shape \(3,\), fell \(2,\)"):
        verb_lift(np.zeros(3), np.zeros(2))
    with pytest.raises(ValueError, match="least=0"):
        head_knowledge(word_pairs(torch.ones(3, 1), torch.ones(3, 1), np.eye(3), top_k=1), least=0)
    with pytest.raises(ValueError, match="groups=5: 4 layers make 1 to 4 groups"):
        layer_groups(4, 5)
