"""What survived: verdicts on planted comparisons, and what a chapter's sentence makes of them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.findings.course.read import MOVED
from helpers.findings.survived import sentence, sure, tables
from helpers.findings.survived.claims import CONTROLS, MAIN, Claim, beyond_shuffled
from helpers.findings.survived.tables import CLAIMS, Row, agreement, details, said
from helpers.findings.survived.verdicts import (
    GONE,
    HOLDS,
    JUDGED,
    MISSING,
    MIXED,
    REVERSED,
    UNTESTABLE,
    WEAKER,
    NoVariant,
    from_rank,
    judge_row,
    relative_size,
    verdict_of,
)  # fmt: skip
from helpers.methods.chance import among
from helpers.methods.statistics import compare_paired, untested
from helpers.store.store import MissingResult, Store

N, NOWHERE = 120, Store(Path("nowhere"))


def planted(effect: float, *, seed: int = 0, label: str = "planted", scale: float = 1.0):
    """Items whose tuned values lie `effect` standard deviations above the base's, exactly."""
    rng = np.random.default_rng(seed)
    base, noise = rng.normal(size=(2, N))
    noise = 0.8 * (noise - noise.mean())
    return compare_paired(
        scale * base, scale * (base + noise + effect), label=label, null_hypothesis="no effect"
    )


def reading(effect: float, **about):
    return lambda *_: planted(effect, **about)


def lacking(*_):
    raise MissingResult("no such part")


def claim(main: float, checks: dict, sign: int = 1, said="{up/down/none}") -> Claim:
    return Claim(
        1, "planted", "paper", "A planted claim", said, sign, "units", reading(main),
        {name: [reading(x) for x in xs] for name, xs in checks.items()},
    )  # fmt: skip


def row(main: float, checks: dict, **about) -> Row:
    one = claim(main, checks, **about)

    return Row(one, one.cells(NOWHERE, NOWHERE))


@pytest.mark.parametrize(
    ("effect", "sign", "verdict"),
    [(1, 1, HOLDS),
     (0.3, 1, WEAKER), (0.0, 1, GONE), (-1, 1, REVERSED), (-1, -1, HOLDS), (1, -1, REVERSED)],
)  # fmt: skip
def test_a_planted_effect_gets_its_verdict(effect, sign, verdict):
    assert verdict_of(planted(effect, seed=1), sign, planted(sign)) == verdict


def test_a_control_in_another_unit_is_compared_by_its_standardised_size():
    small = planted(1, scale=0.001)
    assert relative_size(small, planted(1)) == pytest.approx(1)
    assert verdict_of(small, 1, planted(1)) == HOLDS


def test_a_comparison_that_the_data_do_not_allow_is_not_testable():
    assert verdict_of(untested("few", "too few values"), 1) == UNTESTABLE


def test_the_cells_of_a_claim_are_one_family_and_a_cell_of_readings_that_differ_is_mixed():
    weak = planted(0.19)
    assert 0.005 < weak.p_value < 0.05
    alone = judge_row(1, {MAIN: [reading(1)], "length": [reading(0.19)]})
    assert alone["length"].verdict == WEAKER
    many = {MAIN: [reading(0.0)], "length": [reading(0.19)], "blanking": [reading(0.0)] * 9}
    assert judge_row(1, many)["length"].verdict == GONE
    both = judge_row(1, {MAIN: [reading(1)], "length": [reading(1), reading(-1)]})["length"]
    assert both.verdict == MIXED and both.verdicts == (HOLDS, REVERSED) and both.judged
    alike = judge_row(1, {MAIN: [reading(1)], "length": [reading(1), reading(0.3)]})["length"]
    assert alike.verdict == WEAKER


def test_what_is_missing_and_what_cannot_be_is_told_apart_with_its_reason():
    cells = judge_row(
        1,
        {MAIN: [reading(1)], "length": [lacking], "7B": "no such models",
         "blanking": [lacking, reading(1)],
         "placebo": [lambda: untested("few", "too few values")]},
        "compute it",
    )  # fmt: skip
    assert cells["length"].verdict == MISSING and "compute it" in cells["length"].why
    assert cells["7B"].verdict == UNTESTABLE and cells["7B"].why == "no such models"
    assert cells["blanking"].verdict == HOLDS and "compute it" in cells["blanking"].why
    assert cells["placebo"].verdict == UNTESTABLE and "too few" in cells["placebo"].why


def test_where_the_claim_itself_is_missing_controls_are_judged_without_its_size():
    cells = judge_row(1, {MAIN: [lacking], "length": [reading(0.3)]})
    assert cells[MAIN].verdict == MISSING and cells["length"].verdict == HOLDS


def test_what_would_have_been_seen_is_said_of_intervals_too():
    found = planted(0.0)
    assert replace(found, error=np.nan).detectable() == pytest.approx(found.detectable(), rel=0.1)


def test_a_value_beyond_all_random_draws_is_told_apart_and_one_among_them_is_not():
    draws = np.random.default_rng(0).normal(size=200)
    high, middle = (from_rank(among(x, draws), "rank", "one more draw") for x in (9.0, 0.0))
    assert verdict_of(high, 1) == HOLDS and verdict_of(high, -1) == REVERSED
    assert verdict_of(middle, 1) == GONE and high.n == 200
    assert high.detectable() == pytest.approx(among(9.0, draws).detectable)
    assert not from_rank(among(1.0, np.array([])), "none", "").possible
    few = from_rank(among(9.0, draws[:20]), "few", "")
    assert not few.possible and "too few" in few.test


HIDE = "; a small effect could hide"
FIVE = [name for name in CONTROLS if name != MAIN][:5]


@pytest.mark.parametrize(
    ("main", "checks", "words", "sureness"),
    [
        (1, [1] * 5, "up; all five controls agree", "fairly sure"),
        (1, [1, 1, 1, 1, 0], f"up; four of five controls agree (not: {FIVE[4]})", "fairly sure"),
        (1, [0.3, 0, 0, 0, -1], f"up; one of five controls agrees (not: {', '.join(FIVE[1:])})", "unsure"),
        (0, [0, 0, 0, 0, -1], f"none; four of five controls agree (not: {FIVE[4]})", "fairly sure" + HIDE),
        (0, [1] * 5, f"none; none of five controls agrees (not: {', '.join(FIVE)})", "unsure" + HIDE),
        (-1, [-1, -1, 0, 1, -1], f"down; three of five controls agree (not: {FIVE[2]}, {FIVE[3]})",
         "unsure"),
        (1, [1], "up; the one control agrees", "hardly checked"),
    ],
)  # fmt: skip
def test_a_sentence_says_what_the_verdicts_say(monkeypatch, main, checks, words, sureness):
    own = claim(main, {name: [x] for name, x in zip(FIVE, checks, strict=False)})
    monkeypatch.setattr(tables, "lead", lambda *_: Row(own, own.cells(*[NOWHERE] * 2)))
    assert sentence(1, NOWHERE) == f"{words}."
    assert sure(1, NOWHERE) == sureness


def test_a_claim_on_less_is_said_by_the_sign_that_was_found():
    found = row(-1, {}, sign=-1)
    assert said(found) == "down" and found.cells[MAIN].verdict == HOLDS
    assert agreement(found) == "no control could tell"


def test_nothing_is_sure_while_a_control_is_missing_and_a_blind_null_agrees_with_none():
    found = row(1, dict.fromkeys(FIVE, [1]))
    assert tables.sureness(found) == "fairly sure"
    held = {name: cell for name, cell in found.cells.items() if cell.verdict != MISSING}
    assert tables.sureness(Row(found.claim, held)) == "sure"
    few = dict(null_hypothesis="", label="few")
    values = np.random.default_rng(3).normal(size=(2, 12))
    own = judge_row(1, {MAIN: [reading(0.0)], "length": [lambda: compare_paired(*values, **few)]})
    assert own["length"].verdict == GONE and not Row(found.claim, own).checks


def test_seeds_are_read_from_the_stores_beside_the_pairs_own(tmp_path):
    values = {"pair": 1.0, "pair-seed-1": 1.0, "pair-seed-2": -1.0}
    for name in values:
        Store(tmp_path / name).write("some/part", pd.DataFrame({"x": [1]}))
    one = Claim(
        1, "k", "paper", "text", "{up/down/none}", 1, "unit",
        lambda store: planted(values[store.folder.name]),
    )  # fmt: skip
    cell = one.cells(Store(tmp_path / "pair"), NOWHERE)["other seed"]
    assert cell.verdicts == (HOLDS, REVERSED) and cell.verdict == MIXED
    [told] = tables.by_seed([Row(one, one.cells(Store(tmp_path / "pair"), NOWHERE))]).to_dict(
        "records"
    )
    assert [told[column][:6] for column in ("main run", "seed 1", "seed 2")] == ["+1.000"] * 2 + [
        "-1.000"
    ]
    alone = one.cells(Store(tmp_path / "pair-seed-1"), NOWHERE)["other seed"]
    assert alone.verdict == MISSING and "pair-seed-1-seed-1" in alone.why


def test_shuffled_tuning_is_taken_off_the_real_one_item_by_item(tmp_path):
    store, rng = Store(tmp_path / "pair"), np.random.default_rng(0)
    with pytest.raises(NoVariant, match="--finding course"):
        beyond_shuffled("share", store)
    ids = [f"p{i}" for i in range(40)]
    for run, shift in (("short", 0.3), ("shuffled", 0.0)):
        for step in (100, 200):
            share = 0.1 + shift * (step == 200) + 0.05 * rng.normal(size=40)
            table = pd.DataFrame({"id": ids, "segment": "instruction", "share": share})
            store.write(f"course/{run}/{step:06d}/gradient", table)
    found = beyond_shuffled("share", store)
    assert found.n == 40 and found.difference == pytest.approx(0.3, abs=0.05)


def test_a_seed_without_a_store_is_asked_along_the_training_where_that_asks_the_same(tmp_path):
    store, rng = Store(tmp_path / "pair"), np.random.default_rng(0)
    for run, share in (("base/000000", 0.1), ("seed-1/000200", 0.4), ("seed-2/000200", 0.1)):
        values = {"id": [f"p{i}" for i in range(40)], "share": share + 0.05 * rng.normal(size=40)}
        store.write(f"course/{run}/gradient", pd.DataFrame(values).assign(segment="instruction"))
    one = replace(claim(1, {}), course="share")
    cell = one.cells(store, NOWHERE)["other seed"]
    assert cell.verdicts == (HOLDS, GONE) and cell.verdict == MIXED
    assert [x.n for x in cell.found] == [40, 40] and "seed 2" in cell.found[1].label
    assert replace(one, course="").cells(store, NOWHERE)["other seed"].verdict == MISSING


def test_an_instruction_that_was_moved_counts_once_an_item():
    places = {"id": ["a"] * 3, "place": ["before", "half", "after"], "loss": [1.0, 5, 2]}
    assert MOVED.of(pd.DataFrame(places))["a"] == pytest.approx(8 / 3)


# --- the book's own store


@pytest.fixture(scope="module")
def book():
    return tables.rows()


def test_every_claim_has_a_cell_for_every_control_and_a_reason_where_it_has_no_verdict(book):
    assert len(book) == len(CLAIMS)
    for one in book:
        assert list(one.cells) == list(CONTROLS)
        for name, cell in one.cells.items():
            assert cell.judged or cell.why, (one.claim.key, name)
            assert cell.why != "the control does not apply", (one.claim.key, name)
    assert len({one.claim.key for one in book}) == len(book)


def test_details_hold_every_comparison_with_its_n_and_number(book):
    shown = details(book)
    assert len(shown) >= sum(max(1, len(c.found)) for one in book for c in one.cells.values())
    judged = shown[shown["verdict"].isin(JUDGED)]
    assert (judged["n"].astype(int) > 2).all() and judged["difference"].str.contains(
        "[", regex=False
    ).all()
    gone = judged[judged["verdict"] == GONE]
    assert (gone["seen"] != "").all()
    assert not shown["why"].str.contains(r"/work|/home|/tmp|\\").any()


@pytest.mark.parametrize("chapter", [1, 2, 3, 4])
def test_a_chapters_sentence_is_short_and_has_no_long_number(chapter):
    said = sentence(chapter)
    assert said.endswith(".") and len(said) < 200 and not re.search(r"\d{3}|\d\.\d", said)
    assert sure(chapter)


def test_only_chapters_with_claims_have_a_sentence():
    with pytest.raises(ValueError, match="chapter=7"):
        sentence(7)
    leads = [one.chapter for one in CLAIMS if one.lead]
    assert leads == [1, 2, 3, 4]
