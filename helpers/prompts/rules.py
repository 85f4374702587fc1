"""Did a response follow its instruction? Rules that code can check decide, for both models alike.

A rule is a JSON object whose `type` names one of the functions below and whose other fields are its
arguments, for example {"type": "one_of", "labels": ["yes", "no"], "answer": "no"}. In the spirit of
the verifiable instructions of IFEval (Zhou et al., 2023). An empty response follows no rule.

A rule is checked when it is read: its fields, by a schema made from the function's arguments, and
that some response can follow it at all. None takes longer than LIMIT: patterns run under `regex`,
which can be stopped, as `re` cannot.
"""

from __future__ import annotations

import inspect
import json
import math
import re
import string
import time
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Annotated, Literal, Union, get_type_hints

import regex
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    create_model,
    model_validator,
)

from helpers.methods.errors import Mendable
from helpers.prompts.records import Filled, told

RULE = '{"type": "exact", "answers": ["Paris"]}'  # what one looks like, for messages
LIMIT = 1.0  # seconds that a rule may take on one response
NESTED = 4  # all_of within all_of
REPEATS = 1000  # what the counts of a pattern multiply to: `regex` writes repeats out
RULES: dict[str, type[BaseModel]] = {}

_FUNCTIONS: dict[str, Callable[..., bool]] = {}
_ARTICLE = re.compile(r"^(?:the|a|an)\s+", re.IGNORECASE)
_ITEM = {"numbered": re.compile(r"^\s*\d+[.)]\s+\S"), "bullet": re.compile(r"^\s*[-*•]\s+\S")}
_QUOTES = "\"'`“”‘’«»"


@lru_cache(maxsize=1000)
def _usable(pattern: str) -> str:
    """The pattern, where it compiles and comes to an end on a text that hangs the usual ones."""
    try:
        re.compile(pattern)  # also bars what `regex` alone knows, recursion among it
        if math.prod(int(n) for n in re.findall(r"\{(\d+)", pattern) if int(n)) > REPEATS:
            raise ValueError(f"its counts multiply to more than {REPEATS:,}: write smaller ones")
        regex.compile(pattern, regex.DOTALL).fullmatch("a" * 300 + "!", timeout=LIMIT / 2)
    except TimeoutError as error:
        raise ValueError("it takes too long on 300 letters: nest no repeats") from error
    except RecursionError as error:
        raise ValueError("its parentheses are nested too deeply") from error
    except (re.error, regex.error, OverflowError) as error:
        raise ValueError(f"it is no regular expression ({error})") from error
    return pattern


Text = Annotated[Filled, Field(max_length=10_000)]
Texts = Annotated[list[Text], Field(min_length=1, max_length=1000)]
Count = Annotated[int, Field(ge=1, le=10_000)]
Pattern = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_usable)]
# A response that should follow a rule, where one can be named: no rule may be impossible.
_EXAMPLES: dict[str, Callable[[BaseModel], str | None]] = {
    "contains": lambda rule: None if rule.words[1:] and not rule.any else min(rule.words, key=len),
    "word_count": lambda rule: "a " * max(rule.min, 1),
    "starts_with": lambda rule: rule.text + "a",
    "ends_with": lambda rule: rule.text,
    "one_of": lambda rule: rule.answer,
}


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    def holds(self, response: str) -> bool:
        given = {name: getattr(self, name) for name in type(self).model_fields if name != "type"}
        return _FUNCTIONS[self.type](response, **given)

    @model_validator(mode="after")
    def _possible(self) -> _Rule:
        example = _EXAMPLES.get(self.type, lambda _: None)(self)
        if example is not None and not self.holds(example):
            raise ValueError(f"no response follows it, not even {example[:40]!r}: change a field")
        return self


def _rule(function: Callable[..., bool]) -> Callable[..., bool]:
    name, hints = function.__name__, get_type_hints(function, include_extras=True)
    fields = {
        key: (hints[key], ... if one.default is one.empty else one.default)
        for key, one in list(inspect.signature(function).parameters.items())[1:]
    }
    RULES[name] = create_model(name, __base__=_Rule, type=(Literal[name], ...), **fields)
    _FUNCTIONS[name] = function
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
def exact(response: str, answers: Texts) -> bool:
    """The whole response is one of the answers (case, article and closing punctuation aside)."""
    return plain(response) in {plain(answer) for answer in answers}


@_rule
def contains(response: str, words: Texts, any: bool = False, longest: Count | None = None) -> bool:
    """All of the words or phrases (or any of them), in at most `longest` words when that is given."""
    found = [_holds(response, word) for word in words]
    short = longest is None or len(response.split()) <= longest
    return short and (True in found if any else False not in found)


@_rule
def forbids(response: str, words: Texts) -> bool:
    """None of the words."""
    return not any(_holds(response, word) for word in words)


@_rule
def word_count(
    response: str, min: Annotated[int, Field(ge=0, le=10_000)] = 1, max: Count = 10_000
) -> bool:
    """From `min` to `max` words."""
    return min <= len(words(response)) <= max


@_rule
def sentence_count(response: str, count: Count) -> bool:
    """Exactly `count` sentences, each ended by a full stop, question or exclamation mark."""
    text = response.strip()
    return len(re.findall(r"[.!?](?=\s|$)", text)) == count and text[-1] in ".!?"


@_rule
def starts_with(response: str, text: Text) -> bool:
    """The first words are `text`, whatever the case."""
    return response.strip(_QUOTES + " \n").lower().startswith(text.lower())


@_rule
def ends_with(response: str, text: Text) -> bool:
    """The last characters are `text`, whatever the case."""
    return response.strip().rstrip(_QUOTES).lower().endswith(text.lower())


@_rule
def case(response: str, style: Literal["upper", "lower"]) -> bool:
    """All letters are "upper" or "lower" case."""
    letters = [c for c in response if c.isalpha()]
    in_case = str.isupper if style == "upper" else str.islower
    return bool(letters) and all(map(in_case, letters))


@_rule
def list_items(
    response: str, count: Count, style: Literal["comma", "numbered", "bullet", "lines"] = "comma"
) -> bool:
    """Exactly `count` items: "comma" (on one line), "numbered", "bullet" or "lines"."""
    lines = [line for line in response.strip().splitlines() if line.strip()]
    if style == "comma":
        items = [part for part in re.split(r",\s*(?:and\s+)?", response.strip()) if part.strip()]
        return len(lines) == 1 and len(items) == count
    marked = style == "lines" or all(_ITEM[style].match(line) for line in lines)
    return marked and len(lines) == count


@_rule
def one_of(response: str, labels: Texts, answer: Text, longest: Count = 8) -> bool:
    """The response names exactly one of the labels, the right one, in at most `longest` words."""
    named = {label for label in labels if _holds(response, label)}
    return named == {answer} and len(response.split()) <= longest


@_rule
def number(response: str, value: float, longest: Count = 12) -> bool:
    """The last number in the response is `value`, in at most `longest` words."""
    found = re.findall(r"-?\d+(?:\.\d+)?", response.replace(",", ""))
    right = bool(found) and abs(float(found[-1]) - value) < 1e-9
    return right and len(response.split()) <= longest


@_rule
def json_object(response: str, keys: Texts) -> bool:
    """A JSON object with exactly these keys."""
    try:
        value = json.loads(response.strip().strip("`").removeprefix("json").strip())
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and set(value) == set(keys)


@_rule
def matches(response: str, pattern: Pattern) -> bool:
    """The whole response, stripped, matches a regular expression (of Python's `re`)."""
    return bool(regex.fullmatch(pattern, response.strip(), regex.DOTALL, timeout=LIMIT / 2))


class AllOf(BaseModel):
    """Every one of several rules."""

    model_config = _Rule.model_config
    type: Literal["all_of"]
    rules: Annotated[list[Rule], Field(min_length=1, max_length=100)]


RULES["all_of"] = AllOf
Rule = Annotated[Union[tuple(RULES.values())], Field(discriminator="type")]  # noqa: UP007
_READ: TypeAdapter[Rule] = TypeAdapter(Rule)


def _too_deep(rule: object, left: int = NESTED) -> bool:
    inner = rule.get("rules") if isinstance(rule, dict) else None
    return isinstance(inner, list) and (not left or any(_too_deep(one, left - 1) for one in inner))


def _refusal(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    if first["type"].startswith("union_tag"):
        known, tag = ", ".join(RULES), first.get("ctx", {}).get("tag")
        return f"rule type {tag!r:.40} is unknown: use one of {known}, as in {RULE}"
    kinds = [part for part in first["loc"] if part in RULES]
    if not kinds:
        return f"a rule is an object such as {RULE}"
    fields = ", ".join(name for name in RULES[kinds[-1]].model_fields if name != "type")
    return f"rule {told(error)}; {kinds[-1]!r} has {fields}"


def check_rule(rule: object) -> Rule:
    """The rule as what it is; a refusal says what of it is unknown or does not fit, and what would."""
    if _too_deep(rule):
        raise Mendable(
            f"rules stand more than {NESTED} deep in one another: list them in one all_of"
        )
    try:
        return _READ.validate_python(rule)
    except ValidationError as error:
        raise Mendable(_refusal(error)) from error


def _single(rule: Rule) -> Iterator[Rule]:
    for inner in rule.rules if isinstance(rule, AllOf) else ():
        yield from _single(inner)
    if not isinstance(rule, AllOf):
        yield rule


def follows(rule: dict, response: str) -> bool:
    """Whether `response` follows `rule`: an empty one never does, nor one that takes over LIMIT."""
    checked, ends = check_rule(rule), time.monotonic() + LIMIT / 2
    try:
        for single in _single(checked):
            if not response.strip() or not single.holds(response):
                return False
            if time.monotonic() > ends:
                raise TimeoutError
    except TimeoutError:
        warnings.warn(
            f"rule {str(rule)[:60]} took over {LIMIT} s on a response, which so does not follow it",
            stacklevel=2,
        )
        return False
    return True
