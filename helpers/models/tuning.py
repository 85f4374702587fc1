"""Instruction-tune a base model into a pair: a LoRA adapter trained on responses only.

    python -m helpers tune --data instructions.jsonl --output data/adapters/gemma-3-270m-sft

Rows are JSON objects with `instruction`, `input` (may be empty) and `output`. A row with an input is
written in one of three ways, drawn with the seed: the input in the template's own slot (half of the
time), or in the instruction's slot after or before the instruction (a quarter each), so that the
tuned model is not tied to one place of the instruction. The loss is taken on the response and its
end-of-sequence token. The run is checkpointed: started again with the same settings, it goes on.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer

from helpers.methods.errors import Mendable
from helpers.methods.weights import backbone
from helpers.models.pair import load_base
from helpers.models.sources import sha256
from helpers.prompts.prompt import TEMPLATE
from helpers.store.claims import write_whole
from helpers.store.origin import library_versions

PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


class BadRow(Mendable, ValueError):
    """A row of the instruction data cannot be used; the message names file, line and reason."""


@dataclass(frozen=True)
class Settings:
    """Everything that decides the result of a tuning run, beside the data."""

    rank: int = 8
    alpha: int = 16
    dropout: float = 0.0
    learning_rate: float = 5e-4
    epochs: float = 1.0
    batch_size: int = 16
    max_length: int = 192
    warmup: float = 0.05
    held_out: int = 96
    seed: int = 2024
    compute_dtype: str = "bfloat16"
    kept: tuple[float, ...] = (0.06, 0.2, 0.5)  # fractions of the run whose adapters are kept


def read_rows(path: str | Path) -> list[dict]:
    """Instruction rows of a JSONL file; rows with an empty output are left out by the caller."""
    rows = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise BadRow(f"{path}, line {number}: not JSON ({error}).") from error
        for key in ("instruction", "output"):
            if not isinstance(row, dict) or not isinstance(row.get(key), str):
                raise BadRow(f"{path}, line {number}: {key!r} is missing or no text: add it.")
        rows.append(row)
    return rows


def render(row: dict, draw: random.Random) -> dict[str, str]:
    """A row as prompt and completion; where the input goes is drawn (see the module's text)."""
    instruction, given = row["instruction"].strip(), (row.get("input") or "").strip()
    place = draw.choice(["slot", "slot", "after", "before"])
    if given and place == "after":
        instruction, given = f"{instruction}\n{given}", ""
    elif given and place == "before":
        instruction, given = f"{given}\n{instruction}", ""
    return {
        "prompt": TEMPLATE.render(instruction, given or None),
        "completion": row["output"].strip(),
    }


def split(rows: list[dict], settings: Settings) -> tuple[list[dict], list[dict]]:
    """Rendered training and held-out rows, in seeded order."""
    draw = random.Random(settings.seed)
    usable = [row for row in rows if row["output"].strip()]
    draw.shuffle(usable)
    rendered = [render(row, draw) for row in usable]
    return rendered[settings.held_out :], rendered[: settings.held_out]


class ResponseTrainer(SFTTrainer):
    """trl's trainer, with the output head applied to response positions alone.

    With 262,144 words the head costs more than all layers; rows whose label is ignored need none.
    The loss is the same number.
    """

    head_rows = 256

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

        # Logits are recomputed on the way back: all at once they would take gigabytes.
        parts = zip(rows.split(self.head_rows), targets.split(self.head_rows), strict=True)
        loss = sum(checkpoint(chunk_loss, *part, use_reentrant=False) for part in parts)
        loss = loss / (num_items_in_batch if num_items_in_batch is not None else len(targets))
        return (loss, {}) if return_outputs else loss

    def prediction_step(self, model, inputs, prediction_loss_only, ignore_keys=None):
        with torch.no_grad(), self.compute_loss_context_manager():
            return self.compute_loss(model, self._prepare_inputs(inputs)).detach(), None, None


class KeepAdapters(TrainerCallback):
    """Keep the adapter at given fractions of the run, for following the shift through training."""

    def __init__(self, folder: Path, fractions: tuple[float, ...]):
        self.folder, self.fractions = folder, fractions

    def on_step_end(self, args, state, control, model=None, **kwargs):
        steps = {max(1, round(f * state.max_steps)) for f in self.fractions}
        if state.global_step in steps:
            save_adapter(model, self.folder / f"step-{state.global_step:04d}")


def save_adapter(model, folder: Path) -> None:
    """The adapter alone, in half precision."""
    model.save_pretrained(str(folder))
    path = folder / "adapter_model.safetensors"
    save_file({k: v.half() for k, v in load_file(path).items()}, path, metadata={"format": "pt"})
    (folder / "README.md").unlink(missing_ok=True)  # peft's model card is an empty form
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = "google/gemma-3-270m"
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def _of_this_version(settings: Settings) -> dict[str, object]:
    """Arguments that have other names in transformers 4: batches by length, and the warm-up's share."""
    known = {field.name for field in fields(SFTConfig)}
    if "train_sampling_strategy" in known:
        return {"train_sampling_strategy": "group_by_length", "warmup_steps": settings.warmup}
    return {"group_by_length": True, "warmup_ratio": settings.warmup}


def _training_arguments(settings: Settings, scratch: Path) -> SFTConfig:
    accelerator = torch.cuda.is_available() or torch.backends.mps.is_available()
    return SFTConfig(
        output_dir=str(scratch),
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        num_train_epochs=settings.epochs,
        max_length=settings.max_length,
        bf16=settings.compute_dtype == "bfloat16",
        use_cpu=not accelerator,
        **_of_this_version(settings),
        completion_only_loss=True,
        eval_strategy="steps",
        eval_steps=100,
        logging_steps=5,
        save_steps=25,
        save_total_limit=1,
        seed=settings.seed,
        data_seed=settings.seed,
        report_to="none",
        dataloader_pin_memory=False,
    )


def train(
    data: str | Path, output: Path, settings: Settings, *, source: str | None = None
) -> dict[str, object]:
    """Train an adapter on `data`, write it to `output`, and return what is written beside it."""
    rows = read_rows(data)
    training, held_out = split(rows, settings)
    dtype = getattr(torch, settings.compute_dtype)
    torch.manual_seed(settings.seed)
    model, tokenizer = load_base(source, dtype=dtype)
    lora = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=PROJECTIONS,
        task_type="CAUSAL_LM",
    )
    scratch = Path("runs") / output.name
    trainer = ResponseTrainer(
        model=get_peft_model(model, lora),
        args=_training_arguments(settings, scratch),
        train_dataset=Dataset.from_list(training),
        eval_dataset=Dataset.from_list(held_out),
        processing_class=tokenizer,
        callbacks=[KeepAdapters(output / "checkpoints", settings.kept)],
    )
    trainer.train(resume_from_checkpoint=any(scratch.glob("checkpoint-*")) or None)
    save_adapter(trainer.model, output)
    about = {
        "settings": asdict(settings),
        "data": {
            "sha256": sha256(Path(data)),
            "rows": len(rows),
            "trained_on": len(training),
            "held_out": len(held_out),
            "empty_output_left_out": len(rows) - len(training) - len(held_out),
            "sources": Counter(r.get("source", "").split("/")[0] for r in rows),
        },
        "adapter_sha256": sha256(output / "adapter_model.safetensors"),
        "loss": trainer.state.log_history,
        "versions": library_versions(),
    }
    write_whole(output / "tuning.json", (json.dumps(about, indent=1) + "\n").encode())
    return about
