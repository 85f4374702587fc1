"""Did a response follow its instruction? Rules that code can check decide, for both models alike.

A rule is a JSON object whose `type` names one of the functions below and whose other fields are its
arguments, for example {"type": "one_of", "labels": ["yes", "no"], "answer": "no"}. In the spirit of
the verifiable instructions of IFEval (Zhou et al., 2023). An empty response follows no rule.
"""

from __future__ import annotations

import inspect
import json
import re
import string
from collections.abc import Callable

from helpers.methods.errors import Mendable

Rule = dict


_RULES: dict[str, Callable[..., bool]] = {}


_ARTICLE = re.compile(r"^(?:the|a|an)\s+", re.IGNORECASE)


_ITEM = {"numbered": re.compile(r"^\s*\d+[.)]\s+\S"), "bullet": re.compile(r"^\s*[-*•]\s+\S")}


RULE = '{"type": "exact", "answers": ["Paris"]}'  # what one looks like, for messages


_QUOTES = "\"'`“”‘’«»"


class BadRule(Mendable, ValueError):
    """A rule cannot be used; the message says what is wrong and which rules there are."""


def _rule(function: Callable[..., bool]) -> Callable[..., bool]:
    _RULES[function.__name__] = function
    return function


def words(text: str) -> list[str]:
    """Words of a text, lower case, punctuation stripped from their ends."""
    stripped = (part.strip(string.punctuation + _QUOTES) for part in text.lower().split())
    return [part for part in stripped if part]


def plain(text: str) -> str:
    """A short answer without case, article, quotes, closing punctuation and double spaces."""
    text = " ".join(text.lower().split()).strip(_QUOTES + ".!?,;: ")
    return _ARTICLE.sub("", text)


def _holds(response: str, phrase: str) -> bool:
    """Whether `phrase` stands in the response as whole words, whatever the case."""
    return re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", response, re.IGNORECASE) is not None


@_rule
def exact(response: str, answers: list[str]) -> bool:
    """The whole response is one of the answers (case, article and closing punctuation aside)."""
    return plain(response) in {plain(answer) for answer in answers}


@_rule
def contains(
    response: str, words: list[str], any: bool = False, longest: int | None = None
) -> bool:
    """All of the words or phrases (or any of them), in at most `longest` words when that is given."""
    found = [_holds(response, word) for word in words]
    short = longest is None or len(response.split()) <= longest
    return short and (True in found if any else False not in found)


@_rule
def forbids(response: str, words: list[str]) -> bool:
    """None of the words."""
    return not any(_holds(response, word) for word in words)


@_rule
def word_count(response: str, min: int = 1, max: int = 10**6) -> bool:
    """From `min` to `max` words."""
    return min <= len(words(response)) <= max


@_rule
def sentence_count(response: str, count: int) -> bool:
    """Exactly `count` sentences, each ended by a full stop, question or exclamation mark."""
    text = response.strip()
    return len(re.findall(r"[.!?]+(?=\s|$)", text)) == count and text[-1] in ".!?"


@_rule
def starts_with(response: str, text: str) -> bool:
    """The first words are `text`, whatever the case."""
    return response.strip(_QUOTES + " \n").lower().startswith(text.lower())


@_rule
def ends_with(response: str, text: str) -> bool:
    """The last characters are `text`, whatever the case."""
    return response.strip().rstrip(_QUOTES).lower().endswith(text.lower())


@_rule
def case(response: str, style: str) -> bool:
    """All letters are "upper" or "lower" case."""
    if style not in ("upper", "lower"):
        raise BadRule(f"rule 'case': style={style!r}: use 'upper' or 'lower'")
    letters = [c for c in response if c.isalpha()]
    return bool(letters) and all(c.isupper() if style == "upper" else c.islower() for c in letters)


@_rule
def list_items(response: str, count: int, style: str = "comma") -> bool:
    """Exactly `count` items: "comma" (on one line), "numbered", "bullet" or "lines"."""
    lines = [line for line in response.strip().splitlines() if line.strip()]
    if style == "comma":
        items = [part for part in re.split(r",\s*(?:and\s+)?", response.strip()) if part.strip()]
        return len(lines) == 1 and len(items) == count
    if style == "lines":
        return len(lines) == count
    if style not in _ITEM:
        raise BadRule(f"rule 'list_items': style={style!r}: use comma, numbered, bullet or lines")
    return len(lines) == count and all(_ITEM[style].match(line) for line in lines)


@_rule
def one_of(response: str, labels: list[str], answer: str, longest: int = 8) -> bool:
    """The response names exactly one of the labels, the right one, in at most `longest` words."""
    named = {label for label in labels if _holds(response, label)}
    return named == {answer} and len(response.split()) <= longest


@_rule
def number(response: str, value: float, longest: int = 12) -> bool:
    """The last number in the response is `value`, in at most `longest` words."""
    found = re.findall(r"-?\d+(?:\.\d+)?", response.replace(",", ""))
    right = bool(found) and abs(float(found[-1]) - value) < 1e-9
    return right and len(response.split()) <= longest


@_rule
def json_object(response: str, keys: list[str]) -> bool:
    """A JSON object with exactly these keys."""
    try:
        value = json.loads(response.strip().strip("`").removeprefix("json").strip())
    except ValueError:
        return False
    return isinstance(value, dict) and set(value) == set(keys)


@_rule
def matches(response: str, pattern: str) -> bool:
    """The whole response, stripped, matches a regular expression."""
    return re.fullmatch(pattern, response.strip(), re.DOTALL) is not None


@_rule
def all_of(response: str, rules: list[Rule]) -> bool:
    """Every one of several rules."""
    return all(follows(rule, response) for rule in rules)


def _kind(rule: Rule) -> str:
    if not isinstance(rule, dict):
        raise BadRule(f"rule {str(rule)[:40]!r} is unknown: write an object such as {RULE}")
    return str(rule.get("type"))


def check_rule(rule: Rule) -> None:
    """Refuse a rule that is unknown or whose arguments do not fit, saying what would."""
    kind, known = _kind(rule), ", ".join(sorted(_RULES))
    if kind not in _RULES:
        raise BadRule(f"rule type {kind!r} is unknown: use one of {known}, as in {RULE}")
    function, given = _RULES[kind], {k: v for k, v in rule.items() if k != "type"}
    try:
        inspect.signature(function).bind("", **given)
    except TypeError as error:
        wanted = ", ".join(list(inspect.signature(function).parameters)[1:])
        raise BadRule(f"rule {kind!r}: {error}; its arguments are {wanted}") from error
    for name in ("answers", "labels", "words", "keys", "rules"):
        if name in given and not (isinstance(given[name], list) and given[name]):
            raise BadRule(f"rule {kind!r}: {name}={given[name]!r}: give a list, not empty")
    for inner in given.get("rules", []):
        check_rule(inner)
    try:
        function("A 1.", **given)
    except (TypeError, AttributeError, ValueError, re.error) as error:
        if isinstance(error, BadRule):
            raise
        raise BadRule(f"rule {kind!r}: its arguments cannot be used ({error})") from error


def follows(rule: Rule, response: str) -> bool:
    """Whether `response` follows `rule`. An empty response never does."""
    check_rule(rule)
    if not response.strip():
        return False
    return _RULES[rule["type"]](response, **{k: v for k, v in rule.items() if k != "type"})
