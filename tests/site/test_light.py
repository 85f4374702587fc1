"""What the build takes out of style sheets: rules that apply to nothing, and nothing else."""

import importlib.util
import json

import pytest
from build import ROOT


def extension(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "book" / "_ext" / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture(scope="module")
def lighten():
    return extension("lighten")


@pytest.mark.parametrize(
    ("sheet", "left"),
    [
        (".a{x:1}.b{x:2}", ".a{x:1}"),
        (".a,.b{x:1}", ".a{x:1}"),
        (".a .b{x:1}a{x:2}", "a{x:2}"),
        (":is(.a,.b) p{x:1}", ":is(.a,.b) p{x:1}"),
        (".a:not(.b){x:1}", ".a:not(.b){x:1}"),
        ("@media print{.b{x:1}}@media print{.a{x:1}.b{x:2}}", "@media print{.a{x:1}}"),
        ("@font-face{src:url(b.woff2)}", "@font-face{src:url(b.woff2)}"),
        ("@keyframes k{0%{x:1}to{x:2}}", "@keyframes k{0%{x:1}to{x:2}}"),
        (".sm\\:a{x:1}[data-b] #b{x:2}", "[data-b] #b{x:2}"),
        ("/* .a{ */.a{x:1}", ".a{x:1}"),
    ],
)
def test_rules_of_classes_that_no_page_has_are_dropped(lighten, sheet, left):
    assert lighten.drop_rules(sheet, {"a"}) == left


def test_the_characters_of_icons_that_are_left_are_kept(lighten):
    kept = lighten.characters('.fa-x{--fa:"\\f0c9"}.fa-y:before{content:"\\2b"}.z{content:"a"}')
    assert kept == {"\uf0c9", "+", "a"}


def test_a_page_holds_a_module_once_however_often_it_is_written():
    scripts = extension("site_scripts")
    states = {n: {"state": {"_esm": esm, "x": "</b>"}} for n, esm in zip("abc", "mmn", strict=True)}
    kind = '<script type="application/vnd.jupyter.widget-state+json">'
    page = f"{kind}{json.dumps({'state': states})}</script>"
    once = scripts.STATE.sub(scripts.share_modules, page)
    assert scripts.STATE.sub(scripts.share_modules, once) == once
    assert "</b>" not in once
    found = json.loads(scripts.STATE.search(once).group(2))["state"]
    held = [found[name]["state"]["_esm"] for name in "abc"]
    assert held == ["m", {"same_as": "a"}, "n"] and found["b"]["state"]["x"] == "</b>"
