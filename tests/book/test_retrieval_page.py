"""The retrieval page: what is stored is whole, and what the page says is what it computes."""

import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from helpers.findings.retrieval import tables as view
from helpers.methods import roc
from helpers.models.roles import ROLES
from helpers.pages import prose
from helpers.prompts.retrieval import CONDITIONS, DOCUMENTS, read_items
from helpers.store.store import open_store

PAGE = Path(__file__).parents[2] / "book/appendices/retrieval.md"
CELL = re.compile(r"^```\{code-cell\} python\n(?:---\n.*?\n---\n)?((?:.|\n)*?)^```$", re.M | re.S)
NOT_PROSE = re.compile(r"\$\$.*?\$\$|\$[^$]*\$|```.*?```|`[^`]*`|\{[^}]*\}", re.S)


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def ran(page):
    """The page's variables and the numbers it gives its text; cells that need models are left out."""
    matplotlib.use("Agg")
    said, names = {}, {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prose, "say", lambda **values: said.update(values))
        patch.setattr(roc, "RESAMPLES", 400)
        for code in CELL.findall(page):
            lines = [line for line in code.splitlines() if not line.startswith(":tags:")]
            if "try_document" not in code:
                exec(compile("\n".join(lines), str(PAGE), "exec"), names)
    return names, said


@pytest.fixture(scope="module")
def table():
    return view.measures(open_store("gemma-3-270m"))


def test_the_store_holds_every_item_as_it_is_now(table):
    items, stored = read_items(), open_store("gemma-3-270m").read("retrieval/items")
    assert len(stored) == len(items) * len(CONDITIONS)
    assert len(table) == len(items) * len(DOCUMENTS) * 2
    for item in items:
        rows = stored[stored["id"] == item.id].set_index("condition")
        for condition in DOCUMENTS:
            tokens = np.array(rows.loc[condition, "tokens"])
            mask = np.array(rows.loc[condition, "roles"]) == "context"
            assert "".join(tokens[mask]).strip() == item.documents[condition]
            assert 50 <= mask.sum() <= 100


def test_stored_answers_are_what_the_rules_say_of_the_texts(table):
    items = {item.id: item for item in read_items()}
    for row in table.itertuples():
        assert row.says == items[row.id].says(row.text)
        assert row.says_alone == items[row.id].says(row.alone)


def test_every_number_in_the_text_is_computed_by_a_cell(page, ran):
    named = set(re.findall(r"\{glue:text\}`(\w+)`", page))
    assert named == set(ran[1])
    typed = NOT_PROSE.sub("", CELL.sub("", page)).replace("95 %", "")
    assert re.findall(r"\b0\.\d+|\d+(?:\.\d+)? %", typed) == []


def test_the_numbers_are_those_of_scikit_learn(ran, table):
    from sklearn.metrics import roc_auc_score

    for role in ROLES:
        rows = table[(table["model"] == role) & table["used"].notna()]
        for name, key in (("score", "score"), ("gain", "gain"), ("overlap", "overlap")):
            expected = roc_auc_score(rows["used"].astype(bool), rows[key])
            assert ran[1][f"{name}_{role}"] == f"{expected:.2f}"
