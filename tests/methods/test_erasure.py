"""Erasure and blanking: exact, the same with a kept prefix, and true where the answer is known."""

import pytest
import torch
from tiny import build

from helpers.methods import passes
from helpers.methods.erasure import WAYS, blanking, blankings, erasure, scaled_probabilities
from helpers.methods.errors import Mendable
from helpers.methods.passes import embed

PROMPT, RESPONSE = [1, 5, 9, 17, 30, 12, 7], [20, 8, 11]
MASKS = torch.tensor([[1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 0]]).bool()


def rows_of(model) -> int:
    return len(PROMPT) - (model.config.bos_token_id == PROMPT[0])


def by_hand(model, rows: torch.Tensor) -> torch.Tensor:
    """log p of each response token from the model's own logits, one whole pass a variant."""
    found = model(inputs_embeds=rows).logits.float().log_softmax(-1)
    return found[0, len(PROMPT) - 1 :][range(len(RESPONSE)), RESPONSE]


def entering(model) -> torch.Tensor:
    return embed(model, torch.tensor(PROMPT), torch.tensor(RESPONSE))


@torch.no_grad()
def test_a_kept_prefix_changes_no_number(any_model):
    factors = torch.ones(9, rows_of(any_model))
    for n in range(1, 7):
        factors[n, (n * 2) % factors.shape[1]] = 0.0
    factors[7], factors[8, -1] = 0.5, 0.2
    whole = scaled_probabilities(any_model, PROMPT, RESPONSE, factors, reuse=False)
    for batch in (1, 2, "auto"):
        kept = scaled_probabilities(any_model, PROMPT, RESPONSE, factors, batch_rows=batch)
        torch.testing.assert_close(kept, whole, rtol=2e-5, atol=1e-9)


@torch.no_grad()
@pytest.mark.parametrize("filler", ["zero", "mean"])
def test_erasure_is_the_drop_in_probability_without_the_token(any_model, filler):
    found, rows = erasure(any_model, PROMPT, RESPONSE, filler=filler), entering(any_model)
    table = any_model.get_input_embeddings()
    mean = table(torch.arange(len(table.weight))).float().mean(0)
    first = len(PROMPT) - rows_of(any_model)
    whole = by_hand(any_model, rows).exp()
    for n in range(rows_of(any_model)):
        without = rows.clone()
        without[0, first + n] = mean if filler == "mean" else 0
        expected = whole - by_hand(any_model, without).exp()
        torch.testing.assert_close(found[n], expected, rtol=1e-3, atol=1e-7)


@torch.no_grad()
@pytest.mark.parametrize("way", WAYS[:2])
def test_blanking_replaces_the_rows_of_a_segment(any_model, way):
    masks = MASKS[:, : rows_of(any_model)]
    if masks.shape[1] < rows_of(any_model):
        masks = torch.nn.functional.pad(masks, (rows_of(any_model) - masks.shape[1], 0))
    found, rows = blanking(any_model, PROMPT, RESPONSE, masks, way=way), entering(any_model)
    first = len(PROMPT) - rows_of(any_model)
    table = any_model.get_input_embeddings()
    mean = table(torch.arange(len(table.weight))).mean(0)
    for mask, loss in zip(masks, found, strict=True):
        without = rows.clone()
        without[0, first : first + len(mask)][mask] = mean if way == "mean" else 0.0
        expected = by_hand(any_model, rows) - by_hand(any_model, without)
        torch.testing.assert_close(loss, expected, rtol=1e-3, atol=2e-5)


@torch.no_grad()
def test_a_segment_hidden_from_attention_may_hold_anything():
    model = build("llama")
    other = [*PROMPT[:4], 40, 41, PROMPT[6]]
    mask = torch.tensor([[False, False, False, True, True, False]])[:, -rows_of(model) :]
    without = []
    for prompt in (PROMPT, other):
        whole = scaled_probabilities(model, prompt, RESPONSE, torch.ones(1, 1))[0].log()
        without.append(whole - blanking(model, prompt, RESPONSE, mask, way="hidden")[0])
    torch.testing.assert_close(*without, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"way": "noise"}, "way='noise'"), ({"masks": torch.ones(1, 3).bool()}, "masks has shape")],
)
def test_what_cannot_be_blanked_is_named(change, said):
    given = {"masks": MASKS, "way": "zero"} | change
    with pytest.raises(Mendable, match=said):
        blanking(build("llama"), PROMPT, RESPONSE, given.pop("masks"), **given)


@torch.no_grad()
def test_all_ways_in_one_batch_are_each_way_alone(any_model):
    masks = torch.zeros(2, rows_of(any_model), dtype=torch.bool)
    masks[0, 1:3], masks[1, -1] = True, True
    together = blankings(any_model, PROMPT, RESPONSE, masks)
    for way, found in zip(WAYS, together, strict=True):
        alone = blanking(any_model, PROMPT, RESPONSE, masks, way=way)
        torch.testing.assert_close(found, alone, rtol=1e-4, atol=2e-5)


@torch.no_grad()
def test_log_probabilities_keep_their_digits_whatever_part_of_the_vocabulary_is_read(monkeypatch):
    model = build("llama")
    model.get_output_embeddings().weight.mul_(40)  # nearly sure of some tokens
    rows, response = entering(model), torch.tensor(RESPONSE)
    expected = by_hand(model, rows)
    for part in (7, 96, 4096):
        monkeypatch.setattr(passes, "PART", part)
        found = passes.log_probabilities(model, rows, response)[0]
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
        assert (found <= 0).all()
