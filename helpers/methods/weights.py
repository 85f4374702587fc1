"""Where each weight lives: one small table of accessors in front of the models of transformers.

The methods ask for "the query matrix of head 3 in layer 7" or "the value vectors of layer 2", never
for a model class. An architecture is one entry of `ARCHITECTURES`, keyed by `config.model_type`; to
support another one, add an entry there. Weights are read where they lie (views where possible).

Folding (method.md, section 3): the RMSNorm weight in front of a projection is multiplied into it,
and the weight of a norm on queries or keys into its columns. The division by the root mean square
itself depends on the input and stays out; it rescales a word's activation, not its direction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor, nn
from transformers import PreTrainedModel

from helpers.methods.errors import Mendable


def _gemma_scale(norm: nn.Module) -> Tensor:
    return 1.0 + norm.weight  # Gemma stores w and multiplies by 1 + w


def _head_counts(config) -> tuple[int, int, int]:
    heads = config.num_attention_heads
    key_value = getattr(config, "num_key_value_heads", None) or heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // heads
    return heads, key_value, head_dim


def _fused(which: str) -> Callable[[nn.Module], Tensor]:
    """Phi-3 stores queries, keys and values one after the other."""

    def read(module: nn.Module) -> Tensor:
        heads, key_value, dim = _head_counts(module.config)
        rows = {
            "query": slice(0, heads * dim),
            "key": slice(heads * dim, (heads + key_value) * dim),
        }
        return module.qkv_proj.weight[rows[which]].T

    return read


def _interleaved(module: nn.Module, which: int) -> Tensor:
    """GPT-NeoX stores query, key and value of each head next to each other."""
    heads, _, dim = _head_counts(module.config)
    fused = module.query_key_value.weight.view(heads, 3, dim, -1)
    return fused[:, which].reshape(heads * dim, -1).T


def _conv1d(which: int) -> Callable[[nn.Module], Tensor]:
    """GPT-2's Conv1D stores (in, out), with query, key and value side by side."""
    return lambda module: module.c_attn.weight.chunk(3, dim=1)[which]


@dataclass(frozen=True)
class Architecture:
    """The accessors of one model family. Paths are attribute names, callables take a module."""

    layers: str = "layers"
    embedding: str = "embed_tokens"
    final_norm: str = "norm"
    attention: str = "self_attn"
    attention_norm: str | None = "input_layernorm"
    attention_out: str = "o_proj"
    query: Callable[[nn.Module], Tensor] = field(default=lambda module: module.q_proj.weight.T)
    key: Callable[[nn.Module], Tensor] = field(default=lambda module: module.k_proj.weight.T)
    mlp: str = "mlp"
    value_vectors: Callable[[nn.Module], Tensor] = field(default=lambda mlp: mlp.down_proj.weight.T)
    post_feedforward_norm: str | None = None
    norm_scale: Callable[[nn.Module], Tensor] = field(default=lambda norm: norm.weight)


_LLAMA = Architecture()
_GEMMA = Architecture(norm_scale=_gemma_scale, post_feedforward_norm="post_feedforward_layernorm")
ARCHITECTURES: dict[str, Architecture] = {
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "qwen2": _LLAMA,
    "qwen3": _LLAMA,
    "smollm3": _LLAMA,
    "gemma": Architecture(norm_scale=_gemma_scale),
    "gemma2": _GEMMA,
    "gemma3_text": _GEMMA,
    # OLMo 2 normalises after attention and feed-forward, not before: nothing precedes q and k.
    "olmo2": Architecture(attention_norm=None, post_feedforward_norm="post_feedforward_layernorm"),
    "phi3": Architecture(query=_fused("query"), key=_fused("key")),
    "gpt_neox": Architecture(
        embedding="embed_in",
        final_norm="final_layer_norm",
        attention="attention",
        attention_out="dense",
        query=lambda module: _interleaved(module, 0),
        key=lambda module: _interleaved(module, 1),
        value_vectors=lambda mlp: mlp.dense_4h_to_h.weight.T,
    ),
    "gpt2": Architecture(
        layers="h",
        embedding="wte",
        final_norm="ln_f",
        attention="attn",
        attention_norm="ln_1",
        attention_out="c_proj",
        query=_conv1d(0),
        key=_conv1d(1),
        value_vectors=lambda mlp: mlp.c_proj.weight,
    ),
}


def backbone(model: PreTrainedModel) -> nn.Module:
    """The model without its output head; transformers 4 calls Gemma 3 its own base model."""
    found = model.base_model
    return getattr(found, "model", found) if found is model else found


class Weights:
    """The weights of one model as the three methods need them. Nothing is copied until asked."""

    def __init__(self, model: PreTrainedModel, architecture: Architecture) -> None:
        self.model, self.architecture = model, architecture
        self._backbone = backbone(model)
        self._layers = getattr(self._backbone, architecture.layers)
        self.n_layers, self.hidden_size = len(self._layers), model.config.hidden_size
        self.n_heads, self.n_key_value_heads, self.head_dim = _head_counts(model.config)

    @property
    def input_embedding(self) -> Float[Tensor, "vocab hidden"]:
        """Rows of the embedding matrix, before any scale the model applies to them (Gemma's)."""
        return getattr(self._backbone, self.architecture.embedding).weight.detach()

    @property
    def output_embedding(self) -> Float[Tensor, "vocab hidden"]:
        """Rows of the output head."""
        return self.model.get_output_embeddings().weight.detach()

    @property
    def final_norm_scale(self) -> Float[Tensor, " hidden"]:
        norm = getattr(self._backbone, self.architecture.final_norm)
        return self.architecture.norm_scale(norm).detach()

    def _attention(self, layer: int) -> nn.Module:
        return getattr(self._layers[layer], self.architecture.attention)

    def attention_output(self, layer: int) -> nn.Module:
        """The output projection of a layer's attention; its input holds the heads side by side."""
        return getattr(self._attention(layer), self.architecture.attention_out)

    def projection(self, layer: int, side: str) -> Float[Tensor, "hidden columns"]:
        """The "query" or "key" projection as the model stores it, its heads side by side."""
        return getattr(self.architecture, side)(self._attention(layer)).detach()

    def query(self, layer: int, head: int) -> Float[Tensor, "hidden head_dim"]:
        """Query columns of one head, norm weights folded in."""
        return self._head(layer, head, "query")

    def key(self, layer: int, head: int) -> Float[Tensor, "hidden head_dim"]:
        """Key columns that a query head reads, norm weights folded in; grouped queries share them."""
        return self._head(layer, head // (self.n_heads // self.n_key_value_heads), "key")

    def _head(self, layer: int, head: int, side: str) -> Tensor:
        columns = slice(head * self.head_dim, (head + 1) * self.head_dim)
        weight = self.projection(layer, side)[:, columns]
        return self.fold_after(layer, head, side, self.fold_before(layer, weight))

    def fold_before(self, layer: int, weight: Float[Tensor, "hidden columns"]) -> Tensor:
        """What the norm in front of attention does to the rows of a projection (linear)."""
        if self.architecture.attention_norm is None:
            return weight
        norm = getattr(self._layers[layer], self.architecture.attention_norm)
        weight = self.architecture.norm_scale(norm).detach()[:, None] * weight
        # A LayerNorm takes the mean away, which is linear as well.
        return weight - weight.mean(dim=0) if isinstance(norm, nn.LayerNorm) else weight

    def fold_after(
        self, layer: int, head: int, side: str, weight: Float[Tensor, "rows head_dim"]
    ) -> Tensor:
        """What the norm on queries or keys does to the columns of one head (linear)."""
        side_norm = getattr(self._attention(layer), f"{side[0]}_norm", None)
        if side_norm is None:
            return weight
        scale = self.architecture.norm_scale(side_norm).detach()
        # OLMo 2 normalises all heads together: its weight is as wide as the projection.
        columns = slice(head * self.head_dim, (head + 1) * self.head_dim)
        return weight * (scale if scale.numel() == self.head_dim else scale[columns])

    def value_vectors(self, layer: int) -> Float[Tensor, "intermediate hidden"]:
        """Rows of the transposed down projection (method.md, section 4)."""
        mlp = getattr(self._layers[layer], self.architecture.mlp)
        return self.architecture.value_vectors(mlp).detach()

    def post_feedforward_scale(self, layer: int) -> Float[Tensor, " hidden"] | None:
        """Weight of the norm between down projection and residual stream, if there is one."""
        name = self.architecture.post_feedforward_norm
        if name is None:
            return None
        return self.architecture.norm_scale(getattr(self._layers[layer], name)).detach()


def weights(model: PreTrainedModel) -> Weights:
    """The accessors of `model`, or an error that lists what the methods need."""
    kind = model.config.model_type
    if kind not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise Mendable(
            f"model_type={kind!r} is not in the table of architectures ({known}). The methods need "
            "the embedding, output head, layers, final norm, each layer's query, key, attention "
            "output and down projections and the norms before them: add an entry to "
            "ARCHITECTURES in helpers/methods/weights.py."
        )
    return Weights(model, ARCHITECTURES[kind])


def has_linear_softmax_head(model: PreTrainedModel) -> bool:
    """True where p(y) = softmax(W h): no bias, no soft cap, no scale, so dp/dh has a closed form."""
    head, config = model.get_output_embeddings(), model.config
    capped = getattr(config, "final_logit_softcapping", None)
    scaled = any(
        getattr(config, name, None) not in (None, 1, 1.0)
        for name in ("logit_scale", "logits_scaling", "lm_head_multiplier")
    )
    plain = isinstance(head, nn.Linear) and head.bias is None
    return plain and not capped and not scaled
