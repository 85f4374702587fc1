"""Models from folders, GGUF files and adapters, frozen, with every refusal explained."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer
from transformers.utils import logging as transformers_logging

from helpers.methods.errors import Mendable
from helpers.models.sources import Found, MissingWeights, UntrustedWeights, sha256
from helpers.paths import cache_folder


class UnusableModel(Mendable, ValueError):
    """The files are there but make no model that the methods can read; the message says why."""


ADAPTER_ERRORS = (
    OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, SafetensorError
)  # fmt: skip


# Files of which any tokenizer has one; the tokenizer's configuration alone makes none.
TOKENIZERS = (
    "tokenizer.json",
    "tokenization*.py",
    "*.model",
    "vocab*",
    "merges*",
    "*.tiktoken",
    "tekken*",
)


def convert(gguf: Path, target: Path, dtype: torch.dtype = torch.float32) -> None:
    """Dequantise once and keep plain safetensors; the folder appears whole or not at all."""
    if int(transformers.__version__.split(".")[0]) < 5:  # takes Gemma's tokenizer for another kind
        raise MissingWeights(
            f"{gguf.name} is a GGUF file, and transformers {transformers.__version__} reads the "
            "tokenizers of some GGUF files wrongly: `pip install 'transformers>=5'`, or give the "
            "original model, a folder or a Hub id."
        )
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


@dataclass(frozen=True)
class How:
    """How models are loaded; the same for both of a pair."""

    dtype: torch.dtype = torch.float32
    device: str = "cpu"
    spread: bool = False
    allow_pickle: bool = False
    trust_remote_code: bool = False


def load_model(folder: Path, how: torch.dtype | How) -> PreTrainedModel:
    how = how if isinstance(how, How) else How(how)
    transformers_logging.disable_progress_bar()
    with_safetensors = not how.allow_pickle or any(folder.glob("*.safetensors"))
    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(folder),
            dtype=how.dtype,
            use_safetensors=with_safetensors,
            trust_remote_code=how.trust_remote_code,
            **({"device_map": "auto"} if how.spread else {}),
        )
    except Exception as error:  # whatever the depths raise, tokenizers a bare Exception
        raise _unusable(folder, error) from error
    model = model if how.spread else model.to(how.device)
    return model.eval().requires_grad_(False)


def _unusable(folder: Path, error: Exception) -> Exception:
    """What a failure to load means, in one sentence."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return error
    text = " ".join(str(error).split())
    if "trust_remote_code" in text:
        return UntrustedWeights(
            f"{folder} needs Python code that comes with the model. If you have read it and trust "
            "it, allow it with --trust-remote-code (trust_remote_code=True)."
        )
    return UnusableModel(
        f"{folder} cannot be loaded as a language model: {text[:300]} If the files are whole (fetch "
        "them again to be sure), this version of transformers may not know the architecture."
    )


def apply_adapter(model: PreTrainedModel, adapter: Path) -> PreTrainedModel:
    """Merge a LoRA adapter into `model`, in place."""
    files = ("adapter_model.safetensors", "adapter_model.bin")
    if not any((adapter / name).exists() for name in files):
        raise MissingWeights(
            f"No adapter in {adapter}: run `python -m helpers tune` to train one, or restore the "
            "folder from the repository."
        )
    try:
        from peft import PeftModel
    except ImportError as error:
        raise MissingWeights("Adapters need peft: pip install peft.") from error
    try:
        with warnings.catch_warnings():  # what is missing is refused below, in our words
            warnings.filterwarnings("ignore", message="[^:]*missing adapter keys")
            wrapped = PeftModel.from_pretrained(model, str(adapter))
            fitted = wrapped.load_adapter(str(adapter), "default")
        _check_fit(model, adapter, fitted.missing_keys, fitted.unexpected_keys)
        merged = wrapped.merge_and_unload()
    except ADAPTER_ERRORS as error:
        if isinstance(error, UnusableModel):
            raise
        raise UnusableModel(
            f"The adapter in {adapter} does not fit {_base_of(model)}: {str(error)[:300]} "
            f"{_made_for(adapter)}"
        ) from error
    return merged.eval().requires_grad_(False)


def _base_of(model: PreTrainedModel) -> str:
    return f"the base model {model.name_or_path or type(model).__name__}"


def _made_for(adapter: Path) -> str:
    """The remedy for an adapter of another base, which its own configuration may name."""
    try:
        config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
        name = config.get("base_model_name_or_path")
    except (OSError, ValueError, AttributeError):
        name = None
    known = f" By its own account that is {name}." if name else ""
    return f"Name the base that it was trained on.{known}"


def _check_fit(model: PreTrainedModel, adapter: Path, missing: list, lacking: list) -> None:
    """Refuse an adapter of which something, or for which something, would be left out silently."""
    for keys, what in ((lacking, "holds weights for layers that the model lacks"),
                       (missing, "lacks weights for layers of the model")):  # fmt: skip
        if keys:
            name = keys[0].removeprefix("base_model.model.").replace(".default.", ".")
            raise UnusableModel(
                f"The adapter in {adapter} was made for another model than {_base_of(model)}: it "
                f"{what} ({len(keys)} of them, {name} is one). {_made_for(adapter)}"
            )


def load_tuned(folder: Path, adapter: Path | None, how: How) -> PreTrainedModel:
    if adapter is not None and not adapter.exists():
        apply_adapter(None, adapter)  # says what is missing before the model is loaded
    model = load_model(folder, how)
    return model if adapter is None else apply_adapter(model, adapter)


def model_folder(found: Found) -> Path:
    """A folder that transformers loads; GGUF files are converted once and kept in the cache."""
    if found.kind != "gguf":
        return found.path
    target = cache_folder() / f"gguf-{sha256(found.path)[:16]}"
    if not (target / "config.json").exists():
        try:
            convert(found.path, target)
        except MissingWeights:
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno is not None:  # the disk, not the file
                raise
            raise UnusableModel(
                f"{found.path} cannot be converted: {str(error)[:300]} GGUF files need `pip install "
                "gguf`; an architecture that transformers does not convert needs the original."
            ) from error
    return target


def read_config(folder: Path, how: How):
    try:
        config = AutoConfig.from_pretrained(str(folder), trust_remote_code=how.trust_remote_code)
    except Exception as error:
        raise _unusable(folder, error) from error
    if getattr(config, "quantization_config", None):
        raise UnusableModel(
            f"{folder} holds quantised weights, which the methods cannot read as numbers: choose the "
            "model as it was before quantisation."
        )
    return config


def has_tokenizer(folder: Path) -> bool:
    return any(any(folder.glob(name)) for name in TOKENIZERS)


def read_tokenizer(folder: Path, how: How) -> Tokenizer:
    if not has_tokenizer(folder):
        raise UnusableModel(
            f"{folder} holds no tokenizer: copy tokenizer.json and tokenizer_config.json (or "
            "whatever files the tokenizer has) there from the model that it was made from, or write "
            "them there with AutoTokenizer.from_pretrained(THAT_MODEL).save_pretrained(THIS_FOLDER)."
        )
    try:
        return AutoTokenizer.from_pretrained(str(folder), trust_remote_code=how.trust_remote_code)
    except Exception as error:
        raise _unusable(folder, error) from error
