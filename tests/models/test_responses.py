"""Responses: greedy, cut at the template's markers, independent of the batch."""

import json

import pytest
import torch
from tiny import byte_tokenizer, save_model

from helpers.models.pair import load_pair
from helpers.models.responses import _finish, pieces, respond, stop_ids
from helpers.prompts.prompt import TEMPLATE, Prompt, Segment, encode


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = save_model(tmp_path_factory.mktemp("model"), seed=3)
    return load_pair(folder, folder)


def test_a_batch_gives_what_each_prompt_gives_alone(pair):
    prompts = [pair.tokenizer(text)["input_ids"] for text in ("Hello", "Write a word about sheep.")]
    together = respond(pair.model("base"), pair.tokenizer, prompts, TEMPLATE, max_tokens=6)
    alone = [
        respond(pair.model("base"), pair.tokenizer, [p], TEMPLATE, max_tokens=6)[0] for p in prompts
    ]
    assert together == alone


def test_a_batch_too_large_for_the_memory_is_halved(pair, monkeypatch):
    prompts = [pair.tokenizer(word)["input_ids"] for word in ("One", "Three", "Seventeen")]
    expected = respond(pair.model("base"), pair.tokenizer, prompts, TEMPLATE, max_tokens=4)
    generate, tried = pair.model("base").generate, []

    def little_memory(ids, **options):
        tried.append(len(ids))
        if len(ids) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return generate(ids, **options)

    monkeypatch.setattr(pair.model("base"), "generate", little_memory)
    assert respond(pair.model("base"), pair.tokenizer, prompts, TEMPLATE, max_tokens=4) == expected
    assert tried == [3, 1, 2, 1, 1]


def test_each_token_is_the_likeliest_after_those_before(pair):
    prompt = pair.tokenizer("Name a colour")["input_ids"]
    answer = respond(pair.model("base"), pair.tokenizer, [prompt], TEMPLATE, max_tokens=5)[0]
    for at, token in enumerate(answer.ids):
        with torch.no_grad():
            logits = pair.model("base")(torch.tensor([[*prompt, *answer.ids[:at]]])).logits[0, -1]
        assert int(logits.argmax()) == token


@pytest.mark.parametrize(
    ("written", "kept", "ended"),
    [
        ("Berlin</s>Paris", "Berlin", "stop"),
        ("Berlin\n\n### Instruction:\nNext", "Berlin", "marker"),
        ("### Response", "", "marker"),
        ("Berlin, and so on", "Berlin, and so on", "length"),
        ("Berlin \n</s>", "Berlin", "stop"),
    ],
)
def test_a_response_ends_at_its_stop_its_marker_or_its_length(written, kept, ended):
    tokenizer = byte_tokenizer()
    ids = tokenizer(written, add_special_tokens=False)["input_ids"]
    answer = _finish(ids, tokenizer, {tokenizer.eos_token_id}, TEMPLATE)
    assert (answer.text, answer.ended) == (kept, ended)
    assert tokenizer.decode(answer.ids) == kept


# --- what a model's makers set for generation


def likeliest(model, prompt, n):
    """The plainest greedy response: one forward pass a token."""
    ids = list(prompt)
    with torch.no_grad():
        for _ in range(n):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[len(prompt) :]


SETTINGS = [
    {"repetition_penalty": 1.8}, {"num_beams": 4}, {"no_repeat_ngram_size": 1},
    {"return_dict_in_generate": True, "output_scores": True}, {"stop_strings": ["a"]},
    {"prompt_lookup_num_tokens": 3}, {"num_return_sequences": 2}, {"min_new_tokens": 3},
    {"do_sample": True, "temperature": 0.1, "top_k": 3}, {"max_length": 5}, {"max_time": 1e-9},
    {"suppress_tokens": list(range(100, 200))}, {"guidance_scale": 3.0},
    {"bad_words_ids": [[100]]}, {"forced_eos_token_id": 2}, {"cache_implementation": "static"},
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("settings", SETTINGS, ids=lambda one: next(iter(one)))
@pytest.mark.parametrize("file", ["generation_config.json", "config.json"])
def test_responses_are_greedy_whatever_a_configuration_says(settings, file, tmp_path):
    folder = save_model(tmp_path / "model", seed=3, eos_token_id=None)
    held = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps(held | settings))
    pair = load_pair(folder, folder)
    model, prompt = pair.model("tuned"), pair.tokenizer("Name a colour")["input_ids"]
    answer = respond(model, pair.tokenizer, [prompt], pair.template, max_tokens=24)[0]
    expected = likeliest(model, prompt, 24)
    if 2 in expected:
        expected = expected[: expected.index(2)]
    assert list(answer.ids) == expected[: len(answer.ids)] and answer.ended != "marker"
    assert not pair.tokenizer.decode(expected[len(answer.ids) :]).strip()


def test_models_in_memory_keep_their_own_generation_settings(pair):
    model = pair.model("base")
    model.generation_config.repetition_penalty = 9.0
    prompt = pair.tokenizer("Name a colour")["input_ids"]
    answer = respond(model, pair.tokenizer, [prompt], TEMPLATE, max_tokens=8)[0]
    expected = likeliest(model, prompt, 8)
    assert list(answer.ids) == expected[: len(answer.ids)]
    assert model.generation_config.repetition_penalty == 9.0
    model.generation_config.repetition_penalty = None


def ending(tmp_path, tokenizer, config=None, generation=None):
    """A model whose greedy response goes on, and the id of its third token."""
    folder = save_model(tmp_path / "model", seed=5, eos_token_id=config, tokenizer=tokenizer)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": generation}))
    return folder


ASKED = "{{ messages[0]['content'] }}"


@pytest.mark.parametrize("where", ["tokenizer", "config", "generation", "list", "turn", "base"])
def test_all_ends_count(where, tmp_path):
    plain = byte_tokenizer()
    probe = load_pair(*[save_model(tmp_path / "probe", seed=5, eos_token_id=None)] * 2)
    model, prompt = probe.model("tuned"), plain("Name a colour")["input_ids"]
    expected = likeliest(model, prompt, 8)
    end = expected[2]
    assert end not in expected[:2] and 2 not in expected
    token, tokenizer = plain.convert_ids_to_tokens(end), byte_tokenizer()
    base = byte_tokenizer()
    if where == "tokenizer":
        tokenizer.eos_token = token
    elif where == "base":
        base.eos_token = token
        tokenizer.add_special_tokens({"additional_special_tokens": [token]})
    elif where == "turn":
        tokenizer.add_special_tokens({"additional_special_tokens": [token]})
        tokenizer.chat_template = ASKED + "{% if messages|length > 1 %}{{ messages[1]['content'] }}" + (
            token + "{% endif %}"
        )  # fmt: skip
    ends = {"config": dict(config=end), "generation": dict(generation=end),
            "list": dict(generation=[1, end])}.get(where, {})  # fmt: skip
    folder = ending(tmp_path, tokenizer, **ends)
    first = save_model(tmp_path / "base", seed=5, eos_token_id=None, tokenizer=base)
    pair = load_pair(first, folder)
    answer = respond(pair.model("tuned"), pair.tokenizer, [prompt], pair.template, max_tokens=8)[0]
    assert (list(answer.ids), answer.ended) == (expected[:2], "stop")


def test_a_tokenizer_without_ends_or_padding_responds_to_the_limit(tmp_path):
    tokenizer = byte_tokenizer()
    tokenizer.eos_token = tokenizer.pad_token = None
    folder = save_model(tmp_path / "model", seed=3, tokenizer=tokenizer, eos_token_id=None,
                        pad_token_id=None)  # fmt: skip
    pair = load_pair(folder, folder)
    assert not stop_ids(pair.model("base"), pair.tokenizer, pair.template)
    prompts = [pair.tokenizer(text)["input_ids"] for text in ("Hello", "Write a word.")]
    for prompt, answer in zip(
        prompts, respond(pair.model("base"), pair.tokenizer, prompts, TEMPLATE, max_tokens=6),
        strict=True,
    ):  # fmt: skip
        kept = likeliest(pair.model("base"), prompt, 6)[: len(answer.ids)]
        assert list(answer.ids) == kept and answer.ended != "stop"


def test_a_character_of_several_tokens_stands_at_the_first_in_prompt_and_response():
    text, tokenizer = "a 🫠é. b", byte_tokenizer()
    wanted = ["🫠", "", "", "", "é", ""]
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    found = pieces(tokenizer, ids)
    assert "".join(found) == text and found[found.index("🫠") :][:6] == wanted
    assert pieces(tokenizer, ids[found.index("🫠") + 1 :])[:3] == ["\ufffd"] * 3
    tokens = encode(Prompt("x", "own", (Segment("instruction", text),)), tokenizer).tokens
    assert "".join(tokens) == text and list(tokens[tokens.index("🫠") :][:6]) == wanted
