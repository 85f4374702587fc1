"""Every architecture against what its own modules do: attention patterns, written vectors, gradients.

Nothing here reads a weight by its name: scores come out of the model's attention, value vectors out
of its feed-forward layers, importance out of its probabilities.
"""

import math

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from tiny import CONFIGURATIONS, build
from torch import nn
from transformers import BloomConfig, BloomForCausalLM
from transformers.pytorch_utils import Conv1D

from helpers.methods.components import components, layer_value_vectors
from helpers.methods.errors import Mendable
from helpers.methods.heads import head_activations
from helpers.methods.importance import importance
from helpers.methods.weights import ARCHITECTURES, backbone, weights

ASKED = {
    "llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text", "olmo2", "phi3", "gpt_neox", "gpt2"
}  # fmt: skip
WORDS = 6
LAYER_NORM = {"gpt2", "gpt_neox"}


@pytest.fixture(params=sorted(CONFIGURATIONS))
def model(request):
    """A tiny model in double precision, without biases: the methods read directions, not offsets."""
    built = build(request.param).double()
    with torch.no_grad():
        for name, parameter in built.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
    return built


def test_every_architecture_that_the_book_names_is_in_the_table_and_tested():
    assert ASKED <= ARCHITECTURES.keys()
    assert ASKED <= {config.model_type for config in CONFIGURATIONS.values()}


# --- attention: scores of the real heads at distance 0


def without_positions(model) -> None:
    """Make every distance look like 0: no rotation, no added positions, no cap on scores."""
    with torch.no_grad():
        for name, buffer in model.named_buffers():
            if "inv_freq" in name:
                buffer.zero_()
        if hasattr(backbone(model), "wpe"):
            backbone(model).wpe.weight.zero_()
    for module in model.modules():
        if getattr(module, "attn_logit_softcapping", None):
            module.attn_logit_softcapping = None


def first_input(model, words: torch.Tensor) -> torch.Tensor:
    """What makes `words` arrive at the first layer as they are (some models scale their input)."""
    seen = {}
    layer = getattr(backbone(model), weights(model).architecture.layers)[0]

    def look(module, arguments, keywords):
        seen["x"] = (arguments or keywords.values())[0]

    handle = layer.register_forward_pre_hook(look, with_kwargs=True)
    with torch.no_grad():
        model(inputs_embeds=words[None], use_cache=False)
    handle.remove()
    scale = (seen["x"][0] / words).mean()
    torch.testing.assert_close(seen["x"][0], words * scale)
    return words / scale


def scores(model, words: torch.Tensor) -> torch.Tensor:
    """Attention scores of the first layer up to a constant a row: (head, query word, key word).

    Each word looks at all words before it; the pattern's logarithm is its scores less a constant.
    """
    model.set_attn_implementation("eager")
    with torch.no_grad():
        pattern = model(inputs_embeds=first_input(model, words)[None], output_attentions=True,
                        use_cache=False).attentions[0][0]  # fmt: skip
    return pattern.log()


def norms_of_sides(model, words: torch.Tensor) -> list[torch.Tensor]:
    """What norms on queries and keys divide by, a word and head, where there are such norms.

    The folded weights leave this division out, as it depends on the word. Taken from the inputs of
    the norm modules themselves.
    """
    found, of_model = {}, weights(model)
    attention = of_model._attention(0)
    handles = [
        getattr(attention, f"{side}_norm").register_forward_pre_hook(
            lambda module, arguments, side=side: found.__setitem__(side, arguments[0])
        )
        for side in "qk"
        if hasattr(attention, f"{side}_norm")
    ]
    with torch.no_grad():
        model(inputs_embeds=first_input(model, words)[None], use_cache=False)
    for handle in handles:
        handle.remove()
    sizes = []
    for side, heads in (("q", of_model.n_heads), ("k", of_model.n_key_value_heads)):
        if side not in found:
            sizes.append(torch.ones(of_model.n_heads, len(words), dtype=torch.double))
            continue
        size = found[side].square().mean(-1, keepdim=True).sqrt()
        # Over each head, (1, heads, word, 1) or (1, word, heads, 1), or over all, (1, word, 1).
        size = size.reshape(-1) if size.numel() == len(words) else size[0, ..., 0]
        if size.ndim == 1:
            size = size.expand(heads, -1)
        elif size.shape[0] == len(words):
            size = size.T
        sizes.append(size.repeat_interleave(of_model.n_heads // heads, 0))
    return sizes


def test_scores_of_every_head_are_those_of_its_real_attention(model):
    of_model = weights(model)
    without_positions(model)
    words = torch.randn(
        WORDS, of_model.hidden_size, generator=torch.Generator().manual_seed(5), dtype=torch.double
    )
    if of_model.architecture.attention_norm is not None:  # scaled so that the norm divides by one
        centred = model.config.model_type in LAYER_NORM
        normed = words - words.mean(1, keepdim=True) if centred else words
        words = words / normed.square().mean(1, keepdim=True).sqrt()
    queries, keys = norms_of_sides(model, words)
    real = scores(model, words)
    attention = of_model._attention(0)
    scale = getattr(attention, "scaling", None) or 1 / math.sqrt(of_model.head_dim)
    rotated = []
    for head in range(of_model.n_heads):
        found = head_activations(model, 0, head, words.float())
        expected = scale * (found.query @ found.key.T).double()
        expected = expected / queries[head][:, None] / keys[head][None]
        for word in range(1, WORDS):
            seen = real[head, word, : word + 1]
            own = expected[word, : word + 1]
            torch.testing.assert_close(seen - seen[0], own - own[0], rtol=1e-3, atol=1e-4)
        rotated.append(found.query)
    assert not torch.allclose(rotated[0], rotated[1])


def test_the_output_of_attention_is_read_head_by_head(model):
    """The input of `attention_output` holds the heads side by side: without it nothing is written."""
    of_model, widths = weights(model), []
    layer = getattr(backbone(model), of_model.architecture.layers)[1]
    written = {}

    def silence(module, arguments):
        widths.append(arguments[0].shape[-1])
        return (torch.zeros_like(arguments[0]),)

    attention = getattr(layer, of_model.architecture.attention)
    handles = [
        of_model.attention_output(1).register_forward_pre_hook(silence),
        attention.register_forward_hook(lambda m, a, out: written.__setitem__("out", out[0])),
    ]
    with torch.no_grad():
        model(torch.tensor([[1, 5, 9]]), use_cache=False)
    for handle in handles:
        handle.remove()
    assert widths == [of_model.n_heads * of_model.head_dim]
    assert written["out"].abs().max() == 0


# --- feed-forward: what one active unit writes


def written_by_each_unit(model, layer: int) -> torch.Tensor:
    """The output of a feed-forward layer for every one-hot activation: (intermediate, hidden)."""
    of_model = weights(model)
    block = getattr(getattr(backbone(model), of_model.architecture.layers)[layer],
                    of_model.architecture.mlp)  # fmt: skip
    last = [m for m in block.modules() if isinstance(m, nn.Linear | Conv1D)][-1]
    width = of_model.value_vectors(layer).shape[0]

    def one_hot(module, arguments):
        return (torch.eye(width, dtype=torch.double)[None],)

    handle = last.register_forward_pre_hook(one_hot)
    with torch.no_grad():
        output = block(torch.zeros(1, width, of_model.hidden_size, dtype=torch.double))
    handle.remove()
    return first_of(output)[0]


@pytest.mark.parametrize("layer", [0, 1])
def test_value_vectors_are_what_one_active_unit_writes(model, layer):
    found = weights(model).value_vectors(layer)
    torch.testing.assert_close(found, written_by_each_unit(model, layer))


def test_components_are_the_principal_components_of_what_units_write(model):
    written = written_by_each_unit(model, 1).numpy()
    slow = PCA(n_components=8, svd_solver="full").fit(written)
    found = components(layer_value_vectors(weights(model), 1), 8)
    np.testing.assert_allclose(found.explained_variance_ratio, slow.explained_variance_ratio_)
    cosines = np.abs((found.directions * slow.components_).sum(1))
    np.testing.assert_allclose(cosines, 1, atol=1e-6)


def first_of(output):
    """The tensor of a module that may return a tuple."""
    return output[0] if isinstance(output, tuple) else output


def test_the_norm_after_the_feed_forward_layer_scales_what_it_writes(model):
    """With and without the feed-forward layer's output: the difference is what it adds."""
    of_model, ids = weights(model), torch.tensor([[1, 5, 9]])
    layer = getattr(backbone(model), of_model.architecture.layers)[0]
    block = getattr(layer, of_model.architecture.mlp)
    seen = {}
    handles = [
        block.register_forward_hook(lambda m, a, out: seen.__setitem__("written", first_of(out))),
        layer.register_forward_hook(lambda m, a, out: seen.__setitem__("after", first_of(out))),
    ]
    with torch.no_grad():
        model(ids, use_cache=False)
        whole, written = seen["after"], seen["written"].reshape(seen["after"].shape)
        handles.append(block.register_forward_hook(lambda m, a, out: 0 * first_of(out)))
        model(ids, use_cache=False)
    for handle in handles:
        handle.remove()
    added, scale = whole - seen["after"], of_model.post_feedforward_scale(0)
    assert added.abs().max() > 0
    if scale is not None:
        written = written / written.square().mean(-1, keepdim=True).sqrt() * scale
    torch.testing.assert_close(added, written, rtol=1e-4, atol=1e-5)


# --- importance: by differences, without a gradient


def test_importance_is_the_slope_of_probability_as_an_embedding_shrinks(model):
    """I[n, m] = d p(y_m) / d a at a = 1, where row n is multiplied by a: by finite differences.

    Five points, far enough apart that the norms' single precision does not drown the difference.
    """
    prompt, response, step = [1, 5, 9, 33, 71, 12], [40, 8, 61], 0.02
    inputs = model.get_input_embeddings()(torch.tensor([prompt + response[:-1]])).detach()

    def probabilities(row: int, factor: float) -> torch.Tensor:
        changed = inputs.clone()
        changed[0, row] *= factor
        with torch.no_grad():
            logits = model(inputs_embeds=changed, use_cache=False).logits[0, len(prompt) - 1 :]
        return logits.softmax(-1)[range(3), response]

    def slope(row: int) -> torch.Tensor:
        near, far = (probabilities(row, 1 + k * step) - probabilities(row, 1 - k * step)
                     for k in (1, 2))  # fmt: skip
        return (8 * near - far) / (12 * step)

    slopes = torch.stack([slope(row) for row in range(1, len(prompt))])
    found = importance(model, prompt, response).double()
    assert slopes.abs().max() > 1e-4
    assert (found - slopes).abs().max() < 2e-3 * slopes.abs().max()


# --- what is not in the table


def test_an_unknown_architecture_lists_what_the_methods_need_and_where_to_add_it():
    config = BloomConfig(vocab_size=97, hidden_size=16, n_layer=1, n_head=2)
    with pytest.raises(Mendable) as refused:
        weights(BloomForCausalLM(config))
    said = str(refused.value)
    for needed in (
        "model_type='bloom'", "embedding", "output head", "layers", "final norm", "query", "key",
        "attention output", "down projections", "norms", "ARCHITECTURES in helpers/methods/weights.py",
    ):  # fmt: skip
        assert needed in said
    for known in ASKED:
        assert known in said


def test_one_entry_in_one_place_supports_another_architecture(monkeypatch):
    from transformers import GraniteConfig, GraniteForCausalLM

    config = GraniteConfig(
        vocab_size=97, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, logits_scaling=2.0,
    )  # fmt: skip
    torch.manual_seed(0)
    granite = GraniteForCausalLM(config).double().eval()
    monkeypatch.setitem(ARCHITECTURES, "granite", ARCHITECTURES["llama"])
    torch.testing.assert_close(weights(granite).value_vectors(1), written_by_each_unit(granite, 1))
