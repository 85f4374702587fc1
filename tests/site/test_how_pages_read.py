"""What a reader finds: heads of notebooks, tooltips, pages that moved, print, a newcomer's eight tasks."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import measure_pages
import pytest
import yaml
from build import ROOT, SITE
from harness import Watched
from playwright.sync_api import expect

pytestmark = pytest.mark.xdist_group("site")
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
MOVED = CONFIG["sphinx"]["config"]["moved_pages"]
NOTEBOOKS = [name for name in measure_pages.listed() if (ROOT / f"book/{name}.ipynb").exists()]
TOP = "(one) => one.getBoundingClientRect().top"


@pytest.fixture
def visit(chromium, site):
    """Open a page of the site; at the end nothing may have gone wrong on it."""
    opened = []

    def visitor(address, **options):
        context = chromium.new_context(**{"viewport": {"width": 1300, "height": 900}} | options)
        page = context.new_page()
        opened.append((context, Watched(page, site), options.get("java_script_enabled", True)))
        page.goto(site + address, wait_until="networkidle")
        return page

    yield visitor
    for context, watched, scripts in opened:
        context.close()
        assert not scripts or watched.problems == []


# The head of a notebook


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_has_colab_its_file_its_cost_and_its_contents_at_its_head(visit, name):
    page = visit(f"{name}.html")
    head = page.locator(".chapter-head")
    assert head.evaluate(TOP) < 260
    repository = CONFIG["repository"]["url"].removeprefix("https://github.com")
    colab = f"{repository}/blob/{CONFIG['repository']['branch']}/book/{name}.ipynb"
    address = head.get_by_role("link", name="Run on Colab").get_attribute("href")
    assert address == f"https://colab.research.google.com/github{colab}"
    file = head.get_by_role("link", name="Open as notebook").evaluate("one => one.href")
    assert "cells" in page.request.get(file).json()
    head.get_by_text("What it costs to run").click()
    assert re.search(r"took \d+\s(seconds|minutes)|--dry-run", head.inner_text())
    head.get_by_text("On this page").click()
    links = head.locator("nav a").evaluate_all("all => all.map((one) => one.hash.slice(1))")
    assert len(links) >= 2
    assert all(page.locator(f"[id='{anchor}']").count() == 1 for anchor in links)


def test_an_explorer_fills_the_width_there_is_up_to_1100_pixels(visit):
    for width, least, most in ((1300, 900, 1100), (1700, 1050, 1110), (390, 340, 390)):
        page = visit(
            "chapters/01-instruction-recognition.html", viewport={"width": width, "height": 900}
        )
        page.locator(".explorer[data-mounted]").last.wait_for()
        got = page.locator(".explorer").last.bounding_box()["width"]
        assert least <= got <= most, (width, got)


# Terms


def with_term(visit, **options):
    """A page that uses a term, and the first of its links in the text."""
    for name in measure_pages.listed():
        if (
            'std-term"' in (SITE / f"{name}.html").read_text(encoding="utf-8")
            and name != "glossary"
        ):
            page = visit(f"{name}.html", **options)
            for link in page.locator("article a:has(> .std-term)").all():
                if link.is_visible():
                    return page, link
    raise AssertionError("no page uses a term")


def test_a_term_tells_its_sentence_on_hover_and_on_focus(visit):
    page, link = with_term(visit)
    said, tip = link.get_attribute("data-term"), page.get_by_role("tooltip")
    assert not tip.is_visible() and len(said) > 30
    link.hover()
    expect(tip).to_have_text(said)
    assert link.get_attribute("aria-describedby") == "term-tip"
    page.keyboard.press("Escape")
    assert not tip.is_visible()
    page.mouse.move(0, 0)
    link.focus()
    assert tip.is_visible()
    box = tip.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 1300


def test_the_first_tap_tells_and_the_second_follows(visit):
    page, link = with_term(visit, has_touch=True, viewport={"width": 390, "height": 800})
    before = page.url
    link.tap()
    assert page.get_by_role("tooltip").is_visible() and page.url == before
    box = page.get_by_role("tooltip").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    link.tap()
    page.wait_for_url("**/glossary.html#term-*")


def test_without_a_script_the_sentence_is_the_links_title(visit):
    page, link = with_term(visit, java_script_enabled=False)
    assert len(link.get_attribute("title")) > 30


def test_every_term_has_a_first_sentence_in_plain_words(visit):
    page = visit("glossary.html")
    entries = page.locator("dl.glossary > dd").all_inner_texts()
    assert len(entries) > 20
    for entry in entries:
        first = entry.replace("\n", " ").split(". ")[0]
        assert len(first) < 180 and not re.search(r"\\|\$|[₀-₉]", first), entry


# Old addresses


def test_old_pages_are_listed_where_they_were():
    assert set(MOVED) >= {"appendices/faithfulness", "appendices/sensitivity"} - {
        name for name in measure_pages.listed()
    }


@pytest.mark.parametrize("old", MOVED)
def test_an_old_address_lands_with_its_fragment(visit, old):
    for anchor, new in MOVED[old].items():
        page = visit(f"{old}.html#{anchor}")
        wanted, _, at = new.partition("#")
        page.wait_for_url(f"**/{wanted}.html*")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("location.hash.slice(1)") == at
        assert not at or page.locator(f"[id='{at}']").count() == 1
    page = visit(f"{old}.html#saliency.prompt=code-08")
    page.wait_for_url("**/*#saliency.prompt=code-08")


def test_an_old_address_lands_without_a_script(visit):
    for old, places in MOVED.items():
        page = visit(f"{old}.html", java_script_enabled=False)
        page.wait_for_url(f"**/{places[''].partition('#')[0]}.html*")


# Print


@pytest.mark.parametrize("name", [name for name in NOTEBOOKS if name.startswith("chapters/")])
def test_a_chapter_prints_with_no_table_cut(visit, name):
    page = visit(f"{name}.html", viewport={"width": 718, "height": 1040})  # A4 within its margins
    page.emulate_media(media="print")
    cut = page.locator("article table:visible").evaluate_all(
        "all => all.filter((one) => one.scrollWidth > one.clientWidth + 1"
        " || one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.innerText.slice(0, 80))"
    )
    assert cut == []
    assert len(page.pdf(format="A4")) > 50_000


# A newcomer, from the intro


class Newcomer:
    """Clicks and choices from the intro on, counted."""

    def __init__(self, page):
        self.page, self.clicks = page, 0

    def click(self, name, role="link", within="article"):
        self.clicks += 1
        self.page.locator(within).get_by_role(role, name=name).first.click()
        self.page.wait_for_load_state("networkidle")
        return self

    def explorer(self, kind, last=True):
        found = self.page.locator(f".ex-{kind}")
        found.first.wait_for()
        return found.last if last else found.first

    def done(self):
        assert self.clicks <= 4


@pytest.fixture
def newcomer(visit):
    return Newcomer(visit("intro.html"))


def test_find_what_the_tuned_model_rests_on_for_a_prompt_of_your_choice(newcomer):
    newcomer.click("Play")
    explorer = newcomer.explorer("saliency")
    newcomer.page.wait_for_function(
        "Math.abs([...document.querySelectorAll('.ex-saliency')].at(-1).getBoundingClientRect().top) < 120"
    )
    prompts = explorer.get_by_label("Prompt", exact=True)
    other = prompts.locator("option").nth(7).get_attribute("value")
    before = explorer.locator(".ex-tokens").first.inner_text()
    prompts.select_option(other)
    newcomer.clicks += 2
    assert explorer.locator(".ex-tokens").first.inner_text() != before
    newcomer.done()


def test_say_whether_the_dip_is_real(newcomer):
    newcomer.click("the middle of the prompt")
    sure = newcomer.page.get_by_text("How sure?").first
    assert sure.evaluate(TOP) < 1.5 * 900
    newcomer.done()


def test_find_a_head_that_lost_a_verb(newcomer):
    newcomer.click("attention heads")
    assert re.search("lost|fell", newcomer.explorer("heads").inner_text(), re.IGNORECASE)
    newcomer.done()


def test_beat_the_blind_reader(newcomer):
    newcomer.click("feed-forward layers")
    quiz = newcomer.page.locator(".ex-quiz").first
    quiz.wait_for()
    assert "blind reader" in newcomer.page.locator("article").inner_text()
    before = quiz.inner_text()
    quiz.get_by_role("button", name=re.compile("random", re.IGNORECASE)).first.click()
    newcomer.clicks += 1
    assert quiz.inner_text() != before
    newcomer.done()


def test_open_chapter_three_on_colab(newcomer):
    newcomer.click("attention heads")
    link = newcomer.page.locator(".chapter-head").get_by_role("link", name="Run on Colab")
    assert link.get_attribute("href").endswith("/book/chapters/03-attention-word-relations.ipynb")
    newcomer.clicks += 1
    newcomer.done()


def test_cite_the_book(newcomer):
    newcomer.click("Cite")
    assert "@misc" in newcomer.page.locator("#how-to-cite").inner_text()
    newcomer.done()


def test_export_a_figure(newcomer):
    newcomer.click("Play")
    explorer = newcomer.explorer("saliency")
    with newcomer.page.expect_download() as waiting:
        explorer.get_by_role("button", name="PNG").click()
    newcomer.clicks += 1
    assert waiting.value.path().read_bytes().startswith(b"\x89PNG")
    newcomer.done()


def test_find_why_the_gradient_is_doubted(newcomer):
    newcomer.click("Why to doubt the measure")
    assert newcomer.page.url.endswith("faithfulness.html")
    assert "gradient" in newcomer.page.locator("article").inner_text()[:2500].lower()
    newcomer.done()


# Budgets


def test_every_page_keeps_its_budget(site, tmp_path):
    kept = tmp_path / "figures.json"
    program = [sys.executable, measure_pages.__file__, str(SITE), "--json", str(kept)]
    found = subprocess.run(program, capture_output=True, text=True, check=False)  # its own browser
    pages = set(measure_pages.listed())
    assert set(json.loads(kept.read_text())) == pages
    said = [line.split(":")[0] for line in (found.stdout + found.stderr).splitlines()]
    assert not {name for name in said if name in pages}, found.stdout + found.stderr
