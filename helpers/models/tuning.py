"""Instruction-tune a base model into a pair: a LoRA adapter trained on responses only.

Rows are JSON objects, one a line: `segments` and `response` (labelled pieces as in prompts, shown in
their order), or `instruction`, `input` (may be empty) and `output`. The loss is taken on the response
and its end-of-sequence token. A run is checkpointed; its settings, its data and its base belong to the
checkpoint, so that it goes on only where all three are the same.

Controls take one thing away: `responses only` shows no instruction (Hewitt et al., 2024, arXiv
2409.14254), `shuffled` pairs each instruction with another row's response, `kinds` keeps a few kinds of
task, `trained` adapts attention or feed-forward matrices alone.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

import numpy as np
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
from helpers.models.embedded import load_base
from helpers.models.sources import sha256
from helpers.paths import cache_folder
from helpers.prompts.prompt import JOINT, TEMPLATE
from helpers.store.claims import write_whole
from helpers.store.origin import library_versions

PACKAGED = "google/gemma-3-270m"
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
FEED_FORWARD = ("gate_proj", "up_proj", "down_proj")
MATRICES = {"all": ATTENTION + FEED_FORWARD, "attention": ATTENTION, "feed-forward": FEED_FORWARD}
HELD_OUT_SEED = 2024  # held-out rows are the same for every seed of a run


class BadRow(Mendable, ValueError):
    """A row of the tuning data cannot be used; the message names file, line and reason."""


@dataclass(frozen=True)
class Settings:
    """Everything that decides the result of a tuning run, beside data and base.

    `written` is how often rows without a rule are seen for once that rows with one are; `rows` caps
    the rows of one epoch, `steps` the run. `course` adapters are kept along the way, log-spaced.
    """

    rank: int = 8
    alpha: int = 16
    learning_rate: float = 1e-3
    epochs: float = 1.0
    batch_size: int = 16
    max_length: int = 256
    warmup: float = 0.05
    held_out: int = 240
    written: int = 2
    rows: int | None = None
    steps: int = -1
    seed: int = 2024
    compute_dtype: str = "bfloat16"
    control: Literal["none", "responses only", "shuffled"] = "none"
    kinds: tuple[str, ...] = ()
    trained: Literal["all", "attention", "feed-forward"] = "all"
    course: int = 0


@dataclass(frozen=True)
class Row:
    """A prompt text and the response to it; `rule` where code can check one."""

    kind: str
    prompt: str
    response: str
    rule: dict | None = None


def _text(record: dict, key: str, default: str | None = None) -> str:
    value = record.get(key, default)
    if not isinstance(value, str):
        raise ValueError(f"{key!r} is missing or no text: add it")
    return value.strip()


def parse_row(record: object) -> Row:
    """A row of either form; ValueError says what is wrong with it."""
    if not isinstance(record, dict):
        raise ValueError("the line is no JSON object")
    kind = record.get("kind") or record.get("source") or "own"
    if "segments" not in record:
        given = _text(record | {"input": record.get("input") or ""}, "input")
        pieces = [_text(record, "instruction"), given]
        return Row(str(kind), JOINT.join(filter(None, pieces)), _text(record, "output"))
    segments = record["segments"]
    if not isinstance(segments, list) or not all(isinstance(one, dict) for one in segments):
        raise ValueError("'segments' is no list of objects")
    prompt = JOINT.join(_text(one, "text") for one in segments)
    return Row(str(kind), prompt, _text(record, "response"), record.get("rule"))


def read_rows(path: str | Path) -> list[Row]:
    """Rows of a JSONL file; rows with an empty response are left out by the caller."""
    if not Path(path).is_file():
        raise BadRow(f"{path} does not exist: give the path of a JSONL file.")
    rows = []
    for number, line in enumerate(Path(path).read_bytes().split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            rows.append(parse_row(json.loads(line.decode("utf-8-sig"))))
        except ValueError as error:
            raise BadRow(f"{path}, line {number}: {error}.") from error
    return rows


def _controlled(rows: list[Row], settings: Settings, draw: random.Random) -> list[Row]:
    """Rows as the control shows them."""
    if settings.control == "responses only":
        return [Row(row.kind, "", row.response) for row in rows]
    if settings.control == "shuffled":  # a cycle through a random order: no row keeps its own
        order = draw.sample(range(len(rows)), len(rows))
        after = dict(zip(order, order[1:] + order[:1], strict=True))
        return [Row(row.kind, row.prompt, rows[after[n]].response) for n, row in enumerate(rows)]
    return rows


def held_out(rows: Sequence[Row], settings: Settings) -> tuple[list[Row], list[Row]]:
    """Rows to train on and rows that are held out, the same ones for every seed."""
    usable = [row for row in rows if row.response]
    if len(usable) <= settings.held_out:
        raise BadRow(
            f"{len(usable)} rows hold a response, and {settings.held_out} are held out: give more "
            "rows, or hold out fewer (--held-out)."
        )
    chosen = set(random.Random(HELD_OUT_SEED).sample(range(len(usable)), settings.held_out))
    kept = [row for n, row in enumerate(usable) if n not in chosen]
    return kept, [usable[n] for n in sorted(chosen)]


def mixed(rows: Sequence[Row], settings: Settings) -> list[Row]:
    """What one epoch shows, in seeded order."""
    draw = random.Random(settings.seed)
    wanted = [row for row in rows if not settings.kinds or row.kind in settings.kinds]
    if not wanted:
        known = ", ".join(sorted({row.kind for row in rows}))
        raise BadRow(f"kinds={settings.kinds!r}: no row is of that kind: use some of {known}.")
    shown = [row for row in wanted for _ in range(settings.written if row.rule is None else 1)]
    draw.shuffle(shown)
    if settings.rows is not None:  # few kinds are seen more often, so that rows are equal
        shown = (shown * -(-settings.rows // len(shown)))[: settings.rows]
    return _controlled(shown, settings, draw)


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


def train(
    data: Sequence[str | Path], output: Path, settings: Settings, *, source: str | None = None
) -> dict[str, object]:
    """Train an adapter on `data`, write it to `output`, and return what is written beside it."""
    rows = [row for path in data for row in read_rows(path)]
    kept, out = held_out(rows, settings)
    shown = mixed(kept, settings)
    hashes = {Path(path).name: sha256(Path(path)) for path in data}
    base = PACKAGED if source is None else Path(source).name or str(source)
    scratch = cache_folder() / "runs" / f"{output.name}-{identity(settings, hashes, base)}"
    torch.manual_seed(settings.seed)
    model, tokenizer = load_base(source, dtype=getattr(torch, settings.compute_dtype))
    lora = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        target_modules=list(MATRICES[settings.trained]),
        task_type="CAUSAL_LM",
    )
    trainer = ResponseTrainer(
        model=get_peft_model(model, lora),
        args=_training_arguments(settings, scratch),
        train_dataset=rendered(shown),
        eval_dataset=rendered(out),
        processing_class=tokenizer,
        callbacks=[KeepAdapters(output / "course", settings.course, base)],
    )
    trainer.train(resume_from_checkpoint=any(scratch.glob("checkpoint-*")) or None)
    save_adapter(trainer.model, output, base)
    about = {
        "settings": asdict(settings),
        "data": {
            "sha256": hashes,
            "rows": len(rows),
            "shown_each_epoch": len(shown),
            "held_out": len(out),
            "empty_response_left_out": len(rows) - len(kept) - len(out),
            "kinds": Counter(row.kind for row in shown),
        },
        "base": base,
        "adapter_sha256": sha256(output / "adapter_model.safetensors"),
        "loss": trainer.state.log_history,
        "versions": library_versions(),
    }
    write_whole(output / "tuning.json", (json.dumps(about, indent=1) + "\n").encode())
    return about
