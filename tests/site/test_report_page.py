"""The report of the book's own pair: one file, opened from the disk, with no network at all."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from build import SITE
from harness import Watched

from helpers.findings.registry import FINDINGS
from helpers.store.store import open_store

pytestmark = pytest.mark.xdist_group("site")
EXPLORERS = ("saliency", "positions", "heads", "components", "tints", "course")


@pytest.fixture(scope="module")
def file(site):
    return SITE / "report.html"


@pytest.fixture
def opened(chromium, file):
    """Open the file with all requests cut; what it asked for in vain is on the second value."""
    contexts = []

    def open_file(*, width=1300, scheme="light"):
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
        )
        contexts.append(context)
        page = context.new_page()
        watched = Watched(page, "file:")
        page.goto(file.as_uri(), wait_until="load")
        page.wait_for_function(
            "n => document.querySelectorAll('.explorer[data-mounted]').length === n",
            arg=len(EXPLORERS),
        )
        return page, watched

    yield open_file
    for context in contexts:
        context.close()


def test_the_report_is_whole_and_asks_for_nothing(opened, file):
    page, watched = opened()
    loaded = page.evaluate("performance.getEntriesByType('resource').map(one => one.name)")
    assert [name for name in loaded if not name.startswith(("blob:", "data:"))] == []
    store = open_store("gemma-3-270m")
    assert page.locator(".missing").all_inner_texts() == []
    assert str(store.folder) not in page.content()
    sections = page.locator("main > section")
    found = sections.evaluate_all("all => all.map(one => one.getAttribute('aria-labelledby'))")
    assert found == ["update", *(one.name for one in FINDINGS), "origin"]
    assert page.locator(".explorer[role=alert]").count() == 0
    assert page.locator("img").evaluate_all("all => all.every(one => one.naturalWidth > 100)")
    assert file.stat().st_size < 8e6
    assert watched.problems == []


def test_a_control_of_each_explorer_works(opened):
    page, watched = opened()
    for number in range(len(EXPLORERS)):
        explorer = page.locator(".explorer").nth(number)
        before, control = explorer.inner_html(), explorer.locator("select").first
        values = control.locator("option").evaluate_all("all => all.map(one => one.value)")
        other = next(value for value in values if value != control.input_value())
        control.select_option(other)
        page.wait_for_function(
            "([n, before]) => document.querySelectorAll('.explorer')[n].innerHTML !== before",
            arg=[number, before],
        )
    assert watched.problems == []


def test_explorers_share_no_control(opened):
    """Each has its own radio groups, with one choice made, and labels that lead to its own controls."""
    page, _ = opened()
    ids = page.locator("[id]").evaluate_all("all => all.map(one => one.id)")
    assert len(ids) == len(set(ids)) > 20
    radios = page.locator("input[type=radio]").evaluate_all(
        "all => all.map(one => [one.name, one.checked])"
    )
    made = {name: sum(on for other, on in radios if other == name) for name, _ in radios}
    assert len(made) > 4 and set(made.values()) == {1}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_can_be_read_by_everyone(opened, scheme):
    page, _ = opened(scheme=scheme)
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (dark != "rgb(255, 255, 255)") == (scheme == "dark")
    # Explorers in light are looked at in their chapters; here they follow the reader's own setting.
    looked_at = {"exclude": [[".explorer"]]} if scheme == "light" else None
    found = Axe().run(page, context=looked_at).response["violations"]
    serious = [v for v in found if v["impact"] in ("serious", "critical")]
    assert [(v["id"], [n["target"] for n in v["nodes"]][:4]) for v in serious] == []


def test_a_telephone_shows_the_report_without_sideways_scrolling(opened):
    page, _ = opened(width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
