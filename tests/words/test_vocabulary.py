"""Word lists, words as tokens and as embeddings, vocabularies from texts."""

import numpy as np
import pytest
import torch
from tiny import build
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from helpers.methods.errors import Mendable
from helpers.methods.weights import weights
from helpers.words import vocabulary as module
from helpers.words.vocabulary import (
    read_vectors,
    read_verbs,
    read_vocabulary,
    spell,
    word_embeddings,
)

PIECES = ["<unk>", "▁", "▁write", "▁wri", "ting", "rewrite", "re", "a"]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    """Pieces of Metaspace kind, with one word whose space stands alone."""
    scores = [0.0, -3.0, -1.0, -1.0, -1.0, -1.0, -2.0, -2.0]
    pieces = Tokenizer(models.Unigram(list(zip(PIECES, scores, strict=True)), unk_id=0))
    pieces.pre_tokenizer = pre_tokenizers.Metaspace()
    return PreTrainedTokenizerFast(tokenizer_object=pieces, unk_token="<unk>")


# --- words as a model sees them


def test_a_word_is_the_mean_of_its_pieces_after_a_space(tokenizer):
    of_model = weights(build("llama"))
    rows = of_model.input_embedding
    found = word_embeddings(of_model, tokenizer, ["write", "writing"])
    torch.testing.assert_close(found[0], rows[2])
    torch.testing.assert_close(found[1], (rows[3] + rows[4]) / 2)
    output = word_embeddings(of_model, tokenizer, ["writing"], output=True)
    torch.testing.assert_close(output[0], of_model.output_embedding[[3, 4]].mean(dim=0))


def test_a_space_that_is_a_token_of_its_own_is_not_part_of_the_word(tokenizer):
    assert spell(tokenizer, ["rewrite"]) == [[PIECES.index("rewrite")]]
    of_model = weights(build("llama"))
    for output in (False, True):  # chapters 3 and 4
        found = word_embeddings(
            of_model, tokenizer, ["rewrite"], output=output, dtype=torch.float64
        )
        table = of_model.output_embedding if output else of_model.input_embedding
        torch.testing.assert_close(found[0], table[PIECES.index("rewrite")].double())


def test_half_precision_tables_give_single_precision_means(tokenizer):
    model = build("llama").to(torch.bfloat16)
    found = word_embeddings(weights(model), tokenizer, ["writing"])[0]
    rows = model.get_input_embeddings().weight.detach().float()
    torch.testing.assert_close(found, (rows[3] + rows[4]) / 2)


def test_words_without_pieces_are_named(tokenizer):
    with pytest.raises(Mendable, match=r"cannot spell 2 of 3 \(\['xyz', ' '\]"):
        spell(tokenizer, ["write", "xyz", " "])


@pytest.mark.parametrize("words", [[], "write"])
def test_no_list_of_words_is_named(tokenizer, words):
    with pytest.raises(Mendable, match="give a list of one word or more"):
        spell(tokenizer, words)


# --- the shipped lists


def test_the_vocabulary_is_sorted_by_frequency_and_holds_every_verb():
    vocabulary, verbs = read_vocabulary(), read_verbs()
    assert 9_500 < len(vocabulary) == len(set(vocabulary.words)) < 10_500
    assert (np.diff(vocabulary.zipf) <= 0).all()
    assert len(vocabulary.index(verbs["word"])) == len(verbs)
    assert not verbs["word"].duplicated().any()


def test_lemmas_undo_inflection():
    vocabulary = read_vocabulary()
    lemma = dict(zip(vocabulary.words, vocabulary.lemma, strict=True))
    assert (lemma["wrote"], lemma["children"], lemma["write"]) == ("write", "child", "write")
    assert vocabulary.is_lemma[vocabulary.place["write"]]
    assert not vocabulary.is_lemma[vocabulary.place["wrote"]]


def test_general_verbs_match_instruction_verbs_in_frequency():
    verbs = read_verbs()
    groups = dict(list(verbs.groupby("group")))
    instruction, general = groups["instruction"], groups["general"]
    assert len(instruction) >= 40
    assert len(general) >= 400
    # Standardised difference of the means: below a tenth counts as balanced.
    spread = instruction["zipf"].std()
    assert abs(instruction["zipf"].mean() - general["zipf"].mean()) / spread < 0.1
    own = instruction.set_index("word")["zipf"]
    assert (general["zipf"] - general["matched"].map(own)).abs().mean() < 0.1
    assert set(instruction["stratum"]) == set(general["stratum"]) == set(range(6))


def test_the_verbs_of_the_paper_s_kind_are_there_and_offensive_words_are_not():
    verbs, words = read_verbs().set_index("word")["group"], set(read_vocabulary().words)
    for verb in ("write", "explain", "describe", "translate", "summarize", "classify", "generate"):
        assert verbs[verb] == "instruction"
    assert not words & {"fuck", "shit", "bitch", "bastard", "cock", "bullshit", "ass", "rape"}


def test_vectors_fit_the_vocabulary_and_know_what_is_alike():
    vectors, vocabulary = read_vectors(), read_vocabulary()
    assert vectors.shape == (len(vocabulary), 384)
    assert (module.words_folder() / "vectors.npy").stat().st_size <= 8_000_000
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=2e-3)
    doctor, nurse, piano = vectors[vocabulary.index(["doctor", "nurse", "piano"])]
    assert doctor @ nurse > doctor @ piano + 0.1


def test_words_outside_the_vocabulary_are_named():
    with pytest.raises(Mendable, match=r"1 of 2 are not in the vocabulary \(\['qwrtz'\]"):
        read_vocabulary().index(["write", "qwrtz"])
