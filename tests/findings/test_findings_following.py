"""What is on record of the tuning: planted responses are counted, drawn and compared."""

import json

import pandas as pd
import pytest

from helpers.findings import following
from helpers.store.store import Store

KINDS = ["translation"] * 6 + ["short writing"] * 4


def responses(followed: list[bool | None]) -> list[dict]:
    return [
        {"id": f"p-{n}", "kind": kind, "followed": one, "text": f"{'yes' if one else 'no'} {n}"}
        for n, (kind, one) in enumerate(zip(KINDS, followed, strict=True))
    ]


@pytest.fixture
def folder(tmp_path):
    """A base that follows two rules of nine, a run that follows seven of them; one prompt has no rule."""
    given = {
        "following-base.json": [True, False, False, False, False, True, False, False, False, None],
        "following.json": [True, True, True, True, True, False, True, True, False, None],
    }
    for name, followed in given.items():
        numbers = dict.fromkeys(following.SHOWN, 0.5) | {"rules": 9}
        content = {"numbers": numbers, "responses": responses(followed)}
        (tmp_path / name).write_text(json.dumps(content))
    (tmp_path / "tuning.json").write_text(json.dumps({"loss": [{"step": 5, "loss": 2.0}]}))
    return tmp_path


def test_main_run_and_others_are_found_by_name(folder):
    found = following.measured(folder)
    assert list(found) == ["base", "main"]
    assert following.numbers(found).loc["main", "all rules"] == 0.5


def test_shares_by_kind_leave_prompts_without_a_rule_out(folder):
    table = following.by_kind(following.measured(folder))
    assert table.loc["translation", "main"] == pytest.approx(5 / 6)
    assert table.loc["short writing", "main"] == pytest.approx(2 / 3)
    assert table.loc["short writing", "rules"] == 3


def test_mcnemar_counts_the_rules_that_one_of_two_follows(folder):
    gained, lost, p = following.against_base(following.measured(folder))
    assert (gained, lost) == (6, 1)
    assert p == pytest.approx(2 * (1 + 7) / 2**7)  # 0 or 1 of 7, both sides


def test_nobody_chooses_the_responses_that_are_drawn(folder):
    texts = {f"p-{n}": f"prompt {n}" for n in range(10)}
    found = following.measured(folder)
    drawn = following.drawn(found, texts, n=5)
    assert drawn.equals(following.drawn(found, texts, n=5)) and drawn["prompt"].is_unique
    number = drawn["prompt"].str.split().str[1]
    assert (drawn["tuned"].str.split().str[1] == number).all()
    assert (drawn["base"].str.split().str[1] == number).all()


def test_the_curve_shows_both_losses(folder):
    log = [{"step": 5 * n, "loss": 2.0 - n / 100} for n in range(1, 41)]
    figure = following.curve({"loss": [*log, {"step": 200, "eval_loss": 1.4}]})
    trained, smooth, held = figure.axes[0].lines
    assert len(trained.get_xdata()) == 40
    assert list(held.get_ydata()) == [1.4]


def test_every_recipe_has_its_settings_and_was_measured_on_the_same_prompts():
    table = following.recipes()
    assert list(table.index[:2]) == ["main", "base"] and len(table) >= 6
    assert table["rules"].nunique() == 1 and table["all rules"].between(0, 1).all()
    settings = table.drop(index="base")[list(following.SETTINGS.values())[:3]]
    assert settings.notna().all(axis=None) and len(settings.drop_duplicates()) >= 4


def test_every_other_run_of_the_training_is_counted_at_its_end_as_the_main_run_is(tmp_path):
    marks = {"unseen verb": False, "ended": "stop"}
    rows = [
        one | marks | {"unseen kind": one["kind"] == "short writing", "ids": [1] * n}
        for n, one in enumerate(responses([True, False] * 4 + [True, None]))
    ]
    rows[0]["text"] = "so it goes on " * 3
    store = Store(tmp_path / "pair")
    answered = pd.DataFrame(rows)[["id", "text", "ids", "ended", "followed"]]
    for point in ("base/000000", "main/000008", "seed-1/000004", "seed-1/000008", "mine/000003"):
        none = answered.assign(followed=False) if point.endswith("04") else answered
        store.write(f"course/{point}/responses", none)
    found = following.others(store, {"responses": rows})
    assert list(found) == ["main run, seed 1", "mine"]
    told = found["main run, seed 1"]["numbers"]
    assert told["rules"] == 9 and told["followed"] == pytest.approx(5 / 9)
    assert told["unseen kinds"] == pytest.approx(2 / 3)
    assert told["median tokens"] == 4.5 and told["median tokens, open"] == 7.5
    assert told["loops"] == 0.1 and told["ended by itself"] == 1
    assert following.by_kind(found).loc["translation"].tolist() == [0.5, 0.5, 6]
