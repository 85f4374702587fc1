"""Adapters: merged logits are peft's, and what cannot be merged is refused by what it is."""

import json
import shutil
import sys
import warnings

import pytest
import torch
from safetensors.torch import load_file
from tiny import build, byte_tokenizer, save_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from helpers.methods.errors import Mendable
from helpers.models import pair as pairs
from helpers.models.adapters import apply_adapter
from helpers.models.loading import UnusableModel, load_model

peft = pytest.importorskip("peft")
IDS = torch.tensor([[1, 70, 80, 90, 96]])


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bases")
    return save_model(folder / "base", seed=0, tie_word_embeddings=True)


def save_adapter(base, folder, seed=3, **settings):
    """An adapter with random weights; returns its folder and its logits by peft."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base)
    config = peft.LoraConfig(r=2, init_lora_weights=False, task_type="CAUSAL_LM", **settings)
    wrapped = peft.get_peft_model(model, config).eval()
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if "modules_to_save" in name or "trainable_tokens" in name:
                parameter.add_(0.3 * torch.randn_like(parameter))
        wrapped.save_pretrained(folder)
        return folder, wrapped(IDS).logits


KINDS = {
    "attention": dict(target_modules=["q_proj"]),
    "head": dict(target_modules=["q_proj", "lm_head"]),
    "embedding": dict(target_modules=["q_proj", "embed_tokens"]),
    "both": dict(target_modules=["lm_head", "embed_tokens"]),
    "whole head": dict(target_modules=["q_proj"], modules_to_save=["lm_head"]),
    "whole embedding": dict(target_modules=["q_proj"], modules_to_save=["embed_tokens"]),
    "some tokens": dict(target_modules=["q_proj"], trainable_token_indices=[70, 80]),
    "directions": dict(target_modules=["q_proj", "lm_head"], use_dora=True),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_merged_logits_are_those_of_peft(kind, tied, base, tmp_path):
    base = base if tied else save_model(tmp_path / "base", seed=0)
    folder, expected = save_adapter(base, tmp_path / "adapter", **KINDS[kind])
    model = apply_adapter(load_model(base, torch.float32), folder)
    torch.testing.assert_close(model(IDS).logits, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["attention", "head", "embedding"])
def test_a_scaled_embedding_is_merged_too_and_untied_only_where_it_must_be(kind, tmp_path):
    build("gemma3").save_pretrained(tmp_path / "base")
    folder, expected = save_adapter(tmp_path / "base", tmp_path / "adapter", **KINDS[kind])
    model = apply_adapter(load_model(tmp_path / "base", torch.float32), folder)
    torch.testing.assert_close(model(IDS).logits, expected, rtol=1e-4, atol=1e-4)
    same = model.get_input_embeddings().weight is model.get_output_embeddings().weight
    assert same == (kind == "attention")


def chatty(folder):
    """Tokenizer files as a trainer saves them beside an adapter: a template, and another end."""
    tokenizer = byte_tokenizer()
    tokenizer.eos_token = "Z"
    tokenizer.chat_template = "USER {{ messages[0]['content'] }} BOT"
    tokenizer.save_pretrained(folder)
    assert (folder / "chat_template.jinja").exists()
    return folder


def test_an_adapters_own_template_and_end_are_used(base, tmp_path):
    folder, _ = save_adapter(base, tmp_path / "adapter", **KINDS["attention"])
    pair = pairs.load_pair(base, chatty(folder))
    assert pair.template.render("Hi") == "USER Hi BOT"
    assert pair.tokenizer.eos_token == "Z" and "</s>" in pair.template.markers
    for file in folder.glob("tokenizer*"):
        file.unlink()
    assert pairs.load_pair(base, folder).template.render("Hi") == "USER Hi BOT"


def test_an_adapter_with_added_tokens_names_the_remedy_and_it_works(base, tmp_path):
    longer = byte_tokenizer()
    longer.add_tokens(["<tool>"])
    big = AutoModelForCausalLM.from_pretrained(base)
    big.resize_token_embeddings(260)
    big.save_pretrained(tmp_path / "big")
    kind = dict(target_modules=["q_proj"], modules_to_save=["embed_tokens", "lm_head"])
    folder, expected = save_adapter(tmp_path / "big", tmp_path / "adapter", **kind)
    longer.save_pretrained(folder)
    with pytest.raises(Mendable, match=r"vocab_size=259, tuned has 260.*\(260\).*as base"):
        pairs.load_pair(base, folder)
    AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path / "big")
    with warnings.catch_warnings(action="error", category=UserWarning):
        pair = pairs.load_pair(tmp_path / "big", folder)
    torch.testing.assert_close(pair.model("tuned")(IDS).logits, expected, rtol=1e-4, atol=1e-4)


def test_what_adds_to_the_input_is_refused_by_its_kind(base, tmp_path):
    model = AutoModelForCausalLM.from_pretrained(base)
    for number, settings in enumerate((
        peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3),
        peft.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3),
    )):  # fmt: skip
        folder = tmp_path / str(number)
        peft.get_peft_model(model, settings).save_pretrained(folder)
        with pytest.raises(UnusableModel, match="kind (PROMPT|PREFIX)_TUNING.*choose a LoRA"):
            pairs.load_pair(base, folder)


def test_an_adapter_cannot_have_a_module_imported(base, tmp_path):
    folder, _ = save_adapter(base, tmp_path / "adapter", **KINDS["attention"])
    config = json.loads((folder / "adapter_config.json").read_text())
    config |= {"megatron_config": {"x": 1}, "megatron_core": "antigravity"}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(UnusableModel, match="kind Megatron"):
        pairs.load_pair(base, folder)
    assert "antigravity" not in sys.modules


def test_an_adapter_that_names_another_base_is_said_once(base, tmp_path):
    folder, _ = save_adapter(base, tmp_path / "adapter", **KINDS["attention"])
    config = json.loads((folder / "adapter_config.json").read_text())
    with warnings.catch_warnings(action="error", category=UserWarning):
        pairs.load_pair(base, folder)
    config["base_model_name_or_path"] = "somebody/another-model"
    (folder / "adapter_config.json").write_text(json.dumps(config))
    with pytest.warns(UserWarning, match="trained on somebody/another-model") as said:
        pair = pairs.load_pair(base, folder, layout="in turns")
        for role in ("tuned", "base", "tuned"):
            pair.model(role)
    assert sum("another-model" in str(one.message) for one in said) == 1


def test_a_pickled_adapter_is_not_opened_for_a_decoy_beside_it(base, tmp_path):
    folder, expected = save_adapter(base, tmp_path / "adapter", **KINDS["attention"])
    torch.save(load_file(folder / "adapter_model.safetensors"), folder / "adapter_model.bin")
    shutil.move(folder / "adapter_model.safetensors", folder / "x.safetensors")
    with pytest.raises(Mendable, match=r"adapter_model.bin.*--allow-pickle"):
        pairs.load_pair(base, folder)
    with pytest.raises(Mendable, match=r"adapter_model.bin.*--allow-pickle"):
        apply_adapter(load_model(base, torch.float32), folder)
    pair = pairs.load_pair(base, folder, allow_pickle=True)
    torch.testing.assert_close(pair.model("tuned")(IDS).logits, expected, rtol=1e-4, atol=1e-4)
