"""Importance: planted truths, the authors' numbers, agreement of estimates, refusals."""

import numpy as np
import pytest
import torch
from tiny import GOLDEN, build
from transformers import LlamaConfig, LlamaForCausalLM

from helpers.methods import importance as attribution
from helpers.methods.density import density, normalise
from helpers.methods.erasure import scaled_probabilities
from helpers.methods.errors import Mendable
from helpers.methods.importance import _norms_held, importance

PROMPT, RESPONSE = [1, 5, 9, 33, 71, 12], [40, 8, 61]


def slow_importance(model, prompt, response, skipped):
    """The definition, one plain backward pass a response token, through the whole model."""
    embed = model.get_input_embeddings()
    rows = []
    for m, token in enumerate(response):
        ids = torch.tensor([prompt + response[:m]])
        inputs = embed(ids).detach().requires_grad_(True)
        probability = model(inputs_embeds=inputs, use_cache=False).logits[0, -1].softmax(-1)[token]
        (gradient,) = torch.autograd.grad(probability, inputs)
        rows.append((gradient * inputs).sum(-1)[0, skipped : len(prompt)].detach())
    return torch.stack(rows, 1)


def test_every_architecture_agrees_with_the_plain_definition(any_model):
    expected = slow_importance(any_model, PROMPT, RESPONSE, skipped=1)
    found = importance(any_model, PROMPT, RESPONSE)
    assert found.shape == (5, 3)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", ["llama", "gemma2", "gemma3", "gpt2"])
def test_a_long_response_in_stretches_has_the_same_importance(name, monkeypatch):
    model, response = build(name), [40, 8, 61, 5, 9, 33, 71, 12, 20, 90, 3, 44, 51, 17, 28, 66]
    assert len(attribution._stretches(len(PROMPT), len(response))) > 1
    found = importance(model, PROMPT, response)
    monkeypatch.setattr(attribution, "_stretches", lambda _, rows: [(0, rows)])
    whole = importance(model, PROMPT, response)
    torch.testing.assert_close(found, whole, rtol=1e-4, atol=1e-7)


def test_a_soft_capped_head_falls_back_to_plain_autograd():
    model = build("gemma2")
    assert not attribution.has_linear_softmax_head(model)
    expected = slow_importance(model, PROMPT, RESPONSE, skipped=1)
    torch.testing.assert_close(importance(model, PROMPT, RESPONSE), expected, rtol=1e-4, atol=1e-7)


@pytest.fixture
def one_token_decides():
    """A Llama without layers whose last position is fed from one chosen prompt token alone."""
    config = LlamaConfig(
        vocab_size=97, hidden_size=16, intermediate_size=8, num_hidden_layers=0,
        num_attention_heads=2, bos_token_id=1,
    )  # fmt: skip
    torch.manual_seed(0)
    model = LlamaForCausalLM(config).float().eval()
    with torch.no_grad():
        model.lm_head.weight.normal_()
        model.model.embed_tokens.weight.normal_()

    def copy_third(module, arguments, keywords, output):
        rows = keywords["inputs_embeds"]
        output.last_hidden_state = rows[:, 3:4].expand_as(rows) + 0.0 * output.last_hidden_state
        return output

    model.model.register_forward_hook(copy_third, with_kwargs=True)
    return model


@pytest.mark.parametrize("method", attribution.METHODS)
def test_the_one_token_that_decides_gets_all_importance(one_token_decides, method):
    found = importance(one_token_decides, PROMPT, RESPONSE, method=method)
    others = torch.cat([found[:2], found[3:]])
    assert found[2].abs().min() > 1e-6
    assert others.abs().max() < 1e-9


@pytest.mark.parametrize("case", range(6))
def test_the_authors_numbers_are_reproduced(golden_model, case):
    with np.load(GOLDEN / "attribution.npz") as golden:
        found = importance(
            golden_model, golden[f"prompt_{case}"], golden[f"response_{case}"]
        ).numpy()
        expected = golden[f"importance_{case}"]
        scale = np.abs(expected).max(0, keepdims=True)
        assert (np.abs(found - expected) / scale).max() < 1e-4
        # Their 1e-7 in the denominator empties columns with small maxima; ours is an option.
        levels = normalise(found, 10, 7, eps=1e-7)
        np.testing.assert_array_equal(levels, normalise(expected, 10, 7, eps=1e-7))
        np.testing.assert_allclose(density(levels), golden[f"density_{case}"], rtol=1e-6, atol=1e-6)


def test_erasure_is_the_drop_of_probability(golden_model):
    prompt, response = [1, 20, 30, 40], [50, 60]
    found = importance(golden_model, prompt, response, method="erasure")
    inputs = golden_model.get_input_embeddings()(torch.tensor([prompt + response[:-1]]))
    erased = inputs.clone()
    erased[0, 2] = 0
    with torch.no_grad():
        whole, without = (
            golden_model(inputs_embeds=x).logits[0, -2:].softmax(-1)[[0, 1], response]
            for x in (inputs, erased)
        )
    torch.testing.assert_close(found[1], whole - without)


def test_integrated_gradients_are_complete():
    """Their sum is the change of probability between the zero prompt and the prompt."""
    model = build("llama")
    found = importance(model, PROMPT, [40], method="integrated_gradients", steps=256)
    inputs = model.get_input_embeddings()(torch.tensor([PROMPT]))
    empty = inputs.clone()
    empty[0, 1:] = 0
    with torch.no_grad():
        ends = [model(inputs_embeds=x).logits[0, -1].softmax(-1)[40] for x in (inputs, empty)]
    assert abs(ends[0] - ends[1]) > 1e-3
    torch.testing.assert_close(found.sum(), ends[0] - ends[1], rtol=0.01, atol=0)


@pytest.mark.parametrize("batch_rows", [1, 2, 7, "auto"])
def test_the_batch_does_not_change_the_numbers(batch_rows):
    model = build("gemma3")
    expected = importance(model, PROMPT, RESPONSE, batch_rows=3)
    torch.testing.assert_close(
        importance(model, PROMPT, RESPONSE, batch_rows=batch_rows), expected, rtol=1e-5, atol=1e-9
    )


def test_a_batch_that_does_not_fit_is_halved(monkeypatch):
    model, real, sizes = build("llama"), torch.autograd.grad, []

    def small_memory(outputs, inputs, seeds, **options):
        sizes.append(len(seeds))
        if len(seeds) > 1:
            raise torch.OutOfMemoryError("not enough memory")
        return real(outputs, inputs, seeds, **options)

    expected = importance(model, PROMPT, RESPONSE)
    monkeypatch.setattr(torch.autograd, "grad", small_memory)
    torch.testing.assert_close(importance(model, PROMPT, RESPONSE, batch_rows=3), expected)
    assert sizes == [3, 1, 1, 1]


def test_without_bos_every_token_has_a_row():
    model = build("llama")
    found = importance(model, [5, 9, 33], RESPONSE)
    torch.testing.assert_close(
        found, slow_importance(model, [5, 9, 33], RESPONSE, skipped=0), rtol=1e-4, atol=1e-7
    )


def test_the_model_is_left_as_it_was():
    model = build("llama").train()
    importance(model, PROMPT, RESPONSE)
    assert model.training
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert model.config._attn_implementation != "eager"


def _with_nan():
    model = build("llama")
    with torch.no_grad():
        model.model.layers[0].mlp.down_proj.weight[0, 0] = float("nan")
    return model


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"prompt_ids": []}, "prompt_ids"),
        ({"prompt_ids": [1]}, "prompt_ids"),
        ({"response_ids": []}, "response_ids"),
        ({"prompt_ids": [1, *[5] * 70]}, "64"),
        ({"prompt_ids": [1, 500]}, "tokenizer"),
        ({"response_ids": [-3]}, "tokenizer"),
        ({"method": "guess"}, "method='guess'"),
        ({"batch_rows": 0}, "batch_rows=0"),
        ({"method": "integrated_gradients", "steps": 1}, "steps=1"),
        ({"model": _with_nan()}, "NaN"),
    ],
)
def test_bad_input_is_refused_with_its_name(change, says):
    arguments = {"model": build("llama"), "prompt_ids": PROMPT, "response_ids": RESPONSE} | change
    with pytest.raises(Mendable, match=says):
        importance(**arguments)


def test_a_factor_of_each_prompt_token_scales_its_embedding_and_no_other():
    model = build("llama")
    factors = torch.tensor([[1.0, 1.0, 1.0], [0.0, 1.0, 0.5]])
    found = scaled_probabilities(model, [1, 5, 9, 17], RESPONSE, factors)
    rows = model.get_input_embeddings()(torch.tensor([[1, 5, 9, 17, *RESPONSE]])).detach()
    for factor, chances in zip(factors, found, strict=True):
        scaled = rows.clone()
        scaled[0, 1:4] *= factor[:, None]  # a BOS stands first
        logits = model(inputs_embeds=scaled).logits[0, 3:-1].detach().softmax(-1)
        expected = [float(row[token]) for row, token in zip(logits, RESPONSE, strict=True)]
        assert chances.tolist() == pytest.approx(expected, rel=1e-4)
    together = scaled_probabilities(model, [1, 5, 9, 17], RESPONSE, torch.tensor([[0.5]]))
    each = scaled_probabilities(model, [1, 5, 9, 17], RESPONSE, torch.full((1, 3), 0.5))
    assert torch.equal(together, each)
    with pytest.raises(Mendable, match="factors has shape .*3 columns"):
        scaled_probabilities(model, [1, 5, 9, 17], RESPONSE, torch.ones(1, 2))


@pytest.mark.parametrize("rank", [0, -1], ids=["least likely", "most likely"])
@pytest.mark.parametrize("name", ["llama", "gemma2", "qwen3"])  # a plain head, a soft cap, tied
def test_sixteen_bits_keep_the_columns_of_tokens_that_are_most_unlikely_or_nearly_sure(name, rank):
    model, ids = build(name), [1, 5, 9, 17, 23, 41]
    with torch.no_grad():
        model.get_output_embeddings().weight.mul_(6)
        chosen = int(model(torch.tensor([ids])).logits[0, -1].argsort()[rank])
    exact = importance(model, ids, [chosen])
    found = importance(model.to(torch.float16), ids, [chosen])
    assert (found - exact).abs().max() < 0.05 * exact.abs().max()


def test_fixed_norms_leave_the_model_as_it_was_and_give_another_gradient(any_model):
    prompt = [1, 5, 9, 17]
    plain = importance(any_model, prompt, RESPONSE)
    held = importance(any_model, prompt, RESPONSE, method="fixed_norms")
    torch.testing.assert_close(importance(any_model, prompt, RESPONSE), plain)
    assert held.shape == plain.shape and not torch.allclose(held, plain)


def test_with_fixed_norms_the_importance_of_a_linear_network_is_the_whole_logit():
    """Without attention and activation what is left is linear once the norms' scale is held: gradient
    times input sums to the output itself, which the plain gradient, blind to scale, misses."""

    class Linear(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = torch.nn.RMSNorm(4, elementwise_affine=False)
            self.weight = torch.nn.Parameter(torch.arange(1.0, 5.0), requires_grad=False)

        def forward(self, x):
            return self.norm(x) @ self.weight

    model, x = Linear(), torch.tensor([1.0, -2.0, 0.5, 3.0], requires_grad=True)
    with _norms_held(model):
        output = model(x)
        (gradient,) = torch.autograd.grad(output, x)
    torch.testing.assert_close(gradient @ x.detach(), output.detach())
    (plain,) = torch.autograd.grad(model(x), x)
    assert abs(plain @ x.detach()) < 1e-4
