"""A model pair: a pre-trained model and its instruction-tuned counterpart as one object.

The embedded pair is Gemma 3 270M with the LoRA adapter of `data/adapters/gemma-3-270m-sft` merged into
it; any other comes from the registry (`registry`) or from two sources (`sources`).
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from pooch import file_hash
from transformers import PretrainedConfig, PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from helpers.methods.errors import Mendable
from helpers.models import registry
from helpers.models.adapters import adapter_base, adapter_rows, load_tuned
from helpers.models.embedded import GGUF_SHA256, base_folder
from helpers.models.fit import check_ids, check_shapes, check_tokenizers
from helpers.models.loading import (
    How,
    has_tokenizer,
    load_model,
    model_folder,
    read_config,
    read_tokenizer,
)
from helpers.models.registry import Choice
from helpers.models.roles import ROLES, Role
from helpers.models.sources import Found, MissingWeights, find, hash_of
from helpers.models.templates import template_of
from helpers.paths import DEFAULT_PAIR
from helpers.prompts.prompt import TEMPLATE, Template
from helpers.store.origin import inputs_hash


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise ValueError(f"role={role!r} is unknown: use 'base' or 'tuned'.")


@dataclass
class Pair:
    """Base and tuned model with their common tokenizer and the template of the tuning data.

    `alone`: one model is in memory at a time, for models that fit only so. Asking for the other role
    then lets go of the first model and loads the second: keep no model in a variable of your own
    while you ask for the other one.
    """

    name: str
    loaders: dict[Role, Callable[[], PreTrainedModel]]
    configs: dict[Role, PretrainedConfig]
    tokenizer: Tokenizer
    template: Template = TEMPLATE
    alone: bool = False
    _held: dict[Role, PreTrainedModel] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        check_shapes(self.name, self.configs["base"], self.configs["tuned"])
        if not self.alone:
            for role in ROLES:
                self.model(role)

    def model(self, role: Role) -> PreTrainedModel:
        _check_role(role)
        if role not in self._held:
            if self.alone:
                self._held.clear()
                gc.collect()
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
            model = self.loaders[role]()
            # One notion of BOS: the methods ask the model whether a prompt's first id is no row.
            model.config.bos_token_id = self.tokenizer.bos_token_id
            self._held[role] = model
        return self._held[role]

    @contextmanager
    def tuned_as(self, load: Callable[[], PreTrainedModel]) -> Iterator[None]:
        """Inside, another model takes the place of the tuned one, which is let go and read again later."""
        own, self.loaders["tuned"] = self.loaders["tuned"], load
        self._held.pop("tuned", None)
        try:
            yield
        finally:
            self._held.pop("tuned", None)
            self.loaders["tuned"] = own

    def config(self, role: Role) -> PretrainedConfig:
        """A model's configuration, for which it need not be loaded."""
        _check_role(role)
        return self.configs[role]


def pair_of(
    name: str, base: PreTrainedModel, tuned: PreTrainedModel, tokenizer: Tokenizer,
    template: Template = TEMPLATE,
) -> Pair:  # fmt: skip
    """A pair of two models that are in memory already; their `bos_token_id` becomes the tokenizer's."""
    loaders: dict[Role, Callable] = {"base": lambda: base, "tuned": lambda: tuned}
    return Pair(name, loaders, {"base": base.config, "tuned": tuned.config}, tokenizer, template)


def load(
    name: str | Choice = DEFAULT_PAIR,
    *,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    layout: Literal["together", "in turns", "spread"] = "together",
    allow_pickle: bool = False,
    trust_remote_code: bool = False,
) -> Pair:
    """A pair of the registry, or one that was chosen by `registry.own`.

    `layout`: both models on `device`, one at a time, or spread over all devices. Neither pickles nor
    code that comes with a model are opened unless allowed.
    """
    choice = registry.find(name) if isinstance(name, str) else name
    how = How(dtype, device, layout == "spread", allow_pickle, trust_remote_code)
    if choice.embedded:
        tuned = Found("adapter", choice.adapter)
        found = {"base": Found("model", base_folder()), "tuned": tuned}
    else:
        found = {role: find(getattr(choice, role), allow_pickle=allow_pickle) for role in ROLES}
    return _assemble(choice, found, how, alone=layout == "in turns")


def _assemble(choice: Choice, found: dict[Role, Found], how: How, alone: bool) -> Pair:
    if found["base"].kind == "adapter":
        raise Mendable(
            f"pair {choice.name!r}: base {str(choice.base)!r} is an adapter: name the model that it "
            "belongs to as base, and the adapter as tuned."
        )
    adapter = found["tuned"].path if found["tuned"].kind == "adapter" else None
    folders = {role: model_folder(one) for role, one in found.items() if one.kind != "adapter"}
    folders.setdefault("tuned", folders["base"])
    configs = {role: read_config(folders[role], how) for role in ROLES}
    if adapter is not None and not choice.embedded:
        _say_base(adapter, str(choice.base))
        configs["tuned"].vocab_size = adapter_rows(adapter) or configs["tuned"].vocab_size
    check_shapes(choice.name, *configs.values())
    asked = folders["base"] if choice.embedded else adapter or folders["tuned"]
    known = configs["base"].vocab_size
    tokenizer, template = _tokenizer(choice, folders["base"], asked, how, known)
    check_ids(choice, tokenizer, template, known)
    loaders: dict[Role, Callable[[], PreTrainedModel]] = {
        "base": partial(load_model, folders["base"], how),
        "tuned": partial(load_tuned, folders["tuned"], adapter, how),
    }
    return Pair(choice.name, loaders, configs, tokenizer, template, alone)


def _say_base(adapter: Path, base: str) -> None:
    """An adapter of another base may fit by its shape, and is then another model than was trained."""
    named = adapter_base(adapter)
    if named and Path(named).name.casefold() not in Path(base).name.casefold():
        warnings.warn(
            f"The adapter in {adapter} was trained on {named}, by its own account, and is applied to "
            f"{base}: name that base, unless both are the same weights.",
            stacklevel=2,
        )


def _tokenizer(
    choice: Choice, first: Path, asked: Path, how: How, known: int
) -> tuple[Tokenizer, Template]:
    """The tokenizer of both models, the tuned one's own where it has one, and the template."""
    base = tuned = read_tokenizer(first, how)
    alone = asked / "chat_template.jinja"
    if asked != first and (any(asked.glob("tokenizer*")) or has_tokenizer(asked)):
        tuned = read_tokenizer(asked, how)
        check_tokenizers(choice, base.get_vocab(), tuned.get_vocab(), known)
    elif asked != first and alone.exists():
        tuned.chat_template = alone.read_text(encoding="utf-8")
    template = template_of(choice, tuned)
    if base.eos_token not in (None, tuned.eos_token):  # what ends a text of the base counts too
        template = replace(template, markers=(*template.markers, base.eos_token))
    return tuned, template


def load_pair(
    base: str | Path | PreTrainedModel = DEFAULT_PAIR,
    tuned: str | Path | PreTrainedModel | None = None,
    *,
    name: str = "own",
    template: Template | None = None,
    tokenizer: Tokenizer | None = None,
    **options,
) -> Pair:
    """A pair by its name in the registry, of two sources, or of two models in memory.

    Sources are Hub ids, folders, GGUF files, or for `tuned` a LoRA adapter; both must have one tokenizer
    and one shape. Models in memory need their common `tokenizer`. The template is the tuned tokenizer's
    chat template where it has one, else the book's. `options` as for `load`.
    """
    if tuned is None:
        return load(base, **options)
    if isinstance(base, PreTrainedModel) and isinstance(tuned, PreTrainedModel):
        if tokenizer is None:
            raise Mendable("tokenizer is missing: models in memory need their common one.")
        return pair_of("in memory", base, tuned, tokenizer, template or TEMPLATE)
    own = registry.own(str(base), str(tuned), name=name)
    return load(replace(own, template=template), **options)


def fingerprint(name: str | Choice = DEFAULT_PAIR, *, allow_pickle: bool = False) -> dict[str, str]:
    """What a pair is made from; the store keeps it beside every result.

    Hashes of weight files for what is on this disk, commits for what came from the Hub; "tokenizer"
    for the files of tokenizer and template, and a template of one's own. The book's pair has neither.
    """
    choice = registry.find(name) if isinstance(name, str) else name
    if choice.embedded:
        adapter = choice.adapter / "adapter_model.safetensors"
        if not adapter.exists():
            raise MissingWeights(f"No adapter at {adapter}: run `python -m helpers tune`.")
        return {"base": GGUF_SHA256, "adapter": file_hash(adapter)}
    found = [find(getattr(choice, role), allow_pickle=allow_pickle) for role in ROLES]
    side = "adapter" if found[1].kind == "adapter" else "tuned"
    made_from = {"base": found[0].fingerprint(), side: found[1].fingerprint()}
    hashes = [hash_of(one.asked()) for one in found if one.commit is None]
    if hashes or isinstance(choice.template, Template):
        made_from["tokenizer"] = inputs_hash([*hashes, repr(choice.template)])
    return made_from
