"""Models from folders, GGUF files and adapters, frozen, with every refusal explained."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from pooch import file_hash
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedModel,
)
from transformers import PreTrainedTokenizerBase as Tokenizer
from transformers.utils import logging as transformers_logging

from helpers.methods.errors import Mendable
from helpers.models.sources import TOKENIZERS, Found, MissingWeights
from helpers.paths import cache_folder


class UnusableModel(Mendable):
    """The files are there but make no model that the methods can read; the message says why."""


NAMED = 3  # weights that a refusal names
TRIED = 200  # words of a tokenizer's own vocabulary


def convert(gguf: Path, target: Path, dtype: torch.dtype = torch.float32) -> None:
    """Dequantise once and keep plain safetensors; the folder appears whole or not at all."""
    options = {"gguf_file": gguf.name}
    tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), **options)
    _check_words(tokenizer, gguf)
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
    """A model, frozen, in evaluation mode, with every weight from its files and none left over."""
    how = how if isinstance(how, How) else How(how)
    transformers_logging.disable_progress_bar()
    options = {
        "config": read_config(folder, how),
        "generation_config": GenerationConfig(eos_token_id=_ends(folder)),
        "dtype": how.dtype,
        "use_safetensors": not how.allow_pickle or any(folder.glob("*.safetensors*")),
        "trust_remote_code": how.trust_remote_code,
        "output_loading_info": True,
    } | ({"device_map": "auto"} if how.spread else {})
    try:
        model, read = _with_attention(folder, options)
    except Exception as error:  # whatever the depths raise, tokenizers a bare Exception
        raise _unusable(folder, error) from error
    _check_whole(folder, read)
    model = model if how.spread else model.to(how.device)
    return model.eval().requires_grad_(False)


def _with_attention(folder: Path, options: dict) -> tuple[PreTrainedModel, dict]:
    """With an attention of torch: the one that a configuration names may be code from elsewhere."""
    load = partial(AutoModelForCausalLM.from_pretrained, str(folder), **options)
    try:
        return load(attn_implementation="sdpa")
    except ValueError as error:
        if "scaled_dot_product_attention" not in str(error):
            raise
    return load(attn_implementation="eager")


def _ends(folder: Path) -> list[int] | None:
    """Ids that end a response, the one thing that counts of what was set for generation."""
    file = folder / "generation_config.json"
    if not file.exists():
        return None
    try:
        ends = json.loads(file.read_text(encoding="utf-8")).get("eos_token_id")
        return ends if ends is None else [int(one) for one in np.atleast_1d(ends)]
    except (ValueError, TypeError, AttributeError) as error:
        raise UnusableModel(
            f"{file} does not say which ids end a response: write "
            '{"eos_token_id": ID} there, or fetch it again.'
        ) from error


def _check_whole(folder: Path, read: dict) -> None:
    """Refuse weights that were not in the files (they would be random) and those left over."""
    missing = sorted(read["missing_keys"])
    for keys, what in ((missing, "lacks"), (sorted(read["unexpected_keys"]), "has too many")):
        if keys:
            raise UnusableModel(
                f"The weights in {folder} are not those of the model in its config.json: it {what} "
                f"{len(keys)} of them, {', '.join(keys[:NAMED])} among them. Save it again with "
                "save_pretrained of the model itself (of a compiled or wrapped one, the model inside)."
            )


def _unusable(folder: Path, error: Exception) -> Exception:
    """What a failure to load means, in one sentence."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return error
    text = " ".join(str(error).split())
    if "weights_only" in text:  # torch advises to run what the file asks for
        text = "its pickled weights hold more than numbers, and nothing of that was run."
    if "trust_remote_code" in text:
        return Mendable(
            f"{folder} needs Python code that comes with the model. If you have read it and trust "
            "it, allow it with --trust-remote-code (trust_remote_code=True)."
        )
    return UnusableModel(
        f"{folder} cannot be loaded as a language model: {text[:300]} If the files are whole (fetch "
        "them again to be sure), this version of transformers may not know the architecture."
    )


def model_folder(found: Found) -> Path:
    """A folder that transformers loads; GGUF files are converted once and kept in the cache."""
    if found.kind != "gguf":
        return found.path
    target = cache_folder() / f"gguf-{file_hash(found.path)[:16]}"
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
    why = None
    if getattr(config, "quantization_config", None):
        why = "holds quantised weights, which the methods cannot read as numbers: choose the model " \
              "as it was before quantisation"  # fmt: skip
    elif config.get_text_config() is not config:
        why = "holds a model of text and more, and the methods read one of text alone: choose its " \
              "text-only version, or save the language model in it to a folder of its own"  # fmt: skip
    elif not getattr(config, "num_attention_heads", None):
        why = "holds a model without attention heads, which the methods are about: choose a transformer"
    if why:
        raise UnusableModel(f"{folder} {why}.")
    config.return_dict = True
    if hasattr(config, "transformers_weights"):  # names another file than is looked at here
        config.transformers_weights = None
    return config


def has_tokenizer(folder: Path) -> bool:
    return any(any(folder.glob(name)) for name in TOKENIZERS)


def read_tokenizer(folder: Path, how: How) -> Tokenizer:
    if not has_tokenizer(folder):
        raise UnusableModel(
            f"{folder} holds no tokenizer: copy tokenizer.json and tokenizer_config.json (or "
            "whatever files the tokenizer has) there from the model that it was made from, or write "
            "them there with AutoTokenizer.from_pretrained(THAT_MODEL).save_pretrained(THIS_FOLDER). "
            "One that has no such files, as ByT5's, tells no characters of its tokens: choose another "
            "model."
        )
    try:
        load = partial(AutoTokenizer.from_pretrained, trust_remote_code=how.trust_remote_code)
        tokenizer = load(str(folder))
        tokenizer("a")  # a broken one may fail only when it is used
    except Exception as error:
        raise _unusable(folder, error) from error
    _check_words(tokenizer, folder)
    return tokenizer


def kept_whole(tokenizer: Tokenizer) -> float:
    """Share of the words in a tokenizer's vocabulary that it reads as one token; 1 where it has few."""
    listed = sorted(tokenizer.get_vocab().items(), key=lambda one: one[1])  # some list bytes
    words = [
        one for one, _ in listed if isinstance(one, str) and re.fullmatch("[▁Ġ][a-z]{4,}", one)
    ]
    tried = words[:: max(1, len(words) // TRIED)]
    read = (tokenizer.tokenize(f"a {word[1:]}") for word in tried)
    whole = [word in tokens for word, tokens in zip(tried, read, strict=True)]
    return float(np.mean(whole)) if len(whole) >= TRIED // 2 else 1.0


def _check_words(tokenizer: Tokenizer, where: Path) -> None:
    """Refuse a tokenizer whose merges were lost: transformers before 5.18 loses those of Gemma's GGUF."""
    whole = kept_whole(tokenizer)
    if whole < 0.5:
        raise UnusableModel(
            f"The tokenizer in {where} splits words that are tokens of its own ({1 - whole:.0%} of those "
            "tried): a model would read other tokens than it learnt. Of a GGUF file, or a folder that was "
            "made from one: `pip install 'transformers>=5.18'`, delete that folder, and convert it again; "
            "else fetch tokenizer.json again."
        )
