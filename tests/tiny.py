"""Tiny random models built from configurations; nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    Olmo2Config,
    Phi3Config,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
)

GOLDEN = Path(__file__).parent / "golden"
SMALL = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
NO_GROUPS = {k: v for k, v in SMALL.items() if k != "num_key_value_heads"}
CONFIGURATIONS = {
    "llama": LlamaConfig(**SMALL),
    "llama-tied": LlamaConfig(**SMALL, tie_word_embeddings=True),
    "mistral": MistralConfig(**SMALL),
    "qwen2": Qwen2Config(**SMALL),
    "qwen3": Qwen3Config(**SMALL, head_dim=16),
    "gemma2": Gemma2Config(**SMALL, head_dim=8, final_logit_softcapping=5.0),
    "gemma3": Gemma3TextConfig(**SMALL, head_dim=8, final_logit_softcapping=None),
    "olmo2": Olmo2Config(**SMALL),
    "phi3": Phi3Config(**SMALL),
    "gpt_neox": GPTNeoXConfig(**NO_GROUPS),
    "gpt2": GPT2Config(
        vocab_size=97,
        n_embd=32,
        n_layer=2,
        n_head=4,
        n_positions=64,
        bos_token_id=1,
        eos_token_id=2,
    ),
}


def build(name: str, seed: int = 0) -> PreTrainedModel:
    """A tiny random model with weights large enough that its predictions are not uniform."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(CONFIGURATIONS[name]).float().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.15 * torch.randn_like(parameter))
    return model
