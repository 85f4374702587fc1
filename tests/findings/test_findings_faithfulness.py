"""Faithfulness: what is stored of a prompt, and what the page reads from it."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr
from test_recognition import PROMPTS, fill, pair  # noqa: F401
from tiny import build

from helpers.findings.faithfulness import compute as faithfulness
from helpers.findings.faithfulness import explorer, live, read, verdict
from helpers.findings.faithfulness import tables as faithfulness_view
from helpers.findings.faithfulness.compute import (
    RANDOM_ORDERS,
    SHARES,
    chosen,
    deletion_masks,
    explain,
)
from helpers.methods.erasure import blanking
from helpers.methods.importance import METHODS, importance
from helpers.methods.statistics import Comparison
from helpers.pages.example import RUNNING
from helpers.prompts.prompt import Encoded, read_prompts
from helpers.store.store import MissingResult, Store, open_store

PROMPT, RESPONSE = [1, 5, 9, 17, 33, 60], [12, 40]
ROLES = ("template", "instruction", "instruction", "input", "template")
CODE = Encoded(tuple(PROMPT), tuple("abcde"), ROLES)


@pytest.fixture(scope="module")
def made():
    model = build("llama")
    return explain(SimpleNamespace(model=lambda role: model), "tuned", CODE, RESPONSE, METHODS)


def test_all_prompts_are_chosen_and_as_many_of_every_kind_where_few_are():
    prompts = read_prompts()
    assert sorted(one.id for one in chosen(prompts)) == sorted(one.id for one in prompts)
    few = chosen(prompts, 2)
    kinds = [prompt.kind for prompt in few]
    assert RUNNING in [one.id for one in few]
    assert {kinds.count(kind) for kind in kinds} == {2} and len({*kinds}) == len(kinds) / 2


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


def test_a_blanked_segment_is_all_of_its_tokens_zeroed(made):
    model = build("llama")
    masks = torch.tensor(
        [[role == one for role in ROLES] for one in ("template", "instruction", "input")]
    )
    lost = blanking(model, PROMPT, RESPONSE, masks, way="zero").numpy()
    np.testing.assert_allclose(np.log(made["whole"] / made["blanked"]), lost, atol=1e-4)


@pytest.fixture
def planted(tmp_path):
    """Three prompts in which erasure ranks as the gradient does, and the base's order is useless."""
    store, prompts = Store(tmp_path), chosen(read_prompts(), 1)[:3]
    for number, prompt in enumerate(prompts):
        gradient = np.array([[4.0, 3.0], [2.0, 1.0], [1.0, 2.0], [0.5, 0.1], [0.2, 0.3]])
        for role, left in (("base", 0.6), ("base-on-tuned", 0.6), ("tuned", 0.1)):
            curves = np.full((3 + RANDOM_ORDERS, len(SHARES), 2), 0.6 + 0.01 * number)
            curves[0] = left + 0.02 * number
            store.write(
                f"faithfulness/{role}/{prompt.id}",
                {"gradient": gradient, "erasure": gradient**3, "fixed_norms": gradient**2,
                 "whole": np.ones(2), "nothing": np.zeros(2), "blanked": np.ones((3, 2)),
                 "curves": curves},
            )  # fmt: skip
    return store


def test_estimates_that_rank_alike_agree_fully(planted):
    found = faithfulness_view.agreement(planted)
    assert set(found["estimate"]) == {"gradient", "norms held fixed"} and len(found) == 18
    np.testing.assert_allclose(found["rho"], 1)
    np.testing.assert_allclose(found["top fifth in common"], 1)


def test_rank_agreement_is_spearmans_rho_of_each_column():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 6, (20, 4)), rng.normal(size=(20, 4))
    a[:, 3] = 1  # has no order
    direct = [spearmanr(a[:, m], b[:, m]).statistic for m in range(3)]
    assert np.isnan(faithfulness_view.rhos(a, b)[3])
    assert faithfulness_view.rhos(a, b)[:3] == pytest.approx(direct)


def test_an_estimate_that_adds_up_to_what_blanking_takes_is_told_from_one_that_does_not(tmp_path):
    store, rng, rows = Store(tmp_path), np.random.default_rng(1), []
    for number in range(30):
        exact = rng.uniform(0, 0.1, (5, 2))
        masks = faithfulness.segment_masks(ROLES)
        rows.append({"id": f"p{number}", "setting": "template", "roles": list(ROLES), "kind": "k",
                     "place": "first", "tokens": ["t"] * 5})  # fmt: skip
        estimates = {
            "gradient": rng.uniform(0, 0.1, (5, 2)),
            "erasure": exact,
            "fixed_norms": exact,
        }
        left = {"whole": np.ones(2), "nothing": np.zeros(2), "blanked": 1 - masks @ exact}
        curves = np.ones((3 + RANDOM_ORDERS, len(SHARES), 2))
        store.write(f"faithfulness/tuned/p{number}", estimates | left | {"curves": curves})
    store.write("recognition/prompts", pd.DataFrame(rows))
    found = faithfulness_view.taken(store)
    own = found[found["segment"] != read.WHOLE]
    assert len(found) == 30 * 4 and len(own) == 30 * 3
    np.testing.assert_allclose(own["norms held fixed"], own["blanking"])
    shown = {o.label: o for o in faithfulness_view.taken_over_prompts(own)}
    assert len(shown) == 9
    for label, one in shown.items():
        if "norms held fixed" in label:
            assert one.difference == pytest.approx(1) and one.p_holm < 1e-6
        elif "gradient" in label:
            assert abs(one.difference) < 0.5 and one.low < one.difference < one.high


def test_how_far_two_exact_ways_agree_is_said(planted):
    for name in [one for one in planted.manifest() if one.startswith("faithfulness/")]:
        arrays = planted.read(name)
        planted.write(name, arrays | {"mean_erasure": arrays["erasure"] + 1})
    single = faithfulness_view.single_tokens(faithfulness_view.agreement(planted))
    assert "agree to 1.00 [1.00, 1.00] and 1.00" in verdict.ceiling(single)


def test_the_share_is_compared_by_each_estimate_that_is_stored(planted):
    prompts = [name.split("/")[2] for name in planted.manifest() if "/tuned/" in name]
    rows = [dict(id=one, setting="template", roles=list(ROLES), tokens=["t"] * 5, kind="k", place="first")
            for one in prompts]  # fmt: skip
    planted.write("recognition/prompts", pd.DataFrame(rows))
    scores = faithfulness_view.instruction_scores(planted)
    names = ["gradient", "erasure", "norms held fixed"]
    assert list(scores["estimate"].unique()) == names
    labels = [one.label for one in faithfulness_view.by_estimate(scores, "share", "base")]
    assert labels == [f"share, by {name}, own responses" for name in names]


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
    known = found["share"].dropna()  # there is none where nothing positive lies on any segment
    assert known.between(0, 1).all() and len(known) > 0.99 * len(found)


def compared(label, low, high, p=0.001):
    middle = (low + high) / 2
    return Comparison(label, 40, 0.0, middle, middle, 0.5, low, high, p, "test", "null", p_holm=p)


def test_the_conclusion_follows_the_comparisons():
    def sentence(rho, random):
        single = [compared(f"gradient, {role}", *rho) for role in ("base", "tuned")]
        orders = [
            compared(f"{role}: gradient against random order", *ends)
            for role, ends in zip(("base", "tuned"), random, strict=True)
        ]
        return verdict.conclusion(single, orders)

    weak = sentence((-0.1, 0.1), [(-0.2, -0.1)] * 2)
    assert "may not be read token by token." in weak and weak.endswith("in both models.")
    strong = sentence((0.7, 0.8), [(-0.2, -0.1), (0.1, 0.2)])
    assert "may be read token by token." in strong and "the base model alone" in strong
    assert "in neither model" in sentence((0.4, 0.6), [(0.1, 0.2)] * 2)
    assert "only with care" in sentence((0.4, 0.6), [(0.1, 0.2)] * 2)


@pytest.mark.parametrize(
    ("gradient", "erasure", "word"),
    [((0.1, 0.2), (0.1, 0.2), "confirms it"), ((0.1, 0.2), (-0.2, -0.1), "contradicts it"),
     ((-0.1, 0.2), (-0.1, 0.2), "leaves it open"), ((0.1, 0.2), (-0.1, 0.2), "leaves it open")],
)  # fmt: skip
def test_two_nulls_confirm_nothing(gradient, erasure, word):
    sides = {"gradient": gradient, "erasure": erasure}
    p = lambda low, high: 0.5 if low < 0 < high else 0.001  # noqa: E731
    shares = [compared(f"share, by {name}, one", *x, p(*x)) for name, x in sides.items()]
    assert verdict.confirmed(shares) == word
    assert verdict.confirmed(shares[:1]) == "leaves it open"


def test_agreement_of_single_tokens_is_told_from_none(planted):
    found = {
        one.label: one
        for one in faithfulness_view.single_tokens(faithfulness_view.agreement(planted))
    }
    assert found["gradient, tuned"].difference == pytest.approx(1)


def test_the_share_of_an_estimate_leaves_the_template_out(tmp_path):
    store, roles = Store(tmp_path), ["template", "instruction", "input"]
    matrix = np.array([[9.0], [3.0], [1.0]])
    rest = {"curves": np.ones((8, 4, 1)), "whole": np.ones(1), "nothing": np.zeros(1)}
    rest |= {"blanked": np.ones((3, 1))}
    estimates = dict.fromkeys(("gradient", "erasure", "fixed_norms"), matrix)
    store.write("faithfulness/tuned/a", estimates | rest)
    row = dict(id="a", setting="template", roles=roles, tokens=["t"] * 3, kind="k", place="first")
    store.write("recognition/prompts", pd.DataFrame([row]))
    assert faithfulness_view.instruction_scores(store)["share"].tolist() == [0.75] * 3


def prompt(id, seed):
    rng = np.random.default_rng(seed)
    one = {"gradient": rng.normal(size=(4, 3)), "erasure": rng.normal(size=(4, 3))}
    return {"id": id, "tokens": list("abcd"), "roles": ["template", "instruction", "input", "cue"],
            "response": list("xyzw"), "models": {"base": one, "tuned": one}}  # fmt: skip


def test_an_explorer_opens_on_the_running_example_or_on_one_of_its_kind():
    prompts = [prompt(id, 0) for id in ("a-01", "translation-01", "translation-07")]
    assert explorer.opened(prompts)["id"] == "translation-07"
    assert explorer.opened(prompts[:2])["id"] == "translation-01"
    assert explorer.opened(prompts[:1])["id"] == "a-01"
    compact = explorer.TintExplorer(prompts, compact=True)
    assert len(compact.data["matrices"]) < len(explorer.TintExplorer(prompts).data["matrices"])
    with pytest.raises(ValueError, match="empty"):
        explorer.TintExplorer([])


def test_the_forest_has_short_names_and_each_line_once():
    readers = ("base", "base-on-tuned", "tuned")
    single = [compared(f"gradient, {one}", 0, 1) for one in readers]
    cells = [(x, y) for x in ("whole prompt", "instruction", "input") for y in readers]
    sums = [compared(f"{segment}, {role}: gradient", 0, 1) for segment, role in cells]
    shared = [compared("share, by erasure, the tuned model's response", 0, 1)]
    found = verdict.doubts(single, sums) | verdict.by_short_name(shared)
    labels = [[one.label for one in ones] for ones in found.values()]
    assert labels == [["gradient, base", "gradient, tuned"]] * 2 + [["by erasure"]]


def test_the_base_explains_its_own_response_for_a_few_of_every_kind_and_any_prompt_runs_again(
    pair,  # noqa: F811
    tmp_path,
    monkeypatch,
):
    monkeypatch.setattr(faithfulness, "FEW", 2)
    monkeypatch.setattr(faithfulness, "STEPS", 2)
    store = fill(pair, tmp_path)
    faithfulness.compute(pair, store, prompts=PROMPTS, progress=False)
    own = {name.rsplit("/", 1)[1] for name in store.manifest() if "faithfulness/base/" in name}
    both = {prompt for prompt, *_ in read.explained(store, ("base-on-tuned",))}
    assert own == {one.id for one in PROMPTS[:2]} < both == {one.id for one in PROMPTS}
    assert set(read.path(store)["id"]) == own
    monkeypatch.setattr(live.live, "models", lambda *_: pair)
    monkeypatch.setattr(live, "read_prompts", lambda: PROMPTS)
    again = live.check("tiny", store, PROMPTS[4].id)
    assert len(again) == 4 and again["largest difference, relative"].max() < 1e-3
