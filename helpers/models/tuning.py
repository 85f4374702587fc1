"""Instruction-tune a base model into a pair: a LoRA adapter trained on responses only.

The loss is taken on the response and its end-of-sequence token. A run is checkpointed; its settings, its
data and its base belong to the checkpoint, so that it goes on only where all three are the same. What is
shown is said in `rows`.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from pooch import file_hash
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer

from helpers.methods.errors import Mendable
from helpers.methods.weights import backbone
from helpers.models.embedded import load_base
from helpers.models.loading import UnusableModel
from helpers.models.rows import Row, Settings, held_out, mixed, read_rows
from helpers.models.sources import Found, hash_of
from helpers.paths import cache_folder
from helpers.prompts.prompt import TEMPLATE
from helpers.store.claims import check_folder, explained, write_whole
from helpers.store.origin import library_versions

PACKAGED = "google/gemma-3-270m"
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
FEED_FORWARD = ("gate_proj", "up_proj", "down_proj")
MATRICES = {"all": ATTENTION + FEED_FORWARD, "attention": ATTENTION, "feed-forward": FEED_FORWARD}


def rendered(rows: Sequence[Row]) -> Dataset:
    return Dataset.from_list(
        [{"prompt": TEMPLATE.render(row.prompt), "completion": row.response} for row in rows]
    )


class ResponseTrainer(SFTTrainer):
    """trl's trainer, with the output head applied to response positions alone.

    With 262,144 words the head costs more than all layers; rows whose label is ignored need none.
    The loss is the same number.
    """

    head_rows, kept_chunks = 256, 4

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        labels = inputs.pop("labels")
        causal = self.accelerator.unwrap_model(model).get_base_model()
        kept = {
            k: inputs[k] for k in ("input_ids", "attention_mask", "position_ids") if k in inputs
        }
        hidden = backbone(causal)(**kept, use_cache=False).last_hidden_state[:, :-1]
        wanted = labels[:, 1:] != -100
        head, rows, targets = causal.get_output_embeddings(), hidden[wanted], labels[:, 1:][wanted]

        def chunk_loss(rows, targets):
            return nn.functional.cross_entropy(head(rows).float(), targets, reduction="sum")

        # Logits of all rows at once would take gigabytes: past the first ones they are made twice.
        parts = zip(rows.split(self.head_rows), targets.split(self.head_rows), strict=True)
        loss = sum(
            chunk_loss(*part)
            if n < self.kept_chunks
            else checkpoint(chunk_loss, *part, use_reentrant=False)
            for n, part in enumerate(parts)
        )
        loss = loss / (num_items_in_batch if num_items_in_batch is not None else len(targets))
        return (loss, {}) if return_outputs else loss

    def prediction_step(self, model, inputs, prediction_loss_only, ignore_keys=None):
        with torch.no_grad(), self.compute_loss_context_manager():
            return self.compute_loss(model, self._prepare_inputs(inputs)).detach(), None, None


def course_steps(steps: int, course: int) -> list[int]:
    """The steps whose adapters are kept: log-spaced, the last step itself left out."""
    return sorted({round(x) for x in np.geomspace(2, steps, course + 1)[:-1]}) if course else []


class KeepAdapters(TrainerCallback):
    """Keep adapters along the run, for following the shift through training."""

    def __init__(self, folder: Path, course: int, base: str):
        self.folder, self.course, self.base = folder, course, base

    def on_step_end(self, args, state, control, model=None, **kwargs):
        if state.global_step in course_steps(state.max_steps, self.course):
            save_adapter(model, self.folder / f"step-{state.global_step:04d}", self.base)


def save_adapter(model, folder: Path, base: str) -> None:
    """The adapter alone, in half precision; `base` is written as the model it belongs to."""
    model.save_pretrained(str(folder))
    path = folder / "adapter_model.safetensors"
    save_file({k: v.half() for k, v in load_file(path).items()}, path, metadata={"format": "pt"})
    (folder / "README.md").unlink(missing_ok=True)  # peft's model card is an empty form
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = base
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def _of_this_version(settings: Settings) -> dict[str, object]:
    """Arguments with other names in transformers 4: batches by length, the warm-up's share, and that
    activations are kept rather than made twice."""
    if "train_sampling_strategy" in {field.name for field in fields(SFTConfig)}:
        lengths = {"train_sampling_strategy": "group_by_length", "warmup_steps": settings.warmup}
    else:
        lengths = {"group_by_length": True, "warmup_ratio": settings.warmup}
    return lengths | {"gradient_checkpointing": False}


def _training_arguments(settings: Settings, scratch: Path) -> SFTConfig:
    accelerator = torch.cuda.is_available() or torch.backends.mps.is_available()
    parts = 2 if settings.batch_size % 2 == 0 else 1  # half of a batch at a time: half the memory
    return SFTConfig(
        output_dir=str(scratch),
        per_device_train_batch_size=settings.batch_size // parts,
        gradient_accumulation_steps=parts,
        per_device_eval_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        num_train_epochs=settings.epochs,
        max_steps=settings.steps,
        max_length=settings.max_length,
        bf16=settings.compute_dtype == "bfloat16",
        use_cpu=not accelerator,
        **_of_this_version(settings),
        completion_only_loss=True,
        eval_strategy="steps",
        eval_steps=200,
        logging_steps=5,
        save_steps=25,
        save_total_limit=1,
        seed=settings.seed,
        data_seed=settings.seed,
        report_to="none",
        dataloader_pin_memory=False,
    )


def identity(settings: Settings, data: dict[str, str], base: str) -> str:
    """A name of the run that changes with its settings, its data and its base."""
    content = json.dumps([asdict(settings), sorted(data.values()), base], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def _check_base(model, tokenizer, wanted: Sequence[str], base: str) -> None:
    """Refuse a base that could be trained in part only, or whose responses would have no end."""
    held = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    if lacking := [name for name in wanted if name not in held]:
        raise UnusableModel(
            f"The base {base} has no matrices named {', '.join(lacking)}, which tuning adapts: choose a "
            "model that keeps each matrix by itself, as Llama, Qwen and Gemma do."
        )
    if tokenizer.eos_token is None:
        raise UnusableModel(
            f"The tokenizer of the base {base} names no token that ends a response: write eos_token into "
            "its tokenizer_config.json."
        )


def fitting(rows: Sequence[Row], tokenizer, limit: int, known: int) -> tuple[list[Row], int]:
    """Rows of whose response something lies within the limit, and how many of these are cut by it.

    Refused where there is none, or where a token has no row in the embedding (of `known` rows).
    """
    texts = rendered(rows)
    begun = tokenizer(texts["prompt"][:])["input_ids"]
    ends = [
        prompt + response
        for prompt, response in zip(texts["prompt"], texts["completion"], strict=True)
    ]
    whole = tokenizer(ends)["input_ids"]
    if (highest := max(map(max, whole))) >= known:
        raise Mendable(
            f"The rows hold {tokenizer.decode([highest])!r} (id {highest}), and the base's embedding has "
            f"{known} rows: give the base the tokenizer that it was trained with."
        )
    kept = [(row, len(all_ids)) for row, ids, all_ids in zip(rows, begun, whole, strict=True)
            if len(ids) < limit]  # fmt: skip
    if not kept:
        raise Mendable(
            f"No row has a response within the limit of {limit} tokens, {len(rows)} have a longer prompt: "
            "shorten them, or cut them into several rows."
        )
    return [row for row, _ in kept], sum(length >= limit for _, length in kept)


def _about_data(rows: list[Row], shown: list[Row], out: list[Row]) -> dict[str, object]:
    return {
        "rows": len(rows),
        "shown_each_epoch": len(shown),
        "held_out": len(out),
        "empty_response_left_out": sum(not row.response for row in rows),
        "kinds": Counter(row.kind for row in shown),
    }


def _hashes(data: Sequence[str | Path]) -> dict[str, str]:
    """SHA-256 of each file by its name; files of one name in several folders are numbered."""
    names = [Path(path).name for path in data]
    return {
        name if names.count(name) == 1 else f"{name} ({n})": file_hash(path)
        for n, (name, path) in enumerate(zip(names, data, strict=True), 1)
    }


def _known(source: Path, output: Path) -> str:
    """What a base is, and where the adapter goes: folders of bases, and of adapters, may share a name."""
    found = Found("folder", source)
    return hash_of(found.files() | found.asked(), str(output.resolve()))


def _lora(settings: Settings) -> LoraConfig:
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        target_modules=list(MATRICES[settings.trained]),
        task_type="CAUSAL_LM",
    )


def train(
    data: Sequence[str | Path], output: Path, settings: Settings, *, source: str | None = None
) -> dict[str, object]:
    """Train an adapter on `data`, write it to `output`, and return what is written beside it."""
    check_folder(output, "--output")
    rows = [row for path in data for row in read_rows(path)]
    kept, out = held_out(rows, settings)
    shown = mixed(kept, settings)
    hashes = _hashes(data)
    base = PACKAGED if source is None else Path(source).name or str(source)
    torch.manual_seed(settings.seed)
    model, tokenizer = load_base(source, dtype=getattr(torch, settings.compute_dtype))
    known = base if source is None else _known(Path(source), output)
    scratch = cache_folder() / "runs" / f"{output.name}-{identity(settings, hashes, known)}"
    _check_base(model, tokenizer, MATRICES[settings.trained], base)
    within = [fitting(some, tokenizer, settings.max_length, model.get_input_embeddings().num_embeddings)
              for some in (shown, out)]  # fmt: skip
    lost = {"left_out": len(shown) - len(within[0][0]), "cut": within[0][1]}
    (shown, _), (out, _) = within
    trainer = ResponseTrainer(
        model=get_peft_model(model, _lora(settings)),
        args=_training_arguments(settings, scratch),
        train_dataset=rendered(shown),
        eval_dataset=rendered(out),
        processing_class=tokenizer,
        callbacks=[KeepAdapters(output / "course", settings.course, base)],
    )
    trainer.train(resume_from_checkpoint=any(scratch.glob("checkpoint-*")) or None)
    about = {
        "settings": asdict(settings),
        "data": _about_data(rows, shown, out) | {"over_max_length": lost, "sha256": hashes},
        "base": base,
        "loss": trainer.state.log_history,
        "versions": library_versions(),
    }
    with explained(output, "--output"):
        save_adapter(trainer.model, output, base)
        about["adapter_sha256"] = file_hash(output / "adapter_model.safetensors")
        write_whole(output / "tuning.json", (json.dumps(about, indent=1) + "\n").encode())
    return about
