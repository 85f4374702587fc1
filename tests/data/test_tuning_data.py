"""The tuning data: their form, their balance, and that they were kept apart from what is evaluated."""

import json
import re
from collections import Counter
from pathlib import Path
from statistics import median

import pytest
from rapidfuzz import fuzz, process

from helpers.models.rows import parse_row
from helpers.prompts.prompt import read_prompts
from helpers.prompts.rules import follows

DATA = Path(__file__).resolve().parents[2] / "data"
FILES = ("written", "generated")
JUDGED = ("prompts", "tuning/development", "tuning/unseen")
ROLES = {"instruction", "context", "input"}
BOILERPLATE = re.compile(
    r"\b(as an ai|certainly!|sure!|of course!|here is your|hope this helps)\b", re.I
)
GRAM = 13


def lines(name: str) -> list[dict]:
    path = DATA / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


ROWS = {name: lines(f"tuning/{name}") for name in FILES}
ALL = [row for rows in ROWS.values() for row in rows]
HELD_OUT = json.loads((DATA / "tuning" / "held_out.json").read_text())


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def instruction(row: dict) -> str:
    return next(part["text"] for part in row["segments"] if part["role"] == "instruction")


def prompt(row: dict) -> str:
    return "\n".join(part["text"] for part in row["segments"])


def book() -> list[str]:
    """All texts that models are judged by, as whole prompts."""
    placed = [f"{one['instruction']} {' '.join(one['sentences'])}" for one in lines("placement")]
    asked = [
        f"{one['question']} {d}" for one in lines("retrieval") for d in one["documents"].values()
    ]
    written = [row for name in JUDGED for row in lines(name)]
    return [prompt(row) for row in written] + placed + asked


def grams(text: str) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[n : n + GRAM]) for n in range(len(found) - GRAM + 1)}


@pytest.mark.parametrize("name", FILES)
def test_rows_have_the_form_that_is_trained_on(name):
    for row in ROWS[name]:
        parsed = parse_row(row)
        roles = [part["role"] for part in row["segments"]]
        assert set(roles) <= ROLES and roles.count("instruction") == 1
        assert parsed.prompt == parsed.prompt.strip() and parsed.response == row["response"]
        assert 1 <= len(row["response"].split()) <= 150
        assert not BOILERPLATE.search(row["response"]), row["response"]


def test_there_are_as_many_rows_and_kinds_as_the_readme_says():
    text = (DATA / "tuning" / "README.md").read_text(encoding="utf-8")
    counts = {name: len(rows) for name, rows in ROWS.items()}
    assert all(f"{count:,} rows" in text for count in counts.values())
    assert counts["written"] >= 1200 and counts["generated"] >= 5000
    assert f"{len({row['kind'] for row in ROWS['written']})} kinds" in text
    skills = Counter(row["skill"] for row in ROWS["generated"])
    assert f"{len(skills)} small skills" in text and max(skills.values()) <= 0.03 * skills.total()
    lengths = [len(row["response"].split()) for row in ROWS["written"]]
    assert f"{median(lengths):.0f} at the median" in text and median(lengths) >= 25


def test_generated_answers_follow_their_rules():
    assert all(follows(row["rule"], row["response"]) for row in ROWS["generated"])


def test_no_prompt_comes_twice():
    assert max(Counter(" ".join(words(prompt(row))) for row in ALL).values()) == 1


def test_many_verbs_and_places_lead():
    leading = Counter(words(instruction(row))[0] for row in ROWS["written"])
    assert len(leading) >= 150 and max(leading.values()) <= 0.05 * leading.total()
    roles = [[part["role"] for part in row["segments"]] for row in ALL]
    places = Counter(
        "alone"
        if len(one) == 1
        else "first"
        if one[0] == "instruction"
        else "last"
        if one[-1] == "instruction"
        else "inside"
        for one in roles
    )
    assert min(places.values()) >= 0.12 * places.total()


def test_held_out_verbs_and_kinds_are_in_no_row():
    stems = "|".join(re.escape(verb.removesuffix("e")) for verb in HELD_OUT["verbs"])
    used = re.compile(rf"\b(?:{stems})(?:e|es|ed|er|ing|s|y|ies|ion|t?ed|t?ing)?\b", re.I)
    assert len(HELD_OUT["verbs"]) == 40
    assert [found for row in ALL if (found := used.search(instruction(row)))] == []
    assert not {row["kind"] for row in ALL} & set(HELD_OUT["kinds"])


def test_prompts_for_choosing_and_for_the_test_are_of_the_books_kinds():
    kinds = {row["kind"] for row in lines("prompts")}
    for name in JUDGED[1:]:
        prompts = read_prompts(DATA / f"{name}.jsonl")
        assert Counter(one.kind for one in prompts) == dict.fromkeys(kinds, 9)
        assert all(one.rule and not follows(one.rule, "I can help you.") for one in prompts)


def test_no_row_shares_a_run_of_words_with_what_is_evaluated():
    evaluated = {gram for text in book() for gram in grams(text)}
    shared = [row for row in ALL if evaluated & grams(f"{prompt(row)} {row['response']}")]
    assert shared == []


def test_no_prompt_is_nearly_one_that_is_evaluated():
    texts, rows = book(), [prompt(row) for row in ALL]
    scores = process.cdist(
        [" ".join(words(text)) for text in rows], [" ".join(words(text)) for text in texts],
        scorer=fuzz.ratio, score_cutoff=85,
    )  # fmt: skip
    near = [(rows[a], texts[b]) for a, b in zip(*scores.nonzero(), strict=True)]
    assert near == []
