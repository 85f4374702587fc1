"""Items with three documents: the reader's errors, masks, what a response names, the labels."""

import json

import numpy as np
import pytest
from tiny import byte_tokenizer

from helpers.prompts.prompt import TEMPLATE, PromptError, encode
from helpers.prompts.retrieval import CONDITIONS, DOCUMENTS, read_items, used

TEXT = " ".join(["The town has a river, a bridge and an old mill beside it."] * 3)
GOOD = {
    "id": "retrieval-01",
    "question": "Which river flows through the town?",
    "true": ["Danube"],
    "contradicting": ["Rhine"],
    "documents": {
        "true": f"{TEXT} It is the Danube.",
        "contradicting": f"{TEXT} It is the Rhine.",
        "absent": f"{TEXT} It is very old.",
    },
}


def write(folder, *records):
    file = folder / "items.jsonl"
    lines = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in records]
    file.write_bytes(b"\n".join(lines))
    return file


def test_the_books_items_are_whole():
    items = read_items()
    assert len(items) >= 45 and len({item.question for item in items}) == len(items)
    for item in items:
        for condition in DOCUMENTS:
            said = item.says(item.documents[condition])
            assert said == ("neither" if condition == "absent" else condition)
        assert item.says(item.question) == "neither"
        assert all(1 <= len(one.split()) <= 3 for one in (*item.true, *item.contradicting))
        sizes = [len(text.split()) for text in item.documents.values()]
        assert 35 <= min(sizes) <= max(sizes) <= 85 and max(sizes) <= 1.25 * min(sizes)


def test_a_contradicting_document_is_the_true_one_with_another_answer():
    for item in read_items():
        true, other = (item.documents[kind].split() for kind in ("true", "contradicting"))
        size = max(len(item.true[0].split()), len(item.contradicting[0].split()))
        assert len(set(true) ^ set(other)) <= 2 * size, item.id


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"{", "line 2: the line is no JSON"),
        (b"\xff", "line 2: not UTF-8"),
        ([1], "no JSON object"),
        ({k: v for k, v in GOOD.items() if k != "true"}, "true: Field required"),
        (GOOD | {"more": 1}, "more: Unexpected"),
        (GOOD | {"id": " "}, "id: it is missing, empty"),
        (GOOD | {"true": "Danube"}, "true: Input should be a valid tuple"),
        (GOOD | {"true": [""]}, "true.0: it is missing, empty"),
        (GOOD | {"documents": {"true": TEXT}}, "documents: Dictionary should have at least 3"),
        (GOOD, "was used before: change it"),
    ],
)
def test_a_bad_line_is_refused_with_file_line_and_reason(tmp_path, record, reason):
    file = write(tmp_path, GOOD, record)
    with pytest.raises(PromptError, match=reason) as caught:
        read_items(file)
    assert str(file) in str(caught.value) and "line 2" in str(caught.value)


def test_absent_and_empty_files_say_so(tmp_path):
    with pytest.raises(PromptError, match="does not exist"):
        read_items(tmp_path / "none.jsonl")
    with pytest.raises(PromptError, match="holds no item"):
        read_items(write(tmp_path, b"", b"  "))


def test_the_mask_of_a_document_is_exact(tmp_path):
    (item,) = read_items(write(tmp_path, GOOD))
    for condition in CONDITIONS:
        code = encode(item.under(condition), byte_tokenizer(), TEMPLATE)
        held = "".join(np.array(code.tokens)[code.mask("context")])
        assert held.strip() == item.documents.get(condition, "")
        asked = "".join(np.array(code.tokens)[code.mask("instruction")])
        assert asked.strip() == item.question
    with pytest.raises(ValueError, match="unknown: use one of"):
        item.under("false")


@pytest.mark.parametrize(
    ("response", "said"),
    [
        ("It is the danube.", "true"),
        ("Rhine", "contradicting"),
        ("The Rhine, not the Danube", "both"),
        ("Rhineland", "neither"),
        ("", "neither"),
    ],
)
def test_what_a_response_names(tmp_path, response, said):
    (item,) = read_items(write(tmp_path, GOOD))
    assert item.says(response) == said


@pytest.mark.parametrize(
    ("condition", "said", "without", "label"),
    [
        ("true", "true", "neither", True),
        ("true", "true", "contradicting", True),
        ("true", "true", "true", None),  # known before: nobody can tell
        ("true", "true", "both", None),
        ("true", "neither", "true", False),
        ("true", "contradicting", "neither", False),
        ("contradicting", "contradicting", "true", True),
        ("contradicting", "contradicting", "contradicting", None),
        ("contradicting", "true", "true", False),  # from memory, against the document
        ("contradicting", "both", "true", None),
        ("contradicting", "neither", "neither", False),
        ("absent", "true", "neither", False),
        ("absent", "both", "neither", False),
    ],
)
def test_when_a_document_counts_as_used(condition, said, without, label):
    assert used(condition, said, without) is label


def test_without_a_document_nothing_is_labelled():
    with pytest.raises(ValueError, match="has no document"):
        used("none", "true", "true")
