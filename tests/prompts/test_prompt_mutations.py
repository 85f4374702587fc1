"""300 prompt files, broken at random (seeded): each is read or refused by name, and in time."""

import csv
import hashlib
import io
import json
import random

import pytest
from limits import limited, snapshot

from helpers.prompts.prompt import ROLES
from helpers.prompts.reading import read_source
from helpers.prompts.records import PromptError
from helpers.prompts.rules import LIMIT, follows

RULES = [
    {"type": "exact", "answers": ["2", "two"]},
    {"type": "contains", "words": ["tea", "cup"], "any": True, "longest": 9},
    {"type": "word_count", "min": 1, "max": 5},
    {"type": "sentence_count", "count": 2},
    {"type": "list_items", "count": 3, "style": "numbered"},
    {"type": "one_of", "labels": ["yes", "no"], "answer": "no", "longest": 4},
    {"type": "number", "value": 24.5, "longest": 9},
    {"type": "json_object", "keys": ["a", "b"]},
    {"type": "matches", "pattern": r"(?:a|b)+[cd]{2,3}\s*(?P<x>e|f)?"},
    {"type": "all_of", "rules": [{"type": "case", "style": "upper"}, {"type": "forbids", "words": ["x"]}]},
]  # fmt: skip
MARKED = r"<context>Kiwi \<b></context> <instruction>Count.</instruction><cue>Answer:</cue>"
VALUES = [None, True, 0, -1, 1e400, 10**30, "", " ", "3", "a" * 70_000, "\ud800", "\0", [], [[]], {},
          [None], ["a", 1], {"type": "exact"}, ["a"] * 3000]  # fmt: skip
PIECES = ["\\", "(", ")", "[", "{9}", "{99999999}", "*", "+", "?", "|", "(?:", "(a+)+", "(?R)", ".*",
          '"', "'", ",", ";", "\n", "\r", "\0", "\u2028", "\ufeff", "\udcff", "{", "}", "]", ":", "-1",
          "<", "</", *(f"<{role}>" for role in ROLES), *(f"</{role}>" for role in ROLES)]  # fmt: skip
ANSWERS = ["no", "a" * 3000, "1. a\n2. b\n3. c", '{"a": 1}', "(((((", "abab" * 500 + "cc"]


def broken_value(rng, value):
    """The value with one thing in it replaced, taken out, renamed, doubled or nested."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        key = rng.choice(sorted(value))
        rest = {k: v for k, v in value.items() if k != key}
        new = rng.choice([key, key, key, key + "s", key.upper(), "type", "rules", "text"])
        return rest if rng.random() < 0.1 else rest | {new: broken_value(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        return [*value[:at], broken_value(rng, value[at]), *value[at + rng.randrange(2) :]]
    if isinstance(value, str) and rng.random() < 0.6:
        at = rng.randrange(len(value) + 1)
        times = rng.choice([1, 1, 1, 20, 2000])
        return value[:at] + rng.choice(PIECES) * times + value[at + rng.randrange(3) :]
    if rng.random() < 0.2:
        for _ in range(rng.choice([1, 5, 60])):
            value = {"type": "all_of", "rules": [value, value][: rng.choice([1, 1, 2])]}
            if len(str(value)) > 10_000:
                break
        return value
    return rng.choice(VALUES)


def records(rng):
    for n in range(4):
        beside = {"id": f"p{n}", "kind": "counting", "rule": rng.choice(RULES)}
        layout = rng.randrange(3)
        if layout == 0:
            said = [("context", "The word is kiwi."), ("instruction", "Count the vowels.")]
            yield beside | {"segments": [{"role": role, "text": text} for role, text in said]}
        elif layout == 1:
            yield beside | {"instruction": "Count.", "input": "kiwi", "context": ""}
        else:
            yield beside | {"text": MARKED}


def as_csv(found):
    table, columns = io.StringIO(), sorted({key for one in found for key in one})
    cells = [[one.get(key, "") for key in columns] for one in found]
    rows = [[c if isinstance(c, str) else json.dumps(c) for c in row] for row in cells]
    csv.writer(table).writerows([columns, *rows])
    return table.getvalue()


def broken_file(rng, ending):
    """The bytes of a file in which values, then bytes of the text, may be broken."""
    found = list(records(rng))
    if ending == ".csv":
        layout = rng.choice(["instruction", "text", "segments"])
        found = [one for one in found if layout in one] or found[:1]
    for _ in range(rng.choice([0, 1, 1, 2])):
        at = rng.randrange(len(found))
        if rng.random() < 0.6 and "rule" in found[at]:
            found[at] = found[at] | {"rule": broken_value(rng, found[at]["rule"])}
            continue
        value = broken_value(rng, found[at])
        found[at] = value if isinstance(value, dict) else {"text": value}
    text = as_csv(found) if ending == ".csv" else "\n".join(map(json.dumps, found))
    content = text.encode("utf-8", "surrogatepass")
    for _ in range(rng.choice([0, 0, 1, 3])):
        at, length = rng.randrange(len(content) + 1), rng.choice([0, 1, 1, 30, 3000])
        piece = rng.choice(PIECES).encode("utf-8", "surrogatepass") * rng.choice([1, 1, 1, 200])
        piece = rng.choice([piece, piece, b"", content[at : at + length] * 2])
        content = content[:at] + piece + content[at + length :]
    return content


@pytest.mark.filterwarnings("ignore:rule .* took over", "ignore::FutureWarning")
def test_broken_prompt_files_are_read_or_refused_by_name_in_time(tmp_path):
    read, refused, before = 0, set(), {}
    for seed in range(300):
        rng = random.Random(seed)
        file = tmp_path / f"{seed}{rng.choice(['.jsonl', '.csv'])}"
        file.write_bytes(broken_file(rng, file.suffix))
        before = before | {str(file): hashlib.sha256(file.read_bytes()).hexdigest()}
        with limited(5):
            try:
                prompts = read_source(file)
            except PromptError as error:
                assert str(error).startswith(str(file)) and len(str(error)) < 600, seed
                refused.add(str(error).partition(": ")[2][:25])
                continue
        read += 1
        for prompt in prompts:
            for answer in ANSWERS if prompt.rule else ():
                with limited(5 * LIMIT):
                    assert follows(prompt.rule, answer) in (True, False)
    assert snapshot(tmp_path) == before
    assert read > 60 and len(refused) > 25, "the files break in too few ways to say anything"
