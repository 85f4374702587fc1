"""Loading: every weight from the files and none left over; what cannot be used is said in a sentence."""

import json
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import byte_tokenizer, save_model, word_tokenizer
from transformers import (
    AutoTokenizer,
    ByT5Tokenizer,
    MambaConfig,
    PreTrainedModel,
)

from helpers.methods.errors import Mendable
from helpers.models import pair as pairs
from helpers.models import sources
from helpers.models.loading import (
    How,
    UnusableModel,
    convert,
    kept_whole,
    load_model,
    read_tokenizer,
)
from helpers.models.sources import Source, weights_of
from helpers.prompts.prompt import read_prompts


@pytest.fixture
def folder(tmp_path):
    return save_model(tmp_path / "model", seed=0)


def change(file, **values):
    held = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(held | values))


def rewrite(folder, change):
    held = change(load_file(folder / "model.safetensors"))
    save_file(held, folder / "model.safetensors", metadata={"format": "pt"})


def without(*parts):
    return lambda held: {k: v for k, v in held.items() if not any(part in k for part in parts)}


DAMAGES = {
    r"lacks 21 of them, lm_head.weight, ": lambda held: {f"_orig_mod.{k}": held[k] for k in held},
    r"lacks 1 of them, lm_head.weight ": without("lm_head"),
    r"lacks 9 of them, model.layers.1.": without("layers.1."),
    r"has too many 1 of them, model.layers.2.mlp.up_proj.weight": lambda held: (
        held | {"model.layers.2.mlp.up_proj.weight": torch.ones(48, 32)}
    ),
}


@pytest.mark.parametrize("says", DAMAGES)
def test_weights_that_would_be_random_or_left_out_are_refused(says, folder):
    rewrite(folder, DAMAGES[says])
    with pytest.raises(UnusableModel, match=f"{says}.*save_pretrained of the model itself"):
        load_model(folder, torch.float32)


def test_a_tied_head_need_not_be_in_the_files(tmp_path):
    folder = save_model(tmp_path / "tied", seed=0, tie_word_embeddings=True)
    assert "lm_head.weight" not in load_file(folder / "model.safetensors")
    model = load_model(folder, torch.float32)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_a_configuration_cannot_choose_the_attention_or_other_weights(folder):
    names = dict.fromkeys(("attn_implementation", "_attn_implementation"), "somebody/kernel")
    change(folder / "config.json", transformers_weights="other.safetensors", **names)
    model = load_model(folder, torch.float32)
    assert model.config._attn_implementation == "sdpa"


def test_a_model_without_torchs_attention_loads_with_the_plain_one(folder, monkeypatch):
    monkeypatch.setattr("transformers.LlamaPreTrainedModel._supports_sdpa", False)
    assert load_model(folder, torch.float32).config._attn_implementation == "eager"


def shards(folder, *, name="model-{:05d}-of-00002.safetensors"):
    """The same model in two files, which may lie below the folder."""
    held = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    index = {}
    for number in range(2):
        file = folder / name.format(number + 1)
        file.parent.mkdir(exist_ok=True)
        part = dict(list(held.items())[number::2])
        save_file(part, file, metadata={"format": "pt"})
        index |= dict.fromkeys(part, name.format(number + 1))
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": index})
    )
    return [folder / name.format(number + 1) for number in range(2)]


def test_shards_below_a_subfolder_are_in_the_fingerprint_and_counted(folder, tmp_path):
    expected = load_model(folder, torch.float32)
    files = shards(folder, name="parts/{}.safetensors")
    found = sources.find(Source(str(folder)))
    assert weights_of(folder) == files
    assert found.parameters() == sum(p.numel() for p in expected.parameters())
    model, before = load_model(folder, torch.float32), found.fingerprint()
    assert all(map(torch.equal, model.state_dict().values(), expected.state_dict().values()))
    held = {name: 1.5 * value for name, value in load_file(files[1]).items()}
    save_file(held, files[1], metadata={"format": "pt"})
    assert found.fingerprint() != before


def test_an_index_that_names_a_pickle_is_not_followed(folder):
    shards(folder)
    file = folder / "model.safetensors.index.json"
    held = json.loads(file.read_text())
    held["weight_map"]["lm_head.weight"] = "w.bin"
    file.write_text(json.dumps(held))
    torch.save({}, folder / "w.bin")
    with pytest.raises(Mendable, match=r"pickles \(w.bin\).*--allow-pickle"):
        pairs.load_pair(folder, folder)
    file.write_text("[]")
    with pytest.raises(sources.MissingWeights, match="does not list weight files"):
        pairs.load_pair(folder, folder)


def test_a_gguf_file_is_known_by_its_first_bytes_alone(tmp_path):
    file = tmp_path / "large.gguf"
    with open(file, "wb") as content:
        content.write(b"GGUF")
        content.truncate(2**36)  # a hole: reading it whole would take minutes and 64 GiB
    start = time.monotonic()
    assert sources.find(Source(str(file))).kind == "gguf"
    assert time.monotonic() - start < 1


def test_models_that_the_methods_cannot_read_say_why(folder):
    for says, config in {
        "model without attention heads": MambaConfig(hidden_size=32, num_hidden_layers=2).to_dict(),
        "model of text and more.*text-only version": {
            "model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"]
        },
    }.items():  # fmt: skip
        (folder / "config.json").write_text(json.dumps(config))
        with pytest.raises(UnusableModel, match=says):
            pairs.load_pair(folder, folder)


@pytest.mark.parametrize("ends", ["stop", {"a": 1}, [2, "stop"]])
def test_ends_that_are_no_ids_are_refused_with_the_file(ends, folder):
    change(folder / "generation_config.json", eos_token_id=ends)
    with pytest.raises(UnusableModel, match=r"generation_config.json does not say which ids end"):
        load_model(folder, torch.float32)


def test_a_tokenizer_without_files_or_offsets_is_refused(tmp_path, folder):
    ByT5Tokenizer().save_pretrained(tmp_path / "bytes")
    with pytest.raises(UnusableModel, match="holds no tokenizer.*ByT5"):
        read_tokenizer(tmp_path / "bytes", How())


def without_merges(folder: Path) -> Path:
    """What transformers before 5.18 makes of a GGUF file's tokenizer: all tokens, and no way to them."""
    tokenizer = word_tokenizer([one.text for one in read_prompts()], 3000)
    tokenizer.save_pretrained(folder)
    assert kept_whole(read_tokenizer(folder, How())) > 0.9
    file = folder / "tokenizer.json"
    told = json.loads(file.read_text())
    told["model"]["merges"] = []
    file.write_text(json.dumps(told))
    return folder


def test_a_tokenizer_that_splits_its_own_words_is_refused(tmp_path, monkeypatch):
    folder = without_merges(tmp_path / "made")
    with pytest.raises(UnusableModel, match="splits words that are tokens of its own .100%.*5.18"):
        read_tokenizer(folder, How())
    # A file that is read so is not converted.
    broken = AutoTokenizer.from_pretrained(folder)
    monkeypatch.setattr(AutoTokenizer, "from_pretrained", lambda *_, **__: broken)
    monkeypatch.setattr(PreTrainedModel, "from_pretrained", lambda *_, **__: pytest.fail("loaded"))
    with pytest.raises(UnusableModel, match=r"The tokenizer in .*one.gguf splits"):
        convert(tmp_path / "one.gguf", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_letters_alone_are_not_taken_for_lost_merges():
    assert kept_whole(byte_tokenizer()) == 1


def test_tokens_outside_of_the_embedding_are_named_before_a_model_loads(tmp_path, monkeypatch):
    tokenizer = byte_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|ask|>"]})
    tokenizer.chat_template = "<|ask|>{{ messages[0]['content'] }}"
    folder = save_model(tmp_path / "model", seed=0, tokenizer=tokenizer)
    monkeypatch.setattr(PreTrainedModel, "from_pretrained", lambda *_, **__: pytest.fail("loaded"))
    with pytest.raises(Mendable, match=r"'<\|ask\|>' \(id 259\).*259 rows.*embeddings\(260\)"):
        pairs.load_pair(folder, folder)


def test_a_user_without_a_home_is_no_hindrance(folder, monkeypatch):
    from helpers import paths

    for name in ("HOME", "XDG_CACHE_HOME", "INSTRUCTION_SHIFT_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 987654321)
    assert paths.cache_folder().is_absolute()
    with pytest.raises(sources.MissingWeights, match="neither a folder"):
        sources.find(Source("~/model"))
