"""The faithfulness chapter's explorer: one prompt under two tints, with both models."""

import csv
import io

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from harness import saved, widget_page
from scipy.stats import spearmanr

from helpers.findings.faithfulness.explorer import TintExplorer

RNG = np.random.default_rng(0)
EXACT = RNG.normal(size=(5, 3))


def prompt(id, gradient):
    one = {"gradient": gradient, "erasure": EXACT}
    return {"id": id, "tokens": ["<b>a</b>", " b", "\n", " d", " e"], "response": [" x", " y", " z", " w"],
            "roles": ["template", "instruction", "instruction", "input", "cue"],
            "models": {"base": one, "tuned": one}}  # fmt: skip


PROMPTS = [prompt("translation-07", EXACT**3), prompt("other-01", RNG.normal(size=(5, 3)))]
TINTS = "all => all.map((one) => one.style.background)"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The compact explorer's page and the whole one's."""
    return {
        compact: widget_page(
            tmp_path_factory.mktemp("tints"), TintExplorer(PROMPTS, compact=compact)
        )
        for compact in (True, False)
    }


def test_the_switch_changes_the_tints_and_says_what_matters_most(open_page, pages):
    page = open_page(pages[True])
    chips = page.locator(".ex-sides .ex-token")
    before = chips.evaluate_all(TINTS)
    assert "Rank agreement with erasure" in page.locator(".ex-sides").inner_text()
    page.get_by_label("exact erasure").check()
    assert chips.evaluate_all(TINTS) != before
    best = PROMPTS[0]["tokens"][EXACT.sum(axis=1).argmax()].replace("\n", "⏎").strip()
    assert f"exactly: “{best}”" in page.locator(".ex-sides").inner_text()
    assert "tint.by=erasure" in page.url and "<b>a</b>" in page.locator(".ex").inner_text()


def test_the_agreement_is_spearmans_of_the_token_that_is_picked(open_page, pages):
    page = open_page(pages[False], fragment="#tints.prompt=other-01")
    gradient = PROMPTS[1]["models"]["tuned"]["gradient"]
    page.get_by_role("button", name="Response token y").click()
    wanted = spearmanr(gradient[:, 1], EXACT[:, 1]).statistic
    shown = page.locator(".ex-sides section").nth(1).inner_text()
    assert f"{wanted:+.2f}".replace("-", "−") in shown


def test_a_dot_and_the_list_open_a_prompt_and_the_file_has_its_numbers(open_page, pages):
    page = open_page(pages[False])
    page.get_by_label("Prompt", exact=True).select_option("other-01")
    assert "tints.prompt=other-01" in page.url
    page.locator(".ex-strip").focus()
    page.keyboard.press("End")
    assert page.get_by_label("Prompt", exact=True).input_value() == "translation-07"
    rows = list(csv.reader(io.StringIO(saved(page, "CSV").decode())))
    assert len(rows) == 6 and len(rows[0]) == 2 + 2 * 2


@pytest.mark.parametrize(("width", "theme"), [(1300, "light"), (390, "dark")])
def test_it_fits_and_can_be_used_by_all(open_page, tmp_path, width, theme):
    page = open_page(widget_page(tmp_path, TintExplorer(PROMPTS), theme=theme), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert Axe().run(page).violations_count == 0
