"""The head explorer in a real browser: right pairs, counts, filters, chance, links, hostile text, size."""

import dataclasses
import json

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from harness import widget_page

from helpers.findings.attention.explorer import Chance, Explorable, HeadExplorer, pack_heads

HOSTILE = ("<img src=x onerror=alert(1)>", "=1+1", "\u202eevil")
VERBS, DRAWS = 8, 5


def chance(layers: int, words: tuple[str, ...]) -> Chance:
    rng = np.random.default_rng(1)
    found = rng.integers(0, 9, (1 + DRAWS, layers, VERBS, 2))
    by_layer = np.stack([found[:, :, :4].sum(axis=2), found[:, :, 4:].sum(axis=2)], axis=1)
    return Chance(by_layer, found.sum(axis=1), words[-VERBS:], rng.normal(0, 0.1, 1 + DRAWS))


def explorable(layers=3, heads=4, words=60, pairs=200, per_head=40, name="small") -> Explorable:
    """Random pairs in which every kind of change occurs; word -1 is an instruction verb."""
    rng = np.random.default_rng(0)
    drawn = np.sort(rng.integers(0, words, (3 * pairs, 2)), axis=1)
    table = np.unique(drawn[drawn[:, 0] < drawn[:, 1]], axis=0)
    table = table[np.sort(rng.choice(len(table), pairs, replace=False))]
    n_heads = layers * heads
    known = [np.sort(rng.choice(pairs, per_head, replace=False)) for _ in range(n_heads)]
    # Held by both models, or by one of them only.
    n_held = rng.integers(2, 5, (2, n_heads * per_head))
    lacks = rng.choice(3, n_heads * per_head, p=[0.1, 0.1, 0.8])
    for role in (0, 1):
        n_held[role, lacks == role] = rng.integers(0, 2, (lacks == role).sum())
    spelled = (*HOSTILE, *(f"word{i}" for i in range(words - len(HOSTILE))))
    word_class = rng.choice(3, words, p=[0.8, 0.1, 0.1])
    word_class[-VERBS:] = [1] * 4 + [2] * 4
    return Explorable(
        name=name,
        words=spelled,
        word_class=word_class,
        first=table[:, 0],
        second=table[:, 1],
        similarity=rng.random(pairs),
        n_layers=layers,
        start=np.arange(n_heads + 1) * per_head,
        known=np.concatenate(known),
        n_held=n_held,
        chance=chance(layers, spelled),
    )


SHOWN = explorable()
OTHER = dataclasses.replace(explorable(2, 3, name="large"), chance=None, note="Only some pairs.")
ALL = "&heads.show=all&heads.kind=all"


def of_head(shown: Explorable, head: int) -> list[dict]:
    """The pairs of a head in plain words, worked out without the packing."""
    found = []
    for entry in range(shown.start[head], shown.start[head + 1]):
        pair, n = shown.known[entry], shown.n_held[:, entry].tolist()
        status = "kept" if min(n) >= 2 else "gained" if n[1] >= 2 else "lost"
        ends = (int(shown.first[pair]), int(shown.second[pair]))
        similarity = round(255 * float(shown.similarity[pair])) / 255
        found.append(dict(ends=ends, n=n, status=status, similarity=similarity, head=head))
    return found


EVERY = [one for head in range(12) for one in of_head(SHOWN, head)]


def widget(**options) -> HeadExplorer:
    return HeadExplorer([SHOWN, OTHER], **options)


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    return widget_page(tmp_path_factory.mktemp("heads"), widget())


def listed(page) -> list[list[str]]:
    rows = page.get_by_role("table", name="Pairs").locator("tbody tr")
    return [row.locator("td").all_text_contents() for row in rows.all()]


def spelled(shown: Explorable, ends, marks=True) -> str:
    signs = ["", "▲", "△"] if marks else [""] * 3
    return " – ".join(shown.words[i] + signs[shown.word_class[i]] for i in ends)


def cell(page, layer: int, head: int) -> str:
    names = page.locator(".ex-top svg title").all_text_contents()
    return next(n for n in names if n.startswith(f"layer {layer}, head {head}:")).split(": ")[1]


def test_a_head_lists_its_pairs_with_what_became_of_them(page_file, open_page):
    page = open_page(page_file, fragment=f"#heads.layer=2&heads.head=1{ALL}")
    expected = sorted(of_head(SHOWN, 9), key=lambda one: -one["similarity"])
    found = listed(page)
    assert {(r[0], r[1], r[2].split()[-1], r[4]) for r in found} == {
        ("2.1", spelled(SHOWN, e["ends"]), e["status"], "{} → {}".format(*e["n"])) for e in expected
    }
    similarities = [float(row[3]) for row in found]
    np.testing.assert_allclose(similarities, [e["similarity"] for e in expected], atol=0.008)


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


def test_it_opens_on_the_instruction_verb_whose_pairs_changed_most(page_file, open_page):
    page = open_page(page_file)
    moved = [end for one in EVERY if one["status"] != "kept" for end in one["ends"]]
    verbs = [end for end in moved if SHOWN.word_class[end] == 1]
    most = max(sorted(set(verbs)), key=verbs.count)
    assert page.get_by_role("combobox", name="and the word").input_value() == SHOWN.words[most]
    assert page.get_by_label("Head", exact=True).input_value() == "-1"
    rows, own = listed(page), [e for e in EVERY if most in e["ends"] and e["status"] != "kept"]
    assert len(rows) == len(own) > 0
    assert {row[0] for row in rows} == {f"{e['head'] // 4}.{e['head'] % 4}" for e in own}
    lines = page.locator(".ex-change").all_text_contents()
    for line, status in zip(lines, ("gained", "lost"), strict=True):
        found = sorted((e for e in own if e["status"] == status), key=lambda e: -e["similarity"])
        assert status in line.lower() and (found or "no such pair" in line)
        for one in found[:1]:
            where = "({}.{})".format(*divmod(one["head"], 4))
            assert f"{spelled(SHOWN, one['ends'], marks=False)} {where}" in line


def test_filters_keep_the_pairs_of_a_class_of_verbs_and_of_a_word(page_file, open_page):
    page = open_page(page_file, fragment="#heads.show=all&heads.layer=1")
    whole = of_head(SHOWN, 4)
    for kind, number in (("instruction", 1), ("general", 2)):
        page.get_by_label("Pairs with", exact=True).select_option(kind)
        expected = [e for e in whole if number in SHOWN.word_class[list(e["ends"])]]
        assert len(listed(page)) == len(expected) > 0
    page.get_by_label("Pairs with", exact=True).select_option("all")
    at = whole[0]["ends"][0]
    page.get_by_role("combobox", name="and the word").fill(SHOWN.words[at])
    assert {row[1] for row in listed(page)} == {
        spelled(SHOWN, e["ends"]) for e in whole if at in e["ends"]
    }
    page.get_by_role("button", name="All heads").click()
    assert len(listed(page)) == sum(at in e["ends"] for e in EVERY)
    page.get_by_role("combobox", name="and the word").fill("nothing")
    assert page.get_by_text("No head knows a pair").is_visible()
    assert page.get_by_text("No pair here").is_visible()
    page.get_by_label("Pairs with", exact=True).select_option("general")  # begins anew
    assert page.get_by_role("combobox", name="and the word").input_value() == ""
    assert len(listed(page)) > 0


def numbers(text: str) -> list[int]:
    return [
        int(word) for word in text.replace(",", " ").replace(".", " ").split() if word.isdigit()
    ]


@pytest.mark.parametrize("compact", [False, True])
def test_shuffling_lays_random_updates_beside_the_tuning(tmp_path, open_page, compact):
    page = open_page(widget_page(tmp_path, widget(compact=compact, word="word50")))
    said = page.locator(".ex-chance [role=status]")
    sums = SHOWN.chance.by_layer[:, 0].sum(axis=1)
    seen = []
    for draw in (1, 2, 3, 4, 5, 1):
        found = numbers(said.inner_text())
        assert found[:2] == sums[0].tolist() and found[-2:] == sums[draw].tolist()
        seen.append(page.locator(".ex-chance circle").count())
        page.get_by_role("button", name="Shuffle").click()
    assert seen == [1, 2, 3, 4, 5, 5]
    if compact:
        assert page.locator(".ex select, .ex input").count() == 0
        assert page.evaluate("location.hash") == ""
        return
    page.get_by_label("Pairs with", exact=True).select_option("general")
    assert numbers(said.inner_text())[:2] == SHOWN.chance.by_layer[0, 1].sum(axis=0).tolist()
    verb = SHOWN.chance.verbs[2]
    page.get_by_role("combobox", name="and the word").fill(verb)
    rose, fell = SHOWN.chance.by_verb[0, 2]
    assert page.get_by_text(
        f"“{verb}”: rose in {rose} heads with tuning and fell in {fell}"
    ).is_visible()


def test_another_pair_of_models_is_chosen_and_linked(page_file, open_page):
    page = open_page(page_file)
    page.get_by_label("Models").select_option(label="large")
    assert page.locator(".ex-top svg g").count() == 6
    assert page.get_by_text("Random updates need the models’ weights").is_visible()
    assert page.get_by_text("Only some pairs.").is_visible()
    again = open_page(page_file, fragment=page.evaluate("location.hash"))
    assert again.get_by_label("Models").locator("option:checked").inner_text() == "large"


def test_clicks_and_arrow_keys_open_heads_on_the_map(page_file, open_page):
    page = open_page(page_file, fragment="#heads.kind=all")
    box = page.locator(".ex-top svg").first.bounding_box()
    column = (box["width"] - 66) / 4
    page.mouse.click(box["x"] + 62 + 2.5 * column, box["y"] + 22 + 1.5 * 17)
    assert page.get_by_text("Layer 1, head 2", exact=True).is_visible()
    address = page.evaluate("location.hash")
    assert "heads.layer=1" in address and "heads.head=2" in address
    page.get_by_role("group", name="Map of heads").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.get_by_text("Layer 2, head 3", exact=True).is_visible()
    page.keyboard.press("Escape")
    assert page.get_by_label("Head", exact=True).input_value() == "-1"


def test_the_address_keeps_the_view_and_bad_addresses_do_no_harm(page_file, open_page):
    page = open_page(page_file)
    page.get_by_label("Head", exact=True).select_option("7")
    page.get_by_label("Tuned", exact=True).check()
    page.get_by_role("combobox", name="and the word").fill("word7")
    page.get_by_role("button", name="Shuffle").click()
    again = open_page(page_file, fragment=page.evaluate("location.hash"))
    assert again.get_by_label("Head", exact=True).input_value() == "7"
    assert again.get_by_label("Tuned", exact=True).is_checked()
    assert again.get_by_role("combobox", name="and the word").input_value() == "word7"
    assert again.get_by_text("(2 of 5)").is_visible()
    bad = "#heads.layer=1.5&heads.head=-1&heads.view=x&heads.draw=1e9&heads.dimension=3&heads.word=<b>"
    page = open_page(page_file, fragment=bad)
    assert page.get_by_label("Head", exact=True).input_value() == "-1"


def test_words_are_text_never_markup_and_never_a_formula(tmp_path, open_page):
    hostile = np.sort(SHOWN.second % len(HOSTILE))  # every pair is of hostile words
    shown = dataclasses.replace(SHOWN, first=np.zeros_like(hostile), second=hostile)
    page = open_page(widget_page(tmp_path, HeadExplorer([shown])), fragment=f"#heads.layer=0{ALL}")
    assert HOSTILE[0] in listed(page)[0][1]
    assert page.locator(".ex img").count() == 0
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").click()
    cells = saved.value.path().read_text().splitlines()[1:]
    assert any("'=1+1" in line for line in cells) and not any(",=1+1" in line for line in cells)


def test_csv_holds_all_pairs_and_svg_the_map(page_file, open_page):
    page = open_page(page_file, fragment=f"#heads.layer=0{ALL}")
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").click()
    assert len(saved.value.path().read_text().strip().splitlines()) == 1 + len(of_head(SHOWN, 0))
    with page.expect_download() as saved:
        page.get_by_role("button", name="SVG").click()
    assert "layer 2" in saved.value.path().read_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("compact", [False, True])
def test_accessible_in_both_themes_and_on_a_telephone(tmp_path, open_page, theme, compact):
    path = widget_page(tmp_path, widget(compact=compact, word="word50"), theme=theme)
    page = open_page(path, width=390, fragment="#heads.show=all&heads.word=word7")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    if not compact:
        head = page.get_by_role("table", name="Pairs").locator("th").first
        box = page.get_by_role("region", name="Pairs", exact=True)
        assert box.evaluate("e => e.scrollWidth - e.clientWidth") <= 0  # no column is cut off
        assert head.inner_text() == "Head"
        assert head.evaluate("e => getComputedStyle(e).position") == "sticky"
    height = page.locator(".ex").evaluate("e => e.offsetHeight")
    assert height <= (844 if compact else 2 * 844)


def test_it_fills_the_width_there_is(page_file, open_page):
    page = open_page(page_file)
    width = page.locator(".ex").evaluate("e => e.clientWidth")
    assert page.locator(".ex-chance svg").evaluate("e => e.clientWidth") > 0.9 * width - 40
    map_, list_ = (page.locator(".ex-top > .ex-part-of").nth(i).bounding_box() for i in (0, 1))
    assert list_["x"] > map_["x"] + 300 and list_["x"] + list_["width"] > 0.9 * width


def test_the_full_size_fits_the_page():
    full = explorable(18, 4, words=9_500, pairs=75_000, per_head=1_250)
    assert len(json.dumps(pack_heads(full))) < 0.8e6  # random: deflates worse than real pairs


def test_too_many_words_are_refused():
    with pytest.raises(ValueError, match="16 bits"):
        pack_heads(dataclasses.replace(SHOWN, words=("a",) * 70_000))
