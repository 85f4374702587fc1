"""Every control of every explorer, moved from the default view: what is drawn must change."""

import pytest
from harness import unfold, widget_page
from test_component_explorer import SEVEN
from test_component_explorer import SHOWN as COMPONENTS
from test_course_explorer import found as course
from test_heads import widget as heads
from test_positions_explorer import explorer as positions
from test_saliency import ITEMS, blanked
from test_tints import PROMPTS

from helpers.findings.course.explorer import CourseExplorer
from helpers.findings.faithfulness.explorer import TintExplorer
from helpers.findings.ffn.explorer import ComponentExplorer
from helpers.findings.recognition.explorer import SaliencyExplorer

# What a reader sees besides the controls themselves: all that is drawn, without their own state.
DRAWN = """(el) => {
  const copy = el.cloneNode(true);
  copy.querySelectorAll("input, select, output, label, details:not([open]) > :not(summary)")
    .forEach((one) => one.remove());
  return copy.innerHTML;
}"""
MOVE = """(control, value) => {
  if (control.type === "radio" || control.type === "checkbox") { control.click(); return; }
  control.value = value;
  const kind = ["range", "search"].includes(control.type) ? "input" : "change";
  control.dispatchEvent(new Event(kind, {bubbles: true}));
}"""
CHOICES = """(control) => {
  if (control.type === "radio") return control.checked ? [] : [""];
  if (control.type === "checkbox") return [""];
  const all = control.type === "range" ? [control.min, control.max]
    : [...control.options].map((option) => option.value);
  return all.filter((value) => value !== control.value);
}"""
# A word to type, a dimension to ask for: what a reader of the made-up data would try.
TYPED = {
    "Find a prompt": "word30",
    "and the word": "word7",
    "Holds the word": "word9",
}
# The default view of chapter 2 has two faces.
PAGES = {
    "saliency": (
        lambda: SaliencyExplorer([blanked(one) for one in ITEMS]),
        "#saliency.prompt=first-01",
    ),
    "density": (
        lambda: SaliencyExplorer(ITEMS),
        "#saliency.prompt=first-01&saliency.measure=score",
    ),
    "positions": (positions, ""),
    "profiles": (positions, "#positions.view=profiles"),
    "heads": (heads, ""),
    "tints": (lambda: TintExplorer(PROMPTS), ""),
    "course": (lambda: CourseExplorer(course(), opening="p1"), ""),
    "components": (lambda: ComponentExplorer(COMPONENTS, SEVEN), ""),
}


@pytest.mark.parametrize("name", PAGES)
def test_every_control_changes_the_default_view(open_page, tmp_path, name):
    make, fragment = PAGES[name]
    page = open_page(widget_page(tmp_path, make()), fragment=fragment)
    explorer = page.locator(".ex")
    unfold(page)
    count = page.locator(".ex :is(input, select)").count()
    moved, still = 0, []
    for at in range(count):
        # A fresh page a control: each is moved from the default view.
        page.goto("about:blank")
        page.goto((tmp_path / "page.html").as_uri() + fragment)
        page.locator(".explorer[data-mounted]").wait_for()
        unfold(page)
        control = page.locator(".ex :is(input, select)").nth(at)
        if not control.is_visible():
            continue
        label = control.evaluate("e => e.labels[0].textContent")
        page.wait_for_timeout(60)  # means over all items come in pieces
        before = explorer.evaluate(DRAWN)
        changed = []
        for value in [TYPED[label]] if label in TYPED else control.evaluate(CHOICES):
            control.evaluate(MOVE, value)
            if explorer.evaluate(DRAWN) == before:
                page.wait_for_timeout(300)  # what has to be unpacked first
            changed.append(explorer.evaluate(DRAWN) != before)
            moved += 1
        if changed and not any(changed):
            still.append(label)
    assert still == [] and moved >= {"before": 1, "tints": 2, "course": 4}.get(name, 6)
    for button in page.locator(".ex .ex-buttons button").all():
        before = explorer.evaluate(DRAWN)
        button.click()
        assert explorer.evaluate(DRAWN) != before


# A box's label is its target; a word of a running text is as high as its line.
SMALL = """() => [...document.querySelectorAll(".ex :is(button, select, summary, input)")]
  .filter((one) => one.checkVisibility() && !one.matches(".ex-token"))
  .map((one) => (one.matches("[type=radio], [type=checkbox]") ? one.closest("label") : one))
  .filter((one) => Math.min(one.offsetWidth, one.offsetHeight) < 24)
  .map((one) => `${one.tagName} ${one.innerText.slice(0, 30)}: ${one.offsetWidth}, ${one.offsetHeight}`)"""


@pytest.mark.parametrize("width", [1300, 390])
@pytest.mark.parametrize("name", PAGES)
def test_targets_are_24_pixels_or_more_and_nothing_scrolls_sideways(
    open_page, tmp_path, name, width
):
    make, fragment = PAGES[name]
    page = open_page(widget_page(tmp_path, make()), fragment=fragment, width=width)
    unfold(page)
    assert page.evaluate(SMALL) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
