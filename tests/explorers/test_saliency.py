"""The saliency explorer in a real browser: its numbers, every control, hostile text, access."""

import csv
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from harness import put, saved, widget_page
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import expect

from helpers.findings.recognition.explorer import SaliencyExplorer, levels, sums
from helpers.methods import density as method
from helpers.methods.density import density, instruction_score, normalise

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</script>",
    "\u202eevil\u202c",
    "👩‍👩‍👧",
    "\u200d",
    "=1+1",
]


def item(name, seed=0, rows=12, columns=5, kind="grammar", place="first", tokens=None):
    generator = np.random.default_rng(seed)
    tokens = tokens or [f" word{n}" for n in range(rows)]
    roles = ["instruction" if n < len(tokens) // 2 else "input" for n in range(len(tokens))]
    roles[-1] = "template"
    sides = {
        role: {
            "tokens": [f" {role}{m}" for m in range(count)],
            # Column scales down to 1e-12 must survive the packing.
            "importance": generator.standard_normal((len(tokens), count))
            * 10.0 ** -np.arange(count),
            "followed": followed,
        }
        for role, count, followed in (("base", columns, False), ("tuned", columns - 2, True))
    }
    crossed = {
        role: generator.standard_normal((len(tokens), len(sides[other]["tokens"])))
        for role, other in (("base", "tuned"), ("tuned", "base"))
    }
    labels = dict(id=name, kind=kind, place=place, tokens=tokens, roles=roles)
    return labels | dict(models=sides, crossed=crossed)


def without_crossed(found):
    return {key: value for key, value in found.items() if key != "crossed"}


OWN = "saliency.response=own"
SCORE = "saliency.measure=score&saliency.template=shown"
ITEMS = [
    item("first-01", 0),
    item("code-01", 1, kind="code", place="last"),
    item("hostile", 2, tokens=[*HOSTILE, " end", "\n"], kind="code"),
    item("large", 3, rows=60, columns=34, kind="summarising", place="middle"),
]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    return widget_page(tmp_path_factory.mktemp("saliency"), SaliencyExplorer(ITEMS))


def matrix_of(found, role, author=None):
    own = author in (None, role)
    return found["models"][role]["importance"] if own else found["crossed"][role]


def expected_score(found, role, threshold=7, p=4, author=None, hidden=()):
    kept = np.array([name not in hidden for name in found["roles"]])
    mask = np.array([name == "instruction" for name in found["roles"]])[kept]
    normal = normalise(matrix_of(found, role, author)[kept], 10, threshold)
    return instruction_score(density(normal, p), mask)


def shown_score(page, role):
    return float(page.locator(f"[data-score={role}]").text_content())


@pytest.mark.parametrize("found", ITEMS, ids=lambda found: found["id"])
def test_scores_are_those_of_the_package(open_page, page_file, found):
    page = open_page(page_file, fragment=f"#saliency.prompt={found['id']}&{OWN}&{SCORE}")
    for threshold, p in [(7, 4), (0, 2), (3, 5.5)]:
        put(page, "b, threshold", threshold)
        put(page, "p, norm", p)
        for role in ("base", "tuned"):
            wanted = expected_score(found, role, threshold, p)
            assert shown_score(page, role) == pytest.approx(wanted, abs=0.006)


def test_the_view_is_in_the_address_and_comes_back(open_page, page_file):
    page = open_page(page_file, fragment=f"#{SCORE}")
    page.get_by_label("Prompt", exact=True).select_option("code-01")
    put(page, "b, threshold", 3)
    address = page.evaluate("location.hash")
    again = open_page(page_file, fragment=address)
    assert again.get_by_label("Prompt", exact=True).input_value() == "code-01"
    assert again.get_by_label("b, threshold").input_value() == "3"


def test_search_response_measure_and_template_are_in_the_address_too(open_page, page_file):
    page = open_page(page_file)
    page.get_by_label("Find a prompt").fill("code-01 last")
    page.get_by_role("group", name="response of").get_by_label("base").check()
    page.get_by_label("The paper's density").check()
    page.get_by_label("Template tokens").check()
    again = open_page(page_file, fragment=page.evaluate("location.hash"))
    assert again.get_by_label("Find a prompt").input_value() == "code-01 last"
    assert again.get_by_label("Prompt", exact=True).locator("option").count() == 1
    assert again.get_by_role("group", name="response of").get_by_label("base").is_checked()
    assert again.get_by_label("The paper's density").is_checked()
    assert again.get_by_label("Template tokens").is_checked()
    other = "#saliency.prompt=large&saliency.find=code"
    assert open_page(page_file, fragment=other).get_by_label("Find a prompt").input_value() == ""


def test_an_older_link_to_a_setting_opens_the_measure_that_has_it(open_page, page_file):
    page = open_page(page_file, fragment="#saliency.prompt=first-01&saliency.b=3")
    assert page.get_by_label("The paper's density").is_checked()
    assert open_page(page_file).get_by_label("Share of the gradient").is_checked()


@pytest.mark.parametrize("author", ["base", "tuned"])
@pytest.mark.parametrize("template", ["hidden", "shown"])
def test_shares_are_those_of_the_package(open_page, page_file, author, template):
    fragment = f"saliency.prompt=first-01&saliency.response={author}&saliency.template={template}"
    page = open_page(page_file, fragment=f"#{fragment}")
    found = ITEMS[0]
    for role in ("base", "tuned"):
        matrix = (
            found["models"][role]["importance"] if role == author else found["crossed"][role]
        ).clip(0)
        inside = np.array([r != "template" or template == "shown" for r in found["roles"]])
        each = np.where(inside, matrix.sum(1), 0) / matrix[inside].sum()
        on = each[np.array(found["roles"]) == "instruction"].sum()
        if template == "hidden":
            signed = (
                found["models"][role] if role == author else {"importance": found["crossed"][role]}
            )
            assert on == pytest.approx(
                method.shares(signed["importance"], found["roles"])["instruction"]
            )
        told = page.locator(f"[data-score={role}]").text_content().removesuffix("\u00a0%")
        assert float(told) == pytest.approx(100 * on, abs=0.9)
    rows = list(csv.reader(saved(page, "CSV").decode().splitlines()))
    assert float(rows[1][3]) == pytest.approx(each[0], abs=2e-3)
    assert len(rows) == 1 + inside.sum()


def test_levels_of_one_shared_response_are_saved_for_both_models(open_page, page_file):
    page = open_page(page_file, fragment=f"#saliency.prompt=first-01&{SCORE}")
    tokens = ITEMS[0]["models"]["tuned"]["tokens"]
    responses = page.get_by_role("group", name="Response tokens")
    assert [responses.nth(k).get_by_role("button").all_text_contents() for k in (0, 1)] == [
        tokens
    ] * 2
    assert "on the tuned model's response" in page.locator(".ex-heat svg").get_attribute(
        "aria-label"
    )
    base = normalise(ITEMS[0]["crossed"]["base"], 10, 7)
    tuned = normalise(ITEMS[0]["models"]["tuned"]["importance"], 10, 7)
    rows = list(csv.reader(saved(page, "CSV").decode().splitlines()))[1:]
    found = np.array([row[4:] for row in rows], dtype=int)
    np.testing.assert_array_equal(found, np.hstack([base, tuned]))


def blanked(found, of=2.0):
    """The same prompt with losses: the tuned model loses more without the instruction."""
    sides = [(r, a) for r in ("base", "tuned") for a in ("base", "tuned")]
    losses = {
        f"{r} on {a}": {"instruction": of * (1 + (r == "tuned")), "input": 0.5, "template": -0.2}
        for r, a in sides
    }
    return found | {"blanked": losses}


def test_the_switch_to_blanking_tints_segments_by_what_they_take(open_page, tmp_path):
    items = [blanked(ITEMS[0], 1.0), blanked(ITEMS[1], 0.25), ITEMS[2]]
    page = open_page(
        widget_page(tmp_path, SaliencyExplorer(items)), fragment="#saliency.prompt=first-01"
    )
    page.get_by_label("Exact blanking").check()
    shown = lambda role: page.locator(f"[data-score={role}]").text_content()  # noqa: E731
    assert shown("base") == "2.7 times less likely" and shown("tuned") == "7.4 times less likely"
    chips = page.get_by_label("Tuned model", exact=True).get_by_role("group", name="Prompt tokens")
    colours = chips.get_by_role("button").evaluate_all("all => all.map(e => e.style.background)")
    assert len(set(colours[:6])) == 1 and len(set(colours[6:])) == 1 and colours[0] != colours[6]
    assert page.get_by_role("group", name="Response tokens").get_by_role("button").count() == 0
    chips.get_by_role("button").nth(8).click()
    said = page.locator(".ex-say").text_content()
    assert said.startswith(
        "Without the input a token of the response is base: 1.6 times less likely"
    )
    assert page.locator(".ex-strip circle").count() == 2
    labels = page.locator(".ex-heat svg text").all_text_contents()
    assert labels == [
        "instruction",
        "base 1.00 nats",
        "tuned 2.00 nats",
        "input",
        *["base 0.50 nats", "tuned 0.50 nats"],
    ]
    page.get_by_label("Template tokens").check()
    assert "tuned −0.20 nats" in page.locator(".ex-heat svg text").all_text_contents()
    page.get_by_label("Prompt", exact=True).select_option(
        "hostile"
    )  # never blanked: by its gradient
    assert "Share on the instruction" in page.locator(".ex-scores").inner_text()


def test_blanking_is_offered_only_where_it_was_computed(open_page, page_file):
    assert open_page(page_file).get_by_label("Exact blanking").count() == 0
    assert (
        open_page(page_file, fragment="#saliency.measure=blanking")
        .get_by_label("Share of the gradient")
        .is_checked()
    )


@pytest.mark.parametrize("width", [1300, 390])
@pytest.mark.parametrize("exact", [True, False])
def test_a_compact_one_has_one_prompt_and_one_control(open_page, tmp_path, width, exact):
    items = [blanked(one) if exact else one for one in ITEMS]
    widget = SaliencyExplorer(items, opening="code-01", compact=True)
    assert [one["id"] for one in widget.data["items"]] == ["code-01"]
    page = open_page(widget_page(tmp_path, widget), width=width)
    assert page.locator(".ex input").count() == 2 and page.locator(".ex select").count() == 0
    assert page.locator(".ex .ex-strip").count() == 0
    assert page.get_by_role("group", name="Prompt tokens").count() == 2
    before = page.locator(".ex").inner_text()
    page.locator(".ex input:not(:checked)").check()
    assert page.locator(".ex").inner_text() != before
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".ex").bounding_box()["height"] < (420 if width > 390 else 800)


def test_without_crossed_readings_there_is_nothing_to_choose(open_page, tmp_path):
    plain = [without_crossed(found) for found in ITEMS]
    page = open_page(widget_page(tmp_path, SaliencyExplorer(plain)), fragment=f"#{SCORE}")
    assert not page.get_by_role("group", name="response of").is_visible()
    own = [*ITEMS[:2], without_crossed(item("own-2", 5, kind="own"))]
    fragment = f"#saliency.prompt=own-2&saliency.response=base&{SCORE}"
    page = open_page(widget_page(tmp_path, SaliencyExplorer(own)), fragment=fragment)
    control = page.get_by_role("group", name="response of")
    assert control.get_by_label("base").is_disabled() and "alone" in control.inner_text()
    assert shown_score(page, "tuned") == pytest.approx(expected_score(own[2], "tuned"), abs=0.006)
    assert "Mean over 3 prompts" in page.get_by_text("Mean over").inner_text()
    page.get_by_label("Prompt", exact=True).select_option("first-01")
    assert "Mean over 2 prompts" in page.get_by_text("Mean over").inner_text()
    assert control.get_by_label("base").is_enabled() and control.get_by_label("base").is_checked()


def test_the_mean_over_all_prompts_follows_every_setting(open_page, page_file):
    page = open_page(page_file, fragment=f"#{OWN}&{SCORE}")

    def agrees(**setting):
        for role in ("base", "tuned"):
            wanted = np.mean([expected_score(found, role, **setting) for found in ITEMS])
            shown = page.locator(f"[data-mean={role}]").text_content()
            assert float(shown) == pytest.approx(wanted, abs=0.006)

    assert "Mean over 4 prompts" in page.get_by_text("Mean over").inner_text()
    agrees()
    put(page, "b, threshold", 2)
    put(page, "p, norm", 2)
    agrees(threshold=2, p=2)
    page.get_by_role("group", name="response of").get_by_label("tuned").check()
    agrees(threshold=2, p=2, author="tuned")


def test_it_opens_at_the_running_example_or_another_that_is_named(open_page, page_file, tmp_path):
    running = [*ITEMS[:2], item("translation-07", 4)]
    for number, (widget, wanted) in enumerate(
        (
            (SaliencyExplorer(running), "translation-07"),
            (SaliencyExplorer(ITEMS, opening="code-01"), "code-01"),
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        page = open_page(widget_page(folder, widget))
        assert page.get_by_label("Prompt", exact=True).input_value() == wanted
    assert open_page(page_file).get_by_label("Prompt", exact=True).input_value() == "first-01"


@pytest.mark.parametrize(
    "bad", ["b=1e1", "b=0x9", "b=10", "b=6.5", "b=-1", "b=", "p=3.3", "p=NaN", "p=9"]
)
def test_numbers_in_the_address_that_no_control_can_stand_at_are_not_taken(
    open_page, page_file, bad
):
    page = open_page(page_file, fragment=f"#saliency.{bad}&saliency.prompt=large&{SCORE}")
    sliders = [page.get_by_label(name) for name in ("b, threshold", "p, norm")]
    assert [one.input_value() for one in sliders] == ["7", "4"]
    assert shown_score(page, "base") == pytest.approx(
        expected_score(ITEMS[3], "base", author="tuned"), abs=0.006
    )


def test_escape_releases_a_token(open_page, page_file):
    page = open_page(page_file)
    token = page.get_by_role("group", name="Prompt tokens").first.get_by_role("button").nth(3)
    token.click()
    assert token.get_attribute("aria-pressed") == "true"
    page.keyboard.press("Escape")
    assert token.get_attribute("aria-pressed") == "false"
    assert page.locator(".ex-say").text_content() == ""


def test_a_click_holds_a_response_token_and_a_second_one_releases_it(open_page, page_file):
    page = open_page(page_file, fragment="#saliency.prompt=large")
    tokens = page.get_by_role("group", name="Response tokens").first.get_by_role("button")
    tokens.nth(1).click()
    tokens.nth(3).hover()
    expect(page.locator(".ex-say")).to_contain_text("“tuned1” rests on")
    tokens.nth(1).click()
    assert page.locator(".ex-say").text_content() == ""
    tokens.nth(3).hover()
    expect(page.locator(".ex-say")).to_contain_text("“tuned3” rests on")


def test_tokens_are_followed_both_ways_by_keyboard(open_page, page_file):
    page = open_page(page_file, fragment="#saliency.prompt=first-01")
    responses = page.get_by_role("group", name="Response tokens").last
    responses.get_by_role("button").first.focus()
    assert "rests on" in page.locator(".ex-say").text_content()
    page.keyboard.press("ArrowRight")
    assert "tuned1" in page.locator(".ex-say").text_content()
    page.get_by_role("group", name="Prompt tokens").last.get_by_role("button").nth(3).click()
    assert "“word3” feeds" in page.locator(".ex-say").text_content()


def test_hostile_text_is_shown_as_text(open_page, page_file):
    page = open_page(page_file, fragment="#saliency.prompt=hostile")
    tokens = page.get_by_role("group", name="Prompt tokens").first.get_by_role("button")
    assert tokens.all_text_contents()[: len(HOSTILE)] == HOSTILE
    assert page.locator("img").count() == 0
    text = saved(page, "CSV").decode()
    assert "'=1+1" in text and HOSTILE[0] in text


CONTROL = ["\x00", "\x01a", "\x08", "\x0b", "\x0c", "\x1b[31m", "\ufffe", "\uffff", "\ud800x"]


def test_control_characters_leave_every_export_whole(open_page, tmp_path):
    widget = SaliencyExplorer([item("control", 4, tokens=[*CONTROL, " and", " words"])])
    page = open_page(widget_page(tmp_path, widget), fragment=f"#{SCORE}")
    root = ElementTree.fromstring(saved(page, "SVG"))
    labels = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"␀", "␁a", "␈", "␋", "␌", "␛[31m"} <= set(labels)
    assert saved(page, "PNG").startswith(b"\x89PNG")
    rows = list(csv.reader(saved(page, "CSV").decode().splitlines()))
    assert [row[0] for row in rows[1:4]] == ["␀", "␁a", "␈"]
    assert "␀" in page.get_by_label("Prompt", exact=True).inner_text()


def test_a_picture_that_becomes_no_png_is_told(open_page, page_file):
    page = open_page(page_file)
    page.evaluate("() => { HTMLCanvasElement.prototype.toBlob = (done) => done(null); }")
    page.get_by_role("button", name="PNG").click()
    page.get_by_text("No PNG could be made of the picture (it is too large)").wait_for()


MILLISECONDS = """(control, [value, event]) => {
  const start = performance.now();
  control.value = value;
  control.dispatchEvent(new Event(event, {bubbles: true}));
  document.body.offsetHeight;  // laid out
  return performance.now() - start;
}"""


@pytest.mark.parametrize("rows", [3_800, 10_000])
def test_a_long_prompt_is_drawn_within_a_second_and_nothing_old_stays(open_page, tmp_path, rows):
    items = [item("small", 1), item("long", 2, rows=rows, columns=32)]
    path = widget_page(tmp_path, SaliencyExplorer(items))
    page = open_page(path, fragment=f"#saliency.prompt=small&saliency.response=own&{SCORE}")
    for label, value, event in (("Prompt", "long", "change"), ("b, threshold", "0", "input")):
        control = page.get_by_label(label, exact=True)
        assert control.evaluate(MILLISECONDS, [value, event]) < 1000
    assert page.locator(".ex-sides button").count() == 2 * rows + 32 + 30
    labels = page.locator(".ex-heat svg text").all_text_contents()
    assert len(labels) == 200 + 62 + 2 and f"of {rows} prompt tokens" in page.content()
    assert shown_score(page, "base") == pytest.approx(
        expected_score(items[1], "base", threshold=0), abs=0.006
    )
    assert len(saved(page, "CSV").splitlines()) == rows + 1
    assert saved(page, "PNG").startswith(b"\x89PNG")
    page.get_by_text("The same as a table").click()
    expect(page.locator(".ex tbody tr")).to_have_count(rows)


def test_prompts_are_listed_by_their_words_and_found_by_them(open_page, page_file):
    page = open_page(page_file, fragment="#saliency.prompt=first-01")
    options = page.get_by_label("Prompt", exact=True).locator("option")
    assert options.first.text_content().startswith("word0 word1")
    assert options.first.text_content().endswith("first-01")
    page.get_by_label("Find a prompt").fill("WORD30")
    assert options.all_text_contents() == [options.first.text_content()]
    assert page.get_by_label("Prompt", exact=True).input_value() == "large"
    again = open_page(page_file, fragment=page.evaluate("location.hash"))
    assert again.get_by_label("Find a prompt").input_value() == "word30"
    page.get_by_label("Find a prompt").fill("nowhere")
    assert "No prompt" in page.locator(".ex-say").text_content()
    page.get_by_label("Find a prompt").fill("")
    assert options.count() == 4


def test_hidden_template_tokens_leave_before_all_is_normalised(open_page, tmp_path):
    items = [item(f"t-{n}", n) for n in range(3)]
    for found in items:
        found["roles"][-2:] = ["template"] * 2
        for one in (
            *(m["importance"] for m in found["models"].values()),
            *found["crossed"].values(),
        ):
            one[-1] = 3 * np.abs(one).max(axis=0)  # the template takes every column's maximum
    page = open_page(
        widget_page(tmp_path, SaliencyExplorer(items)),
        fragment="#saliency.prompt=t-0&saliency.measure=score",
    )
    for hidden in ((), ("template",)):
        page.get_by_label("Template tokens").set_checked(not hidden)
        for role in ("base", "tuned"):
            wanted = [expected_score(i, role, author="tuned", hidden=hidden) for i in items]
            assert shown_score(page, role) == pytest.approx(wanted[0], abs=0.006)
            average = page.locator(f"[data-mean={role}]").text_content()
            assert float(average) == pytest.approx(np.mean(wanted), abs=0.006)
        chips = page.get_by_role("group", name="Prompt tokens").first.get_by_role("button")
        assert chips.count() == (10 if hidden else 12)
        assert len(saved(page, "CSV").splitlines()) == (11 if hidden else 13)


@pytest.mark.parametrize(("width", "beside"), [(1300, True), (900, True), (390, False)])
def test_both_models_stand_side_by_side_where_there_is_room(open_page, page_file, width, beside):
    page = open_page(page_file, width=width)
    base, tuned = (
        page.get_by_label(f"{n} model", exact=True).bounding_box() for n in ("Base", "Tuned")
    )
    assert (base["y"] == tuned["y"]) is beside and (base["x"] < tuned["x"]) is beside
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_token_of_one_shared_response_is_followed_in_both_models(open_page, page_file):
    page = open_page(page_file, fragment=f"#saliency.prompt=first-01&saliency.b=0&{SCORE}")
    page.get_by_role("group", name="Response tokens").first.get_by_role("button").nth(1).click()
    said = page.locator(".ex-say").text_content()
    assert said.startswith("“tuned1” rests on (levels of 10): base: “") and "; tuned: “" in said
    for role in ("base", "tuned"):
        column = normalise(matrix_of(ITEMS[0], role, "tuned"))[:, 1]
        side = page.get_by_label(f"{role.title()} model", exact=True)
        chips = side.get_by_role("group", name="Prompt tokens").get_by_role("button")
        tinted = chips.evaluate_all("all => all.map(e => e.style.background !== '')")
        assert tinted == (column > 0).tolist()


def test_dots_stand_by_what_tuning_changed_and_open_their_prompt(open_page, page_file):
    page = open_page(page_file, fragment=f"#saliency.prompt=first-01&saliency.b=2&{SCORE}")
    score = lambda found, role: expected_score(found, role, threshold=2, author="tuned")  # noqa: E731
    gains = {i["id"]: score(i, "tuned") - score(i, "base") for i in ITEMS}
    order = sorted(gains, key=gains.get)
    dots = page.locator(".ex-strip circle")
    assert dots.count() == 4
    places = dots.evaluate_all("all => all.map(e => +e.getAttribute('cx'))")
    assert places == sorted(places)
    chosen = page.get_by_label("Prompt", exact=True)
    page.locator(".ex-strip").focus()
    page.keyboard.press("Home")
    assert chosen.input_value() == order[0]
    page.keyboard.press("ArrowRight")
    assert chosen.input_value() == order[1]
    box = page.locator(".ex-strip circle").last.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert chosen.input_value() == order[-1]
    shown = f"{gains[order[-1]]:+.2f}".replace("-", "−")
    assert shown in page.locator(".ex-under").text_content()


def test_a_character_of_several_tokens_is_shown_once_with_its_parts(open_page, tmp_path):
    found = item("bytes", 3, tokens=["Say", " 👩", "", "", " and", "é", "\n"], columns=6)
    found["models"]["tuned"]["tokens"] = ["a", "\ufffd", "\ufffd", "b"]
    page = open_page(
        widget_page(tmp_path, SaliencyExplorer([found])), fragment="#saliency.template=shown"
    )
    texts = lambda name: page.get_by_role("group", name=name).first.get_by_role("button")  # noqa: E731
    assert texts("Prompt tokens").all_text_contents() == ["Say", " 👩", "₂", "₃", " and", "é", "⏎"]
    assert texts("Response tokens").all_text_contents() == ["a", "\ufffd", "₂", "b"]
    assert page.locator(".ex-part").count() == 2 * 3
    texts("Prompt tokens").nth(2).click()
    assert "part 2 of" in page.locator(".ex-say").text_content()
    assert "part 2 of  👩" in saved(page, "CSV").decode()


@pytest.mark.parametrize(("button", "start"), [("SVG", b"<svg"), ("PNG", b"\x89PNG")])
def test_the_picture_can_be_saved(open_page, page_file, button, start):
    page = open_page(page_file)
    assert saved(page, button).startswith(start)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_stands_in_the_way_of_access(open_page, tmp_path, theme):
    page = open_page(widget_page(tmp_path, SaliencyExplorer(ITEMS), theme=theme))
    page.get_by_text("The same as a table").click()
    found = Axe().run(page).response["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []


def test_a_phone_shows_it_without_sideways_scrolling(open_page, page_file):
    page = open_page(page_file, width=390, fragment="#saliency.prompt=large")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_two_views_of_one_widget_are_both_shown_once(open_page, tmp_path):
    page = open_page(widget_page(tmp_path, SaliencyExplorer(ITEMS[:1]), views=2))
    page.locator(".ex-saliency").nth(1).wait_for()
    assert page.locator(".ex-saliency").count() == 2


def test_a_broken_explorer_says_so_in_its_place(open_page, tmp_path):
    widget = SaliencyExplorer(ITEMS[:1])
    widget._esm = "export default { render() { throw new Error('no <b>luck</b>'); } }"
    page = open_page(widget_page(tmp_path, widget))
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "no <b>luck</b>" in alert.text_content()


@settings(max_examples=40)
@given(rows=st.integers(1, 9), columns=st.integers(2, 7), seed=st.integers(0, 99))
def test_packing_keeps_ten_levels_with_and_without_the_template(rows, columns, seed):
    found = item("x", seed, rows, columns)["models"]["base"]["importance"]
    roles = np.random.default_rng(seed).choice(["template", "input"], rows)
    whole, more = levels(found, list(roles))
    np.testing.assert_array_equal(whole, normalise(found))
    inside = roles != "template"
    if inside.any():
        np.testing.assert_array_equal((whole + more)[inside], normalise(found[inside]))
    assert more.min() >= 0 and not more[~inside].any()
    each = found.clip(min=0).sum(1)
    assert np.abs(sums(found) / 255 - each / (each.max() or 1)).max() < 0.003


def test_a_readers_own_prompt_is_added_or_refused_with_the_reason():
    new = without_crossed(item("new", 9))
    explorer = SaliencyExplorer(ITEMS[:1], compute=lambda text, progress: new)
    explorer.run("Do it.")
    assert [i["id"] for i in explorer.data["items"]] == ["first-01", "own-1"]
    assert explorer.data["added"] == 1  # it enters no mean
    failing = SaliencyExplorer(ITEMS[:1], compute=lambda text, progress: 1 / 0)
    failing.run("Do it.")
    assert "ZeroDivisionError" in failing.problem
    idle = SaliencyExplorer(ITEMS[:1])
    idle.run("Do it.")
    assert "live cell" in idle.problem
