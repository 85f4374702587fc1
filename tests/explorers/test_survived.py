"""The table of what survived: what a verdict rests on opens by pointer, keyboard and link."""

import csv
import io

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from harness import saved, widget_page

from helpers.findings.survived.claims import CONTROLS, MAIN, Claim
from helpers.findings.survived.explorer import VerdictTable
from helpers.findings.survived.tables import Row
from helpers.findings.survived.verdicts import judge_row
from helpers.methods.statistics import compare_paired


def row(key: str, text: str, **more) -> Row:
    def lengths(shift):
        values = np.random.default_rng(0).normal(size=50)
        noise = np.random.default_rng(1).normal(size=50)
        return [
            lambda: compare_paired(
                values, values + noise + shift, label=f"by {shift}", null_hypothesis=""
            )
        ]

    asked = dict.fromkeys(CONTROLS, "the control is of another kind")
    asked |= {MAIN: lengths(2), "length": lengths(-2), "blanking": lengths(2)}
    asked |= {name: lengths(effect) for name, effect in more.items()}
    claim = Claim(1, key, "paper", text, "{found/opposite/not found}", 1, "units", None)
    return Row(claim, judge_row(1, asked))


COLUMNS = 4  # controls with a verdict in one claim at least


@pytest.fixture(scope="module")
def page_path(tmp_path_factory):
    rows = [row("first", "Claim <b>one</b>", **{"7B": 2}), row("second", "Claim two")]
    return widget_page(tmp_path_factory.mktemp("survived"), VerdictTable(rows))


def test_a_verdict_opens_what_it_rests_on_below_its_claim(open_page, page_path):
    page = open_page(page_path)
    behind = page.locator(".ex-behind")
    assert not behind.is_visible() and "<b>one</b>" in page.locator(".ex-verdicts").inner_text()
    page.get_by_role("button", name="Claim two. length: reversed").click()
    assert "by -2" in behind.inner_text() and "50" in behind.inner_text()
    assert "survived.claim=second" in page.url
    page.get_by_role("button", name="Claim two. 7B: not testable").click()
    assert "another kind" in behind.inner_text()
    page.get_by_role("button", name="Claim two. 7B: not testable").click()
    assert not behind.is_visible()


def test_the_table_is_one_stop_and_arrow_keys_walk_over_it(open_page, page_path):
    page = open_page(page_path)
    assert page.locator('.ex-verdicts button[tabindex="0"]').count() == 1
    page.locator('.ex-verdicts button[tabindex="0"]').focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "End", "ArrowLeft", "Home", "Enter"):
        page.keyboard.press(key)
    assert "as claimed: holds" in page.locator(".ex-behind").inner_text()
    page.keyboard.press("Escape")
    assert not page.locator(".ex-behind").is_visible()


@pytest.mark.parametrize("width", [1300, 390])
def test_a_link_opens_its_cell_and_nothing_runs_over_the_side(open_page, page_path, width):
    fragment = "#survived.claim=first&survived.control=length"
    page = open_page(page_path, width=width, fragment=fragment)
    assert "length: reversed" in page.locator(".ex-behind").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    sizes = page.locator(".ex-verdicts button").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect().height).filter(Boolean)"
    )
    assert min(sizes) >= 24 and len(sizes) == (8 if width > 390 else 7)
    assert Axe().run(page).violations_count == 0


def test_the_table_and_the_file_hold_every_cell(open_page, page_path):
    page = open_page(page_path)
    rows = list(csv.reader(io.StringIO(saved(page, "CSV").decode())))
    assert len(rows) == 1 + 2 * COLUMNS and len({len(one) for one in rows}) == 1
    page.get_by_text("The same as a table").click()
    page.locator("details tbody tr").first.wait_for()
    assert page.locator("details tbody tr").count() == 2 * COLUMNS
