"""Profiles with a planted shape, instructions at exact places, and item files that are refused."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.methods.profiles import middle_ratio, position_profile, stretches
from helpers.prompts.placement import PLACES, SHARES, Item, read_items
from helpers.prompts.prompt import PromptError

RULE = {"type": "exact", "answers": ["red"]}
RECORD = {
    "id": "one",
    "kind": "extraction",
    "instruction": "Name the colour.",
    "sentences": ["The sea is calm.", "The boat is red.", "It rains.", "They row home."],
    "expected": "red",
    "rule": RULE,
}


def item(n_sentences=8, **changes) -> Item:
    sentences = tuple(f"Sentence number {n}." for n in range(n_sentences))
    return Item(**(RECORD | {"sentences": sentences} | changes))


# --- profiles --------------------------------------------------------------------------------


def test_a_planted_step_lies_in_its_bins():
    density = np.concatenate([np.full(20, 2.0), np.full(60, 1.0), np.full(20, 4.0)])
    np.testing.assert_allclose(position_profile(density), [0.5] * 2 + [0.25] * 6 + [1.0] * 2)
    assert middle_ratio(position_profile(density)) == pytest.approx(0.25 / 0.75)


def test_every_token_enters_one_bin_whatever_the_length():
    for length in range(10, 45):
        counts = np.bincount(np.arange(length) * 10 // length, minlength=10)
        values = np.zeros(length)
        values[3] = 1
        assert position_profile(values) @ counts == pytest.approx(1) and counts.min() >= 1


@given(st.lists(st.floats(0, 1e6), min_size=20, max_size=200), st.sampled_from([5, 10, 20]))
def test_profiles_are_relative_and_free_of_scale(values, bins):
    profile = position_profile(np.array(values), bins)
    assert len(profile) == bins and (profile >= 0).all() and (profile <= 1).all()
    np.testing.assert_allclose(position_profile(np.array(values) * 7, bins), profile, atol=1e-9)


def test_a_prompt_with_fewer_tokens_than_bins_is_refused():
    with pytest.raises(ValueError, match="density has 9 tokens: give 10 or more"):
        position_profile(np.ones(9))


def test_the_middle_and_the_ends_are_those_of_the_method():
    middle, ends = stretches(10)
    assert np.flatnonzero(middle).tolist() == [3, 4, 5, 6]
    assert np.flatnonzero(ends).tolist() == [0, 1, 8, 9]
    for bins, (inside, outside) in {
        5: ([2], [0, 4]),
        20: (range(6, 14), [*range(4), *range(16, 20)]),
    }.items():
        middle, ends = stretches(bins)
        assert np.flatnonzero(middle).tolist() == list(inside)
        assert np.flatnonzero(ends).tolist() == list(outside)


def test_a_flat_profile_has_no_dip_and_an_empty_one_no_ratio():
    assert all(middle_ratio(np.full(bins, 0.3)) == pytest.approx(1) for bins in (5, 10, 20))
    assert np.isnan(middle_ratio(np.zeros(10)))


# --- one instruction, five places ------------------------------------------------------------


@pytest.mark.parametrize("n", [4, 8, 12, 20])
def test_sentences_before_the_instruction_are_exactly_its_share(n):
    one = item(n)
    for place, share in SHARES.items():
        segments = one.at(place).segments
        at = [segment.role for segment in segments].index("instruction")
        before = " ".join(segment.text for segment in segments[:at])
        assert before.count("Sentence") == share * n


@pytest.mark.parametrize("n", [4, 5, 7, 10, 13])
def test_every_place_holds_the_same_words(n):
    one = item(n)
    words = {place: sorted(one.at(place).text.split()) for place in PLACES}
    assert len({tuple(found) for found in words.values()}) == 1
    texts = {place: one.at(place).text for place in PLACES}
    assert len(set(texts.values())) == len(PLACES)
    assert texts["before"].startswith(one.instruction) and texts["after"].endswith(one.instruction)
    context = " ".join(one.sentences)
    for text in texts.values():
        assert " ".join(text.replace(one.instruction, "").split()) == context


def test_an_unknown_place_is_refused():
    with pytest.raises(ValueError, match="place='end' is unknown: use one of before"):
        item().at("end")


# --- item files ------------------------------------------------------------------------------


def write(path, *records) -> str:
    lines = [r if isinstance(r, str) else json.dumps(r) for r in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{", "the line is no JSON"),
        ("[1]", "no JSON object"),
        (RECORD | {"kind": 3}, "kind: Input should be a valid string"),
        ({k: v for k, v in RECORD.items() if k != "rule"}, "rule: Field required"),
        (RECORD | {"sentences": ["a", " ", "b", "c"]}, "sentences.1: it is missing, empty"),
        (RECORD | {"sentences": ["a", 2, "b", "c"]}, "sentences.1: Input should be a valid string"),
        (RECORD | {"sentences": ["a", "b", "c"]}, "3 sentences cannot be cut at quarters"),
        (RECORD | {"expected": "blue"}, "expected 'blue' does not follow the rule"),
        (RECORD | {"rule": {"type": "guess"}}, "guess"),
        (RECORD, "id 'one' was used before"),
    ],
)
def test_a_bad_line_is_refused_with_file_line_and_reason(tmp_path, bad, reason):
    path = write(tmp_path / "items.jsonl", RECORD, "", bad)
    with pytest.raises(PromptError) as refused:
        read_items(path)
    assert f"{path}, line 3: " in str(refused.value) and reason in str(refused.value)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "items.jsonl").write_bytes(json.dumps(RECORD).encode() + b"\n\xff\xfe\n")
    with pytest.raises(PromptError, match="line 2: not UTF-8"):
        read_items(tmp_path / "items.jsonl")


def test_a_file_that_is_absent_or_empty_is_refused(tmp_path):
    with pytest.raises(PromptError, match="does not exist"):
        read_items(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n\n")
    with pytest.raises(PromptError, match="holds no item"):
        read_items(tmp_path / "empty.jsonl")


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
WORDS = TEXT.filter(str.strip)


@settings(max_examples=60, deadline=None)
@given(ids=st.lists(WORDS, min_size=1, max_size=4, unique=True), instruction=WORDS,
       sentences=st.lists(WORDS, min_size=4, max_size=9))  # fmt: skip
def test_what_is_written_is_read(tmp_path_factory, ids, instruction, sentences):
    path = tmp_path_factory.mktemp("items") / "items.jsonl"
    records = [RECORD | dict(id=i, instruction=instruction, sentences=sentences) for i in ids]
    found = read_items(write(path, *records))
    assert [vars(one) | {"sentences": list(one.sentences)} for one in found] == records
    assert all(one.at(place).place in ("first", "middle", "last")
               for one in found for place in PLACES)  # fmt: skip


def test_the_books_own_items_are_whole():
    items = read_items()
    assert len(items) >= 60
    for one in items:
        context = " ".join(one.sentences)
        assert 100 <= len(context.split()) <= 320, one.id
        assert one.instruction not in context, one.id
