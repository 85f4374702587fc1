"""Memory that the importance of one prompt takes, and what is done where a device has too little of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psutil
import torch
from torch import Tensor
from transformers import PreTrainedModel

MOST_ROWS = 16  # more in one product gain nothing


def _wide(config) -> int:
    return getattr(config, "intermediate_size", None) or 4 * config.hidden_size


def kept_bytes(config, positions: int, size: int) -> int:
    """What autograd keeps of one forward pass until its gradients are taken (`size` bytes a number)."""
    hidden, heads, wide = config.hidden_size, config.num_attention_heads, _wide(config)
    token = 14 * hidden + 6 * wide if size == 2 else 20 * hidden + 12 * wide
    pair = 6 if size == 2 else 4
    return config.num_hidden_layers * (positions * token + pair * heads * positions**2)


def row_bytes(config, positions: int) -> int:
    """What one response token takes at most in a batched product: attention maps and activations."""
    per_position = 6 * _wide(config) + 12 * config.hidden_size
    return 4 * positions * (per_position + 4 * config.num_attention_heads * positions)


def rows_at_once(model: PreTrainedModel, positions: int, rows: int, device: torch.device) -> int:
    """How many response tokens fit the memory there is."""
    fit = int(0.5 * free_memory(str(device))) // row_bytes(model.config, positions)
    return max(1, min(rows, MOST_ROWS, fit))


def has_room(model: PreTrainedModel, positions: int, device: torch.device) -> bool:
    """Whether what autograd keeps, and a row beside it, fit the device (with a tenth to spare)."""
    if device.type != "cuda":
        return True
    kept = kept_bytes(model.config, positions, model.dtype.itemsize)
    return 1.1 * (kept + row_bytes(model.config, positions)) <= free_memory(str(device))


@contextlib.contextmanager
def kept_in_main_memory(model: PreTrainedModel) -> Iterator[list[int]]:
    """What autograd keeps goes to main memory and comes back for each product; weights stay.

    The bytes that moved are in the list.
    """
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    moved: list[int] = []

    def pack(kept: Tensor) -> Tensor | tuple[torch.device, Tensor]:
        if kept.untyped_storage().data_ptr() in weights:
            return kept
        moved.append(kept.nbytes)
        return kept.device, kept.to("cpu", copy=True)

    def unpack(kept: Tensor | tuple[torch.device, Tensor]) -> Tensor:
        return kept if isinstance(kept, Tensor) else kept[1].to(kept[0])

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        yield moved


def free_memory(device: str = "cpu") -> int:
    """Bytes that can be taken on a device without swapping."""
    if device.startswith("cuda"):
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + cached
    return psutil.virtual_memory().available
