"""Every rule accepts what a person would call following, and refuses what they would not."""

import time

import pytest

from helpers.methods.errors import Mendable
from helpers.prompts.prompt import read_prompts
from helpers.prompts.rules import LIMIT, RULES, check_rule, follows

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
    assert {rule["type"] for rule, _, _ in CASES} == set(RULES)


def test_an_empty_response_follows_nothing():
    rules = [prompt.rule for prompt in read_prompts() if prompt.rule]
    assert [rule for rule in rules if follows(rule, " \n")] == []


YES = {"type": "exact", "answers": ["yes"]}


def nested(depth, rule=YES):
    for _ in range(depth):
        rule = {"type": "all_of", "rules": [rule]}
    return rule


def pattern(text):
    return {"type": "matches", "pattern": text}


REFUSED = [
    ({"type": "clever"}, "rule type 'clever' is unknown: use one of exact, contains"),
    ({}, "rule type None is unknown"),
    ({"type": []}, "is unknown"),
    ("exact", 'a rule is an object such as {"type": "exact"'),
    ([YES], "a rule is an object"),
    (None, "a rule is an object"),
    ({"type": "exact"}, "exact.answers: Field required; 'exact' has answers"),
    ({"type": "exact", "answers": []}, "answers: List should have at least 1"),
    ({"type": "exact", "answers": "Paris"}, "answers: Input should be a valid list"),
    ({"type": "exact", "answers": [" "]}, "answers.0: it is missing, empty"),
    ({"type": "exact", "answers": ["a" * 10_001]}, "at most 10000"),
    ({"type": "exact", "answers": ["\ud800"]}, "answers.0: it holds half"),
    ({"type": "number", "value": 1, "colour": "red"}, "colour: .*'number' has value, longest"),
    ({"type": "number", "value": "three"}, "value: Input should be a valid number"),
    ({"type": "number", "value": True}, "value: Input should be a valid number"),
    ({"type": "number", "value": float("nan")}, "value: Input should be a finite number"),
    ({"type": "number", "value": 10**400}, "value: Input should be a"),
    ({"type": "case", "style": "title"}, "style: Input should be 'upper' or 'lower'"),
    ({"type": "list_items", "count": 2, "style": "stars"}, "style: Input should be 'comma'"),
    # accepted before, and followed by no response
    ({"type": "list_items", "count": "3"}, "count: Input should be a valid integer"),
    ({"type": "sentence_count", "count": "1"}, "count: Input should be a valid integer"),
    ({"type": "sentence_count", "count": 0}, "count: Input should be greater"),
    ({"type": "word_count", "min": 5, "max": 4}, "no response follows it, not even 'a a a a a '"),
    ({"type": "contains", "words": ["a b c"], "longest": 2}, "no response follows it"),
    ({"type": "starts_with", "text": '"Dear'}, "no response follows it"),
    ({"type": "ends_with", "text": "end "}, "no response follows it"),
    ({"type": "one_of", "labels": ["yes", "no"], "answer": "maybe"}, "no response follows it"),
    ({"type": "one_of", "labels": ["bad", "not bad"], "answer": "not bad"}, "no response follows"),
    ({"type": "one_of", "labels": ["Yes", "yes"], "answer": "yes"}, "no response follows it"),
    (
        {"type": "one_of", "labels": ["a b c"], "answer": "a b c", "longest": 2},
        "no response follow",
    ),
    ({"type": "one_of", "labels": [1, 2], "answer": 1}, "labels.0: Input should be a valid string"),
    # raised in the middle of a run
    ({"type": "json_object", "keys": [["a"]]}, "keys.0: Input should be a valid string"),
    # nested, without end or too deep
    ({"type": "all_of", "rules": []}, "rules: List should have at least 1"),
    ({"type": "all_of", "rules": [{"type": "nothing"}]}, "'nothing' is unknown"),
    ({"type": "all_of", "rules": ["exact"]}, "a rule is an object|all_of"),
    (nested(5), "more than 4 deep"),
    (nested(900), "more than 4 deep"),
    # patterns
    (pattern("("), "no regular expression"),
    (pattern("a{99999999999}"), "no regular expression"),
    (pattern("(" * 5000 + ")" * 5000), "at most 1000"),
    (pattern("(" * 400 + ")" * 400), "nested too deeply"),
    (pattern("(.?){10000}x"), "multiply to more than 1,000"),
    (pattern("((a{1000}){1000}){1000}"), "multiply to more than 1,000"),
    (pattern("(?R)"), "no regular expression"),
    (pattern("(" + "[a-z]?" * 120 + "){900}"), "takes too long"),
]


@pytest.mark.parametrize(("rule", "says"), REFUSED, ids=range(len(REFUSED)))
def test_a_rule_that_cannot_be_used_is_refused_with_what_would(rule, says):
    started = time.monotonic()
    with pytest.raises(Mendable, match=says):
        check_rule(rule)
    assert time.monotonic() - started < 5 * LIMIT


def test_four_rules_deep_are_read_and_followed():
    assert follows(nested(4), "yes") and not follows(nested(4), "no")


@pytest.mark.parametrize("response", ["[" * 100_000, "9" * 5000, '{"a": ' * 5000, "\ud800", "\0"])
@pytest.mark.parametrize("rule", [case[0] for case in CASES], ids=lambda rule: rule["type"])
def test_no_response_makes_a_rule_raise_or_hang(rule, response):
    started = time.monotonic()
    assert follows(rule, response) in (True, False)
    assert time.monotonic() - started < 5 * LIMIT


SLOW = pattern("(" + "[b-z]?" * 120 + "){900}")  # quick on the letters of the check


@pytest.mark.parametrize("rule", [SLOW, {"type": "all_of", "rules": [SLOW] * 100}])
def test_a_pattern_without_end_is_stopped_said_and_not_followed(rule):
    started = time.monotonic()
    with pytest.warns(UserWarning, match="took over 1.0 s"):
        assert not follows(rule, "b" * 400 + "!")
    assert time.monotonic() - started < 5 * LIMIT
