"""The explorer of the training in a real browser: its texts, slider and play, overlays, access, size."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from harness import put, widget_page

from helpers.findings.course.explorer import CourseExplorer

HOSTILE = "<img src=x onerror=alert(1)></script>\u202e"
TINTS = {"instruction": 0.5, "input": 0.2, "template": 1.0}


def cell(text, n, **more):
    tints = {role: round(value * (n + 1), 2) for role, value in TINTS.items()}
    return dict(text=text, followed=n > 1, length=20 - n, tints=tints, reliance=0.1 * n) | more


def found(n_prompts=2, runs=2):
    """A base, three steps, two strengths of the last one and some other runs."""
    means = lambda n: dict(followed=n / 10, reliance=n / 20, length=20 - n)  # noqa: E731
    told = [("base", "base", 0, 1), *(("main", "main run", step, 1) for step in (2, 45, 461)),
            *(("main", "main run", 461, dose) for dose in (0.25, 0.5)),
            *((f"run-{k}", f"run {k}", 200, 1) for k in range(runs))]  # fmt: skip
    points = [
        dict(run=run, label=label, step=step, strength=dose, means=means(n))
        for n, (run, label, step, dose) in enumerate(told)
    ]
    prompts = [
        dict(id=f"p{k}", kind="k", segments=[("context", HOSTILE), ("instruction", f"Do {k}.")])
        | dict(cells=[cell(f"{HOSTILE} {k} at {n}", n) for n in range(len(points))])
        for k in range(n_prompts)
    ]
    tracks = dict(training=[0, 1, 2, 3], strength=[0, 4, 5, 3], runs=list(range(6, 6 + runs)))
    return dict(unit="nats", points=points, prompts=prompts) | tracks


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    return widget_page(tmp_path_factory.mktemp("course"), CourseExplorer(found(), opening="p1"))


def test_the_slider_shows_each_points_response_and_hostile_text_is_text(open_page, page_file):
    page = open_page(page_file)
    answer = page.locator(".ex-answer")
    assert answer.inner_text().startswith("step 461: ") and "1 at 3" in answer.inner_text()
    assert "onerror" in answer.inner_text() and page.locator(".ex img").count() == 0
    put(page, "Point of the tuning", 0)
    assert answer.inner_text().startswith("base: ") and "not followed ✗" in answer.inner_text()
    assert page.get_by_label("Point of the tuning").get_attribute("aria-valuetext") == "base"
    page.get_by_label("Point of the tuning").focus()
    page.keyboard.press("ArrowRight")
    assert answer.inner_text().startswith("step 2: ")
    assert "course.stop=1" in page.evaluate("location.hash")


def test_segments_are_tinted_by_their_loss_and_curves_move_their_cursor(open_page, page_file):
    page = open_page(page_file)
    instruction = page.locator(".ex-token.instruction")
    assert "2.00 nats" in instruction.inner_text()
    before = page.locator(".ex-cursor").first.get_attribute("x1")
    put(page, "Point of the tuning", 1)
    assert "1.00 nats" in instruction.inner_text()
    assert page.locator(".ex-cursor").first.get_attribute("x1") != before
    assert page.locator(".ex-curves svg").count() == 3


def test_other_runs_and_strengths_stand_beside_it(open_page, page_file):
    page = open_page(page_file)
    page.get_by_label("run 0").check()
    assert "run 0, step 200" in page.locator(".ex-course li").inner_text()
    assert page.locator(".ex-curves path").count() == 3
    page.get_by_label("strength of the finished update").check()
    assert page.locator(".ex-answer").inner_text().startswith("strength 1: ")
    put(page, "Point of the tuning", 1)
    assert page.locator(".ex-answer").inner_text().startswith("strength 0.25: ")


def test_a_link_opens_the_view_and_the_table_holds_all_points(open_page, page_file):
    page = open_page(page_file, fragment="#course.prompt=p0&course.stop=2&course.runs=run-1")
    assert "0 at 2" in page.locator(".ex-answer").inner_text()
    assert page.get_by_label("run 1").is_checked()
    page.locator("details").evaluate("(e) => { e.open = true; }")
    assert page.locator(".ex tbody tr").count() == 8


def test_it_plays_and_a_reader_who_wants_no_movement_gets_single_steps(open_page, page_file):
    page = open_page(page_file, fragment="#course.stop=0")
    page.get_by_role("button", name="Play").click()
    assert page.locator(".ex-answer").inner_text().startswith("step 2: ")
    page.wait_for_function("document.querySelector('.ex-answer').innerText.startsWith('step 45')")
    page.wait_for_function("document.querySelector('.ex-answer').innerText.startsWith('step 461')")
    assert page.get_by_role("button", name="Play").count() == 1
    page.emulate_media(reduced_motion="reduce")
    page.reload()
    page.wait_for_selector(".explorer[data-mounted]")
    page.get_by_role("button", name="Next").click()
    shown = page.locator(".ex-answer").inner_text()
    page.wait_for_timeout(1500)
    assert page.locator(".ex-answer").inner_text() == shown


@pytest.mark.parametrize("compact", [True, False])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_can_be_read_by_everyone(open_page, tmp_path, compact, theme):
    widget = CourseExplorer(found(), compact=compact)
    page = open_page(widget_page(tmp_path, widget, theme=theme), width=390)
    serious = [
        v for v in Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")
    ]
    assert [(v["id"], [n["target"] for n in v["nodes"]][:4]) for v in serious] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_compact_form_of_two_points_is_a_prompt_and_a_slider(open_page, tmp_path):
    two = found(1, 0)
    two["points"] = [
        dict(run=r, label=r, step=n, strength=1, means={}) for n, r in enumerate(("base", "tuned"))
    ]
    two["prompts"][0]["cells"] = [cell("no", 0, length=None), cell("sí", 2, length=None)]
    two |= dict(training=[0, 1], strength=[], unit="share")
    page = open_page(widget_page(tmp_path, CourseExplorer(two, compact=True)))
    assert page.locator(".ex-answer").inner_text() == "base: no not followed ✗"
    put(page, "Point of the tuning", 1)
    assert page.locator(".ex-answer").inner_text() == "tuned: sí followed ✓"
    assert page.locator(".ex svg, .ex select, .ex table").count() == 0
    assert page.evaluate("location.hash") == ""


def test_a_course_of_the_books_size_stays_under_its_budget():
    whole = found(48, 10)
    words = "the cat sat on a mat and then it went out of the house again".split()
    for k, prompt in enumerate(whole["prompts"]):
        for n, one in enumerate(prompt["cells"]):
            one["text"] = " ".join(words[(k * n + j * (n + 3)) % len(words)] for j in range(30))
    widget = CourseExplorer(whole)
    assert len(widget.data) < 150_000
    state = json.dumps([widget.data, widget._esm, widget._css])
    assert len(state) < 400_000
    with pytest.raises(ValueError, match="two points or more"):
        CourseExplorer(whole | {"training": [0]})
