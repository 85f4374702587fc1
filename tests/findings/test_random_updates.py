"""Random updates by their factors: the same counts of verbs as if each had been written into the model."""

from copy import deepcopy
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from test_findings_attention import LEXICON as WORDS
from test_findings_attention import N_VERBS, N_WORDS, TOP_K
from tiny import CONFIGURATIONS, byte_tokenizer
from transformers import AutoModelForCausalLM

from helpers.findings.attention import readings
from helpers.methods.rotation import NULLS
from helpers.methods.weights import weights
from helpers.models.pair import pair_of

# No two words of the same letters: their activations would be equal but for rounding.
SPELLED = ["".join(one) for one in combinations("abcdefghij", 4)]
CHOSEN = tuple(np.random.default_rng(1).permutation(SPELLED)[:N_WORDS].tolist())
LEXICON = replace(
    WORDS,
    vocabulary=replace(WORDS.vocabulary, words=CHOSEN),
    verbs=WORDS.verbs.assign(word=CHOSEN[:N_VERBS]),
)


def model(name: str, seed: int):
    config = deepcopy(CONFIGURATIONS[name])
    config.vocab_size = 259
    torch.manual_seed(seed)
    made = AutoModelForCausalLM.from_config(config).float().eval().requires_grad_(False)
    for parameter in made.parameters():
        parameter.add_(0.15 * torch.randn_like(parameter))
    return made


@pytest.mark.parametrize("null", NULLS)
@pytest.mark.parametrize("name", ["llama", "qwen3", "gemma3", "olmo2", "phi3", "gpt2"])
def test_verbs_are_counted_as_if_a_random_update_had_been_written_into_the_model(name, null):
    pair = pair_of(name, model(name, 0), model(name, 1), byte_tokenizer())
    reading = readings.Reading("random updates", top_k=TOP_K)
    prepared = readings.prepare(pair, LEXICON, reading)
    real = readings.real_updates(pair)
    drawn = readings.drawn_updates(real, draws=2, seed=3, null=null)
    found = readings.count_after(pair, "base", prepared, drawn, TOP_K)
    of_model, before = weights(pair.model("base")), deepcopy(pair.model("base").state_dict())
    for number, counts in enumerate(found):
        for key, (update, _) in real.items():
            left, right = drawn[key][number]
            assert np.linalg.norm(left @ right) == pytest.approx(float(update.norm()), rel=1e-5)
            of_model.projection(*key).add_(torch.from_numpy(left @ right).float())
        changed = readings.count_verbs(pair, "base", prepared, reading)
        np.testing.assert_array_equal(counts, changed)
        pair.model("base").load_state_dict(before)
    assert (found != readings.count_verbs(pair, "base", prepared, reading)).any()
