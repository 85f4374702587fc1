"""Tuning: what is trained on, and that the loss is the usual one."""

import json
import random

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from tiny import save_model
from transformers import AutoModelForCausalLM

from helpers.models import tuning
from helpers.models.loading import apply_adapter
from helpers.models.pair import load_base
from helpers.prompts.prompt import TEMPLATE

ROWS = [
    {"instruction": f"Say the word {word}.", "input": "", "output": f"The word is {word}."}
    for word in "sea sky sun fog hill moss fern reed dune cove".split()
]


def write_rows(path, rows=ROWS):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_the_place_of_the_input_varies_and_the_response_is_never_in_the_prompt():
    row = {"instruction": "Translate.", "input": "ein Haus", "output": " a house "}
    draw = random.Random(0)
    texts = {tuning.render(row, draw)["prompt"] for _ in range(60)}
    assert texts == {
        TEMPLATE.render("Translate.", "ein Haus"),
        TEMPLATE.render("Translate.\nein Haus"),
        TEMPLATE.render("ein Haus\nTranslate."),
    }
    assert tuning.render(row, draw)["completion"] == "a house"


def test_held_out_rows_are_not_trained_on_and_empty_outputs_are_left_out():
    rows = [*ROWS, {"instruction": "Say nothing.", "output": "  "}]
    training, held_out = tuning.split(rows, tuning.Settings(held_out=3))
    assert len(held_out) == 3 and len(training) == 7
    assert not {r["prompt"] for r in training} & {r["prompt"] for r in held_out}


@pytest.mark.parametrize("line", ["{", "[1]", '{"instruction": "x"}', '{"output": 3}'])
def test_a_bad_row_is_named_with_its_line(tmp_path, line):
    path = write_rows(tmp_path / "rows.jsonl")
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(tuning.BadRow, match="line 11"):
        tuning.read_rows(path)


def test_the_loss_is_that_of_the_whole_head_on_response_tokens_alone(tmp_path):
    model = AutoModelForCausalLM.from_pretrained(save_model(tmp_path, seed=0)).eval()
    lora = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM"))
    labels = torch.tensor([[-100, -100, -100, 20, 30, 2], [-100, -100, 40, 41, 42, 43]])
    inputs = {"input_ids": labels.clamp(min=5), "attention_mask": torch.ones_like(labels)}
    trainer = tuning.ResponseTrainer.__new__(tuning.ResponseTrainer)
    trainer.accelerator = type("Plain", (), {"unwrap_model": staticmethod(lambda m: m)})
    trainer.head_rows = 3
    ours = trainer.compute_loss(lora, {**inputs, "labels": labels})
    theirs = lora(**inputs, labels=labels).loss
    torch.testing.assert_close(ours, theirs)


def test_tuning_lowers_the_loss_and_its_adapter_makes_a_pair(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    base = save_model(tmp_path / "base", seed=0)
    settings = tuning.Settings(
        held_out=2, batch_size=4, epochs=6, compute_dtype="float32", learning_rate=2e-2
    )
    data = write_rows(tmp_path / "rows.jsonl")
    about = tuning.train(data, tmp_path / "adapter", settings, source=str(base))
    losses = [entry["loss"] for entry in about["loss"] if "loss" in entry]
    assert losses[-1] < losses[0]
    assert (about["data"]["rows"], about["data"]["trained_on"]) == (10, 8)
    tuned = apply_adapter(load_base(base)[0], tmp_path / "adapter")
    weight = tuned.model.layers[0].self_attn.q_proj.weight
    assert not torch.equal(weight, load_base(base)[0].model.layers[0].self_attn.q_proj.weight)


def test_rows_of_the_dataset_are_prompt_and_completion():
    training, _ = tuning.split(ROWS, tuning.Settings(held_out=1))
    assert Dataset.from_list(training).column_names == ["prompt", "completion"]
