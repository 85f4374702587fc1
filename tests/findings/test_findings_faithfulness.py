"""Faithfulness: what is stored of a prompt, and what the page reads from it."""

import numpy as np
import pytest
import torch
from tiny import build

from helpers.findings.faithfulness import compute as faithfulness
from helpers.findings.faithfulness import tables as faithfulness_view
from helpers.findings.faithfulness.compute import (
    RANDOM_ORDERS,
    SHARES,
    chosen,
    deletion_masks,
    explain,
)
from helpers.methods.importance import METHODS, importance
from helpers.prompts.prompt import read_prompts
from helpers.store.store import MissingResult, Store, open_store

PROMPT, RESPONSE = [1, 5, 9, 17, 33, 60], [12, 40]


@pytest.fixture(scope="module")
def made():
    return explain(build("llama"), PROMPT, RESPONSE, METHODS)


def test_every_kind_of_prompt_is_chosen_as_often():
    kinds = [prompt.kind for prompt in chosen(read_prompts())]
    assert {kinds.count(kind) for kind in kinds} == {faithfulness.PER_KIND}
    first = chosen(read_prompts(), 1)
    assert len(first) == len(set(kinds)) and {p.id for p in first} <= {
        p.id for p in chosen(read_prompts())
    }


def test_tokens_with_the_largest_values_are_erased_first():
    masks = deletion_masks(np.array([0.1, 3.0, 0.2, 2.0, 0.0]), shares=(0.1, 0.4, 1.0))
    assert masks.tolist() == [[0, 1, 0, 0, 0], [0, 1, 0, 1, 0], [1] * 5]


def test_all_estimates_are_those_of_attribution(made):
    model = build("llama")
    for method in METHODS:
        own = importance(model, PROMPT, RESPONSE, method=method, steps=faithfulness.STEPS)
        np.testing.assert_allclose(made[method], own.numpy(), atol=1e-6)


def test_a_curve_is_the_probability_with_those_tokens_zeroed(made):
    model = build("llama")
    total = made["erasure"].clip(min=0).sum(axis=1)
    erased = np.flatnonzero(deletion_masks(total, shares=SHARES)[-1]) + 1  # a BOS stands first
    rows = model.get_input_embeddings()(torch.tensor([PROMPT + RESPONSE])).detach().clone()
    rows[:, erased] = 0
    with torch.no_grad():
        chances = model(inputs_embeds=rows).logits[0].softmax(-1)
    kept = [float(chances[len(PROMPT) - 1 + at, token]) for at, token in enumerate(RESPONSE)]
    np.testing.assert_allclose(made["curves"][METHODS.index("erasure"), -1], kept, rtol=1e-4)
    assert made["curves"].shape == (len(METHODS) + RANDOM_ORDERS, len(SHARES), len(RESPONSE))


@pytest.fixture
def planted(tmp_path):
    """Three prompts in which erasure ranks as the gradient does, and the base's order is useless."""
    store, prompts = Store(tmp_path), chosen(read_prompts(), 1)[:3]
    for number, prompt in enumerate(prompts):
        gradient = np.array([[4.0, 3.0], [2.0, 1.0], [1.0, 2.0], [0.5, 0.1], [0.2, 0.3]])
        for role, left in (("base", 0.6), ("tuned", 0.1)):
            curves = np.full((2 + RANDOM_ORDERS, len(SHARES), 2), 0.6 + 0.01 * number)
            curves[0] = left + 0.02 * number
            store.write(
                f"faithfulness/{role}/{prompt.id}",
                {"gradient": gradient, "erasure": gradient**3, "curves": curves,
                 "whole": np.ones(2), "nothing": np.zeros(2)},
            )  # fmt: skip
    return store


def test_estimates_that_rank_alike_agree_fully(planted):
    found = faithfulness_view.agreement(planted)
    assert set(found["estimate"]) == {"erasure"} and len(found) == 6
    np.testing.assert_allclose(found["rho"], 1)
    np.testing.assert_allclose(found["top fifth in common"], 1)


def test_an_order_that_finds_what_matters_leaves_less(planted):
    found = {one.label: one for one in faithfulness_view.against_others(
        faithfulness_view.curves(planted))}  # fmt: skip
    tuned, base = found["tuned: gradient against random order"], found[
        "base: gradient against random order"]  # fmt: skip
    assert tuned.difference == pytest.approx(-0.49) and abs(base.difference) < 0.02


def test_integrated_gradients_join_where_they_were_computed(planted):
    before = faithfulness_view.curves(planted)
    prompt = before["id"].iloc[0]
    curves = np.full((1, len(SHARES), 2), 0.5)
    arrays = {"integrated_gradients": np.ones((5, 2)), "curves": curves}
    planted.write(
        f"faithfulness/integrated-tuned/{prompt}", arrays | {"whole": 1.0, "nothing": 0.0}
    )
    found = faithfulness_view.curves(planted).query("`share erased` > 0")
    own = found[found["order"] == "integrated gradients"]
    assert set(own["id"]) == {prompt} and set(own["left"]) == {0.5}
    others = found[found["order"] != "integrated gradients"].reset_index(drop=True)
    assert others.equals(before.query("`share erased` > 0").reset_index(drop=True))


def test_a_store_without_the_finding_names_the_command(tmp_path):
    with pytest.raises(MissingResult, match="faithfulness"):
        faithfulness_view.agreement(Store(tmp_path))


def test_the_books_results_hold_every_prompt_of_both_models():
    store = open_store("gemma-3-270m")
    found = faithfulness_view.instruction_scores(store)
    counts = found.groupby(["reader", "estimate"])["id"].nunique()
    assert counts["tuned", "gradient"] == counts["tuned", "erasure"] > 40
    assert counts["base-on-tuned", "erasure"] == counts["tuned", "erasure"]
    assert found["share"].between(0, 1).all()
