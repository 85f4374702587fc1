"""The course of training: checkpoints are found, planted switches at their step, sentences follow."""

import json
import shutil
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from tiny import save_model
from transformers import AutoModelForCausalLM

from helpers.findings.course import (
    change,
    compute,
    explorer,
    figures,
    live,
    points,
    read,
    report,
    said,
    tables,
)
from helpers.findings.course.points import MAIN, START, Point
from helpers.methods import statistics
from helpers.methods.errors import Mendable
from helpers.models.loading import How
from helpers.models.pair import load_pair
from helpers.models.sources import Source
from helpers.pages.example import RUNNING
from helpers.prompts.placement import Item
from helpers.prompts.prompt import Prompt, Segment, read_prompts
from helpers.store.store import MissingResult, Store
from helpers.words.verbs import read_lexicon

STEPS = (2, 4, 9, 21, 45, 97, 212, 461)
SEGMENTS = ("instruction", "input", "context", "template")


# --- a store with planted curves, for tables, figures, explorer and chapter


def level(point: Point, at: int = 45) -> float:
    """How far a planted effect has come: half before a step is reached, all of it after."""
    whole = {"responses-only": 0.9, "shuffled": 0.0, "one-kind": 0.3, "attention": 0.9}
    done = 0.0 if point == START else float(point.step >= at)
    return whole.get(point.run, 0.9) * done * point.strength


def tables_of(point: Point, prompts, rng, effect: float) -> dict[str, pd.DataFrame]:
    """Parts of one point. Reliance rises from the first steps on; following and length at step 45."""
    early = effect if point.run != MAIN else level(point, at=9)
    ids = [prompt.id for prompt in prompts]
    follows = np.arange(len(ids)) % 10 < round(10 * effect)
    responses = pd.DataFrame(
        dict(id=id, text=f"said at {point.step} <b>{id}</b>", ended="stop")
        | dict(ids=[1] * (30 - int(9 * effect) * (1 + n % 2)))
        | dict(followed=bool(f) if prompt.rule else None)
        for n, (id, f, prompt) in enumerate(zip(ids, follows, prompts, strict=True))
    )  # fmt: skip
    blanked = [
        dict(id=id, on=on, segment=s, loss=1 + early * (s == "instruction") + rng.normal(0, 0.1))
        for id in ids for on in ("own", "shared") for s in SEGMENTS
    ]  # fmt: skip
    shares = [
        dict(id=id, segment=s, share=0.4 + rng.normal(0, 0.02)) for id in ids for s in SEGMENTS[:2]
    ]
    placed = [
        dict(id=f"i{n}", place=place, followed=True, loss=1.0 + rng.normal(0, 0.1))
        for n in range(16) for place in compute.PLACES
    ]  # fmt: skip
    found = dict(responses=responses, blanked=pd.DataFrame(blanked), gradient=pd.DataFrame(shares),
                 placed=pd.DataFrame(placed))  # fmt: skip
    if point == START:
        return found
    matrices = [(n, m) for n in range(6) for m in ("self_attn.q_proj", "mlp.down_proj")]
    size = np.log1p(point.step) * point.strength
    found["update"] = pd.DataFrame(
        dict(layer=n, matrix=m, update=size, base=30.0) for n, m in matrices
    )
    found["turned"] = pd.DataFrame(
        dict(layer=n, draw=d, angle=5 + 2 * (d > 0) + rng.normal(0, 0.1), matched=20.0)
        for n in range(6) for d in range(5)
    )  # fmt: skip
    lexicon = read_lexicon()
    rose = rng.binomial(10, np.where(lexicon.is_instruction, 0.5 + 0.3 * effect, 0.5))
    found["verbs"] = pd.DataFrame(dict(verb=np.arange(len(rose)), rose=rose, fell=10 - rose))
    return found


def planted(folder: Path) -> Store:
    """A course with all runs of the book, whose every effect is known."""
    store, rng = Store(folder), np.random.default_rng(0)
    prompts = compute.fixed_set(read_prompts())
    asked = compute.Asked(
        None, store, prompts, [], None, {p.id: compute.group_of(p) for p in prompts}, None
    )
    store.write("course/prompts", compute.make_prompts(asked))
    at = [
        START,
        *(Point(MAIN, step) for step in STEPS),
        *(Point(MAIN, 461, s) for s in points.STRENGTHS),
    ]
    at += [Point(run, 461 if run.startswith("seed") else 200) for run in list(read.RUNS)[1:]]
    for point in at:
        for name, value in tables_of(point, prompts, rng, level(point)).items():
            store.write(f"{point.folder}/{name}", value)
    return store


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return planted(tmp_path_factory.mktemp("planted") / "gemma-3-270m")


def test_planted_changes_are_found_at_their_steps_and_in_their_order(store):
    found = change.changes(store)
    assert found["following"].whole.n > found["reliance"].whole.n - 5
    assert (found["following"].before, found["following"].after) == (21, 45)
    assert (found["reliance"].before, found["reliance"].after) == (4, 9)
    assert found["following"].early >= 21 and found["following"].late <= 45
    assert found["length"].found and not found["share"].found
    lead = change.order(store, "reliance")
    assert lead.said == "before" and lead.before > 0.95
    assert not change.order(store, "share").possible
    assert change.order(store, "length").said == "in the same interval as"
    shown = change.table(store)["half of the way"]
    assert shown["prompts followed"] == "21 to 45"
    assert "no change" in shown["gradient's share on the instruction"]


def test_half_of_the_way_is_reached_where_a_rise_or_a_fall_first_comes_so_far():
    curves = np.array(
        [[0, 0, 0, 1, 1], [0, 0.4, 0.6, 0.2, 1], [1, 1, 1, 1, 0], [2, 5, 0, 7, 2]], float
    )
    assert change.reached(curves).tolist() == [3, 2, 4, 4]  # no way at all: at the end
    late_but_early_to_start = np.array([[0.1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.8, 1.1, 1.4, 1.7]])
    assert change.reached(late_but_early_to_start, 0.25).item() == 5
    peak_then_fall = np.array([[0.1, *[0.45] * 5, *[0.2] * 4]])
    assert change.reached(peak_then_fall).item() == 1


def test_a_lead_at_half_of_the_way_alone_is_no_lead(store, monkeypatch):
    drawn = {0.25: np.array([2] * 100), 0.5: np.array([3] * 100)}
    calls = iter([drawn[0.25], drawn[0.25], drawn[0.5], drawn[0.5] + 1])
    monkeypatch.setattr(change, "_drawn", lambda *_: next(calls))
    assert change.order(store, "reliance").said == "not told apart from"


def test_runs_are_told_apart_by_what_was_planted(store):
    moved = tables.moved(store)
    own = moved.loc["prompts followed"]  # responses only move it as much, shuffled ones do not
    assert (own["responses only"], own["shuffled responses"]) == ("+", "none, less")
    assert own["about"] == tables.OPEN
    assert moved.loc["gradient's share on the instruction", "about"] == tables.STILL
    by_label = {one.label: one for own in tables.what_else(store).values() for one in own}
    narrow = by_label["one kind of task, unseen kinds"]
    assert narrow.n == 12 and narrow.difference < -0.3 and narrow.p_value < 0.1
    assert by_label["feed-forward alone, all prompts"].n == len(read.prompts(store))


def test_diversity_is_asked_by_what_the_narrow_run_itself_saw(store, monkeypatch):
    kinds = {"one-kind": {"translation"}, "four-kinds": {"translation", "arithmetic"}}
    monkeypatch.setattr(tables, "tuned_on", lambda run: kinds.get(run, set()))
    by_label = {one.label: one for one in tables.diversity(store)}
    assert [by_label[f"{run}, kinds it saw"].n for run in ("one kind of task", "four kinds")] == [
        4,
        8,
    ]
    about = read.prompts(store)
    seen = about["group"] == "seen"
    other = by_label["one kind of task, kinds it did not see"]
    assert other.n == (seen & (about["kind"] != "translation")).sum()


@pytest.mark.parametrize(
    ("main", "controls", "further", "about"),
    [
        (0, (1, 1), (False, False), tables.STILL),
        (1, (1, 1), (False, False), tables.FORMAT),
        (1, (1, 0), (True, True), tables.FURTHER),
        (1, (0, -1), (True, True), tables.ALONE),
        (
            1,
            (0, 0),
            (False, False),
            tables.OPEN,
        ),  # neither told apart: no verdict by significance alone
        (-1, (-1, 1), (False, True), tables.OPEN),
    ],
)
def test_what_a_measure_is_about_rests_on_the_difference_of_the_runs(
    main, controls, further, about
):
    assert tables.about_what(main, controls, further) == about


def test_half_the_dose_gives_half_a_planted_effect_and_shares_are_of_the_finished_run(store):
    half = tables.halfway(store)
    assert "length" in half and "share" not in half  # what the finished run moves
    assert half["reliance"].difference == pytest.approx(0, abs=0.06)
    doses = tables.dose(store)
    table = doses.query("measure == 'lost without the instruction'")
    ends = table[(table["strength"] == 1) & (table["step"] == 461)]
    assert ends["share"].tolist() == [1, 1] and ends["dose"].tolist() == [1, 1]
    assert ends[["low", "high"]].to_numpy().tolist() == [[1, 1], [1, 1]]
    strength = table[table["path"] == "strength"].set_index("strength")
    assert strength.loc[0.5, "dose"] == pytest.approx(0.5)
    assert strength.loc[0.5, "share"] == pytest.approx(0.5, abs=0.1)
    assert "gradient's share on the instruction" not in set(doses["measure"])


def test_the_update_is_told_by_kind_and_turning_stands_among_its_draws(store):
    assert tables.share_of_update(store, read.last(store)) == pytest.approx(1)
    assert list(tables.where(store, read.last(store)).columns) == ["attention", "feed-forward"]
    assert set(tables.turned(store)["tuning is"]) == {"less than every one of 4 draws"}
    assert tables.accounted(store).loc["main run", "points"] == 11


def test_sentences_follow_the_planted_effects(store):
    found = said.sentences(store)
    assert "half of the way lies between steps 21 and 45." in found["when"]
    assert (
        "Reliance on the instruction rises before it; it gains more than the input" in found["when"]
    )
    for name in ("diversity", "attention"):
        assert "as often as" in found[name] and " points)" in found[name]
    assert found["diversity"].endswith("Tuned on four kinds: not told apart from all.")
    clear = next(one for one in tables.diversity(store) if one.p_holm < 0.05)
    told = said._told(store, "Q?", clear, "less often", "more often", "as often")
    assert "Q? less often (by" in told and "more than two seeds of one run differ" in told
    assert "prompts of unseen kinds" in found["diversity"]
    assert said.in_short(store).startswith("Following comes half of its way within a tenth of the")
    assert "follows 92 % of the prompts" in found["seeds"]
    assert said.how_sure(store)["direction"] == "following rises"


def test_without_a_course_a_page_has_one_line_and_with_a_part_of_one_it_says_what_lacks(
    store, tmp_path
):
    empty = Store(tmp_path / "gemma-3-270m")
    found = said.sentences(empty)
    assert found["when"] == "Not computed yet for this pair."
    assert "compute --pair gemma-3-270m --finding course" in read.missing(empty)
    assert set(list(found.values())[1:]) == {""}
    assert set(said.how_sure(empty).values()) == {"not computed yet"}
    with pytest.raises(MissingResult, match="Not computed yet"):
        report.blocks(empty)
    some = Store(tmp_path / "some")
    for name in store.manifest():
        if name == "course/prompts" or name.split("/")[1] in ("base", "main") and "/s" not in name:
            some.write(name, store.read(name))
    found = said.sentences(some)
    assert "rises" in found["when"] and all(text.endswith(".") for text in found.values())
    assert sum("not computed yet" in text.lower() for text in found.values()) == 5


def test_every_block_of_the_report_can_be_drawn(store, monkeypatch):
    monkeypatch.setattr(statistics, "RESAMPLES", 500)
    for block in report.blocks(store):
        shown = block.make()
        assert block.widget or isinstance(shown, pd.DataFrame) or block.alt
    figures.strip(store, RUNNING)
    figures.runs(tables.of_question(store, "How sure?"))
    plt.close("all")


# --- which checkpoints there are


def write_record(folder: Path, step: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tuning.json").write_text(json.dumps({"loss": [{"step": step}]}))


def weights(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text("{}")
    (folder / "adapter_model.safetensors").write_bytes(b"")


def test_a_folder_is_read_as_runs_and_steps(tmp_path, monkeypatch):
    monkeypatch.setenv("INSTRUCTION_SHIFT_CACHE", str(tmp_path / "cache"))
    for name in ("course/step-0002", "course/step-0045", "checkpoint-100", "runs/seed-1", "notes"):
        weights(tmp_path / "ad" / name)
    weights(tmp_path / "ad")
    write_record(tmp_path / "ad", 461)
    write_record(tmp_path / "ad" / "runs" / "seed-1", 460)
    write_record(tmp_path / "ad" / "runs" / "shuffled", 200)
    weights(tmp_path / "cache" / "adapters" / "shuffled")
    write_record(tmp_path / "ad" / "runs" / "lost", 200)
    with pytest.warns(UserWarning, match="lost has a record but no weights"):
        found = points.read_points(tmp_path / "ad", "any")
    told = [(p.run, p.step, p.strength) for p in found]
    steps, doses = [2, 45, 100, 461], [0.25, 0.5, 0.75]
    assert told == [("base", 0, 1), *(("main", s, 1) for s in steps), *(("main", 461, d) for d in doses),
                    ("seed-1", 460, 1), ("shuffled", 200, 1)]  # fmt: skip
    assert found[-1].where == tmp_path / "cache" / "adapters" / "shuffled"
    assert found[6].folder == "course/main/000461/s050"


def test_revisions_on_the_hub_are_points_and_nothing_at_all_is_refused(tmp_path):
    found = points.read_points("org/model@step100,step2000-tokens4B", "any")
    assert [(p.step, p.where) for p in found[1:3]] == [
        (100, Source("org/model", "step100")),
        (2000, Source("org/model", "step2000-tokens4B")),
    ]
    with pytest.raises(Mendable, match="--course FOLDER"):
        points.read_points(None, "smollm2-135m")
    with pytest.raises(Mendable, match="no checkpoint"):
        points.read_points(str(tmp_path), "any")


def test_the_fixed_prompts_are_the_same_of_every_kind_with_the_running_example():
    found = compute.fixed_set(read_prompts())
    assert len(found) == 48 and RUNNING in [one.id for one in found]
    assert set(pd.Series([one.kind for one in found]).value_counts()) == {4}
    assert {compute.group_of(one) for one in found} == {"seen", *tables.UNSEEN}


# --- tiny models, of which the instruction is read from a known step on

ASKED = [
    Prompt(f"p{n}", "k", (Segment("instruction", f"Say {word}."), Segment("input", "the sea")),
           {"type": "exact", "answers": ["red"]} if n % 2 else None)
    for n, word in enumerate(("red", "a boat", "nothing", "it all", "more"))
]  # fmt: skip
SENTENCES = ("The sea is calm.", "A boat is red.", "It rains.", "They row.")
PLACED = [
    Item(f"i{n}", "k", f"Name colour {n}.", SENTENCES, "red", {"type": "exact", "answers": ["red"]})
    for n in range(3)
]
SWITCHED = 9


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A base whose attention writes nothing, and checkpoints whose attention is on from SWITCHED on."""
    folder = tmp_path_factory.mktemp("course")
    whole = save_model(folder / "whole", seed=0)
    for name, step in [("base", 0), *((f"own/step-{step:04d}", step) for step in (2, 4, 9, 21))]:
        model = AutoModelForCausalLM.from_pretrained(whole)
        with torch.no_grad():
            for key, own in model.named_parameters():
                own.add_(1e-4 * step * torch.randn_like(own))
                if "o_proj" in key and step < SWITCHED:
                    own.zero_()
        shutil.copytree(whole, folder / name)
        model.save_pretrained(folder / name)
    return folder


@pytest.fixture
def pair(models):
    return load_pair(models / "base", models / "own" / "step-0021", name="tiny")


def fill(pair, models, folder):
    store = Store(folder, {"base": "0"})
    options = dict(prompts=ASKED, items=PLACED, progress=False)
    compute.compute(pair, store, course=str(models / "own"), **options)
    return store


def test_reliance_that_was_switched_on_at_a_step_is_found_there(pair, models, tmp_path):
    store = fill(pair, models, tmp_path / "store")
    found = change.changes(store, ("reliance",))["reliance"]
    assert (found.before, found.after) == (4, 9)
    wide = read.values(store, "reliance", read.along(store))
    assert np.abs(wide[[START, Point(MAIN, 2), Point(MAIN, 4)]]).to_numpy().max() == 0
    assert (wide[Point(MAIN, 9)] != 0).all()
    held = dict(store.manifest())
    entry = held["course/main/000021/s050/responses"]["made_from"]["point"]
    assert entry.startswith("sha256:") and entry.endswith("x 0.5")
    assert "course/main/000021/verbs" in held and "course/main/000009/verbs" not in held
    assert "course/base/000000/turned" not in held
    again = fill(pair, models, tmp_path / "store")
    assert {n: e["date"] for n, e in again.manifest().items()} == {
        n: e["date"] for n, e in held.items()
    }
    assert len(explorer.items(store)["points"]) == 1 + 4 + 3


def test_the_live_check_blanks_a_stored_prompt_again(pair, models, tmp_path, monkeypatch):
    store = fill(pair, models, tmp_path / "store")
    assert live.live_check("any", Store(tmp_path / "empty"), "p1").startswith("Not computed yet")
    monkeypatch.setattr(live.live, "models", lambda *_: pair)
    monkeypatch.setattr(live, "read_prompts", lambda: ASKED)
    assert "no checkpoints in the book" in live.live_check("any", store, "p1")
    held = points.read_points(models / "own", "any")
    monkeypatch.setattr(live, "read_points", lambda *_: held)
    found = live.live_check("any", store, "p1")
    np.testing.assert_allclose(found["now"], found["stored"], atol=1e-5)
    assert found["same weights"].all()


def test_strength_is_the_straight_line_from_the_base_and_the_pair_gets_its_own_model_back(
    pair, models
):
    point = Point(MAIN, 21, 0.25, models / "own" / "step-0021")
    base, tuned = (dict(pair.model(role).named_parameters()) for role in ("base", "tuned"))
    with pair.tuned_as(points.loader(pair, point, How())):
        for name, own in pair.model("tuned").named_parameters():
            torch.testing.assert_close(own, 0.75 * base[name] + 0.25 * tuned[name])
    name = "model.layers.0.mlp.down_proj.weight"
    torch.testing.assert_close(dict(pair.model("tuned").named_parameters())[name], tuned[name])


def test_adapters_are_merged_into_a_copy_of_the_base(pair, models, tmp_path):
    peft = pytest.importorskip("peft")
    model = AutoModelForCausalLM.from_pretrained(models / "base")
    lora = peft.LoraConfig(
        r=2, init_lora_weights=False, target_modules=["q_proj"], task_type="CAUSAL_LM"
    )
    peft.get_peft_model(model, lora).save_pretrained(tmp_path / "step-3")
    before = {name: own.clone() for name, own in pair.model("base").named_parameters()}
    with pair.tuned_as(points.loader(pair, Point(MAIN, 3, where=tmp_path / "step-3"), How())):
        after = dict(pair.model("tuned").named_parameters())
    changed = {name for name, own in before.items() if not torch.equal(own, after[name])}
    assert changed == {f"model.layers.{n}.self_attn.q_proj.weight" for n in range(2)}
    assert all(
        torch.equal(own, before[name]) for name, own in pair.model("base").named_parameters()
    )
