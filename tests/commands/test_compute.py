"""The command that fills stores: options, stops, refusals, placement, dry run."""

import errno
import inspect
import json
import os
import signal
import sys

import numpy as np
import pytest
import torch
from forked import contents, litter
from test_recognition import prompt
from tiny import byte_tokenizer, save_model
from transformers import BloomConfig, BloomForCausalLM

from helpers import __main__ as commands
from helpers.commands import compute, estimate, filling, formats, pairs, report
from helpers.commands.progress import WholeRun
from helpers.findings import parts, update
from helpers.findings.recognition import compute as recognition
from helpers.findings.recognition.blanked import read_blanking
from helpers.findings.registry import BY_NAME
from helpers.methods.errors import Mendable
from helpers.methods.weights import backbone
from helpers.models import devices as machine
from helpers.models import registry
from helpers.models.devices import GIB, Placement, place
from helpers.models.pair import load_pair
from helpers.store.conditions import told
from helpers.store.store import DamagedResultWarning, Part, Store, open_store

PROMPTS = [prompt(number) for number in range(3)]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return [str(save_model(folder / name, seed=i)) for i, name in enumerate(("base", "tuned"))]


def make_small(monkeypatch):
    """Three prompts in blocks of two, short responses."""
    real = recognition.make_responses
    monkeypatch.setattr(parts, "BLOCK", 2)
    monkeypatch.setattr(recognition, "read_prompts", lambda: PROMPTS)
    monkeypatch.setattr(estimate, "read_prompts", lambda: PROMPTS)
    monkeypatch.setattr(
        recognition, "make_responses", lambda p, q, s, r, *_: real(p, q, s, r, 3)
    )  # fmt: skip


@pytest.fixture(autouse=True)
def small(monkeypatch):
    make_small(monkeypatch)


def command(models, folder, *more):
    base, tuned = models
    return ["--base", base, "--tuned", tuned, "--finding", "recognition", "--folder", str(folder),
            "--device", "cpu", *more]  # fmt: skip


@pytest.fixture(scope="module")
def whole(models, tmp_path_factory):
    """What an undisturbed run leaves."""
    with pytest.MonkeyPatch.context() as patch:
        make_small(patch)
        folder = tmp_path_factory.mktemp("whole")
        compute.main(command(models, folder))
    return contents(folder)


def test_an_own_pair_is_computed_by_one_command_and_a_second_run_changes_nothing(
    models, whole, tmp_path, capsys
):
    compute.main(command(models, tmp_path))
    said = capsys.readouterr().err
    assert "tuned: cpu (" in said and "float32" in said and "both models at once" in said
    assert f"Done: {len(whole)} parts in {tmp_path}" in said
    assert contents(tmp_path) == whole and "recognition/scores" in whole
    manifest = (tmp_path / "manifest.json").read_bytes()
    compute.main(command(models, tmp_path))
    assert (tmp_path / "manifest.json").read_bytes() == manifest


def test_one_bar_a_stage_tells_how_much_is_left(models, tmp_path, capsys):
    compute.main(command(models, tmp_path))
    said = capsys.readouterr().err
    assert "importance: 100%" in said and "16/16" in said and "<00:00" in said


def test_one_line_tells_of_the_whole_run(models, tmp_path, capsys):
    compute.main(command(models, tmp_path))
    line = [
        one for one in capsys.readouterr().err.replace("\r", "\n").split("\n") if "whole run" in one
    ]
    assert "100%" in line[-1] and "done" in line[-1] and "so far" in line[-1]
    assert any("recognition" in one and "left" in one for one in line)


def test_the_line_never_goes_back_and_what_is_there_already_counts(tmp_path):
    store, seen = Store(tmp_path), []
    store.write("one", {"x": np.ones(1)})
    run = WholeRun({"first": (3.0, 6), "second": (1.0, 1)}, store, shown=False)
    run.begin("first")
    make = lambda: seen.append(run.best) or {"x": np.ones(1)}  # noqa: E731
    store.fill([Part("one", make), Part("two", make)])
    assert run.best == 1.0 and seen == [0.5]  # two of the six parts that are expected
    store.fill([Part(f"later/{k}", make) for k in range(4)])  # a stage that nobody knew of
    run.begin("second")
    store.fill([Part("three", make)])
    run.close()
    assert seen == sorted(seen) and run.best == run.bar.total == 4.0


# --- a first look


def quick(models, folder, *more):
    given = command(models, folder, "--quick", *more)
    del given[given.index("--finding") : given.index("--finding") + 2]
    return given


@pytest.fixture
def two_of_three(monkeypatch):
    """A first look that explains two of the three prompts; attention and feed-forward are left out."""
    monkeypatch.setattr(filling, "QUICK", {"recognition": {"sample": 2}})
    monkeypatch.setattr(compute, "QUICK", {"recognition": {"sample": 2}})


@pytest.mark.usefixtures("two_of_three")
def test_a_first_look_is_marked_and_a_whole_run_goes_on_from_it(models, whole, tmp_path, capsys):
    compute.main(quick(models, tmp_path))
    store = open_store("tuned", tmp_path)
    first = contents(tmp_path)
    assert len(store.read("recognition/prompts")["id"].unique()) == 2
    losses = read_blanking(store)
    assert losses["id"].nunique() == 3 and set(losses["way"]) == {"zero"}
    assert set(losses["segment"]) == {"instruction"} and set(losses["author"]) == {"tuned"}
    assert told(store, 3).startswith("A first look: importance on 2 drawn at random")
    page = report.page(store)
    assert "A first look: importance on 2" in page and update.TITLE in page
    assert "Share of importance on each segment" in page
    written = (tmp_path / "manifest.json").stat().st_mtime_ns
    compute.main(quick(models, tmp_path))  # a second one computes nothing
    assert (tmp_path / "manifest.json").stat().st_mtime_ns == written
    compute.main(command(models, tmp_path))
    assert contents(tmp_path) == whole and not litter(tmp_path)
    assert "quick" not in store.recorded()["conditions"]
    kept = {name for name, entry in first.items() if whole.get(name) == entry}
    assert {"pair/update", "recognition/template/responses-base"} <= kept
    with pytest.raises(Mendable, match="it was no first look"):
        compute.main(quick(models, tmp_path))
    assert contents(tmp_path) == whole


def test_a_complete_store_on_a_disk_that_cannot_be_written_is_done(
    models, whole, tmp_path, monkeypatch, capsys
):
    compute.main(command(models, tmp_path))

    def refuse(*_, **__):
        raise OSError(errno.EROFS, "read-only")

    for call in ("tempfile.mkstemp", "helpers.store.claims.FileLock", "pathlib.Path.write_text",
                 "pathlib.Path.mkdir"):  # fmt: skip
        monkeypatch.setattr(call, refuse)
    compute.main(command(models, tmp_path))
    assert f"Done: {len(whole)} parts" in capsys.readouterr().err.rsplit("float32", 1)[1]


@pytest.mark.parametrize(
    ("more", "says"),
    [(["--limit", "5"], "leave --limit out"), (["--finding", "positions"], "--quick looks at")],
)
def test_what_a_first_look_does_not_take_is_refused(models, tmp_path, capsys, more, says):
    with pytest.raises(SystemExit):
        compute.main(quick(models, tmp_path, *more))
    assert says in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore")
def test_a_pair_of_one_layer_and_one_head_has_its_first_look_and_report(tmp_path):
    one = {"num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1}
    models = [str(save_model(tmp_path / name, seed=i, **one)) for i, name in enumerate(("b", "t"))]
    lines = [json.dumps({"id": f"p{n}", "instruction": f"Say {n}."}) for n in range(4)]
    (tmp_path / "own.jsonl").write_text("\n".join(lines))
    compute.main(quick(models, tmp_path / "few", "--prompts", str(tmp_path / "own.jsonl")))
    store = open_store("few", tmp_path / "few")
    assert {name.split("/")[0] for name in store.manifest()} == {
        "recognition",
        "attention",
        "ffn",
        "pair",
    }
    assert "importance on 4 drawn" in told(store, 216)
    assert not formats.comparisons(store).empty and "not tested" in formats.as_screen(store)


def test_findings_without_their_nulls_are_a_beginning_of_the_whole():
    """What a first look asks of a finding, its `compute` takes."""
    for name, options in filling.QUICK.items():
        taken = inspect.signature(BY_NAME[name].compute()).parameters
        assert options.keys() <= taken.keys()


# --- stops


@pytest.mark.parametrize("how", ["ctrl-c", "sigterm"])
def test_a_stop_ends_cleanly_and_says_how_to_go_on(
    models, whole, tmp_path, capsys, monkeypatch, how
):
    real, calls = parts.importance, []

    def stop(*arguments, **options):
        calls.append(1)
        if len(calls) == 7:
            if how == "sigterm":
                os.kill(os.getpid(), signal.SIGTERM)
            else:
                raise KeyboardInterrupt
        return real(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(parts, "importance", stop)
        with pytest.raises(SystemExit) as ended:
            compute.main(command(models, tmp_path))
    assert ended.value.code == 130
    said = capsys.readouterr().err
    assert "Stopped. What was computed is kept." in said
    assert f"To go on: python -m helpers compute --base {models[0]}" in said
    assert 0 < len(contents(tmp_path)) < len(whole) and not litter(tmp_path)
    compute.main(command(models, tmp_path))
    assert contents(tmp_path) == whole
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_results_in_another_precision_are_not_taken_for_those_in_float32(models, tmp_path):
    compute.main(command(models, tmp_path, "--dtype", "bfloat16"))
    store = open_store("tuned", tmp_path)
    made_from = store.manifest()["recognition/scores"]["made_from"]
    assert made_from["dtype"] == "bfloat16"
    exact = {key: value for key, value in made_from.items() if key in ("base", "tuned")}
    other = open_store("tuned", tmp_path, expected=exact)
    with pytest.warns(DamagedResultWarning, match="other dtype"):
        assert not other.has("recognition/scores")


def test_models_in_turns_give_the_same_results(models, whole, tmp_path):
    parameters = 100
    placement = Placement("cpu", "float32", "in turns", GIB, parameters)
    choice = registry.own(*models)
    filling.fill(choice, ["recognition"], tmp_path, placement=placement, progress=False)
    # The size of the update needs both models at once.
    assert contents(tmp_path) == {name: one for name, one in whole.items() if name != update.PART}


# --- refusals, in one sentence each


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--pair", "gpt-9"], "name='gpt-9' is not a known pair"),
        (["--base", "./none", "--tuned", "./none"], "neither a folder, nor a GGUF file"),
        (["--device", "cuda:7"], "device='cuda:7'"),
        (["--device", "abacus"], "device='abacus' is not here: use auto or cpu"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(arguments, says, tmp_path):
    with pytest.raises(SystemExit) as ended:
        commands.main(["compute", *arguments, "--folder", str(tmp_path)])
    assert says in str(ended.value.code) and "Traceback" not in str(ended.value.code)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--base", "a/b"], "--base and --tuned go together"),
        (["--pair", "smollm2-135m", "--base", "a/b", "--tuned", "a/c"], "give either --pair"),
        (["--name", "x"], "--name is for a pair of your own"),
        (["--finding", "everything"], "invalid choice"),
        *(
            ([f"--{name}", ""], "it is empty: give a value, or leave the option out")
            for name in ("pair", "base", "tuned", "name", "prompts", "course")
        ),
        (["--dtype", "int4"], "invalid choice"),
    ],
)
def test_options_that_contradict_each_other_are_refused(arguments, says, capsys):
    with pytest.raises(SystemExit) as ended:
        compute.main(arguments)
    assert ended.value.code == 2 and says in capsys.readouterr().err


def test_a_store_of_an_own_pair_cannot_lie_in_a_folder_named_as_a_known_one(models, tmp_path):
    """Its report, and a part computed anew, would be taken for that pair's, whose models are on the Hub."""
    with pytest.raises(Mendable, match="name='smollm2-135m'.*choose another one with --folder"):
        compute.main(command(models, tmp_path / "smollm2-135m"))
    assert not (tmp_path / "smollm2-135m").exists()


def test_an_unknown_architecture_is_said_before_anything_is_computed(tmp_path, monkeypatch):
    for name in ("base", "tuned"):
        config = BloomConfig(vocab_size=259, hidden_size=16, n_layer=1, n_head=2)
        BloomForCausalLM(config).save_pretrained(tmp_path / name)
        byte_tokenizer().save_pretrained(tmp_path / name)
    models = [str(tmp_path / name) for name in ("base", "tuned")]
    arguments = command(models, tmp_path / "store")
    arguments[arguments.index("recognition")] = "ffn"
    with pytest.raises(Mendable) as refused:
        compute.main(arguments)
    said = str(refused.value)
    assert "model_type='bloom'" in said and "ARCHITECTURES in helpers/methods/weights.py" in said
    assert not (tmp_path / "store" / "manifest.json").exists()


def test_a_device_that_is_too_small_is_said_with_what_to_try(models, tmp_path, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nmore")

    monkeypatch.setattr(parts, "importance", full)
    with pytest.raises(SystemExit) as ended:
        compute.main(command(models, tmp_path))
    assert "Tried to allocate 2 GiB. Try" in str(ended.value.code).replace(")", "")
    assert "--dry-run" in str(ended.value.code) and "To go on" in str(ended.value.code)


def test_a_full_disk_is_said_in_one_sentence(models, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Mendable, match=f"The disk of {tmp_path} is full"):
        compute.main(command(models, tmp_path))


# --- where models go


@pytest.mark.parametrize(
    ("device", "free", "billions", "expected"),
    [
        ("cuda:0", 14.56, 0.27, ("float32", "together")),
        ("cuda:0", 14.56, 1.71, ("float16", "together")),
        ("cuda:0", 14.56, 6.738, ("float16", "in turns")),  # LLaMA-7B on a T4
        ("cuda:0", 14.56, 13.0, ("float16", "spread")),
        ("cuda:0", 79.0, 6.738, ("float32", "together")),
        ("mps", 12.0, 3.0, ("float16", "in turns")),
        ("cpu", 16.0, 0.27, ("float32", "together")),
        ("cpu", 8.0, 1.5, ("float32", "in turns")),  # a CPU is slow in 16 bits
        ("cpu", 16.0, 6.738, ("bfloat16", "in turns")),
    ],
)
def test_precision_and_layout_follow_from_size_and_memory(
    monkeypatch, device, free, billions, expected
):
    monkeypatch.setattr(machine, "_device", lambda asked: device)
    monkeypatch.setattr(machine, "free_memory", lambda where: int(free * GIB))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda where: (7, 5))
    found = place(int(billions * 1e9))
    assert (found.dtype, found.layout) == expected
    assert found.device == device and found.dtype in str(found)


def test_a_wish_is_followed_and_an_unknown_one_refused(monkeypatch):
    assert place(1000, device="cpu", dtype="bfloat16").dtype == "bfloat16"
    with pytest.raises(Mendable, match="dtype='int4' is unknown"):
        place(1000, dtype="int4")


def test_each_process_of_a_machine_takes_a_device_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    found = []
    for number in range(3):
        monkeypatch.setenv("LOCAL_RANK", str(number))
        found.append(machine._device("auto"))
    assert found == ["cuda:0", "cuda:1", "cuda:0"]
    assert machine._device("cuda") == "cuda:0" and machine._device("cuda:1") == "cuda:1"


# --- how long, how much


def test_a_dry_run_says_how_long_and_how_much_and_writes_nothing(models, tmp_path, capsys):
    compute.main(command(models, tmp_path / "store", "--dry-run", "--dtype", "bfloat16"))
    said = capsys.readouterr().out
    assert "x 2 bytes = " in said and "of" in said and "GiB free: fits" in said
    assert "recognition" in said and "3 items x (4 x" in said
    assert "bfloat16 against float32: importance differs by" in said
    assert not (tmp_path / "store").exists()


def test_every_finding_has_its_cost_and_a_limit_enters_it(models):
    pair = load_pair(*models)
    costs = {one.finding: one for one in estimate.costs(pair, ["recognition", "faithfulness"], 1)}
    assert all(one.seconds > 0 and one.formula.startswith("1 items x") for one in costs.values())
    for finding in BY_NAME.values():
        assert set(finding.work) <= set(estimate.VERBS)
    (whole,) = estimate.costs(pair, ["recognition"])
    assert whole.formula.startswith("3 items x")


def test_a_cost_is_its_units_times_their_pace(models, monkeypatch):
    monkeypatch.setattr(estimate, "_seconds", lambda work: 2.0)
    (cost,) = estimate.costs(load_pair(*models), ["recognition"], 2)
    explain = 2.0 / estimate.SHORT * 32  # what was timed had SHORT tokens, and ROWS rows
    respond, read = explain / estimate.ROWS, 2.0 / estimate.ROWS
    assert cost.seconds == pytest.approx(2 * (4 * respond + 8 * explain + 120 * read))


@pytest.mark.parametrize(("dtype", "size"), [(torch.float32, 4), (torch.bfloat16, 2)])
def test_the_memory_that_a_forward_pass_keeps_is_the_formulas(dtype, size):
    """Bytes of the tensors that autograd saves, weights aside, in a Llama of 7B proportions."""
    from transformers import LlamaConfig, LlamaForCausalLM

    positions, kept = 96, {}
    config = LlamaConfig(
        vocab_size=64, hidden_size=256, intermediate_size=688, num_hidden_layers=4,
        num_attention_heads=8, attn_implementation="eager",
    )  # fmt: skip
    model = LlamaForCausalLM(config).to(dtype).eval().requires_grad_(False)
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    inputs = torch.randn(1, positions, 256, dtype=dtype).requires_grad_(True)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = backbone(model)(inputs_embeds=inputs, use_cache=False).last_hidden_state
    assert output.requires_grad
    assert sum(kept.values()) == pytest.approx(
        estimate.kept_bytes(config, positions, size), rel=0.15
    )


@pytest.mark.parametrize(("seconds", "says"), [(45, "45 s"), (700, "12 min"), (12600, "3.5 h")])
def test_durations_are_for_people(seconds, says):
    assert estimate.duration(seconds) == says


def test_the_registry_is_listed(capsys):
    pairs.main([])
    said = capsys.readouterr().out
    assert "smollm2-135m" in said and "Colab T4" in said


def test_the_command_line_that_goes_on_is_the_one_that_was_given(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["compute", "--pair", "smollm2-135m", "--folder", "my store"])
    monkeypatch.setattr(compute, "_place", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(SystemExit):
        compute.main()
    expected = "python -m helpers compute --pair smollm2-135m --folder 'my store'"
    assert expected in capsys.readouterr().err
