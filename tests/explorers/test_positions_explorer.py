"""The position explorer in a real browser: its numbers, both views, hostile text, access, size."""

import json
from itertools import product

import numpy as np
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from harness import put, widget_page
from playwright.sync_api import expect

from helpers.findings.positions.explorer import LEAST, PositionExplorer, pack_placement, typical
from helpers.findings.positions.read import Placed
from helpers.methods.density import density, relative_density
from helpers.methods.profiles import middle_ratio
from helpers.models.roles import ROLES
from helpers.prompts.placement import PLACES

HOSTILE = ("<img src=x onerror=alert(1)>", "</script>", "\u202eevil\u202c", "=1+1", "\n")
TEXT = (*HOSTILE, *(f" word{n}" for n in range(25)))


def placed(name, seed=0, tokens=TEXT, empty=()):
    """Both models on an item of made-up matrices; `empty` lists cells without a response."""
    random = np.random.default_rng(seed)
    start = dict(zip(PLACES, (0, 6, 12, 18, len(tokens) - 5), strict=True))
    found, answers = [], {name: f"expected <b>{name}</b>"}
    for place, (m, model) in product(PLACES, enumerate(ROLES)):
        roles = ["context"] * (len(tokens) - 1) + ["template"]
        roles[start[place] : start[place] + 4] = ["instruction"] * 4
        length = 0 if (place, model) in empty else 5 - 3 * m
        answers[(name, place, model)] = [*HOSTILE, " r"][:length]
        followed = bool(random.integers(2))
        for response, columns in (("own", length), ("expected", 3)):
            levels = random.integers(0, 11, (len(tokens), columns)).astype(np.uint8)
            share = float(random.random()) if columns else float("nan")
            labels = dict(id=name, kind="one_word", place=place, model=model, response=response)
            text = dict(tokens=tuple(tokens), roles=tuple(roles))
            found.append(
                Placed(**labels, **text, normalised=levels, share=share, followed=followed)
            )
    return found, answers


def bands(seed=0) -> pd.DataFrame:
    random, parts = np.random.default_rng(seed), []
    cells = [*product((5, 10, 20), (2, 4, 8), (7,)), *product((10,), (4,), (0, 5, 9))]
    for (bins, p, b), model in product(cells, ROLES):
        mean = random.random(bins)
        part = dict(bins=bins, p=p, threshold=b, model=model, bin=np.arange(1, bins + 1), n=40)
        parts.append(pd.DataFrame(part | dict(mean=mean, low=mean - 0.05, high=mean + 0.05)))
    return pd.concat(parts)


FIRST, ANSWERS = placed("item-1", 1)
SECOND, MORE = placed("item-2", 2, TEXT[5:], empty={("half", "tuned")})
ITEMS, SETS = FIRST + SECOND, {"7B: LIMA": bands(1), HOSTILE[0]: bands(2)}
LOGS = {
    (one.id, one.place, one.model): (-1.0 - at / 50, -2.0 - at / 30) for at, one in enumerate(ITEMS)
}


def explorer(**options) -> PositionExplorer:
    return PositionExplorer(ITEMS, ANSWERS | MORE, SETS, LOGS, **options)


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    return widget_page(tmp_path_factory.mktemp("positions"), explorer())


@pytest.fixture(scope="module")
def compact_file(tmp_path_factory):
    return widget_page(tmp_path_factory.mktemp("compact"), explorer(compact=True))


def bar(page):
    return page.get_by_role("slider", name="Where the instruction stands in its text")


def handle(page) -> tuple[float, float]:
    """The middle of the handle, in pixels of the page."""
    box = bar(page).locator("text", has_text="instruction").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def marked(page) -> list[str]:
    """The instruction as the tinted text has it."""
    page.locator("details").evaluate_all("all => all.forEach((e) => { e.open = true; })")
    text = page.get_by_label("What the Base model rests on")
    return text.locator(".ex-token.instruction").all_text_contents()


def instruction_at(place, items=None) -> list[str]:
    one = next(o for o in items or FIRST if o.place == place)
    return [t.replace("\n", "⏎") for t, kept in zip(one.tokens, one.mask, strict=True) if kept]


def rows(page) -> list[list[str]]:
    page.locator("details").evaluate_all("all => all.forEach((e) => { e.open = true; })")
    return [r.locator("td").all_text_contents() for r in page.locator(".ex tbody tr").all()]


def expected_density(one: Placed, b: int, p: float) -> float:
    values = relative_density(density(np.where(one.normalised > b, one.normalised, 0), p))
    return float(values[one.mask].mean())


@pytest.mark.parametrize("response", ["own", "expected"])
@pytest.mark.parametrize(("b", "p"), [(7, 4), (3, 2), (9, 6.5)])
def test_density_and_share_are_those_of_the_package(open_page, page_file, response, b, p):
    page = open_page(page_file, fragment=f"#positions.item=item-1&positions.response={response}")
    put(page, "b, threshold", b)
    put(page, "p, norm", p)
    wanted = [one for one in FIRST if one.response == response]
    found = rows(page)
    assert [(place, model) for _, _, place, model, *_ in found] == [
        (o.place, o.model) for o in wanted
    ]
    for row, one in zip(found, wanted, strict=True):
        assert float(row[4]) == pytest.approx(one.share, abs=6e-4)
        assert float(row[5]) == pytest.approx(expected_density(one, b, p), abs=6e-4)
        assert row[6] == ("yes" if one.followed else "no")


def test_the_instruction_moves_with_the_arrow_keys_and_is_announced(open_page, page_file):
    page = open_page(page_file, fragment="#positions.item=item-1")
    bar(page).focus()
    assert bar(page).get_attribute("aria-valuetext") == "before"
    for place in PLACES[1:]:
        page.keyboard.press("ArrowRight")
        assert bar(page).get_attribute("aria-valuetext") == place
        assert f"“{place}”" in page.locator(".ex-say").text_content()
        assert marked(page) == instruction_at(place)
    page.keyboard.press("ArrowRight")
    assert bar(page).get_attribute("aria-valuenow") == "4"
    page.keyboard.press("Home")
    assert bar(page).get_attribute("aria-valuetext") == "before"


@pytest.mark.parametrize("width", [1300, 390])
def test_the_instruction_is_dragged_and_tints_and_curves_follow(open_page, page_file, width):
    page = open_page(page_file, width=width, fragment="#positions.item=item-1")
    seen, chart = set(), page.get_by_role("region", name="Chart")
    x, y = handle(page)
    page.mouse.move(x, y)
    page.mouse.down()
    box = bar(page).locator("svg").bounding_box()
    before = chart.inner_html(), bar(page).locator(".ex-tint").count()
    for step in range(21):
        page.mouse.move(x + (box["x"] + box["width"] - x) * step / 20, y)
        seen.add(bar(page).get_attribute("aria-valuetext"))
    page.mouse.up()
    expect(bar(page)).to_have_attribute("aria-valuetext", "after")
    assert seen == set(PLACES)
    assert marked(page) == instruction_at("after") and "positions.place=after" in page.url
    assert chart.inner_html() != before[0] and bar(page).locator(".ex-tint").count() > 0
    page.mouse.move(x, y)  # let go: it stays
    assert bar(page).get_attribute("aria-valuetext") == "after"


def test_a_touch_moves_the_instruction(chromium, page_file):
    page = chromium.new_page(viewport={"width": 390, "height": 844}, has_touch=True)
    page.goto(page_file.as_uri() + "#positions.item=item-1")
    page.wait_for_selector(".explorer[data-mounted]")
    box = bar(page).locator("svg").bounding_box()
    touch = page.context.new_cdp_session(page)

    def send(kind, *at):
        points = [{"x": x, "y": y} for x, y in at]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    x, y = handle(page)
    send("touchStart", (x, y))
    for step in range(1, 11):
        send("touchMove", (x + (box["x"] + box["width"] - x) * step / 10, y))
    send("touchEnd")
    assert bar(page).get_attribute("aria-valuetext") == "after"
    page.touchscreen.tap(box["x"] + box["width"] / 2, y + 30)
    assert bar(page).get_attribute("aria-valuetext") == "half"
    page.close()


@pytest.mark.parametrize("width", [1300, 390])
def test_the_compact_form_holds_one_item_and_only_the_drag(open_page, compact_file, width):
    page = open_page(compact_file, width=width, fragment="#positions.item=item-2")
    assert page.locator(".ex :is(input, select, button, table)").count() == 0
    said = page.locator(".ex-say").text_content()
    opening = typical(ITEMS, LOGS)
    loss = [full - left for full, left in (LOGS[(opening, "before", role)] for role in ROLES)]
    wanted = [f"{np.exp(one):.1f} times less likely in the {m} model"
              for one, m in zip(loss, ROLES, strict=True)]  # fmt: skip
    assert all(words in said for words in wanted)
    bar(page).focus()
    page.keyboard.press("End")
    assert (
        "“after”" in page.locator(".ex-say").text_content() and "#positions.item=item-2" in page.url
    )
    assert page.locator(".ex").bounding_box()["height"] < 900
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_tints_are_the_relative_density(open_page, page_file):
    page = open_page(
        page_file, fragment="#positions.item=item-1&positions.place=half&positions.response=own"
    )
    one = next(o for o in FIRST if (o.place, o.model, o.response) == ("half", "base", "own"))
    values = density(np.where(one.normalised > LEAST, one.normalised, 0), 4)
    chips = page.get_by_label("What the Base model rests on").locator(".ex-token")
    tinted = chips.evaluate_all("all => all.map(e => e.style.background !== '')")
    assert tinted == (values > 0).tolist() and any(tinted)
    # The ink was chosen against the tint: a see-through token would lose contrast.
    assert set(chips.evaluate_all("all => all.map(e => getComputedStyle(e).opacity)")) == {"1"}
    assert page.locator(".ex-token.template").count() == 2


def test_an_empty_response_is_shown_as_such(open_page, page_file):
    fragment = "#positions.item=item-2&positions.place=half&positions.response=own"
    page = open_page(page_file, fragment=fragment)
    side = page.get_by_label("Tuned model", exact=True).inner_text()
    assert "(empty)" in side and "share –" in side
    chart = page.get_by_label("Chart", exact=True).and_(page.locator("select"))
    assert chart.input_value() == "share"  # blanking knows the expected answer alone


def test_profiles_show_bands_and_the_middle_ratio(open_page, page_file):
    page = open_page(page_file)
    page.get_by_label("Position profiles").check()
    for bins, p in product((5, 10, 20), (2, 8)):
        page.get_by_role("group", name="Bins").get_by_label(str(bins), exact=True).check()
        page.get_by_role("group", name="Power p").get_by_label(str(p), exact=True).check()
        table = (
            SETS["7B: LIMA"]
            .query("bins == @bins and p == @p and threshold == 7")
            .reset_index(drop=True)
        )
        assert [float(row[7]) for row in rows(page)] == pytest.approx(
            table["mean"].tolist(), abs=1e-4
        )
        means = {m: part["mean"].to_numpy() for m, part in table.groupby("model")}
        ratios = ", ".join(f"{m} {middle_ratio(means[m]):.2f}" for m in ROLES)
        assert f"middle ratio: {ratios}." in page.locator(".ex-say").text_content()
    assert not bar(page).is_visible()


def test_the_profile_goes_to_the_thresholds_that_were_computed(open_page, page_file):
    page = open_page(page_file, fragment="#positions.view=profiles&positions.threshold=6")
    stop = page.get_by_label("Threshold b of the profile")
    assert stop.input_value() == "7" and page.get_by_text("b = 0, 5, 7, 9").is_visible()
    for moved, b in ((6, 5), (1, 0), (2, 5), (9, 9)):
        put(page, "Threshold b of the profile", moved)
        assert stop.input_value() == str(b)
        table = SETS["7B: LIMA"].query("bins == 10 and p == 4 and threshold == @b")
        assert [float(row[7]) for row in rows(page)] == pytest.approx(table["mean"], abs=1e-4)
    page.get_by_role("group", name="Bins").get_by_label("20", exact=True).check()
    assert stop.input_value() == "7" and "b = 7;" in page.locator(".ex-say").text_content()


def test_items_are_listed_by_their_question(open_page, page_file):
    page = open_page(page_file)
    options = page.get_by_label("Item", exact=True).locator("option")
    words = "".join(instruction_at(PLACES[0]))
    assert options.first.text_content() == f"{words} · item-1"
    assert page.locator(".ex-strip circle").count() == 2


def test_a_character_of_several_tokens_is_shown_once(open_page, tmp_path):
    tokens = (" caf", "é", "", " 🙂", "", " end", *TEXT[:20])
    items, answers = placed("item-1", 1, tokens)
    page = open_page(widget_page(tmp_path, PositionExplorer(items, answers, {})))
    option = page.get_by_label("Item", exact=True).locator("option").first.text_content()
    assert option == "café 🙂 · item-1"  # the instruction is the first four tokens
    assert page.get_by_text("Position profiles").count() == 0
    assert marked(page) == [" caf", "é", "₂", " 🙂"]


def test_blanking_is_shown_with_its_level(open_page, page_file):
    page = open_page(page_file, fragment="#positions.item=item-1&positions.place=half")
    for row in rows(page):
        full, left = LOGS[("item-1", row[2], row[3])]
        assert [float(row[8]), float(row[9])] == pytest.approx([full, left], abs=6e-4)
    full, left = LOGS[("item-1", "half", "tuned")]
    told = f"tuned loss {full - left:.1f} nats a token".replace("-", "−")
    assert told in page.locator(".ex-say").text_content()
    page.get_by_label("the model's own").check()
    assert "tuned share" in page.locator(".ex-say").text_content()
    chart = page.get_by_label("Chart", exact=True).and_(page.locator("select"))
    chart.select_option("loss")
    assert page.get_by_label("the expected answer").is_checked()


def test_the_chart_turns_to_density_when_what_shapes_it_moves(open_page, page_file):
    page = open_page(page_file)
    chart = page.get_by_label("Chart", exact=True).and_(page.locator("select"))
    assert chart.input_value() == "loss"
    put(page, "b, threshold", 4)
    assert chart.input_value() == "density" and "positions.measure=density" in page.url


def test_the_address_brings_the_same_view_back_and_bad_ones_do_no_harm(open_page, page_file):
    page = open_page(page_file)
    page.get_by_label("Item", exact=True).select_option("item-2")
    bar(page).press("End")
    bar(page).press("ArrowLeft")
    put(page, "p, norm", 2)
    again = open_page(page_file, fragment=page.evaluate("location.hash"))
    assert again.get_by_label("Item", exact=True).input_value() == "item-2"
    assert bar(again).get_attribute("aria-valuetext") == "three quarters"
    assert again.get_by_label("p, norm").input_value() == "2"
    bad = "#positions.item=x&positions.place=<b>&positions.b=99&positions.view=none&positions.set=1"
    page = open_page(page_file, fragment=bad)
    assert page.get_by_label("Item", exact=True).input_value() == typical(ITEMS, LOGS)
    assert page.get_by_label("b, threshold").input_value() == str(LEAST)


@pytest.mark.parametrize(("response", "measure"), [("own", "density"), ("expected", "share")])
def test_the_mean_over_all_items_stands_behind_the_item(open_page, page_file, response, measure):
    fragment = (
        f"#positions.response={response}&positions.measure={measure}&positions.p=2&positions.b=7"
    )
    page = open_page(page_file, fragment=fragment)
    page.get_by_text("faint: mean over").wait_for()
    assert page.locator(".ex-mean").count() == 2
    shown = {(row[2], row[3]): (float(row[10]), int(row[11])) for row in rows(page)}
    for place, (model, title) in product(PLACES, zip(ROLES, ("Base", "Tuned"), strict=True)):
        wanted = [o for o in ITEMS if (o.place, o.model, o.response) == (place, model, response)]
        of = (lambda o: o.share) if measure == "share" else (lambda o: expected_density(o, 7, 2))
        values = [of(o) for o in wanted if o.normalised.size]
        mean = pytest.approx(np.mean(values), abs=6e-4)
        assert shown[place, model if (place, model) in shown else title] == (mean, len(values))
    n = "1 to 2" if response == "own" else "2"
    assert page.get_by_text(f"mean over {n} items").is_visible()


def test_it_opens_where_moving_the_instruction_changes_an_answer_nearest_the_mean_loss(
    open_page, tmp_path
):
    third, more = placed("item-3", 3)
    moves = {("tuned", "after"), ("tuned", "half")}
    items = [
        Placed(**(vars(o) | {"followed": k > 0 and (o.model, o.place) in moves}))
        for k, part in enumerate((FIRST, SECOND, third)) for o in part
    ]  # fmt: skip
    loss = {"item-1": 1.0, "item-2": 3.0, "item-3": 1.4}  # the mean is nearest to item-3
    logs = {(o.id, o.place, o.model): (0.0, -loss[o.id]) for o in items}
    assert typical(items, logs) == "item-3"
    widget = PositionExplorer(items, ANSWERS | MORE | more, SETS, logs)
    page = open_page(widget_page(tmp_path, widget))
    assert page.get_by_label("Item", exact=True).input_value() == "item-3"
    still = [Placed(**(vars(o) | {"followed": False, "share": 0.1})) for o in FIRST + SECOND]
    assert typical(still, {}) == "item-1"


def test_hostile_text_is_shown_as_text(open_page, page_file):
    page = open_page(page_file, fragment="#positions.item=item-1")
    shown = page.get_by_label("What the Base model rests on").locator(".ex-token")
    shown = shown.all_text_contents()
    assert shown[:4] == list(HOSTILE[:4])
    assert "expected <b>item-1</b>" in page.locator(".ex").inner_text()
    assert page.locator(".ex img, .ex-positions b b").count() == 0
    with page.expect_download() as waiting:
        page.get_by_role("button", name="CSV").click()
    text = waiting.value.path().read_text(encoding="utf-8")
    assert HOSTILE[0] in text and len(text.strip().splitlines()) >= 11


@pytest.mark.parametrize(("button", "start"), [("SVG", b"<svg"), ("PNG", b"\x89PNG")])
@pytest.mark.parametrize("view", ["placement", "profiles"])
def test_the_chart_can_be_saved(open_page, page_file, button, start, view):
    page = open_page(page_file, fragment=f"#positions.view={view}")
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button).click()
    assert waiting.value.path().read_bytes().startswith(start)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", ["placement", "profiles"])
def test_accessible_in_both_themes_and_views(open_page, tmp_path, theme, view):
    path = widget_page(tmp_path, explorer(), theme=theme)
    page = open_page(path, fragment=f"#positions.view={view}")
    page.locator("details").evaluate_all("all => all.forEach((e) => { e.open = true; })")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("view", ["placement", "profiles"])
def test_a_phone_shows_it_without_sideways_scrolling(open_page, page_file, view):
    page = open_page(page_file, width=390, fragment=f"#positions.view={view}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    inner = page.get_by_role("region", name="Chart")
    assert inner.evaluate("e => e.scrollWidth - e.clientWidth") <= 0
    assert page.locator(".ex").bounding_box()["height"] <= 2 * 844  # two screens of a telephone
    small = """(all) => all.map((e) => (e.closest("label") ?? e).getBoundingClientRect())
      .filter((box) => box.height && Math.min(box.width, box.height) < 24).length"""
    targets = page.locator(".ex :is(input, select, button, summary, [role=slider])")
    assert targets.evaluate_all(small) == 0


def test_the_full_size_fits_the_page():
    tokens = [f" token{n % 90}" for n in range(230)]
    many = [placed(f"item-{n}", n, tokens) for n in range(64)]
    items, answers = sum((one for one, _ in many), []), {}
    for _, more in many:
        answers |= more
    sparse = [
        # Few entries of real matrices are above LEAST: about one in twelve.
        Placed(**(vars(o) | {"normalised": np.where(np.arange(o.normalised.shape[1]) % 5 == 0,
                                                    o.normalised, 0).astype(np.uint8)}))
        for o in items
    ]  # fmt: skip
    widget = PositionExplorer(sparse, answers, SETS, {})
    assert len(json.dumps(widget.data)) < 700_000


def test_levels_up_to_the_least_are_left_out_and_the_others_kept():
    packed = pack_placement(FIRST, ANSWERS, LOGS)
    assert packed["least"] == LEAST == 3
    again = pack_placement(
        [Placed(**(vars(o) | {"normalised": np.where(o.normalised > 3, o.normalised, 0)}))
         for o in FIRST], ANSWERS, LOGS,
    )  # fmt: skip
    assert again == packed
