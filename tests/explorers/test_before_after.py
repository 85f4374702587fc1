"""The intro's explorer: one prompt, its response before and after tuning, what each rests on."""

import numpy as np
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from harness import widget_page

from helpers.findings.recognition.before_after import BeforeAfter, before_after, segments
from helpers.paths import DEFAULT_PAIR
from helpers.store.store import open_store

SHOWN = {
    "segments": [
        {"role": "context", "text": "My friend speaks only Spanish."},
        {"role": "instruction", "text": "Translate <b>this</b>."},
    ],
    "unit": "share",
    "models": {
        "base": {"text": "Translate this.\nAgain.", "followed": False,
                 "weights": {"context": 0.75, "instruction": 0.25}},
        "tuned": {"text": "", "followed": True, "weights": {"context": 0.1, "instruction": 0.9}},
    },
}  # fmt: skip


def opened(open_page, tmp_path, data=SHOWN, **options):
    page = open_page(widget_page(tmp_path, BeforeAfter(data=data)), **options)
    return page, page.locator(".ex-before")


def test_the_switch_changes_the_response_the_weights_and_the_tints(open_page, tmp_path):
    page, explorer = opened(open_page, tmp_path)
    tint = "all => all.map((one) => getComputedStyle(one).backgroundColor)"
    before = explorer.locator(".ex-words").evaluate_all(tint)
    assert explorer.locator(".ex-weight").all_inner_texts() == ["75 %", "25 %"]
    assert "Again." in explorer.locator(".ex-answer").inner_text()
    assert "does not do what was asked" in explorer.inner_text()
    page.get_by_role("radio", name="After tuning").check()
    assert explorer.locator(".ex-weight").all_inner_texts() == ["10 %", "90 %"]
    assert explorer.locator(".ex-answer").inner_text() == "(empty)"
    assert "✓" in explorer.inner_text()
    assert explorer.locator(".ex-words").evaluate_all(tint) != before
    assert "before.model=tuned" in page.url
    assert "After tuning" in explorer.get_by_role("status").text_content()


def test_a_link_opens_the_model_it_names_and_text_is_never_html(open_page, tmp_path):
    page, explorer = opened(open_page, tmp_path, fragment="#before.model=tuned")
    assert page.get_by_role("radio", name="After tuning").is_checked()
    assert "<b>this</b>" in explorer.inner_text()


def test_losses_in_nats_may_be_below_zero(open_page, tmp_path):
    weights = {"context": -0.31, "instruction": 2.0}
    one = SHOWN["models"]["base"] | {"weights": weights}
    data = SHOWN | {"unit": "nats", "models": {"base": one, "tuned": one}}
    _, explorer = opened(open_page, tmp_path, data)
    assert explorer.locator(".ex-weight").all_inner_texts() == ["−0.3 nats", "2.0 nats"]
    assert "blanked" in explorer.inner_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everyone_can_read_it_on_a_telephone(open_page, tmp_path, theme):
    page = open_page(widget_page(tmp_path, BeforeAfter(data=SHOWN), theme=theme), width=390)
    found = Axe().run(page).response["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    boxes = page.locator(".ex-choice label").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect().height)"
    )
    assert min(boxes) >= 24


def test_segments_are_runs_of_one_role_without_the_template():
    tokens = ("###", " My", " friend", "\n", "Do", " it", "\n\n", "###")
    roles = ("template", *["context"] * 3, *["instruction"] * 2, *["template"] * 2)
    assert segments(tokens, roles) == [
        {"role": "context", "text": "My friend"},
        {"role": "instruction", "text": "Do it"},
    ]


def test_the_books_own_pair_shows_its_running_example():
    store = open_store(DEFAULT_PAIR)
    found = before_after(store)
    assert {one["role"] for one in found["segments"]} == {"context", "input", "instruction"}
    for side in found["models"].values():
        assert set(side["weights"]) >= {"context", "input", "instruction"}
        assert found["unit"] == "nats" or np.isclose(sum(side["weights"].values()), 1)


def test_losses_stand_in_place_of_shares_once_they_are_stored(monkeypatch):
    module = "helpers.findings.recognition.before_after"
    store = open_store(DEFAULT_PAIR)
    shared = before_after(store)
    rows = [
        dict(id="translation-07", setting="template", way="zero", model=m, author="tuned", segment=s,
             loss=loss)
        for m in ("base", "tuned")
        for s, loss in (("context", 0.5), ("input", 1.0), ("instruction", 2.0))
    ]  # fmt: skip
    monkeypatch.setattr(f"{module}.read_blanking", lambda _: pd.DataFrame(rows))
    monkeypatch.setattr(type(store), "has", lambda *_: True)
    found = before_after(store)
    assert found["unit"] == "nats" and found["segments"] == shared["segments"]
    assert found["models"]["tuned"]["weights"] == {"context": 0.5, "input": 1, "instruction": 2}
