"""Prompts longer than a model reads are named before anything is computed."""

import pytest
from test_recognition import prompt
from tiny import save_model
from transformers import GenerationMixin

from helpers.commands import estimate
from helpers.findings.recognition import compute as recognition
from helpers.methods.errors import Mendable
from helpers.models import responses as lengths
from helpers.models.pair import load_pair
from helpers.prompts.prompt import Prompt, Segment, encode
from helpers.store.store import Store

READS = 200
LONG = [prompt(number, "sea " * 40) for number in range(100, 107)]
SHORT = [prompt(number) for number in range(3)]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return (
        save_model(folder / "base", seed=0),
        save_model(folder / "tuned", seed=1, max_position_embeddings=READS),
    )


@pytest.fixture(scope="module", params=["together", "in turns"])
def pair(models, request):
    return load_pair(*models, name="tiny", layout=request.param)


def test_all_long_prompts_are_refused_together_before_anything_is_computed(
    pair, tmp_path, monkeypatch
):
    monkeypatch.setattr(GenerationMixin, "generate", lambda *_, **__: pytest.fail("computed"))
    store = Store(tmp_path)
    with pytest.raises(Mendable) as refused:
        recognition.compute(pair, store, prompts=[*SHORT, *LONG], progress=False)
    said, n = str(refused.value), len(encode(LONG[0], pair.tokenizer, pair.template).ids)
    assert said.startswith(f"7 of 10 prompts are too long for tiny: 'colour-100' ({n} tokens), ")
    assert "and 2 more" in said and "colour-105" not in said and "'colour-1'" not in said
    assert f"It reads {READS} tokens" in said and "Shorten them, or leave them out" in said
    assert not store.manifest()


def test_a_prompt_that_just_leaves_room_for_the_response_passes(pair):
    def of_length(words):
        return Prompt("edge", "own", (Segment("instruction", "x" * words),))

    room = READS - 8 + 1 - len(encode(of_length(1), pair.tokenizer, pair.template).ids)
    lengths.check_lengths(pair, [of_length(1 + room)], 8)
    with pytest.raises(Mendable, match="1 of 1 prompts are too long.*'edge'"):
        lengths.check_lengths(pair, [of_length(2 + room)], 8)


def test_a_model_without_a_limit_reads_anything(pair, monkeypatch):
    monkeypatch.setattr(lengths, "longest", lambda _: None)
    lengths.check_lengths(pair, LONG, 8)


def test_the_cost_of_own_prompts_is_that_of_own_prompts(models):
    pair = load_pair(*models)
    kinds = {"recognition": 3, "faithfulness": 3}
    for finding, number in kinds.items():
        (cost,) = estimate.costs(pair, [finding], prompts=SHORT)
        assert cost.formula.startswith(f"{number} items x") and cost.seconds > 0
        (cost,) = estimate.costs(pair, [finding], 2, prompts=SHORT)
        assert cost.formula.startswith("2 items x")
    (cost,) = estimate.costs(pair, ["recognition"], prompts=[*SHORT, prompt(2000, "wide sea")])
    assert "'colour-2'" in cost.formula and "of median length" in cost.formula
    with pytest.raises(Mendable, match="too long"):
        estimate.costs(pair, ["recognition"], prompts=LONG)
