"""Prompts of one's own: every layout is read, whatever is malformed is refused with its place."""

from __future__ import annotations

import csv
import io
import json
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.methods.errors import Mendable
from helpers.prompts import reading as importing
from helpers.prompts.marks import read_marked
from helpers.prompts.prompt import LONGEST, ROLES, Prompt, PromptError, Segment, read_prompts
from helpers.prompts.reading import collect, csv_records, misspelt
from helpers.prompts.records import jsonl_records
from helpers.store import release

load_prompts = importing.read_source
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


def parts(prompt):
    return [(segment.role, segment.text) for segment in prompt.segments]


def wrote(tmp_path, name, content):
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def lines(*records):
    return "\n".join(json.dumps(record) for record in records)


# What is read


def test_the_books_own_file_is_read_as_read_prompts_reads_it():
    from helpers.paths import data_folder

    assert load_prompts(data_folder() / "prompts.jsonl") == read_prompts()


ALPACA = [
    {"instruction": "Name a colour.", "input": "", "output": "Red."},
    {"instruction": "Translate.", "input": "Guten Tag", "output": "Good day"},
]


def test_alpacas_columns_are_instruction_and_input_and_the_output_is_not_read(tmp_path):
    prompts = load_prompts(wrote(tmp_path, "alpaca.jsonl", lines(*ALPACA)))
    assert [p.text for p in prompts] == ["Name a colour.", "Translate.\nGuten Tag"]
    assert parts(prompts[1]) == [("instruction", "Translate."), ("input", "Guten Tag")]
    assert [(p.id, p.kind) for p in prompts] == [("row-1", "imported"), ("row-2", "imported")]


def test_a_table_is_read_with_commas_quotes_and_line_ends_in_its_cells(tmp_path):
    table = 'id,instruction,input\r\n7,"Count, then say ""done"".","a\nb"\r\n\r\n8,Go.,\r\n'
    first, second = load_prompts(wrote(tmp_path, "own.csv", b"\xef\xbb\xbf" + table.encode()))
    assert parts(first) == [("instruction", 'Count, then say "done".'), ("input", "a\nb")]
    assert (first.id, second.id, second.text) == ("7", "8", "Go.")


def test_all_layouts_can_say_the_same(tmp_path):
    rule = {"type": "exact", "answers": ["2"]}
    said = [("context", "The word is kiwi."), ("instruction", "Count the vowels.")]
    segments = [{"role": role, "text": text} for role, text in said]
    marked = "The word is kiwi.\n<instruction>Count the vowels.</instruction>"
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(["id", "kind", "rule", "segments"])
    rows.writerow(["a", "counting", json.dumps(rule), json.dumps(segments)])
    whole = {"id": "a", "kind": "counting", "rule": rule}
    found = [
        *load_prompts(wrote(tmp_path, "a.jsonl", lines(whole | {"segments": segments}))),
        *load_prompts(wrote(tmp_path, "b.jsonl", lines(whole | {"text": marked}))),
        *load_prompts(wrote(tmp_path, "c.csv", table.getvalue())),
    ]
    wanted = Prompt("a", "counting", tuple(Segment(*one) for one in said), rule)
    assert found == [wanted] * 3


def test_only_a_line_feed_ends_a_line_and_a_mark_of_byte_order_begins_one(tmp_path):
    held = ["a\u2028b", "a\u0085b\x0cc\x1ed", "a\rb\tc"]
    records = [json.dumps({"instruction": "Go.", "input": t}, ensure_ascii=False) for t in held]
    content = "\ufeff" + "\r\n\ufeff".join(records)  # as where files were put together
    found = load_prompts(wrote(tmp_path, "a.jsonl", content))
    assert [p.segments[1].text for p in found] == held
    table = io.StringIO()
    csv.writer(table).writerows([("instruction", "input"), *(("Go.", text) for text in held)])
    found = load_prompts(wrote(tmp_path, "a.csv", "\ufeff" + table.getvalue()))
    assert [p.segments[1].text for p in found] == held


def test_a_cell_of_a_table_may_be_as_long_as_is_said_and_a_line_as_a_prompt_may_be(tmp_path):
    for length in (131_072, 131_073):
        file = wrote(tmp_path, "a.csv", "instruction,input\nGo.,x\nGo.," + "a" * length)
        if length == 131_072:
            assert len(load_prompts(file)[1].text) == length + 4
            continue
        with pytest.raises(PromptError, match="line 3: a cell holds more than 131,072 characters"):
            load_prompts(file)
    file = wrote(tmp_path, "a.jsonl", lines({"instruction": "a" * LONGEST}))
    assert len(load_prompts(file)[0].text) == LONGEST
    file = wrote(tmp_path, "b.jsonl", lines(ALPACA[0], {"instruction": "a" * (LONGEST + 1)}))
    with pytest.raises(PromptError, match="line 2: the prompt has 1,000,001 characters .*shorten"):
        load_prompts(file)


# Marked text

MARKED = {
    "<instruction>Go.</instruction>": [("instruction", "Go.")],
    "<instruction>Go</instruction>: a house": [("instruction", "Go"), ("context", ": a house")],
    "<input>x</input>\n\n<instruction>Go.</instruction>\n<cue>Answer:</cue>": [
        ("input", "x"), ("instruction", "\nGo."), ("cue", "Answer:"),
    ],
    r"<instruction>Close \<input> by \</input>.</instruction>": [
        ("instruction", "Close <input> by </input>."),
    ],
    r"C:\dir\\ <b>1 < 2</b>" "\n" r"\\<instruction>Go\\</instruction>": [
        ("context", "C:\\dir\\\\ <b>1 < 2</b>\n\\"), ("instruction", "Go\\"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("text", MARKED)
def test_marks_give_roles_and_a_backslash_makes_them_text(text):
    assert [(s.role, s.text) for s in read_marked(text)] == MARKED[text]


def mark(role, text):
    """Marked text of one segment; the inverse of what is tested."""
    text = re.sub(
        rf"(\\*)(</?(?:{'|'.join(ROLES)})>)", lambda m: m[1] * 2 + "\\" + m[2], text, flags=re.I
    )
    return f"<{role}>{text}{(len(text) - len(text.rstrip(chr(92)))) * chr(92)}</{role}>"


HOSTILE = st.lists(
    st.sampled_from(["\\", "<", "</", ">", "<input>", "</input>", "<INPUT>", "instruction>", "a "]),
    min_size=1,
).map("".join)


@given(st.lists(st.tuples(st.sampled_from(ROLES), (TEXT | HOSTILE).map(str.strip).filter(bool))))
def test_any_segments_come_back_from_their_marked_text(segments):
    marked = "\n".join(mark(role, text) for role, text in segments)
    assert [(s.role, s.text) for s in read_marked(marked)] == segments


PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<\\"))


@given(PLAIN, PLAIN.filter(str.strip), PLAIN)
def test_text_laid_out_in_lines_is_read_unchanged(before, held, after):
    segments = read_marked(f"{before}\n<input>{held}</input>\n{after}")
    assert "\n".join(segment.text for segment in segments) == f"{before}\n{held}\n{after}"


@given(PLAIN, PLAIN.filter(str.strip), PLAIN)
def test_marks_within_a_line_change_white_space_alone(before, held, after):
    segments = read_marked(f"{before}<input>{held}</input>{after}")
    found = "\n".join(segment.text for segment in segments)
    assert "".join(found.split()) == "".join(f"{before}{held}{after}".split())


# What is refused

GOOD = {"id": "a", "kind": "k", "instruction": "Go."}
SEGMENT = {"role": "instruction", "text": "Go."}


def changed(**change):
    return json.dumps(GOOD | change)


def text(marked):
    return json.dumps({"text": marked})


def segments(*given):
    return json.dumps({"segments": list(given)})


BAD_LINES = [
    # no JSON, or not an object
    ("{", "no JSON"), ("}", "no JSON"), ("nonsense", "no JSON"), ("{'instruction': 'Go.'}", "no JSON"),
    (changed() + ",", "no JSON"), (changed() * 2, "no JSON"), ("[" * 100_000, "nested"),
    ("[]", "no JSON object"), ("[" + changed() + "]", "no JSON object"), ("3", "no JSON object"),
    ("null", "no JSON object"), ('"Go."', "no JSON object"), ("{}", "none of 'segments'"),
    ('{"id": "a", "id": "b", "instruction": "Go."}', "stands twice"),
    ('{"instruction": "Go.", "instruction": "Stop."}', "stands twice"),
    ('{"n": ' + "9" * 5000 + "}", "no JSON|none of"),
    (b"\xff\xfe", "not UTF-8"), (b'{"instruction": "caf\xe9"}', "not UTF-8"),
    (changed().encode("utf-16"), "not UTF-8"), ('{"prompt": "Go."}', "none of 'segments'"),
    # id, kind, rule
    (changed(id=" "), "'id'"), (changed(id=[]), "'id'"), (changed(id=True), "'id'"),
    (changed(id=1.5), "'id'"), (changed(id="\ud800"), "surrogate"), (changed(kind=3), "'kind'"),
    (changed(kind={}), "'kind'"), (changed(kind=" "), "'kind'"), (changed(rule=[]), "unknown|rule"),
    (changed(rule=3), "rule|unknown"), (changed(rule={}), "unknown|type"),
    (changed(rule={"type": "magic"}), "magic"), (changed(rule={"type": "exact"}), "answers"),
    (changed(rule="exact"), "rule is no JSON"), (changed(rule='{"type": "magic"}'), "magic"),
    # columns by role
    (changed(instruction=""), "'instruction'"), (changed(instruction=None), "'instruction'"),
    (changed(instruction="  \n"), "'instruction'"), (changed(instruction=["Go."]), "'instruction'"),
    (changed(instruction=5), "'instruction'"), (changed(instruction="\udc80"), "surrogate"),
    (changed(input=5), "'input'"), (changed(input=" "), "'input'"), (changed(input=["x"]), "'input'"),
    (changed(context={}), "'context'"), (changed(cue=0), "'cue'"), (changed(cue=False), "'cue'"),
    # segments
    ('{"segments": []}', "'segments'"), ('{"segments": {}}', "'segments'"),
    ('{"segments": 3}', "'segments'"), ('{"segments": "Go."}', "segments is no JSON"),
    ('{"segments": "[]"}', "'segments'"), (segments("Go."), "'role' and 'text'"),
    (segments({}), "'role' and 'text'"), (segments({"role": "instruction"}), "'role' and 'text'"),
    (segments(SEGMENT | {"start": 3}), "'role' and 'text'"), (segments(["a", "b"]), "'role' and"),
    (segments(SEGMENT | {"text": ""}), "'instruction'"),
    (segments(SEGMENT | {"text": 4}), "'instruction'"),
    (segments(SEGMENT | {"role": "order"}), "'order'"), (segments(SEGMENT | {"role": None}), "None"),
    (segments(SEGMENT | {"role": []}), "unknown"), (segments(SEGMENT, 3), "'role' and 'text'"),
    (segments({"role": "input", "text": "x"}), "no instruction"),
    # marked text
    (text(""), "'text'"), (text(None), "'text'"), (text(["Go."]), "'text'"), (text("\ud83d"), "surrog"),
    (text("Go."), "no instruction"), (text(r"\<instruction>Go.\</instruction>"), "no instruction"),
    (text("<input>x</input>"), "no instruction"), (text("<b>Go.</b>"), "no instruction"),
    (text("<instruction>Go."), "never closed"), (text("<instruction>"), "never closed"),
    (text(r"<instruction>Go.\</instruction>"), "never closed"), (text("Go.</instruction>"), "not open"),
    (text("</instruction>Go.<instruction>"), "not open"),
    (text("<instruction></instruction>"), "empty"), (text("<instruction> \n </instruction>"), "empty"),
    (text("<instruction>Go.</instruction> <cue></cue>"), "empty"),
    (text("<instruction>Go.</input>"), "not open"), (text("<instruction>a<input>b"), "within"),
    (text("<instruction>a <instruction>b</instruction>"), "within"),
    (text("<instruction>a <input>b</input></instruction>"), "within"),
    (text("<Instruction>Go.</Instruction>"), "lower case"),
    (text("<instruction>Go.</INSTRUCTION>"), "lower case"),
    (text("<instruction>Go.</instruction> <Input>x</Input>"), "lower case"),
    (text("<instruction>Go.</instruction></instruction>"), "not open"),
]  # fmt: skip
TRUNCATED = [(changed()[:end], "no JSON") for end in range(1, len(changed()))]
WRONG_KINDS = [
    (changed(**{key: value}), key)
    for key in ("instruction", "input", "context", "cue", "kind")
    for value in (1, [], {}, True, " ")
]

REFUSED_TABLES = [
    ("", "holds no prompt", None), ("\n\n", "holds no prompt", None),
    ("instruction\n", "holds no prompt", None), ("Go.\nStop.\n", "first line must name", 1),
    ("prompt,response\nGo.,ok\n", "first line must name", 1), ("Instruction\nGo.\n", "must name", 1),
    ("instruction;input\nGo.;x\n", "semicolons", 1), ("instruction,instruction\na,b\n", "one name", 1),
    ("instruction,,\na,b,c\n", "one name", 1),
    ("instruction,input\nGo.\n", "1 cells", 2), ("instruction,input\nGo.,x,y\n", "3 cells", 2),
    ("instruction\nGo.\nGo, now\n", "2 cells", 3), ('instruction\n"Go.\n', "quotes", 2),
    ('instruction\nGo.\n"a"b\n', "quotes", 3), ('instruction\n"a\nb"\nc,d\n', "2 cells", 4),
    ("instruction,input\n,x\n", "'instruction'", 2), ("instruction,input\nGo., \n", "'input'", 2),
    ("text\nGo.\n", "no instruction", 2), ("text\n<instruction>Go.\n", "never closed", 2),
    ("segments\nGo.\n", "no JSON", 2), ("segments\n[]\n", "'segments'", 2),
    ("id,instruction\na,Go.\na,Go.\n", "used before", 3), ("rule,instruction\n3,Go.\n", "rule", 2),
    ("rule,instruction\nexact,Go.\n", "no JSON", 2), ("kind,instruction\n ,Go.\n", "'kind'", 2),
    (b"instruction\nGo.\ncaf\xe9\n", "not UTF-8", 3), (b"\xff\xfei\0", "not UTF-8", 1),
    ("instruction\n" + "a" * 140_000, "a cell holds more than 131,072 characters: .*JSONL", 2),
    ("instruction\rGo.\rGo, now\r", "cells", 3),
]  # fmt: skip


MALFORMED = BAD_LINES + TRUNCATED + WRONG_KINDS


def test_there_are_a_hundred_malformed_inputs_or_more():
    contents = [content for content, *_ in MALFORMED + REFUSED_TABLES]
    assert len(set(contents)) >= 150 and len(BAD_LINES) + len(REFUSED_TABLES) >= 100


@pytest.mark.parametrize(("line", "says"), MALFORMED, ids=range(len(MALFORMED)))
def test_a_malformed_line_is_refused_with_file_line_and_reason(line, says, tmp_path):
    line = line if isinstance(line, bytes) else line.encode()
    first = json.dumps({"instruction": "Go."}).encode() + b"\n\n"
    file = wrote(tmp_path, "mine.jsonl", first + line.replace(b"\n", b" "))
    with pytest.raises(PromptError, match=says) as refused:
        load_prompts(file)
    assert str(refused.value).startswith(f"{file}, line 3: ")


@pytest.mark.parametrize(("table", "says", "line"), REFUSED_TABLES, ids=range(len(REFUSED_TABLES)))
def test_a_malformed_table_is_refused_with_file_line_and_reason(table, says, line, tmp_path):
    file = wrote(tmp_path, "mine.csv", table)
    with pytest.raises(PromptError, match=says) as refused:
        load_prompts(file)
    place = f", line {line}: " if line else " holds no prompt"
    assert str(refused.value).startswith(f"{file}{place}")


def test_an_id_may_not_be_used_twice(tmp_path):
    with pytest.raises(PromptError, match="line 2: id 'a' was used before"):
        load_prompts(wrote(tmp_path, "twice.jsonl", changed() + "\n" + changed()))


@pytest.mark.parametrize(
    "name",
    [
        "none.jsonl",
        "none.csv",
        "a\0b.csv",
        "none.txt",
        "",
        "a b/c",
        "tulu",
        "owner/none.jsonl",
        "a" * 5000,
        '{"instruction": "Go."}',
    ],
)
def test_what_is_no_file_and_no_data_set_is_refused_by_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PromptError) as refused:
        load_prompts(name)
    assert str(refused.value).startswith(name or ".")


MISSPELT = [  # columns of one record, and what is said of them
    (["instruction", "inptu"], "column 'inptu' is not known: did you mean 'input'"),
    (["instruction", "Input"], "column 'Input' is not known: did you mean 'input'"),
    (["instruction", "contxt"], "did you mean 'context'"),
    (["instruction", "content"], "did you mean 'context'"),
    (["instruction", "inputs"], "did you mean 'input'"),
    (["instruction", "rules"], "did you mean 'rule'"),
    (["text", "Rule"], "did you mean 'rule'"),
    (["instrction", "input"], "did you mean 'instruction'"),
    (["segment"], "did you mean 'segments'"),
    (["instruction", "input", "inputs", "texts", "idx", "output"], None),
    (["instruction", "output", "response", "category", "label", "question"], None),
    (["instruction", "role", "idx", "ids", "dataset", "source", "type"], None),
    (["text", "inputs", "contexts", "instructions"], None),  # not read beside marked text
]  # fmt: skip


@pytest.mark.parametrize(("columns", "says"), MISSPELT)
def test_a_column_that_is_nearly_a_known_one_is_refused_unless_that_one_is_there(columns, says):
    found = misspelt(columns)
    assert found is None if says is None else says in found


def test_a_misspelt_column_is_refused_with_its_place_in_every_format(tmp_path):
    told = "column 'inptu' is not known: did you mean 'input'\\? Rename it, or leave it out.$"
    with pytest.raises(PromptError, match=f"line 2: {told}"):
        load_prompts(wrote(tmp_path, "a.jsonl", lines(*ALPACA[:1], GOOD | {"inptu": "x"})))
    with pytest.raises(PromptError, match=f"line 1: {told}"):
        load_prompts(wrote(tmp_path, "a.csv", "instruction,inptu\nGo.,x\n"))
    with pytest.raises(PromptError, match="line 1: .*must name.*'Instruction'.*mean 'instruction'"):
        load_prompts(wrote(tmp_path, "b.csv", "Instruction,input\nGo.,x\n"))
    assert load_prompts(wrote(tmp_path, "b.jsonl", lines(GOOD | {"inptu": None})))  # says nothing


@pytest.mark.parametrize(
    "rule", ["exact", 3, ["exact"], {"type": "exact"}, {"type": "magic"}, {"type": []},
             {"type": "word_count", "least": 3}, {"type": "number", "value": "three"},
             {"type": "case", "style": "title"}, {"type": "matches", "pattern": "("}],
)  # fmt: skip
def test_a_rule_that_cannot_be_used_is_refused_in_one_sentence(rule, tmp_path):
    with pytest.raises(PromptError, match="line 1: .*rule") as refused:
        load_prompts(wrote(tmp_path, "mine.jsonl", changed(rule=rule)))
    said = str(refused.value)
    assert said.endswith(".") and ".." not in said.removeprefix(str(tmp_path))
    if not isinstance(rule, dict):
        assert 'such as {"type": "exact", "answers": ["Paris"]}' in said


def test_an_array_in_a_json_file_is_refused_with_what_to_write_instead(tmp_path):
    file = wrote(tmp_path, "mine.json", json.dumps(ALPACA))
    with pytest.raises(
        PromptError, match="mine.json is no file ending in .jsonl.*lines, one object each"
    ):
        load_prompts(file)


def test_fewer_prompts_than_can_be_tested_are_refused(tmp_path):
    file = wrote(tmp_path, "two.jsonl", lines(*ALPACA))
    with pytest.raises(PromptError, match="two.jsonl holds 2 prompts.*fewer than 3: add some"):
        importing.load_prompts(file)


# Any bytes are parsed, or refused by name

BYTES = st.binary(max_size=60) | st.lists(
    st.sampled_from([*'{}[]":,\\\n\r; a1', '"instruction"', '"text"', '"segments"', "<instruction>",
                     "</instruction>", "instruction,input\n", "text\n", '""', "\ud7ff"]),
    max_size=40,
).map(lambda drawn: "".join(drawn).encode())  # fmt: skip


@pytest.mark.parametrize("read", [jsonl_records, csv_records])
@given(content=BYTES)
def test_any_bytes_are_parsed_or_refused_by_name(read, content):
    try:
        prompts = collect(read(content, "any"), "any")
    except PromptError as error:
        assert str(error).startswith("any")
    else:
        assert all("instruction" in {s.role for s in prompt.segments} for prompt in prompts)


def objects(values):
    names = [*importing.LAYOUTS, *ROLES, "id", "kind", "rule", "role"]
    return st.dictionaries(st.sampled_from(names), values, max_size=4)


@given(objects(st.recursive(
    st.none() | st.booleans() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | objects(inner),
)))  # fmt: skip
def test_any_record_is_parsed_or_refused_by_place(record):
    try:
        collect([("row 1", record)], "any")
    except PromptError as error:
        assert str(error).startswith("any, row 1: ")


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4))
def test_any_table_that_the_csv_module_writes_is_read_back(rows):
    rows = [(a, b) for a, b in rows if "\0" not in a + b] or [("Go.", "x")]
    table = io.StringIO()
    csv.writer(table).writerows([("instruction", "input"), *rows])
    found = collect(csv_records(table.getvalue().encode(), "any"), "any")
    assert [tuple(text for _, text in parts(prompt)) for prompt in found] == rows


# Data sets of the Hub


@pytest.fixture
def hub(monkeypatch):
    """What `datasets.load_dataset` was asked for; it answers with Alpaca's rows."""
    datasets = pytest.importorskip("datasets")
    asked = []

    def load_dataset(name, *, split):
        asked.append((name, split))
        return datasets.Dataset.from_list(ALPACA)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return asked


def test_a_data_set_of_the_hub_is_read_in_alpacas_layout(hub):
    prompts = load_prompts("tatsu-lab/alpaca")
    assert hub == [("tatsu-lab/alpaca", "train")]
    assert [p.text for p in prompts] == ["Name a colour.", "Translate.\nGuten Tag"]


def test_a_bad_row_of_a_data_set_is_refused_by_row(hub, monkeypatch):
    monkeypatch.setitem(ALPACA[1], "instruction", None)
    with pytest.raises(PromptError, match="^owner/name, row 2: 'instruction'"):
        load_prompts("owner/name")


def test_a_data_set_that_cannot_be_reached_says_so(monkeypatch):
    datasets = pytest.importorskip("datasets")

    def load_dataset(*_, **__):
        raise ConnectionError("no route to host\nmore")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(PromptError, match="ConnectionError: no route to host.*connection"):
        load_prompts("owner/name")


def test_without_the_library_the_error_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(PromptError, match=r"pip install 'instruction-shift\[tuning\]'"):
        load_prompts("owner/name")


# The authors' repository

HEAD = "\t".join(release.PROMPTS_HEAD)
ROWS = [
    "user_oriented_task_1\tSort the words./n/nInput: b a/n/nOutput:\ta b\tSort the words.&&&b a",
    "lima_2\tI have cats. How many?  Say so, please.\t3\tHow many|||Say so&&&",
    "mtbench_3\tIn a box lie keys/ntwo of them. Count the keys.\t2\tCount the keys.&&&",
]


@pytest.fixture
def clone(tmp_path):
    def make(*rows):
        file = tmp_path / release.PROMPTS
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")
        return tmp_path

    return make


def test_the_authors_prompts_are_cut_at_their_span_notes(clone):
    task, lima, mtbench = load_prompts(clone(*ROWS))
    assert (task.kind, lima.kind, mtbench.kind) == ("Self-Instruct", "LIMA", "MT-Bench")
    assert task.text == "Sort the words.\n\nInput: b a\n\nOutput:"
    assert parts(task) == [
        ("instruction", "Sort the words."), ("context", "\nInput: b a"), ("cue", "\nOutput:"),
    ]  # fmt: skip
    assert parts(lima) == [
        ("context", "I have cats."), ("instruction", "How many?"), ("instruction", "Say so,"),
        ("context", "please."),
    ]  # fmt: skip
    assert (task.place, mtbench.place) == ("first", "last")
    assert parts(mtbench)[0] == ("context", "In a box lie keys\ntwo of them.")


BAD_ROWS = {
    "lima_1\tGo home.\tok\tStay&&&": "prompt lima_1: the noted span 'Stay'",
    "lima_1\tGo home.\tok\t &&&": "prompt lima_1: no instruction is noted",
    "lima_1\t\tok\t&&&": "prompt lima_1: no instruction is noted",
    "lima_1\tGo.\tok": "line 2 has 3 columns",
    "../x\tGo.\tok\tGo.&&&": "unusable id",
}


@pytest.mark.parametrize("row", BAD_ROWS)
def test_a_prompt_without_a_usable_note_is_refused(row, clone):
    with pytest.raises(Mendable, match=re.escape(BAD_ROWS[row])):
        load_prompts(clone(row))


def test_the_authors_prompts_have_a_name_of_their_own(clone, monkeypatch):
    folder = clone("lima_1\tGo home.\tok\tGo home.&&&", "lima_2\tStay here.\tok\tStay here.&&&")
    monkeypatch.setattr(release, "fetch_files", lambda *_, **__: folder)
    assert load_prompts("released") == load_prompts(folder)


def test_a_folder_without_the_table_is_refused(tmp_path):
    with pytest.raises(PromptError, match="only a clone of the authors' repos.*own go into.*jsonl"):
        load_prompts(tmp_path)


def test_a_table_with_tabs_that_is_not_the_authors_leads_to_the_formats_of_own_prompts(tmp_path):
    file = wrote(tmp_path, "mine.tsv", "instruction\tinput\nGo.\tx\n")
    with pytest.raises(PromptError, match="is not the authors' table.*own go into.*jsonl or .csv"):
        load_prompts(file)


def test_a_table_that_is_not_the_known_one_or_cannot_be_fetched_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(release, "cache_folder", lambda: tmp_path / "cache")
    (tmp_path / "datasets").mkdir()
    (tmp_path / release.PROMPTS).write_text("other", encoding="utf-8")
    for url in (f"file://{tmp_path}/", "http://127.0.0.1:9/"):
        monkeypatch.setattr(release, "URL", url)
        with pytest.raises(Mendable, match="could not be fetched.*--prompts FOLDER"):
            load_prompts("released")


@given(content=st.binary(max_size=80) | st.lists(TEXT, min_size=4, max_size=4).map(
    lambda cells: "\n".join([HEAD, "\t".join(cells)]).encode(errors="replace")))  # fmt: skip
def test_any_table_of_the_authors_is_parsed_or_refused_by_name(content, tmp_path_factory):
    file = tmp_path_factory.mktemp("release") / "prompts.tsv"
    file.write_bytes(content)
    try:
        load_prompts(file)
    except Mendable as error:
        assert str(error).startswith(str(file))
