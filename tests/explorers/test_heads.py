"""The head explorer in a real browser: right pairs, counts, filters, links, hostile text, size."""

import dataclasses
import json

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from harness import widget_page

from helpers.findings.attention.explorer import Explorable, HeadExplorer, pack_heads

HOSTILE = ("<img src=x onerror=alert(1)>", "=1+1", "\u202eevil")


def explorable(layers=3, heads=4, dimensions=16, words=60, pairs=200, per_head=40) -> Explorable:
    """Random pairs in which every kind of change occurs."""
    rng = np.random.default_rng(0)
    drawn = np.sort(rng.integers(0, words, (3 * pairs, 2)), axis=1)
    table = np.unique(drawn[drawn[:, 0] < drawn[:, 1]], axis=0)
    table = table[np.sort(rng.choice(len(table), pairs, replace=False))]
    n_heads = layers * heads
    known = [np.sort(rng.choice(pairs, per_head, replace=False)) for _ in range(n_heads)]
    n_held = rng.integers(2, 5, n_heads * per_head)
    # The first two dimensions of an entry decide: held by both models, or by one of them only.
    only = rng.choice([1, 2, 3], len(n_held), p=[0.1, 0.1, 0.8])
    return Explorable(
        words=(*HOSTILE, *(f"word{i}" for i in range(words - len(HOSTILE)))),
        word_class=rng.choice(3, words, p=[0.8, 0.1, 0.1]),
        first=table[:, 0],
        second=table[:, 1],
        similarity=rng.random(pairs),
        n_layers=layers,
        start=np.arange(n_heads + 1) * per_head,
        known=np.concatenate(known),
        n_held=n_held,
        dimension=np.concatenate(
            [np.sort(rng.choice(dimensions, n, replace=False)) for n in n_held]
        ),
        held_in=np.repeat(only, n_held),
        norms=rng.random((2, n_heads, dimensions)) * 1e6,
        n_pairs=rng.integers(0, 2000, (2, n_heads, dimensions)),
    )


SHOWN = explorable()


def of_head(shown: Explorable, head: int) -> list[dict]:
    """The pairs of a head in plain words, worked out without the packing."""
    held = np.concatenate([[0], shown.n_held.cumsum()])
    found = []
    for entry in range(shown.start[head], shown.start[head + 1]):
        inside, pair = shown.held_in[held[entry] : held[entry + 1]], shown.known[entry]
        n = [int((inside & 1).sum()), int((inside >> 1).sum())]
        status = "kept" if min(n) >= 2 else "gained" if n[1] >= 2 else "lost"
        ends = (int(shown.first[pair]), int(shown.second[pair]))
        dimensions = set(shown.dimension[held[entry] : held[entry + 1]].tolist())
        similarity = float(shown.similarity[pair])
        found.append(dict(ends=ends, n=n, status=status, dims=dimensions, similarity=similarity))
    return found


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    return widget_page(tmp_path_factory.mktemp("heads"), HeadExplorer(SHOWN))


def listed(page) -> list[list[str]]:
    rows = page.get_by_role("table", name="Pairs of the open head").locator("tbody tr")
    return [row.locator("td").all_text_contents() for row in rows.all()]


def spelled(shown: Explorable, ends) -> str:
    return " – ".join(shown.words[i] + ["", "▲", "△"][shown.word_class[i]] for i in ends)


def cell(page, layer: int, head: int) -> str:
    names = page.locator(".ex-heads svg title").all_text_contents()
    return next(n for n in names if n.startswith(f"layer {layer}, head {head}:")).split(": ")[1]


def test_a_head_lists_its_pairs_with_what_became_of_them(page_file, open_page):
    page = open_page(
        page_file, fragment="#heads.layer=2&heads.head=1&heads.show=all&heads.kind=all"
    )
    expected = sorted(of_head(SHOWN, 9), key=lambda one: -round(255 * one["similarity"]))
    found = listed(page)
    assert {(r[0], r[1].split()[-1], *r[3:]) for r in found} == {
        (spelled(SHOWN, e["ends"]), e["status"], *map(str, e["n"])) for e in expected
    }
    similarities = [float(row[2]) for row in found]
    np.testing.assert_allclose(similarities, [e["similarity"] for e in expected], atol=0.008)
    assert similarities == sorted(similarities, reverse=True)


def test_the_map_counts_what_each_head_knows_gained_and_lost(page_file, open_page):
    page = open_page(page_file, fragment="#heads.kind=all")
    for head in (0, 7, 11):
        status = [one["status"] for one in of_head(SHOWN, head)]
        change = status.count("gained") - status.count("lost")
        place = divmod(head, 4)
        page.get_by_label("Gained less lost", exact=True).check()
        assert int(cell(page, *place).replace("−", "-").replace("+", "")) == change
        page.get_by_label("Tuned", exact=True).check()
        assert int(cell(page, *place)) == len(status) - status.count("lost")
        page.get_by_label("Base", exact=True).check()
        assert int(cell(page, *place)) == len(status) - status.count("gained")


def test_filters_keep_the_pairs_of_a_class_of_verbs_and_of_a_word(page_file, open_page):
    page = open_page(page_file, fragment="#heads.show=all&heads.layer=1")
    whole = of_head(SHOWN, 4)
    for kind, number in (("instruction", 1), ("general", 2)):
        page.get_by_label("Pairs with", exact=True).select_option(kind)
        expected = [e for e in whole if number in SHOWN.word_class[list(e["ends"])]]
        assert len(listed(page)) == len(expected) > 0
    page.get_by_label("Pairs with", exact=True).select_option("all")
    at = whole[0]["ends"][0]
    page.get_by_role("searchbox").fill(SHOWN.words[at])
    assert {row[0] for row in listed(page)} == {
        spelled(SHOWN, e["ends"]) for e in whole if at in e["ends"]
    }
    knowing = [h for h in range(12) if any(at in e["ends"] for e in of_head(SHOWN, h))]
    buttons = page.get_by_role("group", name="Heads that know the word").get_by_role("button")
    assert buttons.count() == len(knowing)
    buttons.last.click()
    assert page.get_by_label("Layer", exact=True).input_value() == str(knowing[-1] // 4)
    page.get_by_role("searchbox").fill("nothing")
    assert page.get_by_text("No head knows a pair").is_visible()


def test_dimensions_come_by_norm_and_choose_the_pairs_they_hold(page_file, open_page):
    page = open_page(
        page_file,
        fragment="#heads.show=all&heads.view=base&heads.layer=0&heads.head=0&heads.kind=all",
    )
    page.get_by_text("Dimensions of this head").click()
    rows = page.get_by_role("table", name="Dimensions of the open head").locator("tbody tr")
    rows.first.wait_for()
    cells = [row.locator("td").all_text_contents() for row in rows.all()]
    order = np.argsort(-SHOWN.norms[0, 0])
    assert [int(row[0]) for row in cells] == order.tolist()
    norm = float(cells[0][1].replace(",", ""))
    np.testing.assert_allclose(norm, np.sqrt(SHOWN.norms[0, 0].max()), atol=1)
    assert int(cells[0][3].replace(",", "")) == SHOWN.n_pairs[0, 0, order[0]]
    held = [e for e in of_head(SHOWN, 0) if order[0] in e["dims"]]
    assert int(cells[0][5]) == sum(e["n"][0] >= 2 for e in held)
    page.get_by_label("Dimension", exact=True).fill(str(order[0]))
    page.keyboard.press("Enter")
    assert len(listed(page)) == len(held)
    rows.nth(0).click()  # the chosen row again: all dimensions
    assert len(listed(page)) == len(of_head(SHOWN, 0))


def with_instruction_verb(shown: Explorable, head: int) -> list[dict]:
    return [e for e in of_head(shown, head) if 1 in shown.word_class[list(e["ends"])]]


def test_it_opens_where_most_pairs_with_an_instruction_verb_changed(page_file, open_page):
    page = open_page(page_file)
    changed = [
        sum(e["status"] != "kept" for e in with_instruction_verb(SHOWN, h)) for h in range(12)
    ]
    layer, head = divmod(int(np.argmax(changed)), 4)
    assert page.get_by_label("Pairs with", exact=True).input_value() == "instruction"
    assert page.get_by_label("Layer", exact=True).input_value() == str(layer)
    assert page.get_by_label("Head", exact=True).input_value() == str(head)


@pytest.mark.parametrize("kind", ["instruction", "all"])
def test_what_a_head_gained_and_lost_is_named_in_words(page_file, open_page, kind):
    page = open_page(page_file, fragment=f"#heads.layer=1&heads.head=3&heads.kind={kind}")
    pairs = of_head(SHOWN, 7) if kind == "all" else with_instruction_verb(SHOWN, 7)
    lines = page.locator(".ex-change").all_text_contents()
    for line, status in zip(lines, ("gained", "lost"), strict=True):
        found = [one for one in pairs if one["status"] == status]
        found.sort(key=lambda one: -round(255 * one["similarity"]))
        assert status in line.lower() and (found or "no such pair" in line)
        for one in found[:1]:
            assert " – ".join(SHOWN.words[i] for i in one["ends"]) in line


def test_a_click_on_the_map_opens_the_head_under_it(page_file, open_page):
    page = open_page(page_file)
    box = page.locator(".ex-heads svg").bounding_box()
    page.mouse.click(box["x"] + 62 + 2.5 * 62, box["y"] + 22 + 1.5 * 20)
    assert page.get_by_text("Layer 1, head 2", exact=True).is_visible()
    address = page.evaluate("location.hash")
    assert "heads.layer=1" in address and "heads.head=2" in address


def test_the_address_keeps_the_view_and_bad_addresses_do_no_harm(page_file, open_page):
    page = open_page(page_file)
    page.get_by_label("Head", exact=True).fill("3")
    page.get_by_label("Tuned", exact=True).check()
    page.get_by_role("searchbox").fill("word7")
    again = open_page(page_file, fragment=page.evaluate("location.hash"))
    assert again.get_by_label("Head", exact=True).input_value() == "3"
    assert again.get_by_label("Tuned", exact=True).is_checked()
    assert again.get_by_role("searchbox").input_value() == "word7"
    bad = "#heads.layer=1.5&heads.head=-1&heads.view=x&heads.dimension=1e9&heads.word=<b>"
    page = open_page(page_file, fragment=bad)
    assert page.get_by_label("Layer", exact=True).input_value() == "0"


def test_words_are_text_never_markup_and_never_a_formula(tmp_path, open_page):
    hostile = np.sort(SHOWN.second % len(HOSTILE))  # every pair is of hostile words
    shown = dataclasses.replace(SHOWN, first=np.zeros_like(hostile), second=hostile)
    fragment = "#heads.show=all&heads.kind=all"
    page = open_page(widget_page(tmp_path, HeadExplorer(shown)), fragment=fragment)
    assert HOSTILE[0] in listed(page)[0][0]
    assert page.locator(".ex img").count() == 0
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").click()
    cells = saved.value.path().read_text().splitlines()[1:]
    assert any("'=1+1" in line for line in cells) and not any(",=1+1" in line for line in cells)


def test_csv_holds_all_pairs_and_svg_the_map(page_file, open_page):
    page = open_page(page_file, fragment="#heads.show=all&heads.kind=all")
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").click()
    assert len(saved.value.path().read_text().strip().splitlines()) == 1 + len(of_head(SHOWN, 0))
    with page.expect_download() as saved:
        page.get_by_role("button", name="SVG").click()
    assert "layer 2" in saved.value.path().read_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessible_in_both_themes_and_on_a_telephone(tmp_path, open_page, theme):
    path = widget_page(tmp_path, HeadExplorer(SHOWN), theme=theme)
    page = open_page(path, width=390, fragment="#heads.show=all&heads.word=word7")
    page.get_by_text("Dimensions of this head").click()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    head = page.get_by_role("table", name="Pairs of the open head").locator("th").first
    box = page.get_by_role("region", name="Pairs of the open head")
    assert box.evaluate("e => e.scrollWidth - e.clientWidth") <= 0  # no column is cut off
    assert head.evaluate("e => getComputedStyle(e).position") == "sticky"


def test_the_full_size_fits_the_page():
    full = explorable(18, 4, 256, words=9_500, pairs=75_000, per_head=1_250)
    assert len(json.dumps(pack_heads(full))) < 1.1e6  # random: deflates worse than real pairs


def test_too_many_words_are_refused():
    with pytest.raises(ValueError, match="16 bits"):
        pack_heads(dataclasses.replace(SHOWN, words=("a",) * 70_000))
