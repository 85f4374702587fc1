"""A report as numbers: the same comparisons in every format."""

import json

import pytest

from helpers.commands import formats
from helpers.findings.registry import BY_NAME
from helpers.methods.statistics import compare_paired, untested
from helpers.pages.blocks import Block
from helpers.pages.tables import comparison_table
from helpers.store.store import Store

RISES = compare_paired([0.1, 0.2, 0.3, 0.2], [0.5, 0.7, 0.8, 0.6], label="share | own",
                       null_hypothesis="no difference")  # fmt: skip
NONE = untested("length", "too few values", null_hypothesis="no difference")


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store whose only finding shows one table, one figure and one explorer."""
    store = Store(tmp_path / "mine")
    monkeypatch.setattr(Store, "has", lambda self, name, *_: name == BY_NAME["ffn"].needs)

    def never():
        raise AssertionError("figures and explorers are not made for numbers")

    blocks = [
        Block("Shares", lambda: comparison_table([RISES, NONE])),
        Block("A figure", never, "described"),
        Block("An explorer", never, widget=True),
    ]
    monkeypatch.setattr(type(BY_NAME["ffn"]), "blocks", lambda self, store: blocks)
    return store


def test_json_holds_every_number_and_null_where_there_is_none(store):
    told = json.loads(formats.as_json(store))
    assert (told["schema"], told["pair"]) == (formats.SCHEMA, "mine")
    first, second = told["comparisons"]
    assert (first["finding"], first["table"], first["n"]) == ("ffn", "Shares", 4)
    assert first["difference"] == pytest.approx(0.45) and first["low"] <= 0.45 <= first["high"]
    assert second["p_value"] is None and second["test"] == "too few values"


def test_the_frame_has_a_row_a_comparison(store):
    frame = formats.comparisons(store)
    assert list(frame["label"]) == ["share | own", "length"]
    assert frame["p_value"].iloc[0] == RISES.p_value


def test_markdown_is_a_table_whose_cells_break_no_row(store):
    rows = [line for line in formats.as_markdown(store).splitlines() if line.startswith("|")]
    plain = [row.replace("\\|", "") for row in rows]
    assert len({row.count("|") for row in plain}) == 1 and any("share" in row for row in rows)


def test_a_screen_says_the_verdict_first(store):
    lines = formats.as_screen(store).splitlines()
    assert any(line.strip().startswith("higher") and "+0.450" in line for line in lines)
    assert any("length: not tested (too few values)" in line for line in lines)
    assert BY_NAME["ffn"].question in lines and len(lines) <= 24
