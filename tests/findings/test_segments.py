"""Segments side by side and blanked: stored numbers are the methods', planted effects are found."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from test_recognition import PROMPTS, filled, pair, small_blocks  # noqa: F401

from helpers.findings.recognition import blanked, doubts, segments, tables
from helpers.findings.recognition.read import WHOSE, explorer_items, read_responses
from helpers.findings.recognition.read import scores as read_scores
from helpers.findings.recognition.tables import own
from helpers.methods.density import density, normalise, score, segment_scores, shares
from helpers.methods.erasure import WAYS, blanking
from helpers.methods.importance import importance
from helpers.prompts.prompt import encode

ONE = PROMPTS[3]


def direct(pair, store):  # noqa: F811
    ids = list(read_responses(store, "plain", "tuned").set_index("id").loc[ONE.id, "ids"])
    code = encode(ONE, pair.tokenizer)
    return code, ids, importance(pair.model("base"), code.ids, ids).numpy()


def test_stored_shares_and_scores_are_those_of_the_method(pair, filled):  # noqa: F811
    code, _, found = direct(pair, filled)
    table = segments.read_segments(filled).query(
        "setting == 'plain' and model == 'base' and author == 'tuned' and id == @ONE.id"
    )
    expected = {
        "share": shares(found, code.roles),
        "all rows": segment_scores(found, code.roles),
        "segments alone": segment_scores(found, code.roles, rows="segments"),
        "share of S": shares(normalise(found), code.roles),
        "share of density": shares(density(normalise(found, threshold=7), 4)[:, None], code.roles),
    }
    assert len(table) == len(set(code.roles) - {"template"})
    for row in table.to_dict("records"):
        for reading in segments.READINGS:
            assert row[reading] == pytest.approx(expected[reading][row["segment"]], abs=2e-3)


def test_stored_losses_are_those_of_blanking(pair, filled):  # noqa: F811
    code, ids, _ = direct(pair, filled)
    table = blanked.read_blanking(filled).query(
        "setting == 'plain' and model == 'base' and author == 'tuned' and id == @ONE.id"
    )
    mask = torch.from_numpy(code.mask("instruction"))[None]
    for way in ("zero", "mean", "hidden"):
        expected = blanking(pair.model("base"), code.ids, ids, mask, way=way).mean().item()
        row = table[(table["way"] == way) & (table["segment"] == "instruction")]
        assert row["loss"].item() == pytest.approx(expected, rel=1e-5)
    assert set(table["segment"]) == set(code.roles)


def test_a_whole_s_gives_the_density_of_a_cut_one_and_the_score_of_its_importance():
    found = np.random.default_rng(0).normal(size=(9, 6))
    roles = ["template"] * 3 + ["instruction"] * 4 + ["input"] * 2
    for threshold in (0, 3, 7, 9):
        cut = density(normalise(found, threshold=threshold), 4)
        np.testing.assert_array_equal(density(normalise(found), 4, threshold=threshold), cut)
    assert score(normalise(found), roles) == score(found, roles)
    assert score(found, roles)["instruction_tokens"] == 4
    assert np.isnan(score(found[:, :0], roles)["score"])


def planted(effects: dict[str, float]) -> pd.DataFrame:
    """120 prompts whose share on a segment is higher in the tuned model by a known effect."""
    rng, rows = np.random.default_rng(5), []
    for n in range(120):
        for segment, effect in effects.items():
            base = rng.normal(0.4, 0.05)
            for model, author in ((m, a) for m in ("base", "tuned") for a in ("base", "tuned")):
                share = base + effect * (model == "tuned") + rng.normal(0, 0.02)
                rows.append(dict(id=str(n), setting="template", model=model, author=author,
                                 segment=segment, share=share, response_tokens=5))  # fmt: skip
    return pd.DataFrame(rows)


def test_a_planted_effect_on_the_instruction_is_found_there_alone():
    table = planted({"instruction": 0.05, "input": 0.0})
    found = {
        one.label: one for one in segments.family(table, "share", segments=("instruction", "input"))
    }
    assert len(found) == 6  # own, base's and tuned's response, two segments
    for label, one in found.items():
        wanted = 0.05 if label.startswith("instruction") else 0.0
        assert one.n == 120 and one.low < wanted < one.high, label
        assert (one.p_holm < 0.001) == (wanted > 0), label
    assert "instruction, in the template, own responses" in found
    assert "input, in the template, the base's response" in found


def test_own_responses_are_each_models_own_and_short_ones_can_be_left_out():
    table = planted({"instruction": 0.0})
    table.loc[table["model"] != table["author"], "share"] = 9.0
    wide = segments.sides(table, "template", "own", "instruction", "share")
    assert len(wide) == 120 and wide.to_numpy().max() < 1
    assert segments.sides(table, "template", "own", "instruction", "share", least=6).empty


def test_the_covariates_intercept_and_the_correlation_are_told_from_the_lengths():
    rows = []
    for n in range(40):
        for model, tokens in (("base", 20), ("tuned", 20 if n < 10 else 2 + n % 7)):
            label = dict(id=str(n), kind="k", place="first", setting="template", model=model)
            value = tokens if model == "tuned" else (n * 7) % 40
            rows.append(label | dict(author=model, response_tokens=tokens + n % 3, score=value))
    table = pd.DataFrame(rows)
    assert tables.near_equal(table) == (10, 40)
    shown = tables.score_and_length(table)
    assert (
        shown.loc["tuned", "rho"] > 0.9 and shown.loc["base", "low"] < 0 < shown.loc["base", "high"]
    )
    assert set(shown["n"]) == {40} and set(shown["response"]) == {"own responses"}
    same = tables.score_and_length(table.assign(response_tokens=4))
    assert same[["rho", "low", "high"]].isna().all(axis=None)


def losses(instruction: float) -> pd.DataFrame:
    """Blanking of 50 prompts: the tuned model loses more by a known number of nats."""
    rng, rows = np.random.default_rng(3), []
    roles = [(m, a) for m in ("base", "tuned") for a in ("base", "tuned")]
    for n, way, (model, author) in product(range(50), WAYS, roles):
        for segment in ("instruction", "template"):
            if_more = instruction * (model == "tuned") * (segment == "instruction")
            row = dict(id=str(n), kind="k", setting="template", model=model, author=author, way=way)
            loss = np.log(3) + if_more + rng.normal(0, 0.05)
            rows.append(row | dict(segment=segment, loss=loss, response_tokens=4))
    return pd.DataFrame(rows)


def test_a_planted_loss_is_found_in_each_way_and_told_as_times_less_likely():
    table = losses(np.log(2))
    found = blanked.families(table)
    assert list(found) == list(WAYS)
    for family in found.values():
        assert len(family) == 6 and {one.label.split(",")[0] for one in family} == {
            "instruction",
            "template",
        }
        for one in family:
            wanted = np.log(2) if one.label.startswith("instruction") else 0
            assert one.difference == pytest.approx(wanted, abs=0.05), one.label
            assert (one.p_holm < 0.001) == (wanted > 0), one.label
    shown = blanked.times_less_likely(table).set_index(["blanked", "response", "model"])
    assert shown.loc[
        ("instruction", "own responses", "base"), "times less likely"
    ] == pytest.approx(3, rel=0.05)
    row = shown.loc[("instruction", "the base's response", "tuned")]
    assert row["low"] < 6 < row["high"] and row["n"] == 50
    assert len(shown) == 2 * 3 * 2


def test_every_row_of_chapter_one_names_whose_response_it_is(filled):  # noqa: F811
    table = read_scores(filled)
    share = segments.sides(
        segments.read_segments(filled), "template", "base", "instruction", "share"
    )
    shown = doubts.doubts(filled)
    rows = [
        *tables.length_controls(filled), *tables.followed_against_not(own(table)),
        tables.following(table), *tables.by_group(share, "place", "base", "share"),
        *(one for family in shown.values() for one in family),
    ]  # fmt: skip
    assert all(any(whose in one.label for whose in WHOSE.values()) for one in rows)
    assert set(shown) == set(doubts.HEADINGS) - {"erasure"}
    assert all(len(one.label) <= 36 for family in shown.values() for one in family)  # a line each


def test_what_the_store_lacks_costs_a_question_and_is_said_in_a_line(filled, tmp_path):  # noqa: F811
    assert "times" in blanked.sentence(filled) and blanked.held(filled) is not None
    lacking = type(filled)(tmp_path)
    assert blanked.held(lacking) is None
    said = blanked.sentence(lacking)
    assert (
        "Not computed yet" in said
        and "exact blanking" in said
        and "python -m helpers compute" in said
        and "\n" not in said
    )
    assert {"base on tuned", "tuned on tuned"} <= explorer_items(filled, blanked.held(filled))[0][
        "blanked"
    ].keys()
    assert explorer_items(filled)[0]["blanked"] is None


@pytest.mark.parametrize("effect", [0.05, 0.0])
def test_a_gain_of_the_instruction_is_told_from_a_gain_of_its_slot(effect):
    """Whatever stands last gains 0.1; the instruction, mostly last, gains `effect` on top."""
    rng, rows = np.random.default_rng(0), []
    for number, role in product(range(120), ("base", "tuned")):
        order = ["input", "instruction"] if number % 6 else ["instruction", "input"]
        for slot, segment in zip((0, 2), order, strict=True):
            gain = (0.05 * slot + effect * (segment == "instruction")) * (role == "tuned")
            share = 0.3 + gain + rng.normal(0, 0.03)
            labels = dict(id=f"p{number}", setting="template", model=role, author="tuned")
            labels |= dict(kind="x", place="last", response_tokens=9, segment=segment, slot=slot)
            rows.append(labels | {"all rows": share})
    found = segments.in_its_slot(pd.DataFrame(rows), "template", "tuned")
    assert found.n == 120
    assert found.low < effect < found.high and (found.p_value < 0.001) == (effect > 0)
    assert found.sizes == (120, 120)


@pytest.mark.parametrize("effect", [0.05, -0.05, 0.0])
def test_differences_are_drawn_in_standard_deviations_within_their_intervals(effect):
    table = planted({"instruction": effect, "input": 0.0})
    share = segments.family(table, "share", segments=("instruction", "input"))
    found = {
        "response": segments.chosen(share, {"share": ("instruction", "template")}, doubts.ALL),
        "placebo": segments.chosen(share, {"input": ("input", "template")}, ("base", "tuned")),
    }
    assert [one.label for one in found["response"]] == [f"share, {WHOSE[r]}" for r in doubts.ALL]
    for family in doubts.drawn(found).values():
        for one in family:
            assert one.difference == one.effect_size and one.low < one.difference < one.high


def test_first_tokens_are_five_or_more(filled):  # noqa: F811
    assert tables.matched_scores(filled).empty  # the tiny pair's responses have four
    assert set(tables.matched_scores(filled, least=1)["response_tokens"]) <= {1, 2, 3, 4}
