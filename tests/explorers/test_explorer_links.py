"""Links to a view: the page opens at its explorer; an untouched page keeps its plain address."""

import pytest
from harness import widget_page
from test_component_explorer import SHOWN
from test_saliency import ITEMS

from helpers.findings.ffn.explorer import ComponentExplorer
from helpers.findings.recognition.explorer import SaliencyExplorer

ABOVE = """<style>main { padding-bottom: 2000px }</style>
<p style="height:4000px">Text <a href="#">above</a>.</p>"""
LATE = """<img id="late" alt=""><script>addEventListener("load", () => setTimeout(() => {
  document.getElementById("late").style = "display:block;height:900px;overflow-anchor:none";
}, 300));</script>"""
TOP = "document.querySelector('.ex').getBoundingClientRect().top"


@pytest.mark.parametrize("width", [1300, 390])
def test_a_link_opens_the_page_at_its_explorer(open_page, tmp_path, width):
    path = widget_page(tmp_path, SaliencyExplorer(ITEMS), above=ABOVE + LATE)
    page = open_page(path, width=width, fragment="#saliency.prompt=code-01")
    page.wait_for_function("document.getElementById('late').offsetHeight === 900")
    page.wait_for_function(f"Math.abs({TOP}) < 40")
    assert page.evaluate("document.activeElement === document.body")


def test_nothing_scrolls_without_a_link_to_this_explorer_or_once_the_reader_acts(
    open_page, tmp_path
):
    path = widget_page(tmp_path, SaliencyExplorer(ITEMS), above=ABOVE)
    for fragment in ("", "#heads.layer=2"):
        page = open_page(path, fragment=fragment)
        page.wait_for_timeout(300)
        assert page.evaluate("scrollY") == 0
    page = open_page(path, fragment="#saliency.p=2")
    page.wait_for_function(f"Math.abs({TOP}) < 40")
    page.mouse.wheel(0, -2000)
    page.wait_for_function("scrollY < 3000")
    page.evaluate("document.body.style.paddingBottom = '500px'")
    page.wait_for_timeout(200)
    assert page.evaluate("scrollY") < 3000


def test_of_several_explorers_the_one_used_last_is_opened(open_page, tmp_path):
    for name, widget in (("a", SaliencyExplorer(ITEMS)), ("b", ComponentExplorer(SHOWN))):
        (tmp_path / name).mkdir()
        path = widget_page(tmp_path / name, widget, above=ABOVE)
        page = open_page(path, fragment="#components.layer=1&saliency.p=2")
        if name == "a":
            page.wait_for_function(f"Math.abs({TOP}) < 40")
            continue
        assert page.evaluate("scrollY") == 0
        page.get_by_label("Component", exact=True).fill("5")
        keys = page.evaluate("[...new URLSearchParams(location.hash.slice(1)).keys()]")
        assert keys[0] == "saliency.p" and keys[-1].startswith("components.")


def test_an_untouched_explorer_leaves_the_address_alone(open_page, tmp_path):
    page = open_page(widget_page(tmp_path, SaliencyExplorer(ITEMS)), fragment="#a-heading")
    assert page.evaluate("location.hash") == "#a-heading"
    page.get_by_role("button", name="Copy link").click()
    assert "saliency.prompt=first-01" in page.url and "a-heading" not in page.url


def test_only_text_that_is_no_number_is_kept_from_being_a_formula(open_page, tmp_path):
    page = open_page(widget_page(tmp_path, SaliencyExplorer(ITEMS)))
    wanted = {
        "-0.1 2e-3 -4": "-0.1 2e-3 -4", "-5": "-5", "plain": "plain", "a - b": "a - b", "a,b": '"a,b"',
        "=1+1": "'=1+1", "-1+cmd": "'-1+cmd", "@x": "'@x", "- 1": "'- 1", "＝1": "'＝1", "＋1": "'＋1",
        "\n=1": "\"'\n'=1\"", "\u00a0=1": "'\u00a0=1", "a;=1": "\"a;'=1\"", "a; @x": "\"a; '@x\"",
        "a;b": '"a;b"', "a\n-x": "\"a\n'-x\"", "\tx": "\"'\tx\"", "\x00=1": "␀=1", 'q"': '"q"""',
    }  # fmt: skip
    script = """async (cells) => {
      const states = document.querySelector('script[type$="state+json"]');
      const all = Object.values(JSON.parse(states.textContent).state);
      const { _esm } = all.find((one) => one.state._esm).state;
      const blob = new Blob([_esm + "\\nexport { csvCell };"], { type: "text/javascript" });
      const { csvCell } = await import(URL.createObjectURL(blob));
      return cells.map(csvCell);
    }"""
    assert page.evaluate(script, list(wanted)) == list(wanted.values())
