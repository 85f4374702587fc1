"""Low-rank adapters, merged into the base that they were trained on, with every refusal explained."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import PreTrainedModel

from helpers.models.loading import How, UnusableModel, load_model
from helpers.models.sources import MissingWeights, check_pickles, tensor_shapes, weights_of

ADAPTER_ERRORS = (
    OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, SafetensorError
)  # fmt: skip


def apply_adapter(
    model: PreTrainedModel, adapter: Path, *, allow_pickle: bool = False
) -> PreTrainedModel:
    """Merge a LoRA adapter into `model`, in place."""
    check_adapter(adapter, allow_pickle)
    try:
        from peft import PeftConfig, PeftModel
    except ImportError as error:
        raise MissingWeights("Adapters need peft: pip install peft.") from error
    try:
        with warnings.catch_warnings():  # what is missing is refused below, what is tied untied
            for what in ("[^:]*missing adapter keys", "Model has `tie_word_embeddings=True`"):
                warnings.filterwarnings("ignore", message=what)
            _check_mergeable(kind := PeftConfig.from_pretrained(str(adapter)), adapter)
            wrapped = PeftModel.from_pretrained(model, str(adapter), config=kind)
            fitted = wrapped.load_adapter(str(adapter), "default")
        _check_fit(model, adapter, fitted.missing_keys, fitted.unexpected_keys)
        _untie(wrapped.get_base_model())
        merged = wrapped.merge_and_unload()
    except ADAPTER_ERRORS as error:
        if isinstance(error, UnusableModel):
            raise
        raise UnusableModel(
            f"The adapter in {adapter} does not fit {_base_of(model)}: {str(error)[:300]} "
            f"{_made_for(adapter)}"
        ) from error
    return merged.eval().requires_grad_(False)


def check_adapter(adapter: Path, allow_pickle: bool) -> None:
    """Refuse a folder without an adapter, or with one that must not be opened."""
    files = weights_of(adapter)
    if not files:
        raise MissingWeights(
            f"No adapter in {adapter}: run `python -m helpers tune` to train one, or restore the "
            "folder from the repository."
        )
    check_pickles(files, str(adapter), allow_pickle)


def _check_mergeable(kind, adapter: Path) -> None:
    # A configuration of Megatron would have a module imported that the adapter names.
    foreign = getattr(kind, "megatron_config", None)
    if kind.is_prompt_learning or kind.is_adaption_prompt or foreign:
        raise UnusableModel(
            f"The adapter in {adapter} is of kind {'Megatron' if foreign else kind.peft_type.value}, "
            "which cannot be merged into a model's weights: choose a LoRA adapter of the usual kind, "
            "or a tuned model."
        )


def _untie(model: PreTrainedModel) -> None:
    """Give the head weights of its own where an adapter changes it or the embedding it is tied to."""
    ends = model.get_input_embeddings(), model.get_output_embeddings()
    if not any(type(one).__module__.startswith("peft.") for one in ends):
        return
    first, head = (getattr(o, "base_layer", getattr(o, "original_module", o)) for o in ends)
    if head.weight is first.weight:
        head.weight = torch.nn.Parameter(head.weight.clone(), requires_grad=False)
    model.config.tie_word_embeddings = False


def _base_of(model: PreTrainedModel) -> str:
    return f"the base model {model.name_or_path or type(model).__name__}"


def adapter_base(adapter: Path) -> str | None:
    """The base that an adapter was trained on, by its own configuration."""
    try:
        config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
        name = config.get("base_model_name_or_path")
    except (OSError, ValueError, AttributeError):
        return None
    return name if isinstance(name, str) else None


def adapter_rows(adapter: Path) -> int | None:
    """Rows of the embedding that an adapter brings along; None where it brings none."""
    for file in weights_of(adapter):
        shapes = tensor_shapes(file) if file.suffix == ".safetensors" else {}
        for name, shape in shapes.items():
            if re.search(r"(embed\w*|wte|lm_head)(\.modules_to_save)?\.weight$", name):
                return shape[0]
    return None


def _made_for(adapter: Path) -> str:
    """The remedy for an adapter of another base, which its own configuration may name."""
    name = adapter_base(adapter)
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
    if adapter is None:
        return load_model(folder, how)
    check_adapter(adapter, how.allow_pickle)  # before the model is loaded
    return apply_adapter(load_model(folder, how), adapter, allow_pickle=how.allow_pickle)
