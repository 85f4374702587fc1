"""Segments side by side and blanked: stored numbers are the methods', planted effects are found."""

import numpy as np
import pandas as pd
import pytest
import torch
from test_recognition import PROMPTS, filled, pair, small_blocks  # noqa: F401

from helpers.findings.recognition import blanked, segments
from helpers.findings.recognition.read import read_responses
from helpers.methods.density import segment_scores, shares
from helpers.methods.erasure import blanking
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
