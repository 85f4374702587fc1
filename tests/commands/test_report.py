"""From two commands to a report: what is in it, what is not, and that nothing breaks out of it."""

import base64
import json
import os
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from tiny import save_model

from helpers.__main__ import main
from helpers.commands import compute, filling, report
from helpers.findings.attention.lift import quarters
from helpers.findings.ffn import tables as ffn_view
from helpers.findings.recognition import read
from helpers.findings.recognition import tables as recognition_view
from helpers.findings.registry import FINDINGS
from helpers.methods.errors import Mendable
from helpers.models import registry
from helpers.pages.tables import show_p
from helpers.prompts.placement import Item
from helpers.store.store import Store, open_store

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "book" / "appendices" / "your-own-model.md").read_text(encoding="utf-8")
BREAKOUT = "</script><img src=x onerror=f()>"
RULE = {"type": "exact", "answers": [BREAKOUT]}
SENTENCES = ("The sea is calm.", "A boat is red.", "It rains.", "They row.", "All is well.")


class Elements(HTMLParser):
    """Elements of a page with their attributes, text of scripts and of all the rest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found, self.scripts, self.text, self._open = [], [], "", None
        self.feed(text)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        self._open = tag if tag in ("script", "style") else None
        if tag == "script":
            self.scripts.append([dict(attributes).get("type"), ""])

    def handle_endtag(self, tag):
        self._open = None

    def handle_data(self, data):
        if self._open == "script":
            self.scripts[-1][1] += data
        elif self._open is None:
            self.text += f" {data}"


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """A store that the command line filled: chapter 1 on prompts of one's own, three short items."""
    folder = tmp_path_factory.mktemp("own")
    models = [str(save_model(folder / name, seed=i)) for i, name in enumerate(("base", "tuned"))]
    lines = [
        {"id": f"{n} {BREAKOUT}", "kind": f"<b>{n % 2}</b>", "instruction": f"Name colour {n}."}
        for n in range(6)
    ]
    (folder / "mine.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    items = [Item(f"item-{n}", "extraction", f"Name colour {n}.", SENTENCES, BREAKOUT, RULE)
             for n in range(3)]  # fmt: skip
    named = ["--base", models[0], "--tuned", models[1], "--name", "tiny", "--device", "cpu"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INSTRUCTION_SHIFT_RESULTS", str(folder / "results"))
        patch.setattr("helpers.findings.positions.compute.read_items", lambda: items)
        for finding in ("recognition", "positions"):
            own = ["--prompts", str(folder / "mine.jsonl"), "--finding", finding]
            compute.main([*named, *own])
    return folder


@pytest.fixture(autouse=True)
def results(computed, monkeypatch):
    monkeypatch.setenv("INSTRUCTION_SHIFT_RESULTS", str(computed / "results"))


@pytest.fixture(scope="module")
def written(computed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INSTRUCTION_SHIFT_RESULTS", str(computed / "results"))
        report.main(["--pair", "tiny", "--output", str(computed / "tiny.html")])
    return (computed / "tiny.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def parsed(written):
    return Elements(written)


# --- what is in it


def test_a_table_holds_the_numbers_of_the_chapters_functions(parsed):
    own = recognition_view.own(read.scores(open_store("tiny")))
    found = recognition_view.compare(recognition_view.paired(own), "own")
    interval = f"{found.difference:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
    row = f"own responses, whole {found.n} {found.mean_a:.3f} {found.mean_b:.3f}"
    assert f"{row} {interval}" in parsed.text and show_p(found.p_value) in parsed.text
    assert found.n == 6 and found.null_hypothesis in parsed.text and "p (Holm)" in parsed.text


def test_figures_are_drawings_in_the_page_with_a_description(parsed):
    images = [attributes for tag, attributes in parsed.found if tag == "img"]
    assert len(images) == 5
    for image in images:
        kind, drawing = image["src"].split(",")
        assert kind == "data:image/svg+xml;base64" and len(image["alt"]) > 40
        assert ElementTree.fromstring(base64.b64decode(drawing)).tag.endswith("svg")


def test_explorers_bring_state_and_module_and_the_script_that_mounts_them(parsed):
    states = [json.loads(text)["state"] for kind, text in parsed.scripts if "-state+" in str(kind)]
    views = [json.loads(text) for kind, text in parsed.scripts if "-view+" in str(kind)]
    assert len(states) == len(views) == 2
    for state, view in zip(states, views, strict=True):
        assert "export default" in state[view["model_id"]]["state"]["_esm"]
    assert parsed.scripts[-1][1].strip() == (
        ROOT / "helpers" / "pages" / "mount.js"
    ).read_text("utf-8").strip()  # fmt: skip


def test_what_was_not_computed_is_named_with_the_command_that_computes_it(parsed, computed):
    for finding in ("attention", "ffn"):  # files by their names: what is mailed tells no paths
        models = "--base base --tuned tuned --name tiny --prompts mine.jsonl"
        assert f"python -m helpers compute {models} --finding {finding}" in parsed.text
    assert str(computed) not in parsed.text
    assert [f"{one.title} (not shown)" in parsed.text for one in FINDINGS] == [0, 0, 1, 1, 1, 1, 1]


def test_a_block_that_the_pair_cannot_fill_costs_no_other(parsed):
    assert "no prompt has a rule" in parsed.text  # following
    assert "Share of importance on each segment" in parsed.text


def test_it_says_what_it_was_made_from_without_telling_paths(computed):
    told = dict(report.origin(open_store("tiny")))
    assert told["base model"] == "base (on disk)" and told["tuned model"] == "tuned (on disk)"
    assert told["base model: made from"].startswith("sha256:") and "parts" in told["computed"]
    assert {"python", "torch", "transformers", "code"} <= told.keys()
    book = Store(ROOT / "data" / "results" / "gemma-3-270m")
    assert dict(report.origin(book))["tuned model"] == "adapter:gemma-3-270m-sft"


# --- nothing gets out of it, and nothing from outside into it


def test_hostile_text_is_text(parsed, written):
    assert BREAKOUT not in written and "<b>" not in written
    kinds = [kind for kind, _ in parsed.scripts]
    assert kinds.count(None) == 1 and len(kinds) == 5  # the mounting script, two states, two views
    assert not [a for _, a in parsed.found if any(name.startswith("on") for name in a)]
    states = [json.loads(text)["state"] for kind, text in parsed.scripts if "-state+" in str(kind)]
    data = [model["state"]["data"] for one in states for model in one.values()
            if "data" in model["state"]]  # fmt: skip
    assert {one["id"] for one in data[0]["items"]} == {f"{n} {BREAKOUT}" for n in range(6)}
    assert {one["expected"] for one in data[1]["items"]} == {BREAKOUT}
    assert "<b>0</b>, the tuned's response" in parsed.text


def test_the_size_of_the_update_opens_the_report(parsed):
    first = parsed.text.index("What tuning changed in the weights", 400)
    assert first < parsed.text.index("Do responses of the tuned model rest more")
    sizes = open_store("tiny").read("pair/update")
    assert set(sizes["matrix"]) >= {"q_proj", "down_proj", "embed_tokens"}
    mean = 100 * sizes[sizes["matrix"] == "q_proj"]["update"].mean()
    assert f"q_proj 2 {mean:.3f}" in parsed.text


def test_the_page_names_no_address_and_forbids_itself_to_ask_one(parsed):
    pointed = [
        value for _, attributes in parsed.found for name, value in attributes.items()
        if name in ("src", "href", "srcset", "action", "poster")
    ]  # fmt: skip
    assert pointed and all(value.startswith(("data:", "#")) for value in pointed)
    policy = next(a["content"] for _, a in parsed.found if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'") and "http" not in policy
    assert not re.findall(r"url\((?!#)|@import", re.sub(r"<script.*?</script>", "", " ".join(
        a.get("style", "") for _, a in parsed.found)))  # fmt: skip


def test_ids_are_unique_and_links_within_the_page_resolve(parsed):
    ids = [attributes["id"] for _, attributes in parsed.found if "id" in attributes]
    links = [a["href"][1:] for tag, a in parsed.found if tag == "a"]
    assert len(ids) == len(set(ids)) and set(links) <= set(ids)


# --- refusals


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--pair", "nobody"], "pair='nobody': no finding of the book lies in"),
        (["--pair", "nobody"], "--base X --tuned Y --name nobody"),
        (["--pair", "nobody"], "Stores there: tiny."),
        (["--pair", "smollm2-135m"], "python -m helpers compute --pair smollm2-135m"),
        (["--pair", "../up"], "cannot name a folder"),
        (["--pair", "tiny", "--output", "/nowhere/at/all.html"], "lies in none: name a file"),
    ],
)
def test_what_cannot_be_reported_is_said_in_one_sentence(arguments, says, monkeypatch):
    monkeypatch.setattr(report, "findings_of", lambda store: FINDINGS[:1])
    with pytest.raises(SystemExit) as ended:
        main(["report", *arguments])
    assert says in str(ended.value.code) and "Traceback" not in str(ended.value.code)


@pytest.mark.parametrize("kind", ["device", "pipe", "folder", "link to a pipe"])
def test_a_report_replaces_nothing_but_files(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "page", lambda *_, **__: "page")
    output = tmp_path / "out"
    if kind == "device":
        output = Path(os.devnull)
    elif kind == "folder":
        output.mkdir()
    else:
        os.mkfifo(tmp_path / "pipe" if "link" in kind else output)
        if "link" in kind:
            output.symlink_to("pipe")
    before = output.lstat()
    with pytest.raises(Mendable, match="is a folder or a device, or lies in none"):
        report.write(Store(tmp_path), output)
    assert (output.lstat().st_mode, output.lstat().st_ino) == (before.st_mode, before.st_ino)


def test_a_report_is_written_where_a_link_leads(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "page", lambda *_, **__: "page")
    (tmp_path / "link").symlink_to("file.html")
    report.write(Store(tmp_path), tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file.html").read_text() == "page"


def test_pairs_of_few_layers_or_components_are_compared_at_what_they_have(tmp_path):
    store = Store(tmp_path)
    for layer in range(2):
        store.write(f"attention/pairs/{layer:02d}", {"x": np.zeros(1)})
    assert list(quarters(store)) == ["lowest (0 to 0)", "highest (1 to 1)", "all layers"]
    angle, draws = np.ones((3, 4)), np.ones((3, 5, 4))
    nulls = {"norm": draws, "spectrum": draws}
    medians = {null: own[..., 0] for null, own in nulls.items()}
    few = ffn_view.Rotation(
        np.array([1, 5, 12, 27]), angle, nulls, angle, medians, angle, medians, angle, angle
    )
    names = [one.label.split(",")[0] for one in ffn_view.compare_rotation(few)]
    assert names == ["first 12 components", "first 27 components", "single components"] * 2


# --- the appendix that says how


def commands():
    lines = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.S)
             for line in block.replace("\\\n", "").splitlines()]  # fmt: skip
    return [shlex.split(line) for line in lines]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_a_command_of_the_appendix_is_understood(words):
    at = next(n for n, word in enumerate(words) if word == "helpers")
    before, command, options = words[:at], words[at + 1], words[at + 2 :]
    assert before[-1] == "-m" and before[0] in ("python", "accelerate", "torchrun")
    if command == "pairs":
        assert not options
    elif command == "compute":
        given = compute._parser().parse_args(options)
        choice = compute._choice(compute._parser(), given)
        assert given.base is None or choice.name not in registry.read()
    else:
        assert command == "report" and report._parser().parse_args(options).pair


def test_the_first_two_commands_lead_to_a_report_on_a_pair_that_is_not_in_the_registry():
    first, second = commands()[:2]
    own = compute._parser().parse_args(first[4:])
    assert own.name == report._parser().parse_args(second[4:]).pair
    known = {(one.base.where, one.tuned.where) for one in registry.read().values()}
    assert (own.base, own.tuned) not in known and own.name not in registry.read()


def test_messages_that_the_appendix_explains_are_said_somewhere():
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "helpers").rglob("*.py"))
    said = re.sub(r'"\s+f?"', "", source)
    told = re.findall(r"^\| \*(.+?)\* \|", PAGE, re.M)
    assert len(told) == 9
    for message in told:
        assert all(part in said for part in message.split(" ... ")), message


def test_prompts_of_ones_own_and_a_limit_reach_the_findings_that_take_them():
    own = list(range(10))
    assert filling.inputs("recognition", own, None) == {"prompts": own}
    assert filling.inputs("ffn", own, 3) == filling.inputs("positions", own, None) == {}
    drawn = filling.inputs("recognition", own, 4)["prompts"]
    assert len(drawn) == 4 and drawn == sorted(drawn) and set(drawn) < set(own)
    assert len(filling.inputs("positions", None, 5)["items"]) == 5
    assert len(filling.inputs("attention", None, 5)["prompts"]) == 5


def test_a_run_ends_with_the_command_that_shows_its_results(computed):
    elsewhere = Store(computed / "elsewhere", models={"base": "a/b", "tuned": "a/c"})
    for store, pair in ((open_store("tiny"), "tiny"), (elsewhere, "elsewhere")):
        words = shlex.split(compute._next(store).partition("report ")[2])
        given = report._parser().parse_args(words)
        assert given.pair == pair and given.folder in (None, store.folder)
    assert given.folder is not None


def test_the_authors_matrices_have_a_report_of_their_own(tmp_path, monkeypatch):
    monkeypatch.delenv("INSTRUCTION_SHIFT_RESULTS", raising=False)
    report.main(["--pair", "llama-vicuna-7b", "--output", str(tmp_path / "seven.html")])
    page = (tmp_path / "seven.html").read_text(encoding="utf-8")
    assert "Vicuna" in page and "not shown" not in page and page.count("<table") >= 4
