"""The feed-forward finding on a tiny pair: whole, resumable, small on disk, true to its parts."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from helpers.annotate import LEVELS
from helpers.annotate.lexicon import vocabulary
from helpers.ffn import concept_words, word_outputs
from helpers.findings import ffn, ffn_view
from helpers.pairs import Pair
from helpers.results import Store
from helpers.widgets.components import from_store, pack_components


def tiny(seed: int) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=211,
        hidden_size=12,
        intermediate_size=40,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=False,
    )
    return LlamaForCausalLM(config).eval().requires_grad_(False)


def tokenizer(texts, add_special_tokens):
    assert not add_special_tokens and all(text.startswith(" ") for text in texts)
    return {"input_ids": [[sum(map(ord, text)) % 211, len(text)] for text in texts]}


@pytest.fixture(scope="module")
def pair() -> Pair:
    base, tuned = tiny(0), tiny(0)
    rng = np.random.default_rng(1)
    for layer in tuned.model.layers:
        low_rank = rng.standard_normal((12, 2)) @ rng.standard_normal((2, 40))
        layer.mlp.down_proj.weight.add_(torch.from_numpy(0.01 * low_rank).float())
    return Pair("tiny", base, tuned, tokenizer, template=SimpleNamespace())


@pytest.fixture(scope="module")
def store(pair, tmp_path_factory) -> Store:
    filled = Store(tmp_path_factory.mktemp("store"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ffn, "DRAWS", 3)
        ffn.compute(pair, filled, progress=False)
    return filled


def test_stored_words_and_scores_are_those_computed(pair, store):
    rng = np.random.default_rng(0)
    units = word_outputs(rng.standard_normal((500, 12)))
    listed = concept_words(rng.standard_normal((4, 12)), units)
    store.write("ffn/components/99-base", ffn.pack(listed, np.ones(4)))
    found = ffn.read_concepts(store, 99, "base")
    np.testing.assert_array_equal(found.words, listed.words)
    np.testing.assert_allclose(found.scores, listed.scores, atol=0.01)


def test_every_list_of_both_models_is_annotated_once(store):
    table = ffn_view.read_annotations(store)
    keys = ["layer", "role", "component", "pole"]
    assert len(table) == len(table.drop_duplicates(keys)) == 3 * 2 * 12 * 2
    assert set(table["level"].astype(str)) <= {"none", *LEVELS}


def test_a_low_rank_update_is_seen_with_its_rank_and_its_null(store):
    found = ffn_view.read_rotation(store)
    assert (found.rank == 2).all()
    assert found.angle.shape == (3, len(found.k)) and (found.angle > 0).any()
    assert found.null["norm"].shape == (3, 3, len(found.k))
    for comparison in ffn_view.compare_rotation(found, ks=(3, 8)):
        assert comparison.n == 3 and comparison.null_hypothesis


def test_a_second_run_computes_nothing(pair, store, monkeypatch):
    def fail(*_, **__):
        raise AssertionError("computed again")

    for name in ("components", "annotate_words", "rotation"):
        monkeypatch.setattr(ffn, name, fail)
    ffn.compute(pair, store, progress=False)


def test_a_damaged_part_is_computed_again(pair, store):
    path = store.folder / "ffn/rotation/01.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    with pytest.MonkeyPatch.context() as patch, pytest.warns(UserWarning, match="SHA-256"):
        patch.setattr(ffn, "DRAWS", 3)
        ffn.compute(pair, store, progress=False)
    assert path.read_bytes() == whole


def test_shares_are_compared_by_layer_with_holm(store):
    compared = ffn_view.compare_shares(ffn_view.read_annotations(store))
    assert [one.n for one in compared] == [3] * len(ffn_view.QUESTIONS)
    assert all(one.p_holm is None or one.p_holm >= one.p_value for one in compared)


def test_the_explorer_takes_the_store_as_it_is(store):
    shown = from_store(store)
    assert shown.words.shape == (2, 3, 12, 2, 15)
    assert shown.vocabulary == vocabulary()
    found = ffn.read_concepts(store, 2, "tuned")
    np.testing.assert_array_equal(shown.words[1, 2], found.words)
    assert set(pack_components(shown)) >= {"words", "steps", "partner"}


def test_no_update_turns_nothing():
    base = torch.from_numpy(np.random.default_rng(0).standard_normal((40, 12)))
    found = ffn.rotation(base, base.clone(), 12, seed=0)
    assert found["angles"].max() < 1e-4 and found["norm_angles"].max() < 1e-4
    assert found["update"].tolist() == [0, 0]
