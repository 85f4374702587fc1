"""Tuning: what is trained on, and that the loss is the usual one."""

import json
import shutil
from collections import Counter

import pytest
import torch
from peft import LoraConfig, get_peft_model
from tiny import build, byte_tokenizer, save_model
from transformers import AutoModelForCausalLM

from helpers.commands import tune
from helpers.methods.errors import Mendable
from helpers.models import rows, tuning
from helpers.models.adapters import apply_adapter
from helpers.models.embedded import load_base
from helpers.prompts.prompt import TEMPLATE

ROWS = [
    {"instruction": f"Say the word {word}.", "input": "", "output": f"The word is {word}."}
    for word in "sea sky sun fog hill moss fern reed dune cove".split()
]


def write_rows(path, rows=ROWS):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def settings(**changed):
    return rows.Settings(**{"held_out": 3, "compute_dtype": "float32", **changed})


def rows_of(*records):
    return [rows.parse_row(one) for one in records]


def test_segments_are_shown_in_their_order_and_an_input_follows_its_instruction():
    pieces = [{"role": "context", "text": "A trip."}, {"role": "instruction", "text": "Go on."}]
    one, other = rows_of(
        {"segments": pieces, "response": " We sail. "},
        {"instruction": "Translate.", "input": "ein Haus", "output": "a house"},
    )
    assert (one.prompt, one.response) == ("A trip.\nGo on.", "We sail.")
    assert other.prompt == "Translate.\nein Haus"
    shown = tuning.rendered([one])[0]
    assert shown == {"prompt": TEMPLATE.render("A trip.\nGo on."), "completion": "We sail."}


def test_held_out_rows_are_the_same_for_every_seed_and_never_trained_on():
    given = rows_of(*ROWS, {"instruction": "Say nothing.", "output": "  "})
    first, second = (rows.held_out(given, settings(seed=seed)) for seed in (1, 2))
    assert first == second
    kept, out = first
    assert (len(kept), len(out)) == (7, 3) and not set(kept) & set(out)


def test_a_seed_changes_the_order_alone():
    given = rows_of(*ROWS)
    first, again, other = (rows.mixed(given, settings(seed=seed)) for seed in (1, 1, 2))
    assert first == again != other and Counter(first) == Counter(other)


def test_rows_without_a_rule_are_shown_as_often_as_asked():
    given = rows_of(ROWS[0], {**ROWS[1], "segments": [{"text": "Say."}], "response": "x",
                             "rule": {"type": "exact", "answers": ["x"]}})  # fmt: skip
    shown = Counter(row.response for row in rows.mixed(given, settings(written=3)))
    assert shown == {"The word is sea.": 3, "x": 1}


def test_responses_alone_are_shown_without_their_instruction():
    shown = rows.mixed(rows_of(*ROWS), settings(control="responses only", written=1))
    assert {row.prompt for row in shown} == {""}
    assert {row.response for row in shown} == {row["output"] for row in ROWS}


def test_shuffled_rows_keep_all_responses_and_none_its_own():
    shown = rows.mixed(rows_of(*ROWS), settings(control="shuffled", written=1))
    own = {row["instruction"]: row["output"] for row in ROWS}
    assert all(own[row.prompt] != row.response for row in shown)
    assert {row.response for row in shown} == set(own.values())


def test_few_kinds_are_shown_more_often_to_make_equal_rows():
    given = rows_of(*({**row, "kind": kind} for row, kind in zip(ROWS, "aabbbbbbbb", strict=True)))
    shown = rows.mixed(given, settings(kinds=("a",), rows=9, written=1))
    assert len(shown) == 9 and {row.kind for row in shown} == {"a"}
    with pytest.raises(Mendable, match="use some of a, b"):
        rows.mixed(given, settings(kinds=("c",)))


def test_the_course_is_log_spaced_and_ends_before_the_last_step():
    assert tuning.course_steps(512, 8) == [2, 4, 8, 16, 32, 64, 128, 256]
    assert tuning.course_steps(512, 0) == []


def test_a_run_is_another_one_with_other_settings_data_or_base():
    data = {"rows.jsonl": "a" * 64}
    runs = [(settings(), data, "x"), (settings(seed=1), data, "x"),
            (settings(), {"rows.jsonl": "b" * 64}, "x"), (settings(), data, "y")]  # fmt: skip
    assert len({tuning.identity(*run) for run in runs}) == len(runs)


@pytest.mark.parametrize(
    "line",
    ["{", "[1]", '{"instruction": "x"}', '{"output": 3}', '{"segments": "x", "response": "y"}',
     '{"instruction": "x", "input": ["y"], "output": "z"}', '{"segments": [{"role": "x"}]}',
     '{"instruction": "\\ud800", "output": "z"}', "[" * 100_000],
)  # fmt: skip
def test_a_bad_row_is_named_with_its_line(tmp_path, line):
    path = write_rows(tmp_path / "rows.jsonl")
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(Mendable, match="line 11"):
        rows.read_rows(path)


def test_odd_line_ends_and_a_byte_order_mark_are_read(tmp_path):
    path = tmp_path / "rows.jsonl"
    row = {"instruction": "Say \u2028 or \x85.", "output": "yes"}
    path.write_text("\ufeff" + json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    assert [one.response for one in rows.read_rows(path)] == ["yes"]


@pytest.mark.parametrize("source", [None, "", 3, ["a"]])
def test_a_row_without_a_source_is_of_the_kind_own(source):
    (row,) = rows_of(ROWS[0] | {"source": source})
    assert isinstance(row.kind, str) and (source or row.kind == "own")


def test_a_missing_file_and_too_few_rows_are_named(tmp_path):
    with pytest.raises(Mendable, match="does not exist"):
        rows.read_rows(tmp_path / "none.jsonl")
    with pytest.raises(Mendable, match="10 rows hold a response, and 10 are held out"):
        rows.held_out(rows_of(*ROWS), settings(held_out=10))


def test_the_loss_is_that_of_the_whole_head_on_response_tokens_alone(tmp_path):
    model = AutoModelForCausalLM.from_pretrained(save_model(tmp_path, seed=0)).eval()
    lora = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM"))
    labels = torch.tensor([[-100, -100, -100, 20, 30, 2], [-100, -100, 40, 41, 42, 43]])
    inputs = {"input_ids": labels.clamp(min=5), "attention_mask": torch.ones_like(labels)}
    trainer = tuning.ResponseTrainer.__new__(tuning.ResponseTrainer)
    trainer.accelerator = type("Plain", (), {"unwrap_model": staticmethod(lambda m: m)})
    trainer.head_rows, trainer.kept_chunks = 2, 1  # one chunk is kept, one made twice
    ours = trainer.compute_loss(lora, {**inputs, "labels": labels})
    theirs = lora(**inputs, labels=labels).loss
    torch.testing.assert_close(ours, theirs)


def test_tuning_lowers_the_loss_and_its_adapter_makes_a_pair(tmp_path, monkeypatch):
    monkeypatch.setenv("INSTRUCTION_SHIFT_CACHE", str(tmp_path / "cache"))
    base = save_model(tmp_path / "base", seed=0)
    chosen = settings(
        held_out=2, batch_size=4, epochs=6, learning_rate=2e-2, course=2, written=1
    )  # 12 steps
    data = write_rows(tmp_path / "rows.jsonl")
    about = tuning.train([data], tmp_path / "adapter", chosen, source=str(base))
    losses = [entry["loss"] for entry in about["loss"] if "loss" in entry]
    assert losses[-1] < losses[0]
    assert (about["data"]["rows"], about["data"]["shown_each_epoch"]) == (10, 8)
    tuned = apply_adapter(load_base(base)[0], tmp_path / "adapter")
    weight = tuned.model.layers[0].self_attn.q_proj.weight
    assert not torch.equal(weight, load_base(base)[0].model.layers[0].self_attn.q_proj.weight)
    kept = sorted(path.name for path in (tmp_path / "adapter" / "course").iterdir())
    assert kept == ["step-0002", "step-0005"]
    named = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert named["base_model_name_or_path"] == "base"


@pytest.mark.parametrize("trained", ["attention", "feed-forward"])
def test_a_part_of_the_matrices_can_be_trained_alone(trained):
    assert set(tuning.MATRICES[trained]) < set(tuning.MATRICES["all"])
    assert set(tuning.ATTENTION) | set(tuning.FEED_FORWARD) == set(tuning.MATRICES["all"])


# --- runs that must not be taken for one another, and what cannot be trained


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A base, ten rows, and nothing kept of other runs."""
    monkeypatch.setenv("INSTRUCTION_SHIFT_CACHE", str(tmp_path / "cache"))
    save_model(tmp_path / "base", seed=0)
    write_rows(tmp_path / "rows.jsonl")
    return tmp_path


def trained(world, output, *, base="base", data=("rows.jsonl",), **changed):
    chosen = settings(held_out=2, batch_size=4, steps=2, learning_rate=1e-2, **changed)
    files = [world / one for one in data]
    return tuning.train(files, world / output, chosen, source=str(world / base))


def test_a_run_never_goes_on_from_the_checkpoint_of_another(world):
    """Other rows in a file of the same name, another base of the same name, another seed."""
    (world / "more").mkdir()
    rows_there = write_rows(world / "more" / "rows.jsonl", ROWS[:5])
    both = ("rows.jsonl", "more/rows.jsonl")
    first = trained(world, "one", data=both)
    assert len(first["data"]["sha256"]) == 2
    write_rows(rows_there, [row | {"output": "no"} for row in ROWS[:5]])
    save_model(world / "more" / "base", seed=1)
    for changed in ({"data": both}, {"base": "more/base"}, {"seed": 5}):
        there = trained(world, "one", **changed)["adapter_sha256"]
        assert there == trained(world, f"fresh {changed}", **changed)["adapter_sha256"]
        assert there != first["adapter_sha256"]


def test_each_output_gets_its_own_course(world):
    for folder in ("one/ad9", "two/ad9"):
        trained(world, folder, course=1)
        assert [path.name for path in (world / folder / "course").iterdir()] == ["step-0002"]


def test_what_the_limit_takes_is_counted_and_all_of_it_refused(world):
    long = [{"instruction": "x" * 300, "output": "y"}, {"instruction": "x", "output": "y" * 300}]
    write_rows(world / "some.jsonl", ROWS + long * 2)
    about = trained(world, "some", data=["some.jsonl"], written=1)["data"]
    assert sum(about["over_max_length"].values()) + about["held_out"] >= 4
    assert about["over_max_length"]["left_out"] == 12 - about["shown_each_epoch"] > 0
    write_rows(world / "long.jsonl", long[:1] * 8)
    with pytest.raises(Mendable, match="No row has a response within the limit of 256 tokens"):
        trained(world, "none", data=["long.jsonl"])


def _without_tokenizer(folder):
    for file in folder.glob("tokenizer*"):
        file.unlink()


def _with(**changes):
    tokenizer = byte_tokenizer()
    for name, value in changes.items():
        setattr(tokenizer, name, value)
    return tokenizer


BASES = {
    "holds no tokenizer": _without_tokenizer,
    "cannot be loaded": lambda folder: (folder / "tokenizer.json").write_text("{"),
    "no matrices named q_proj": lambda folder: build("gpt2").save_pretrained(folder),
    "no matrices named q_proj, k_proj, v_proj, gate": lambda f: build("phi3").save_pretrained(f),
    "names no token that ends": lambda f: _with(eos_token=None).save_pretrained(f),
    "embedding has 100 rows": lambda folder: save_model(folder, seed=0, vocab_size=100),
}


@pytest.mark.parametrize("says", BASES)
def test_a_base_that_cannot_be_trained_is_refused_in_a_sentence(says, world):
    shutil.copytree(world / "base", world / "other")
    BASES[says](world / "other")
    named = ["--data", str(world / "rows.jsonl"), "--source", str(world / "other")]
    with pytest.raises(Mendable, match=says):
        tune.main([*named, "--output", str(world / "ad"), "--held-out", "2", "--steps", "1"])
    assert not (world / "ad").exists()


@pytest.mark.parametrize("where", ["file", "file/ad"])
def test_a_place_that_is_no_folder_is_refused_before_anything_is_trained(where, world, monkeypatch):
    (world / "file").write_text("mine")
    monkeypatch.setattr(tuning, "load_base", lambda *_, **__: pytest.fail("loaded"))
    named = ["--data", str(world / "rows.jsonl"), "--source", str(world / "base")]
    with pytest.raises(Mendable, match="is a file.*--output"):
        tune.main([*named, "--output", str(world / where), "--held-out", "2"])


def test_a_base_without_padding_is_padded_with_its_end(world):
    _with(pad_token=None).save_pretrained(world / "base")
    assert trained(world, "ad")["adapter_sha256"]
