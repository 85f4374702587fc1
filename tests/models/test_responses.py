"""Responses: greedy, cut at the template's markers, independent of the batch."""

import pytest
import torch
from tiny import byte_tokenizer, save_model

from helpers.models.pair import load_models
from helpers.models.responses import _finish, respond
from helpers.prompts.prompt import TEMPLATE


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = save_model(tmp_path_factory.mktemp("model"), seed=3)
    return load_models(folder, folder)


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
