"""The registry and the sources of pairs: what loads from where, and what is refused with what words."""

import json
import os
import re
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
from living import Living
from tiny import byte_tokenizer, save_model
from transformers import AutoModelForCausalLM, LlamaConfig

from helpers.methods.errors import Mendable
from helpers.models import loading, registry, sources, templates
from helpers.models import pair as pairs
from helpers.models.sources import Source

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders of a tiny base and a tiny tuned model."""
    folder = tmp_path_factory.mktemp("models")
    return save_model(folder / "base", seed=0), save_model(folder / "tuned", seed=1)


def weight(model) -> torch.Tensor:
    return model.model.layers[1].self_attn.k_proj.weight


# --- the registry


def test_the_registry_holds_the_pairs_of_the_book_with_revision_licence_and_size():
    found = registry.read()
    assert next(iter(found)) == pairs.DEFAULT_PAIR
    assert len(found) >= 15
    for choice in found.values():
        assert choice.licence and choice.parameters > 1e8
        if not choice.embedded:
            for side in (choice.base, choice.tuned):
                assert re.fullmatch(r"[0-9a-f]{40}|refs/pr/\d+", side.revision), side
                assert re.fullmatch(r"[\w.-]+/[\w.-]+", side.where)


def test_a_pair_that_is_not_pinned_says_so():
    table = registry.table()
    assert table.loc["smollm2-135m", "pinned"]
    assert not table.loc["vicuna-7b", "pinned"]


def test_the_memory_of_a_pair_is_parameters_times_bytes_and_decides_what_fits():
    table = registry.table()
    assert registry.memory(2**30) == {
        "float32, both": 8.0, "16 bits, both": 4.0, "16 bits, in turns": 2.0
    }  # fmt: skip
    assert table.loc["vicuna-7b", "16 bits, in turns"] == pytest.approx(12.6, abs=0.05)
    assert table.loc["vicuna-7b", "in turns fit"] == "Colab T4"
    assert table.loc["vicuna-7b", "16 bits fit"] == "A100 40 GB"
    assert table.loc["smollm2-135m", "float32 fits"] == "laptop, 8 GB"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[pairs.a", "cannot be read"),
        ('[pairs.a]\nbase = "x/y"', "'a' lacks or mistypes something: 'tuned'"),
        ("[pairs]\na = 1", "'a' lacks or mistypes"),
        (
            '[pairs.a]\nbase="x/y"\ntuned="x/z"\nlicence="MIT"\nparameters=1\nsize=3',
            "'a' lacks or mistypes.*'size'",
        ),
        (
            '[pairs.a]\nbase="x/y"\ntuned="x/z"\nlicence="MIT"\nparameters=1\ntemplate="none"',
            "'a' lacks or mistypes something: 'none'",
        ),
        ('[templates.t]\nbefore="x"', "'t' lacks"),
        (
            '[pairs."../a"]\nbase="x"\ntuned="y"\nlicence="MIT"\nparameters=1',
            "cannot name a folder",
        ),
    ],
)
def test_a_malformed_registry_is_refused_with_the_entry(tmp_path, content, says):
    file = tmp_path / "pairs.toml"
    file.write_text(content)
    with pytest.raises(Mendable, match=says):
        registry.read(file)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(Mendable, match=r"'gpt-9' .* smollm2-135m.*--base and --tuned"):
        registry.find("gpt-9")


@pytest.mark.parametrize(
    ("tuned", "name"),
    [("org/Model-7B-it", "Model-7B-it"), ("a/b@v1", "b"), ("./my model", "my-model")],
)
def test_an_own_pair_is_named_after_its_tuned_model(tuned, name):
    assert registry.own("org/base", tuned).name == name


def test_a_revision_may_follow_a_hub_id():
    choice = registry.own("org/base@abc", "org/tuned")
    assert choice.base == Source("org/base", "abc") and choice.tuned == Source("org/tuned")


# --- folders, adapters, GGUF files


def test_folders_make_a_pair_whose_fingerprint_is_that_of_their_weights(models, tmp_path):
    base, tuned = models
    pair = pairs.load_pair(base, tuned, name="tiny")
    assert not torch.equal(weight(pair.model("base")), weight(pair.model("tuned")))
    choice = registry.own(str(base), str(tuned))
    before = pairs.fingerprint(choice)
    moved = registry.own(str(shutil.copytree(base, tmp_path / "other place")), str(tuned))
    assert pairs.fingerprint(moved) == before
    config = json.loads((tmp_path / "other place/config.json").read_text())
    (tmp_path / "other place/config.json").write_text(json.dumps(config | {"rms_norm_eps": 0.1}))
    assert pairs.fingerprint(moved)["base"] != before["base"]
    assert pairs.fingerprint(moved)["tuned"] == before["tuned"]


def test_the_number_of_weights_is_read_from_the_headers(models):
    model = AutoModelForCausalLM.from_pretrained(models[0])
    found = sources.find(Source(str(models[0])))
    assert found.parameters() == sum(p.numel() for p in model.parameters())


@pytest.fixture(scope="module")
def adapter(models, tmp_path_factory):
    peft = pytest.importorskip("peft")
    model = AutoModelForCausalLM.from_pretrained(models[0])
    config = peft.LoraConfig(r=2, lora_alpha=4, target_modules=["k_proj"], init_lora_weights=False)
    torch.manual_seed(3)
    folder = tmp_path_factory.mktemp("adapter")
    peft.get_peft_model(model, config).save_pretrained(folder)
    return folder


def test_an_adapter_is_merged_into_the_base(models, adapter):
    from safetensors.torch import load_file

    pair = pairs.load_pair(models[0], adapter)
    held = load_file(adapter / "adapter_model.safetensors")
    down, up = (next(v for k, v in held.items() if f"layers.1.self_attn.k_proj.{side}" in k)
                for side in ("lora_A", "lora_B"))  # fmt: skip
    torch.testing.assert_close(
        weight(pair.model("tuned")) - weight(pair.model("base")), 2.0 * up @ down
    )
    assert set(pairs.fingerprint(registry.own(str(models[0]), str(adapter)))) == {
        "base", "adapter", "tokenizer"
    }  # fmt: skip


def test_an_adapter_of_another_model_is_refused(adapter, tmp_path):
    other = save_model(tmp_path / "other", seed=0, hidden_size=64)
    with pytest.raises(loading.UnusableModel, match="does not fit the base model"):
        pairs.load_pair(other, adapter)
    with pytest.raises(Mendable, match="is an adapter"):
        pairs.load_pair(adapter, other)


@pytest.fixture(scope="module")
def gguf_file(models, tmp_path_factory):
    """The tiny base as a GGUF file, written as converters do (rotary halves interleaved)."""
    gguf = pytest.importorskip("gguf")
    model = AutoModelForCausalLM.from_pretrained(models[0])
    config: LlamaConfig = model.config
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    vocabulary = sorted((i, t) for t, i in byte_tokenizer().get_vocab().items())
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([token for _, token in vocabulary[:-1]] + ["ab"])
    writer.add_token_merges(["a b"])  # a file without merges is taken for another kind
    writer.add_token_types([3 if i < 3 else 1 for i, _ in vocabulary])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    names = {
        "embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
        "q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output",
        "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down",
        "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    }  # fmt: skip
    for name, value in model.state_dict().items():
        part = next(new for old, new in names.items() if f"{old}." in name)
        layer = re.search(r"layers\.(\d+)", name)
        array = value.float().numpy()
        if part in ("attn_q", "attn_k"):
            heads = config.num_attention_heads if part == "attn_q" else config.num_key_value_heads
            array = array.reshape(heads, 2, -1, array.shape[1]).swapaxes(1, 2).reshape(array.shape)
        prefix = f"blk.{layer.group(1)}." if layer else ""
        writer.add_tensor(f"{prefix}{part}.weight", np.ascontiguousarray(array))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_gguf_file_is_the_model_it_was_made_from(models, gguf_file, tmp_path, monkeypatch):
    monkeypatch.setenv("INSTRUCTION_SHIFT_CACHE", str(tmp_path))
    folder = pairs.model_folder(sources.find(Source(str(gguf_file))))
    first, second = (AutoModelForCausalLM.from_pretrained(f).float() for f in (models[0], folder))
    ids = torch.tensor([[1, 70, 80, 90, 100]])
    with torch.no_grad():
        torch.testing.assert_close(first(ids).logits, second(ids).logits, rtol=1e-4, atol=1e-4)
    monkeypatch.setattr("helpers.models.loading.convert", lambda *_: pytest.fail("converted again"))
    assert pairs.model_folder(sources.find(Source(str(gguf_file)))) == folder


# --- what is refused


def pickled(folder):
    model = AutoModelForCausalLM.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    return folder


def test_pickles_are_not_opened_unless_allowed(models, tmp_path):
    folder = pickled(shutil.copytree(models[1], tmp_path / "pickled"))
    with pytest.raises(Mendable, match="can run code .* --allow-pickle"):
        pairs.load_pair(models[0], folder)
    pair = pairs.load_pair(models[0], folder, allow_pickle=True)
    expected = AutoModelForCausalLM.from_pretrained(models[1])
    torch.testing.assert_close(weight(pair.model("tuned")), weight(expected))


def test_a_pickle_that_was_allowed_runs_nothing_and_no_advice_of_torch_is_passed_on(
    models, tmp_path
):
    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    folder = pickled(shutil.copytree(models[1], tmp_path / "pickled"))
    torch.save({"a": Hostile()}, folder / "pytorch_model.bin")
    with pytest.raises(loading.UnusableModel, match="hold more than numbers") as refused:
        pairs.load_pair(models[0], folder, allow_pickle=True)
    assert "weights_only" not in str(refused.value) and not (tmp_path / "ran").exists()


def test_code_that_comes_with_a_model_does_not_run(models, tmp_path):
    folder = shutil.copytree(models[1], tmp_path / "coded")
    config = json.loads((folder / "config.json").read_text()) | {
        "model_type": "own", "auto_map": {"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.Own"}
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: pass\n")
    with pytest.raises(Mendable, match="--trust-remote-code"):
        pairs.load_pair(models[0], folder)
    assert not (tmp_path / "ran").exists()


def test_damaged_and_foreign_folders_are_explained(models, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(pairs.MissingWeights, match="neither config.json nor adapter_config.json"):
        pairs.load_pair(models[0], empty)
    bare = shutil.copytree(models[1], tmp_path / "bare")
    (bare / "model.safetensors").unlink()
    with pytest.raises(pairs.MissingWeights, match="holds no weights"):
        pairs.load_pair(models[0], bare)
    cut = shutil.copytree(models[1], tmp_path / "cut")
    content = (cut / "model.safetensors").read_bytes()
    (cut / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(loading.UnusableModel, match="cannot be loaded"):
        pairs.load_pair(models[0], cut)
    (cut / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0garbage!")
    with pytest.raises(pairs.MissingWeights, match="not a safetensors file"):
        sources.find(Source(str(cut))).parameters()
    (cut / "config.json").write_text('{"model_type": "unheard-of"}')
    with pytest.raises(loading.UnusableModel, match="may not know the architecture"):
        pairs.load_pair(models[0], cut)
    (cut / "config.json").write_text((models[1] / "config.json").read_text())
    (cut / "tokenizer.json").write_text('{"model": 3}')
    with pytest.raises(loading.UnusableModel, match="cannot be loaded"):
        pairs.load_pair(models[0], cut)
    (cut / "config.json").write_text("{")
    with pytest.raises(loading.UnusableModel, match="cannot be loaded"):
        pairs.load_pair(models[0], cut)


def test_quantised_weights_are_refused(models, tmp_path):
    folder = shutil.copytree(models[1], tmp_path / "quantised")
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(loading.UnusableModel, match="quantised weights"):
        pairs.load_pair(models[0], folder)


@pytest.mark.parametrize("where", ["./nowhere", "~/no/such/folder", "missing.gguf", "a/b/c/d"])
def test_what_is_neither_here_nor_a_hub_id_is_said_without_a_download(where):
    with pytest.raises(pairs.MissingWeights, match="neither a folder, nor a GGUF file, nor a Hub"):
        sources.find(Source(where))


def test_a_file_that_is_no_gguf_is_refused(tmp_path):
    (tmp_path / "model.gguf").write_bytes(b"<html>")
    with pytest.raises(pairs.MissingWeights, match="is no GGUF file"):
        sources.find(Source(str(tmp_path / "model.gguf")))


# --- in turns, templates


def test_in_turns_one_model_is_alive_and_both_are_the_right_ones(models):
    both = pairs.load_pair(*models, name="tiny")
    turns = pairs.load_pair(*models, name="tiny", layout="in turns")
    living = Living(turns)
    for role in ("base", "tuned", "tuned", "base"):
        torch.testing.assert_close(weight(turns.model(role)), weight(both.model(role)))
    assert (living.most, living.loads) == (1, 3)
    held = turns.model("base")
    assert turns.model("tuned") is not held and living.most == 2  # whoever keeps one is caught
    with pytest.raises(ValueError, match="role='student'"):
        turns.model("student")


def test_the_template_is_the_tuned_tokenizers_own():
    tokenizer = byte_tokenizer()
    assert (
        templates.template_of(registry.own("a/b", "a/c"), tokenizer).name == "instruction-response"
    )
    tokenizer.chat_template = (
        "{{ bos_token }}{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}</s>{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    template = templates.template_of(registry.own("a/b", "a/c"), tokenizer)
    assert template.render("Hi") == "<s><user>Hi</s><assistant>" and template.complete
    assert template.markers == ("</s>",)


def test_every_named_template_renders_the_instruction():
    for choice in registry.read().values():
        if choice.template not in (None, "chat"):
            assert "Name a colour." in choice.template.render("Name a colour.")
    vicuna = registry.find("vicuna-7b").template.render("Name a colour.")
    assert vicuna.endswith("USER: Name a colour. ASSISTANT:")


# --- downloads, from a Hub of our own on this machine


class Hub(BaseHTTPRequestHandler):
    """The few answers of the Hub that a download needs; `drops` connections break half-way."""

    folders: dict = {}
    drops: list = []
    served: list = []

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        model = re.match(r"/api/models/(.+?)(?:/tree|/revision)/([^/?]+)", self.path)
        file = re.match(r"/(.+?)/resolve/([^/]+)/(.+)", self.path)
        name = (model or file or re.match("/(.*)", self.path)).group(1)
        if name.startswith("gated/"):
            return self.refuse(403, "GatedRepo")
        if name not in self.folders:
            return self.refuse(401, "RepoNotFound")
        if (model or file).group(2) not in ("main", COMMIT):
            return self.refuse(404, "RevisionNotFound")
        folder = self.folders[name]
        if model:
            names = sorted(path.name for path in folder.iterdir())
            tree = [{"type": "file", "path": n, "oid": n, "size": (folder / n).stat().st_size}
                    for n in names]  # fmt: skip
            info = {"id": name, "sha": COMMIT, "siblings": [{"rfilename": n} for n in names]}
            return self.send(json.dumps(tree if "/tree/" in self.path else info).encode(), {}, True)
        content = (folder / file.group(3)).read_bytes()
        headers = {"ETag": f'"{file.group(3)}"', "X-Repo-Commit": COMMIT}
        start = 0
        if (ranged := self.headers.get("Range")) and body:
            start = int(re.match(r"bytes=(\d+)", ranged).group(1))
        self.send(content[start:], headers, body, start)

    def send(self, content: bytes, headers: dict, body: bool, start: int = 0) -> None:
        self.send_response(206 if start else 200)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not body:
            return
        if self.path.endswith(".safetensors"):
            self.served.append(start)
            if self.drops:
                self.drops.pop()
                content = content[: len(content) // 2]
                self.close_connection = True
        self.wfile.write(content)

    def refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(models, tmp_path, monkeypatch):
    """The server's class, to be told what it holds; downloads land under tmp_path."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Hub.folders = {"org/base": models[0], "org/tuned": models[1]}
    Hub.drops, Hub.served = [], []
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True, raising=False)
    yield Hub
    server.shutdown()
    server.server_close()


def test_a_pair_from_the_hub_is_known_by_its_commit(hub, models):
    choice = registry.own("org/base", "org/tuned")
    pair = pairs.load(choice)
    expected = AutoModelForCausalLM.from_pretrained(models[1])
    torch.testing.assert_close(weight(pair.model("tuned")), weight(expected))
    assert pairs.fingerprint(choice) == {
        "base": f"org/base@{COMMIT}", "tuned": f"org/tuned@{COMMIT}"
    }  # fmt: skip


def test_a_download_whose_connection_breaks_goes_on(hub, models):
    hub.drops = [1]
    found = sources.find(Source("org/base"))
    stored = (found.path / "model.safetensors").read_bytes()
    assert stored == (models[0] / "model.safetensors").read_bytes()
    assert len(hub.served) >= 2


def test_without_a_network_the_message_says_that_the_same_command_goes_on(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(
        pairs.MissingWeights, match="could not be reached.*the same command goes on"
    ):
        sources.find(Source("org/base"))


@pytest.mark.parametrize(
    ("where", "revision", "says"),
    [
        ("gated/model", "main", "accept a licence.*hf auth login"),
        ("org/nothing", "main", "no public model of that name.*check the spelling"),
        ("org/base", "v9", "has no revision 'v9'"),
    ],
)
def test_gated_missing_and_unknown_revisions_say_what_to_do(hub, where, revision, says):
    with pytest.raises(pairs.MissingWeights, match=says):
        sources.find(Source(where, revision))


def test_pickles_on_the_hub_are_not_even_downloaded(hub, models, tmp_path):
    folder = pickled(shutil.copytree(models[1], tmp_path / "pickled"))
    hub.folders["org/pickled"] = folder
    with pytest.raises(Mendable, match="--allow-pickle"):
        sources.find(Source("org/pickled"))
    assert not list((tmp_path / "hub").rglob("*.bin"))
    found = sources.find(Source("org/pickled"), allow_pickle=True)
    assert (found.path / "pytorch_model.bin").exists()


def test_a_full_disk_during_a_download_is_said(hub, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("helpers.models.hub.snapshot_download", full)
    with pytest.raises(pairs.MissingWeights, match="disk is full.*HF_HOME"):
        sources.find(Source("org/base"))
