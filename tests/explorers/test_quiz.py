"""The quiz of chapter 4: balanced rounds, answers by button and key, a score beside the blind reader's."""

import numpy as np
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from harness import widget_page

from helpers.findings.ffn import trust, verdict
from helpers.findings.ffn.quiz import ConceptQuiz, rounds

HOSTILE = "<img/src=x/onerror=alert(1)>"


def lists(each: int = 12) -> pd.DataFrame:
    """Components (even rows: sense was found) and random directions (every third)."""
    rows = [("base", 3, at, at % 2) for at in range(each)]
    rows += [(trust.RANDOM, -1, at, at % 2) for at in range(each)]
    table = pd.DataFrame(rows, columns=trust.KEYS)
    words = [" ".join([HOSTILE, *(f"w{at}x{k}" for k in range(14))]) for at in range(2 * each)]
    sense = [at % 2 == 0 if at < each else at % 3 == 0 for at in range(2 * each)]
    return table.assign(words=words, interpretable=sense, level="none", some_task=False)


LISTS = lists()
RIGHT = ["component" if role == "base" else "random" for role in LISTS["role"]]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    return widget_page(tmp_path_factory.mktemp("quiz"), ConceptQuiz(LISTS))


def shown(page) -> int:
    """Which list is on the page."""
    text = page.locator(".ex-quiz-words span").nth(1).inner_text()
    return int(text[1:].split("x")[0])


def test_rounds_are_balanced_seeded_and_never_repeat_a_list():
    made = rounds(LISTS)
    assert made == rounds(LISTS) != rounds(LISTS, seed=1)
    assert [len(one) for one in made] == [10, 10]
    assert len({at for one in made for at in one}) == 20
    for one in made:
        assert sum(RIGHT[at] == "random" for at in one) == 5
    shipped = rounds(trust.read_labels("blind"))
    assert len(shipped) >= 30 and sorted(map(len, shipped)) == [10] * len(shipped)


def test_keys_and_buttons_answer_and_the_end_counts_both(page_file, open_page):
    page = open_page(page_file)
    mine = reader = 0
    for n in range(10):
        at = shown(page)
        assert at == rounds(LISTS)[0][n]
        if n % 2:
            page.get_by_role("button", name="A component").click()
        else:
            page.get_by_role("button", name="A component").press("r")
        said = "component" if n % 2 else "random"
        good = said == RIGHT[at]
        mine += good
        reader += LISTS["interpretable"][at] == (RIGHT[at] == "component")
        told = page.get_by_role("status").inner_text()
        assert told.startswith("✓ Right" if good else "✗ No")
        assert ("component" in told) == (RIGHT[at] == "component")
    score = page.locator(".ex-score").inner_text()
    assert f"You: {mine} of 10." in score and f"on these: {reader} of 10" in score
    right = (LISTS["interpretable"] == (LISTS["role"] != trust.RANDOM)).mean()
    assert f"right in {10 * right:.1f} of ten" in page.locator(".ex-quiz").inner_text()
    page.get_by_text("The ten lists").click()
    page.locator(".ex-quiz tbody tr").nth(9).wait_for()
    page.get_by_role("button", name="Ten more").click()
    assert "quiz.round=2" in page.url and shown(page) == rounds(LISTS)[1][0]
    for _ in range(10):
        page.keyboard.press("c")
    assert f"So far you: {mine + 5} of 20" in page.locator(".ex-score").inner_text()


def test_a_round_is_found_by_its_address_and_words_are_text(page_file, open_page):
    page = open_page(page_file, fragment="#quiz.round=2")
    assert shown(page) == rounds(LISTS)[1][0]
    assert page.locator(".ex-quiz img").count() == 0
    assert HOSTILE in page.locator(".ex-quiz-words").inner_text()
    assert shown(open_page(page_file, fragment="#quiz.round=99")) == rounds(LISTS)[0][0]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_a_telephone_is_large_enough_to_touch_and_accessible(tmp_path, open_page, theme):
    page = open_page(widget_page(tmp_path, ConceptQuiz(LISTS), theme=theme), width=390)
    for button in page.locator(".ex-quiz .ex-buttons button").all():
        assert button.bounding_box()["height"] >= 44
    for done in (False, True):
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        if not done:
            page.get_by_role("button", name="A component").focus()
            for _ in range(10):
                page.keyboard.press("c")
    assert page.locator(".ex-quiz").bounding_box()["height"] < 844


def test_the_score_of_the_blind_reader_is_the_share_it_places_right():
    blind = trust.read_labels("blind")
    right = np.mean(blind["interpretable"] == (blind["role"] != trust.RANDOM))
    one = verdict.score(blind)
    assert one.mean_b == pytest.approx(10 * right) and one.mean_a == 5
    assert one.mean_a + one.low < one.mean_b < one.mean_a + one.high
