"""The built site in a real browser, cut off from every other host."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from build import ROOT
from harness import Watched

# In no group: the site is built once, by another file's worker, and then both may look at it.
FILES = re.findall(
    r"(?:root|file): (\S+)", (ROOT / "book" / "_toc.yml").read_text(encoding="utf-8")
)
PAGES = [f"{file}.html" for file in FILES]
CHAPTERS = [file.split("/")[1] for file in FILES if file.startswith("chapters/")]


@pytest.fixture
def visit(chromium, site):
    """Open a page; its weight and its problems are on the second value."""
    pages = []

    def visitor(address, *, width=1300, scheme="light"):
        page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        watched, watched_bytes = Watched(page, site), []
        page.on("response", lambda r: watched_bytes.append(len(r.body()) if r.ok else 0))
        page.goto(site + address, wait_until="load")
        page.wait_for_load_state("networkidle")
        watched.weight = sum(watched_bytes)
        pages.append(page)
        return page, watched

    yield visitor
    for page in pages:
        page.close()


@pytest.mark.parametrize("address", PAGES)
def test_a_page_is_whole_light_and_asks_no_other_host(visit, address):
    page, watched = visit(address)
    assert watched.problems == []
    assert watched.weight <= 2.5e6  # tighter ones: scripts/measure_pages.py
    assert page.locator("article h1").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", PAGES)
def test_nothing_serious_stands_in_the_way_of_access(visit, address, scheme):
    page, _ = visit(address, scheme=scheme)
    if page.locator("script[type*=widget-view]").count():
        page.locator(".explorer[data-mounted]").first.wait_for()
    found = Axe().run(page).response["violations"]
    serious = [v for v in found if v["impact"] in ("serious", "critical")]
    assert [(v["id"], [n["target"] for n in v["nodes"]][:4]) for v in serious] == []


@pytest.mark.parametrize("address", PAGES)
def test_a_phone_shows_the_page_without_sideways_scrolling(visit, address):
    page, _ = visit(address, width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_mathematics_is_set_with_the_sites_own_files(visit):
    page, _ = visit("glossary.html")
    page.locator(".katex").first.wait_for()
    assert page.locator(".katex-error").count() == 0


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_shows_its_explorer_and_no_unfilled_number(visit, chapter):
    page, _ = visit(f"chapters/{chapter}.html")
    if chapter != "what-survived":  # a table of verdicts, with nothing to move
        page.locator(".explorer[data-mounted]").first.wait_for()
    assert page.locator(".explorer[role=alert]").count() == 0
    text = page.locator("article").inner_text()
    assert "glue:" not in text and "Traceback" not in text


def test_the_saliency_explorer_works_in_the_published_page(visit):
    page, watched = visit(
        "chapters/01-instruction-recognition.html#saliency.prompt=code-08&saliency.b=7"
    )
    page.locator(".ex-saliency").last.wait_for()
    explorer = page.locator(".ex-saliency").last  # the first is the compact one
    assert explorer.get_by_label("Prompt", exact=True).input_value() == "code-08"
    before = explorer.locator("[data-score=base]").text_content()
    explorer.get_by_label("b, threshold").evaluate(
        "(e) => { e.value = 0; e.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    assert explorer.locator("[data-score=base]").text_content() != before
    assert watched.problems == []
