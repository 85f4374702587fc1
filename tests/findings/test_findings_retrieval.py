"""The retrieval check on a tiny pair, its labels and areas on planted stores."""

import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from tiny import save_model

from helpers.commands.filling import inputs
from helpers.findings.retrieval import compute as retrieval
from helpers.findings.retrieval import live as retrieval_live
from helpers.findings.retrieval import tables as view
from helpers.methods import roc
from helpers.methods.density import density, instruction_score, normalise
from helpers.methods.importance import importance
from helpers.models.pair import load_pair
from helpers.models.roles import ROLES
from helpers.prompts.prompt import TEMPLATE, encode
from helpers.prompts.retrieval import CONDITIONS, DOCUMENTS, Item, read_items
from helpers.store.store import Store

TEXT = "a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f"
ITEMS = [
    Item(
        f"item-{n}", f"Name {n}?", ("red",), ("blue",),
        {"true": f"{TEXT} it is red", "contradicting": f"{TEXT} it is blue",
         "absent": f"{TEXT} it is new"},
    )
    for n in range(3)
]  # fmt: skip


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return load_pair(
        save_model(folder / "base", seed=0), save_model(folder / "tuned", seed=1), name="tiny"
    )


def fill(pair, folder):
    store = Store(folder, {"base": "0", "adapter": "1"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval.RETRIEVAL, "size", 2)
        retrieval.compute(pair, store, items=ITEMS, max_tokens=4, progress=False)
    return store


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(retrieval.RETRIEVAL, "size", 2)
    monkeypatch.setattr(roc, "RESAMPLES", 2_000)


@pytest.fixture(scope="module")
def filled(pair, tmp_path_factory):
    return fill(pair, tmp_path_factory.mktemp("filled"))


# --- the experiment, end to end --------------------------------------------------------------


def test_stored_scores_are_those_of_the_method(pair, filled):
    table = view.measures(filled).set_index(["id", "condition", "model"])
    assert len(table) == len(ITEMS) * len(DOCUMENTS) * 2
    for role, condition in (("base", "true"), ("tuned", "absent")):
        code = encode(ITEMS[2].under(condition), pair.tokenizer, pair.template)
        answers = filled.read(f"retrieval/responses-{role}").set_index(["id", "condition"])
        ids = [int(i) for i in answers.loc[("item-2", condition), "ids"]]
        direct, mask = importance(pair.model(role), code.ids, ids).numpy(), code.mask("context")
        row = table.loc[("item-2", condition, role)]
        values = density(normalise(direct, threshold=7))
        assert row["score"] == pytest.approx(instruction_score(values, mask))
        assert row["density share"] == pytest.approx(values[mask].sum() / values.sum())
        positive = direct.clip(min=0)
        assert row["importance share"] == pytest.approx(
            positive[mask].sum() / positive.sum(), rel=1e-5
        )


def test_the_gain_is_the_difference_of_mean_log_probabilities(pair, filled):
    table = view.measures(filled).set_index(["id", "condition", "model"])
    answers = filled.read("retrieval/responses-base").set_index(["id", "condition"])
    ids = [int(i) for i in answers.loc[("item-0", "true"), "ids"]]

    def direct(condition):
        prompt = encode(ITEMS[0].under(condition), pair.tokenizer, pair.template).ids
        with torch.no_grad():
            logits = pair.model("base")(torch.tensor([[*prompt, *ids]])).logits[
                0, len(prompt) - 1 : -1
            ]
        return logits.log_softmax(-1)[range(len(ids)), ids].mean().item()

    gain = table.loc[("item-0", "true", "base"), "gain"]
    assert gain == pytest.approx(direct("true") - direct("none"), abs=1e-5)


def test_a_run_that_stopped_goes_on_to_the_same_store(pair, filled, tmp_path):
    class Stopped(Exception):
        pass

    def write(self, name, *arguments, **options):
        if name == "retrieval/base/01":
            raise Stopped
        return original(self, name, *arguments, **options)

    original = Store.write
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "write", write)
        with pytest.raises(Stopped):
            fill(pair, tmp_path)
    assert "retrieval/base/00" in Store(tmp_path).manifest()
    store = fill(pair, tmp_path)
    hashes = [{n: e["sha256"] for n, e in s.manifest().items()} for s in (filled, store)]
    assert hashes[0] == hashes[1]


@pytest.mark.filterwarnings("ignore:.*was made from other inputs")
def test_a_changed_item_is_computed_again_and_no_other(pair, filled, tmp_path):
    shutil.copytree(filled.folder, tmp_path, dirs_exist_ok=True)
    items = [*ITEMS[:2], replace(ITEMS[2], question="Which of them?")]
    made = []
    with pytest.MonkeyPatch.context() as patch:
        block = retrieval.make_block
        patch.setattr(retrieval, "make_block", lambda *a: made.append(a[1]) or block(*a))
        store = Store(tmp_path, {"base": "0", "adapter": "1"})
        retrieval.compute(pair, store, items=items, max_tokens=4, progress=False)
    assert made == list(ROLES)


def test_a_document_of_ones_own_gets_the_same_scores(pair, filled):
    item = ITEMS[1]
    asked = (item.question, item.documents["true"])
    shown = retrieval_live.read_document(pair, *asked, max_tokens=4)
    table = view.measures(filled).query("id == 'item-1' and condition == 'true'").set_index("model")
    for key in retrieval_live.SHOWN:
        np.testing.assert_allclose(
            shown[view.SCORES[key]].astype(float), table[key].loc[shown.index], rtol=1e-4, atol=1e-5
        )


def test_a_response_is_its_first_line():
    template = retrieval.one_line(TEMPLATE)
    assert template.cut("Red.\n\nRed again.") == "Red."
    assert template.cut("Red ### more") == "Red"
    assert TEMPLATE.markers == ("###",)


# --- labels and areas on a planted store ------------------------------------------------------


def plant(folder, *, on_document: bool) -> Store:
    """Ten items: the first five's documents are used where they answer, the others' never.

    Importance lies on the document exactly where it is used (`on_document`), or is noise.
    """
    store, rng = Store(folder), np.random.default_rng(0)
    ids, roles = [f"i{n}" for n in range(10)], ["context"] * 6 + ["instruction"] * 4
    labels = dict(question="q", true="red", contradicting="blue", document="")
    labels |= dict(roles=roles, tokens=["t"] * 10)
    rows = [labels | dict(id=i, condition=c) for i in ids for c in CONDITIONS]
    store.write("retrieval/items", pd.DataFrame(rows))
    for role in ROLES:
        says = {(i, c): c if i < "i5" and c in ("true", "contradicting") else "neither"
                for i in ids for c in CONDITIONS}  # fmt: skip
        rest = dict(ids=[1], ended="stop")
        rows = [dict(id=i, condition=c, says=s, text=s) | rest for (i, c), s in says.items()]
        store.write(f"retrieval/responses-{role}", pd.DataFrame(rows))
        for number, block in enumerate(retrieval.RETRIEVAL.blocks(ids)):
            used = [says[i, c] == c for i in block for c in DOCUMENTS]
            where = used if on_document else rng.random(len(used)) < 0.5
            levels = [np.outer([hit] * 6 + [not hit] * 4, np.full(5, 10)) for hit in where]
            number_of = lambda values: np.array(values, dtype=np.float32)  # noqa: E731
            arrays = dict(shape=np.array([[10, 5]] * len(used), dtype=np.int32))
            arrays["normalised"] = np.concatenate([one.ravel() for one in levels]).astype(np.uint8)
            arrays |= dict(share=number_of(where), with_document=number_of(where))
            arrays["alone"] = np.zeros(len(used), dtype=np.float32)
            store.write(f"retrieval/{role}/{number:02d}", arrays)
    return store


def test_planted_use_is_labelled_and_told_apart_without_error(tmp_path):
    table = view.measures(plant(tmp_path, on_document=True))
    counts = view.labels(table)
    assert list(counts["used"]) == [5, 5, 0] * 2 and list(counts["not used"]) == [5, 5, 10] * 2
    for role, found in view.against_chance(table).items():
        by_name = {one.label: one for one in found}
        for key in ("score", "density share", "importance share"):
            one = by_name[view.SCORES[key]]
            assert one.mean_b == 1 and one.p_holm < 0.02 and one.n == 30, role
        assert by_name[view.SCORES["response tokens"]].mean_b == 0.5
    said = view.numbers(table)
    assert said["told_base"] == "better than chance" and said["score_tuned"] == "1.00"


def test_planted_noise_is_no_better_than_chance(tmp_path):
    table = view.measures(plant(tmp_path, on_document=False))
    for found in view.against_chance(table).values():
        assert all(one.p_holm > 0.05 and one.low <= 0 <= one.high for one in found[:3])
    assert re.fullmatch(
        r"not clearly better than chance \(an area of 0\.\d\d would have been seen\)",
        view.numbers(table)["told_tuned"],
    )


def test_a_subset_of_one_kind_says_so(tmp_path):
    table = view.measures(plant(tmp_path, on_document=True))
    shown = view.subset_table(table)
    assert (
        shown.loc["contradicts; answer of document or memory"].iloc[:, 1:] == "one kind only"
    ).all(axis=None)


def test_overlap_leaves_out_the_words_of_the_question():
    assert view.overlap("The tree is an oak.", "Which tree is it?", "An oak stands here.") == 2 / 3
    assert view.overlap("It is", "What is it?", "anything") == 0


def test_a_limit_takes_so_many_items():
    found = inputs("retrieval", None, 2)["items"]
    assert len(found) == 2 and all(item in read_items() for item in found)
    assert inputs("retrieval", None, None) == {}
