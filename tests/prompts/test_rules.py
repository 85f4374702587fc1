"""Every rule accepts what a person would call following, and refuses what they would not."""

import pytest

from helpers.prompts.prompt import read_prompts
from helpers.prompts.rules import _RULES, BadRule, check_rule, follows

CASES = [
    ({"type": "exact", "answers": ["Paris"]}, ["Paris", "paris.", '"Paris"'], ["Paris, France", "Rome"]),
    ({"type": "exact", "answers": ["The cat"]}, ["cat", "the cat."], ["a big cat"]),
    ({"type": "contains", "words": ["tea", "cup"]}, ["A cup of tea."], ["a teacup", "tea"]),
    ({"type": "contains", "words": ["tea", "cup"], "any": True}, ["tea!"], ["teacup"]),
    ({"type": "contains", "words": ["tea"], "longest": 2}, ["hot tea"], ["a cup of tea"]),
    ({"type": "forbids", "words": ["very"]}, ["old"], ["Very old"]),
    ({"type": "word_count", "min": 2, "max": 3}, ["one two", "a - b c"], ["one", "a b c d"]),
    ({"type": "sentence_count", "count": 1}, ["It rains."], ["It rains", "One. Two."]),
    ({"type": "starts_with", "text": "dear"}, ["Dear Ann,", '"Dear Ann'], ["My dear"]),
    ({"type": "ends_with", "text": "?"}, ["Where?", "Where?\n"], ["Where? There."]),
    ({"type": "case", "style": "upper"}, ["A1 B!"], ["Ab", "12"]),
    ({"type": "case", "style": "lower"}, ["a, b"], ["A"]),
    ({"type": "list_items", "count": 3}, ["a, b, c", "a, b, and c"], ["a, b", "a,\nb,\nc"]),
    ({"type": "list_items", "count": 2, "style": "numbered"}, ["1. a\n2) b"], ["1. a", "- a\n- b"]),
    ({"type": "list_items", "count": 2, "style": "bullet"}, ["- a\n* b"], ["-a\n-b", "1. a\n2. b"]),
    ({"type": "list_items", "count": 2, "style": "lines"}, ["a\n\nb"], ["a"]),
    (
        {"type": "one_of", "labels": ["yes", "no"], "answer": "no"},
        ["No", "no.", "No, it is not."],
        ["yes", "yes or no", "nothing", "No, because this is a long and winding explanation"],
    ),
    ({"type": "number", "value": 24}, ["24", "4 x 6 = 24.", "It is 24"], ["24 or 25", "240"]),
    ({"type": "number", "value": 1000}, ["1,000"], ["1.000"]),
    ({"type": "json_object", "keys": ["a"]}, ['{"a": 1}'], ['{"a": 1, "b": 2}', "a: 1", "[1]"]),
    ({"type": "matches", "pattern": "a+"}, ["aaa"], ["aab"]),
    (
        {"type": "all_of", "rules": [{"type": "case", "style": "upper"}, {"type": "word_count", "max": 1}]},
        ["HI"],
        ["HI YOU", "hi"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "good", "bad"), CASES)
def test_rule(rule, good, bad):
    assert [text for text in good if not follows(rule, text)] == []
    assert [text for text in bad if follows(rule, text)] == []


def test_every_rule_has_a_case():
    assert {rule["type"] for rule, _, _ in CASES} == set(_RULES)


def test_an_empty_response_follows_nothing():
    rules = [prompt.rule for prompt in read_prompts() if prompt.rule]
    assert [rule for rule in rules if follows(rule, " \n")] == []


@pytest.mark.parametrize(
    "rule",
    [
        {"type": "clever"},
        {},
        "exact",
        {"type": "exact"},
        {"type": "exact", "answers": []},
        {"type": "exact", "answers": "Paris"},
        {"type": "number", "value": 1, "colour": "red"},
        {"type": "all_of", "rules": [{"type": "nothing"}]},
        {"type": "all_of", "rules": ["exact"]},
        {"type": "case", "style": "title"},
        {"type": "list_items", "count": 2, "style": "stars"},
        {"type": "number", "value": "three"},
        {"type": "one_of", "labels": [1, 2], "answer": 1},
        {"type": "matches", "pattern": "("},
    ],
)
def test_a_bad_rule_is_refused(rule):
    with pytest.raises(BadRule):
        check_rule(rule)
