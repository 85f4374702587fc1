"""Prompts: exact masks, the book's own file, refusals with file, line and reason."""

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from helpers.prompts.prompt import (
    LONGEST,
    ROLES,
    TEMPLATE,
    Prompt,
    PromptError,
    Segment,
    encode,
    read_prompts,
)


@pytest.fixture(scope="module")
def tokenizer():
    """A byte-level tokenizer trained on the book's prompts."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=800, initial_alphabet=alphabet, show_progress=False)
    core.train_from_iterator([prompt.text for prompt in read_prompts()], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=core)


WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12
)
SEGMENTS = st.lists(st.tuples(st.sampled_from(ROLES[1:]), WORDS), max_size=3)


@given(before=SEGMENTS, instruction=WORDS, after=SEGMENTS, use_template=st.booleans())
def test_masks_split_the_tokens_exactly_by_segment(
    before, instruction, after, use_template, tokenizer
):
    parts = [*before, ("instruction", instruction), *after]
    prompt = Prompt("x", "any", tuple(Segment(role, text) for role, text in parts))
    coded = encode(prompt, tokenizer, TEMPLATE if use_template else None)
    masks = [coded.mask(role) for role in (*ROLES, "template")]
    assert (np.sum(masks, axis=0) == 1).all()
    for role in ROLES:
        ids = [i for i, found in zip(coded.ids, coded.roles, strict=True) if found == role]
        wanted = "".join(text for found, text in parts if found == role)
        assert "".join(tokenizer.decode(ids).split()) == "".join(wanted.split())


def test_the_books_prompts_are_balanced_and_mostly_checkable():
    prompts = read_prompts()
    places = Counter((prompt.kind, prompt.place) for prompt in prompts)
    assert len(prompts) >= 200
    assert len({kind for kind, _ in places}) >= 10
    assert len(set(places.values())) == 1
    assert sum(prompt.rule is not None for prompt in prompts) >= 120
    assert len({prompt.text for prompt in prompts}) == len(prompts)


def test_a_response_is_cut_at_the_next_marker():
    assert TEMPLATE.cut("Paris\n\n### Instruction:\nNext") == "Paris"
    assert TEMPLATE.cut("Paris # 1") == "Paris # 1"


def test_the_place_ignores_a_cue_at_the_end():
    segments = [Segment("context", "a"), Segment("instruction", "b"), Segment("cue", "Answer:")]
    assert Prompt("x", "any", tuple(segments)).place == "last"


def test_a_tokenizer_without_offsets_is_refused():
    class Slow:
        is_fast = False

    prompt = Prompt("x", "any", (Segment("instruction", "Do it."),))
    with pytest.raises(ValueError, match="use_fast"):
        encode(prompt, Slow())


GOOD = {"id": "a", "kind": "k", "segments": [{"role": "instruction", "text": "Go."}]}


def _bad(**change):
    return json.dumps(GOOD | change).encode()


BAD_LINES = [
    (b"{", "no JSON"),
    (b"[]", "no JSON object"),
    (b"\xff\xfe", "not UTF-8"),
    (_bad(id=3), "'id'"),
    (_bad(id=" "), "'id'"),
    (_bad(kind=None), "'kind'"),
    (_bad(segments=[]), "'segments'"),
    (_bad(segments="Go."), "'segments'"),
    (_bad(segments=["Go."]), "'role' and 'text'"),
    (_bad(segments=[{"role": "instruction"}]), "'role' and 'text'"),
    (_bad(segments=[{"role": "instruction", "text": ""}]), "empty"),
    (_bad(segments=[{"role": "instruction", "text": 4}]), "empty"),
    (_bad(segments=[{"role": "order", "text": "Go."}]), "'order'"),
    (_bad(segments=[{"role": "input", "text": "Go."}]), "no instruction"),
    (_bad(rule={"type": "magic"}), "'magic'"),
    (_bad(rule={"type": "exact"}), "answers"),
    (_bad(rule="exact"), "a rule is an object"),
    (json.dumps(GOOD).encode(), "used before"),
]


@pytest.mark.parametrize(("line", "says"), BAD_LINES)
def test_a_bad_line_is_refused_with_its_number(line, says, tmp_path):
    (tmp_path / "mine.jsonl").write_bytes(json.dumps(GOOD).encode() + b"\n\n" + line)
    with pytest.raises(PromptError, match=says) as refused:
        read_prompts(tmp_path / "mine.jsonl")
    assert "mine.jsonl, line 3" in str(refused.value)


def test_an_empty_or_missing_file_is_refused(tmp_path):
    (tmp_path / "empty.jsonl").write_bytes(b"\n\n")
    with pytest.raises(PromptError, match="holds no prompt"):
        read_prompts(tmp_path / "empty.jsonl")
    with pytest.raises(PromptError, match="does not exist"):
        read_prompts(tmp_path / "none.jsonl")


def test_a_prompt_is_refused_for_its_length_before_it_is_tokenised():
    whole = Segment("instruction", "a" * LONGEST)
    assert Prompt("x", "any", (whole,)).text == whole.text
    with pytest.raises(
        ValueError, match="1,000,002 characters in 2 segments, and at most 1,000,000"
    ):
        Prompt("x", "any", (whole, Segment("input", "b")))
    with pytest.raises(ValueError, match="in 1,001 segments"):
        Prompt("x", "any", (Segment("instruction", "a"),) * 1_001)
