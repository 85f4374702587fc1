"""The component explorer in a real browser: right words, filters, links, hostile text, size."""

import csv
import dataclasses
import json

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from harness import unfold, widget_page
from playwright.sync_api import expect

from helpers.findings.ffn.explorer import (
    RUNNING_WORDS,
    ComponentExplorer,
    Explorable,
    opening,
    pack_components,
    rules_say,
)
from helpers.findings.release.explorable import SAID

HOSTILE = ("<img src=x onerror=alert(1)>", "=1+1", "\u202eevil")


def explorable(layers=3, components=40, words=200, top_k=15) -> Explorable:
    rng = np.random.default_rng(0)
    shape = (2, layers, components)
    both = (*shape, 2)
    vocabulary = tuple(HOSTILE) + tuple(f"word{i}" for i in range(words - 3))
    scores = np.sort(rng.random((*both, top_k)))[..., ::-1] * np.array([1, -1])[:, None]
    return Explorable(
        vocabulary=vocabulary,
        words=rng.integers(0, words, (*both, top_k)),
        scores=scores,
        variance=rng.random(shape) / 10,
        partner=np.stack([rng.permutation(components) for _ in range(layers)]),
        angle=rng.random((layers, components)) * 90,
        concepts=("", "fruit", HOSTILE[0]),
        concept=rng.integers(0, 3, both),
        level=rng.integers(0, 5, both),
        tasks=rng.integers(0, 16, both),
        coherence=rng.standard_normal(both) * 4,
        beyond=rng.integers(0, 3, both),
        said=rules_say(5.0),
    )


SHOWN = explorable()
SEVEN = dataclasses.replace(
    explorable(layers=4, components=30), words=explorable(4, 30).words[..., :1, :], scores=None,
    angle=None, said=SAID, name="seven",
    **{name: getattr(explorable(4, 30), name)[..., :1]
       for name in ("concept", "level", "tasks", "coherence", "beyond")},
)  # fmt: skip


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    return widget_page(tmp_path_factory.mktemp("components"), ComponentExplorer(SHOWN))


def words_of(page, name):
    return page.get_by_role("list", name=name).get_by_role("listitem").all_text_contents()


def test_both_models_show_the_words_of_the_matched_component(page_file, open_page):
    page = open_page(page_file, fragment="#components.layer=2&components.component=7")
    page.get_by_text("The same as a table").click()
    table = page.locator("details[open] tbody tr")
    table.first.wait_for()
    cells = np.array([row.locator("td").all_text_contents() for row in table.all()])
    both = ((0, "Base", 7), (1, "Tuned", SHOWN.partner[2, 7]))
    sets = [set(SHOWN.words[model, 2, component].ravel()) for model, _, component in both]
    for model, title, component in both:
        for pole, name in enumerate(("positive", "negative")):
            own = SHOWN.words[model, 2, component, pole]
            words = [SHOWN.vocabulary[i] for i in own]
            at = 4 * model + 2 * pole
            assert words_of(page, f"{title}, {name} pole") == words == cells[:, at].tolist()
            scores = SHOWN.scores[model, 2, component, pole]
            np.testing.assert_allclose(cells[:, at + 1].astype(float), scores, atol=0.0045)
            alone = page.get_by_role("list", name=f"{title}, {name} pole").locator(".ex-own")
            assert alone.count() == sum(word not in sets[1 - model] for word in own)
    said = page.get_by_text("one to one").inner_text()
    assert f"{SHOWN.angle[2, 7]:.1f}"[:2] in said
    assert f"{sum(w in sets[1] for w in SHOWN.words[0, 2, 7].ravel())} of 30 words" in said


def test_from_the_tuned_side_the_match_is_found_back(page_file, open_page):
    partner = SHOWN.partner[1, 4]
    fragment = f"#components.model=tuned&components.layer=1&components.component={partner}"
    page = open_page(page_file, fragment=fragment)
    assert page.get_by_text("Base: layer 1, component 4", exact=True).is_visible()


def test_a_filter_keeps_exactly_the_components_it_names(page_file, open_page):
    page = open_page(page_file)
    page.get_by_label("Holds the word").fill("word9")
    wanted = SHOWN.vocabulary.index("word9")
    expected = (SHOWN.words[0] == wanted).any(axis=(-1, -2)).sum()
    assert page.get_by_text(f"{expected} of 120 components").is_visible()
    page.get_by_label("Level").select_option("syntax")
    both = (SHOWN.words[0] == wanted).any((-1, -2)) & (SHOWN.level[0] == 3).any(-1)
    assert page.get_by_text(f"{both.sum()} of 120 components").is_visible()
    page.get_by_label("Holds the word").fill("nothing")
    assert page.get_by_text("not among the 200 words that components are read by").is_visible()
    page.get_by_role("button", name="Next match").click()
    assert page.get_by_text("No component passes the filter.").is_visible()


def test_next_match_opens_a_component_that_passes(page_file, open_page):
    page = open_page(page_file)
    page.get_by_label("Task").select_option("coding")
    page.get_by_role("button", name="Next match").click()
    at = int(page.get_by_label("Component", exact=True).input_value())
    layer = int(page.get_by_label("Layer", exact=True).input_value())
    assert (SHOWN.tasks[0, layer, at] & 2).any()


def test_the_count_of_matches_stays_with_the_place_among_them(page_file, open_page):
    page = open_page(page_file, fragment="#components.layer=0&components.component=0")
    page.get_by_label("Holds the word").fill("word9")
    holds = (SHOWN.words[0] == SHOWN.vocabulary.index("word9")).any(axis=(-1, -2))
    places = [tuple(map(int, at)) for at in np.argwhere(holds) if tuple(at) > (0, 0)]
    for layer, component in places[:2]:
        page.get_by_role("button", name="Next match").click()
        number = 1 + [tuple(at) for at in np.argwhere(holds)].index((layer, component))
        text = f"Match {number} of {holds.sum()}: layer {layer}, component {component}."
        assert text in page.locator(".ex-say").first.text_content()
    page.get_by_label("Component", exact=True).fill(
        str(next(c for c in range(40) if not holds[places[1][0], c]))
    )
    assert "none of them" in page.locator(".ex-say").first.text_content()


def test_each_list_says_which_baselines_it_passes(page_file, open_page):
    page = open_page(page_file, fragment="#components.layer=2&components.component=7")
    flags = page.locator("[data-beyond]").evaluate_all("all => all.map(e => +e.dataset.beyond)")
    partner = SHOWN.partner[2, 7]
    assert flags == [*SHOWN.beyond[0, 2, 7], *SHOWN.beyond[1, 2, partner]]
    texts = page.locator("[data-beyond]").all_text_contents()
    for text, flag in zip(texts, flags, strict=True):
        assert f"{'✗○✓'[flag]} {SHOWN.said['beyond'][flag]}" in text


def test_it_opens_at_lists_that_pass_both_baselines_in_both_models(page_file, open_page):
    layer, component = opening(SHOWN)
    partner = SHOWN.partner[layer, component]
    assert (SHOWN.beyond[0, layer, component] == 2).any()
    assert (SHOWN.beyond[1, layer, partner] == 2).any()
    page = open_page(page_file)
    assert page.get_by_text(f"Base: layer {layer}, component {component}", exact=True).is_visible()
    assert "#" not in page.url
    none = dataclasses.replace(SHOWN, beyond=np.ones_like(SHOWN.beyond))
    assert opening(none) == (0, 0)


def test_it_opens_on_a_word_of_the_running_example_where_one_passes():
    beyond, words = SHOWN.beyond.copy(), SHOWN.words.copy()
    beyond[0, 1, 5] = beyond[1, 1, SHOWN.partner[1, 5]] = 2
    words[words == 190], words[0, 1, 5, 0, 3] = 0, 190
    vocabulary = (*SHOWN.vocabulary[:190], RUNNING_WORDS[0], *SHOWN.vocabulary[191:])
    held = dataclasses.replace(SHOWN, beyond=beyond, words=words, vocabulary=vocabulary)
    assert opening(held) == (1, 5)


def test_the_pair_is_chosen_and_what_it_lacks_is_not_shown(tmp_path, open_page):
    path = widget_page(tmp_path, ComponentExplorer(SHOWN, SEVEN))
    page = open_page(path)
    page.get_by_label("Pair").select_option("seven")
    page.get_by_text("of 120 components of the base model").wait_for()
    expect(page.get_by_label("Layer", exact=True)).to_have_attribute("max", "3")
    assert page.get_by_role("list", name="words of either sign").count() == 2
    shades = page.get_by_label("Shade the map by").locator("option").all_text_contents()
    assert not any("angle" in text for text in shades)
    assert any("ChatGPT" in text for text in shades) and "components.pair=seven" in page.url
    assert "°" not in page.locator(".ex-relation").inner_text()
    again = open_page(path, fragment="#components.pair=seven&components.layer=3")
    assert again.get_by_label("Layer", exact=True).input_value() == "3"
    again.get_by_label("Pair").select_option("small pair")
    again.get_by_text("of 120 components of the base model").wait_for()
    assert again.locator(".ex-components").count() == 1


def test_the_scale_of_angles_fits_the_data_and_labels_say_whose_they_are(tmp_path, open_page):
    near = dataclasses.replace(SHOWN, angle=SHOWN.angle / 4)
    page = open_page(
        widget_page(tmp_path, ComponentExplorer(near)), fragment="#components.colour=angle"
    )
    limit = 5 * np.ceil(np.quantile(near.angle, 0.95, method="lower") / 5)
    assert f"{limit:.0f}° or more" in page.locator(".ex-legend").inner_text()
    assert page.locator("[data-beyond]").filter(has_text="By the rules: ").count() == 4
    for name in ("Level, by the rules", "Task, by the rules"):
        assert page.get_by_label(name, exact=True).is_visible()


def test_a_far_partner_is_not_called_the_same(tmp_path, open_page):
    far = dataclasses.replace(SHOWN, angle=np.full_like(SHOWN.angle, 44.0))
    page = open_page(widget_page(tmp_path, ComponentExplorer(far)))
    assert "44° away" in page.get_by_text("rather than the same component").inner_text()


@pytest.mark.parametrize("width", [1300, 390])
def test_the_whole_map_is_in_sight_and_answers_pointer_and_keys(tmp_path, open_page, width):
    wide = explorable(layers=3, components=300)
    path = widget_page(tmp_path, ComponentExplorer(wide))
    boxes = {}
    for layer, component in ((2, 299), (0, 150), (1, 0)):
        go = f"#components.layer={layer}&components.component={component}"
        other = open_page(path, width=width, fragment=go)
        unfold(other)
        mark, top = (other.locator(one).bounding_box() for one in (".ex-mark", ".ex svg"))
        boxes[layer, component] = mark | {"x": mark["x"] - top["x"], "y": mark["y"] - top["y"]}
    page = open_page(path, width=width)  # last: a page behind another is told of the pointer late
    unfold(page)
    picture = page.get_by_role("img", name="Map of")
    page.wait_for_function("document.querySelector('.ex svg').width.baseVal.value > 0")
    picture.scroll_into_view_if_needed()
    box, outer = picture.bounding_box(), page.locator(".ex").bounding_box()
    assert box["x"] + box["width"] <= outer["x"] + outer["width"]
    layer, component = (page.get_by_label(n, exact=True) for n in ("Layer", "Component"))
    for wanted, found in boxes.items():
        assert found["width"] >= 6 + 3
        x = box["x"] + found["x"] + found["width"] / 2
        y = box["y"] + found["y"] + found["height"] / 2
        page.mouse.move(x, y)
        said = f"layer {wanted[0]}, component {wanted[1]}."
        expect(page.locator(".ex-under")).to_contain_text(said)
        page.mouse.click(x, y)
        for field, value in zip((layer, component), wanted, strict=True):
            expect(field).to_have_value(str(value))
    page.get_by_label("Component", exact=True).fill("150")
    shown = (1, 150)
    page.get_by_role("group", name="Map of components").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    assert (layer.input_value(), component.input_value()) == ("2", str(shown[1] - 1))


def test_the_address_keeps_the_view_and_bad_addresses_do_no_harm(page_file, open_page):
    page = open_page(page_file)
    page.get_by_label("Component", exact=True).fill("11")
    page.get_by_label("Shade the map by").select_option("angle")
    assert "components.component=11" in page.url and "components.colour=angle" in page.url
    again = open_page(page_file, fragment=page.url[page.url.index("#") :])
    assert again.get_by_label("Component", exact=True).input_value() == "11"
    bad = "#components.layer=99&components.component=-1&components.colour=x&components.level=<b>"
    page = open_page(page_file, fragment=bad)
    assert page.get_by_label("Layer", exact=True).input_value() == str(opening(SHOWN)[0])


def test_words_are_text_never_markup(tmp_path, open_page):
    words = SHOWN.words.copy()
    words[0, 0, 0, 0, :3] = [0, 1, 2]
    shown = dataclasses.replace(SHOWN, words=words, concept=np.full_like(SHOWN.concept, 2))
    page = open_page(
        widget_page(tmp_path, ComponentExplorer(shown)),
        fragment="#components.layer=0&components.component=0",
    )
    assert words_of(page, "Base, positive pole")[0] == HOSTILE[0]
    assert page.locator(".ex img").count() == 0


def test_csv_holds_what_is_shown_and_svg_the_map(page_file, open_page):
    page = open_page(page_file)
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").click()
    text = saved.value.path().read_text()
    assert len(text.strip().splitlines()) == 5 and text.startswith("model,layer,component")
    scores = [row[-1] for row in csv.reader(text.splitlines())][1:]
    assert scores[1].startswith("-") and all(map(np.isfinite, map(float, scores[1].split())))
    with page.expect_download() as saved:
        page.get_by_role("button", name="SVG").click()
    assert "<path" in saved.value.path().read_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessible_in_both_themes(tmp_path, open_page, theme):
    page = open_page(widget_page(tmp_path, ComponentExplorer(SHOWN), theme=theme), width=420)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0


def test_the_full_size_fits_the_page():
    full = explorable(layers=18, components=300, words=10_000)
    assert len(json.dumps(pack_components(full))) < 2.2e6


def test_too_large_a_vocabulary_is_refused():
    with pytest.raises(ValueError, match="16 bits"):
        pack_components(dataclasses.replace(SHOWN, vocabulary=("a",) * 70_000))
