"""The placement experiment on a tiny pair, its comparisons on planted data, our pair's profiles."""

import re
import shutil
from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from tiny import save_model

from helpers.findings.positions import compute as positions
from helpers.findings.positions import figures, live, middle, profiles, read, report
from helpers.findings.positions import placed as positions_view
from helpers.findings.positions.placed import measure
from helpers.findings.positions.read import Placed
from helpers.findings.recognition import compute as recognition
from helpers.findings.recognition import read as read_recognition
from helpers.findings.recognition.tables import told
from helpers.findings.release.read import KINDS
from helpers.methods.density import density, normalise, relative_density
from helpers.methods.importance import importance
from helpers.methods.profiles import position_profile
from helpers.methods.statistics import BadSample, compare_paired, untested
from helpers.models.pair import load_pair
from helpers.models.roles import ROLES
from helpers.prompts.placement import PLACES, Item, read_items
from helpers.prompts.prompt import Prompt, Segment, encode
from helpers.store.store import MissingResult, Store, open_store

RULE = {"type": "exact", "answers": ["red"]}
SENTENCES = ("The sea is calm.", "A boat is red.", "It rains.", "They row.", "All is well.")
ITEMS = [
    Item(f"item-{n}", "extraction", f"Name colour {n}.", SENTENCES, "red", RULE) for n in range(5)
]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return load_pair(
        save_model(folder / "base", seed=0), save_model(folder / "tuned", seed=1), name="tiny"
    )


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(read.PLACEMENT, "size", 2)


def fill(pair, folder, items=ITEMS):
    store = Store(folder, {"base": "0", "adapter": "1"})
    positions.compute(pair, store, items=items, max_tokens=4, progress=False)
    return store


@pytest.fixture(scope="module")
def filled(pair, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(read.PLACEMENT, "size", 2)
        return fill(pair, tmp_path_factory.mktemp("filled"))


# --- the experiment, end to end --------------------------------------------------------------


def test_stored_levels_and_shares_are_those_of_the_method(pair, filled):
    found = {(o.id, o.place, o.model, o.response): o for o in positions_view.placed(filled)}
    assert len(found) == len(ITEMS) * len(PLACES) * 2 * 2
    item = ITEMS[3]
    expected = pair.tokenizer("red", add_special_tokens=False)["input_ids"]
    for place in ("before", "half", "after"):
        code = encode(item.at(place), pair.tokenizer, pair.template)
        for role in ROLES:
            direct = importance(pair.model(role), code.ids, expected).numpy()
            one = found[(item.id, place, role, "expected")]
            np.testing.assert_array_equal(one.normalised, normalise(direct, 10))
            positive = direct.clip(min=0)
            share = positive[one.mask].sum() / positive.sum()
            assert one.share == pytest.approx(share, rel=1e-5)
            assert "".join(np.array(one.tokens)[one.mask]).strip() == item.instruction


def test_erasing_the_instruction_takes_what_two_forward_passes_say(pair, filled):
    table = read.losses(filled).set_index(["id", "place", "model"])
    assert len(table) == len(ITEMS) * len(PLACES) * 2
    expected, rows = pair.tokenizer("red", add_special_tokens=False)["input_ids"], []
    code = encode(ITEMS[4].at("half"), pair.tokenizer, pair.template)
    mask = torch.tensor([False, *code.mask("instruction")])  # BOS leads
    for erase in (torch.zeros_like(mask), mask):
        inputs = pair.model("tuned").get_input_embeddings()(
            torch.tensor([[*code.ids, *expected[:-1]]])
        )
        inputs[0, : len(mask)][erase] = 0
        with torch.no_grad():
            logs = (
                pair.model("tuned")(inputs_embeds=inputs)
                .logits[0, -len(expected) :]
                .log_softmax(-1)
            )
        rows.append(logs[range(len(expected)), expected].mean().item())
    found = table.loc[("item-4", "half", "tuned")]
    assert found["whole"] == pytest.approx(rows[0], rel=1e-4)
    assert found["instruction"] == pytest.approx(rows[0] - rows[1], rel=1e-3)
    assert found["difference"] == pytest.approx(found["instruction"] - found["context"])
    assert found["tokens"] == len(expected)


def test_losses_without_their_number_of_tokens_count_as_absent(filled, tmp_path):
    shutil.copytree(filled.folder, tmp_path, dirs_exist_ok=True)
    old = Store(tmp_path)
    name = "positions/erased-base/00"
    old.write(name, old.read(name).drop(columns="tokens"))
    with pytest.raises(MissingResult, match="lacks 'tokens'"):
        read.losses(old)


def test_stretches_are_context_alone_and_as_long_as_the_instruction():
    context = np.array([0, 1, 1, 1, 0, 0, 1, 1, 1, 0], bool)
    masks = positions.stretches(context, 4, seed=0, n=50)
    assert (masks.sum(axis=1) == 4).all() and not (masks & ~context).any()
    assert (masks[:, 3] & masks[:, 6]).any() and len(np.unique(masks, axis=0)) == 3
    assert positions.stretches(context, 9, seed=0).sum(axis=1).tolist() == [6, 6]


def test_the_expected_answer_is_the_same_everywhere_and_own_ones_are_the_models(pair, filled):
    table = positions_view.measures(filled)
    assert set(table.query("response == 'expected'")["response_tokens"]) == {3}
    for role in ROLES:
        answers = filled.read(f"positions/responses-{role}").set_index(["id", "place"])
        own = table.query("response == 'own' and model == @role").set_index(["id", "place"])
        assert (answers["ids"].map(len) == own["response_tokens"]).all()
    cut = table.query("response == 'matched'").pivot(
        index=["id", "place"], columns="model", values="response_tokens"
    )
    assert (cut["base"] == cut["tuned"]).all()


def test_a_run_that_stopped_goes_on_to_the_same_store(pair, filled, tmp_path):
    class Stopped(Exception):
        pass

    def write(self, name, *arguments, **options):
        if name == "positions/tuned/01":
            raise Stopped
        return original(self, name, *arguments, **options)

    original = Store.write
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "write", write)
        with pytest.raises(Stopped):
            fill(pair, tmp_path)
    with pytest.raises(MissingResult, match="tuned/01.*Compute it with"):
        positions_view.placed(Store(tmp_path))
    store = fill(pair, tmp_path)
    whole = {name: entry["sha256"] for name, entry in filled.manifest().items()}
    assert {name: entry["sha256"] for name, entry in store.manifest().items()} == whole


def test_recomputing_an_item_gives_what_is_stored(pair, filled):
    again = live.recompute(pair, filled, ITEMS[4], "quarter")
    assert len(again) == 4 and (again["entries that differ"] == 0).all()
    np.testing.assert_allclose(again["share, now"], again["share, stored"], rtol=1e-5)
    assert (again["entries of S"] > 0).any()


ONE_WORD = r"one word|single word|one-word|one single word|one of (these words|the two)|yes or no"


def test_the_books_expected_answers_are_what_is_asked_for_and_no_more():
    items = read_items()
    assert len(items) == 64
    for one in items:
        assert not one.expected.endswith("."), f"{one.id}: the full stop would be measured"
        if re.search(ONE_WORD, one.instruction, re.IGNORECASE):
            assert len(one.expected.split()) == 1, f"{one.id} asks for a word: {one.expected!r}"
    assert sum(bool(re.search(ONE_WORD, one.instruction, re.I)) for one in items) > 30


# --- measures of planted matrices ------------------------------------------------------------


def planted(levels, **changes) -> Placed:
    roles = ("instruction", "instruction", "context", "template")
    labels = dict(id="a", kind="k", place="half", model="base", response="own")
    rest = dict(tokens=("a", "b", "c", "d"), roles=roles, share=0.5, followed=True)
    return Placed(**(labels | rest | dict(normalised=np.array(levels, np.uint8)) | changes))


def test_density_of_the_instruction_counts_response_tokens():
    # k equal entries have density k^(3/4); the context's row is the densest.
    found = measure(planted([[10, 0, 0, 0], [0, 0, 0, 0], [9, 9, 9, 9], [7, 7, 7, 7]]))
    assert found["density"] == pytest.approx((4**-0.75 + 0) / 2)
    assert found["score"] == pytest.approx(4**-0.75 / np.log2(4))
    assert found["response_tokens"] == 4


def test_an_empty_response_has_no_density():
    found = measure(planted(np.zeros((4, 0)), share=float("nan")))
    assert np.isnan([found["density"], found["score"], found["share"]]).all()


# --- comparisons of planted effects ----------------------------------------------------------


def planted_table(n=40, tuned=0.0, dip=(0.0, 0.0), after=0.0, seed=0) -> pd.DataFrame:
    """Shares with item effects, a shift by tuning, a dip in the middle by model, and recency."""
    random, rows = np.random.default_rng(seed), []
    for number in range(n):
        level = 1 + random.normal(0, 0.5)
        for place in PLACES:
            for m, role in enumerate(ROLES):
                value = level + m * tuned + random.normal(0, 0.1)
                value -= dip[m] * (place in PLACES[1:4])
                value += after * (place == "after")
                label = dict(id=f"i{number}", model=role, place=place, response="expected")
                rows.append(label | dict(share=value, density=value))
    return pd.DataFrame(rows)


def test_tuning_is_found_at_every_place_and_nowhere_without_it():
    for found in positions_view.base_against_tuned(planted_table(tuned=0.3), "share"):
        assert found.difference == pytest.approx(0.3, abs=0.07) and found.p_holm < 1e-6
        assert found.n == 40 and found.low < 0.3 < found.high
    assert all(f.p_holm > 0.05 for f in positions_view.base_against_tuned(planted_table(), "share"))


def test_a_dip_that_tuning_removes_is_told_from_one_that_stays():
    base, tuned, change = positions_view.middle_against_ends(planted_table(dip=(0.2, 0.0)), "share")
    assert base.difference == pytest.approx(-0.2, abs=0.04) and base.p_holm < 1e-6
    assert tuned.p_holm > 0.05
    assert change.difference == pytest.approx(0.2, abs=0.05) and change.p_holm < 1e-6
    *both, change = positions_view.middle_against_ends(planted_table(dip=(0.2, 0.2)), "share")
    assert all(one.p_holm < 1e-6 for one in both) and change.p_holm > 0.05


def test_recency_alone_is_no_dip():
    table = planted_table(after=0.3)
    against = {one.label: one for one in positions_view.against_each_end(table, "share")}
    assert all(f.p_holm < 0.01 for f in positions_view.middle_against_ends(table, "share")[:2])
    for role in ROLES:
        assert against[f"{role}: middle against before"].p_holm > 0.05
        assert against[f"{role}: middle against after"].difference == pytest.approx(-0.3, abs=0.06)
    before = {one.label: one for one in positions_view.against_before(table, "share")}
    assert [name for name, one in before.items() if one.p_holm < 0.01] == [
        "base: after",
        "tuned: after",
    ]


def test_a_gain_that_grows_with_the_place_is_found_and_an_even_one_is_not():
    even = positions_view.gain_by_place(planted_table(tuned=0.3, after=0.2), "share")
    assert [one.label for one in even] == list(PLACES[1:])
    assert all(one.p_holm > 0.05 for one in even)
    found = positions_view.gain_by_place(planted_table(dip=(0.3, 0.0)), "share")
    assert [one.p_holm < 1e-6 for one in found] == [True, True, True, False]
    assert found[0].difference == pytest.approx(0.3, abs=0.07)


def test_the_level_of_the_expected_answer_is_given_with_what_it_loses():
    rows = [
        dict(id=f"i{n}", place=place, model=role, response="expected", tokens=2, instruction=loss,
             whole=np.log(0.1), context=0.0)
        | {"without instruction": np.log(0.1) - loss, "without context": np.log(0.1)}
        for n in range(20) for place in PLACES for role, loss in (("base", 0.5), ("tuned", 1.0))
    ]  # fmt: skip
    shown = positions_view.levels(pd.DataFrame(rows)).set_index(["model", "place"])
    assert len(shown) == 10 and (shown["n"] == 20).all()
    np.testing.assert_allclose(shown["probability of the answer"], 0.1**2)
    found = shown.loc[("tuned", "half")]
    assert found["with the instruction"] - found["without it"] == pytest.approx(1.0)
    assert found["lost with the instruction"] == pytest.approx(1.0)


def test_items_without_a_value_are_left_out_and_too_few_are_refused():
    table = planted_table(n=5)
    table.loc[(table["id"] == "i1") & (table["place"] == "half"), "share"] = np.nan
    assert {one.n for one in positions_view.base_against_tuned(table, "share")} == {4}
    assert positions_view.by_place(table, "share")["n"].eq(4).all()
    with pytest.raises(BadSample, match="2 items have all places"):
        positions_view.grid(planted_table(n=2), "share")


# --- following -------------------------------------------------------------------------------


def followed(base, tuned, n=40) -> pd.DataFrame:
    """A table of measures from {place: share followed}, nested so that pairs are plain."""
    rows = []
    for (role, shares), place in product((("base", base), ("tuned", tuned)), PLACES):
        kept = shares.get(place, shares["else"]) * n
        label = dict(model=role, place=place, response="own")
        rows += [label | dict(id=f"i{k:02d}", followed=k < kept) for k in range(n)]
    return pd.DataFrame(rows)


def test_following_is_compared_at_every_place_and_over_places():
    table = followed({"else": 0.0}, {"else": 0.5, "after": 0.9})
    for one in positions_view.base_against_tuned(table, "followed", "own"):
        gained = 36 if one.label == "after" else 20
        assert one.p_value == pytest.approx(stats.binomtest(gained, gained).pvalue)
        assert one.test == "exact McNemar"
    shown = positions_view.any_place(table)
    # Cochran's Q by its definition: k(k-1) sum (G_j - mean G)^2 / (k sum L_i - sum L_i^2).
    values = positions_view.grid(table, "followed", "own")["tuned"].to_numpy(int)
    columns, rows, k = values.sum(0), values.sum(1), 5
    q = (k - 1) * (k * (columns**2).sum() - columns.sum() ** 2) / (k * rows.sum() - (rows**2).sum())
    assert shown.loc["tuned", "Q"] == pytest.approx(q)
    assert shown.loc["tuned", "p"] == pytest.approx(stats.chi2.sf(q, 4))
    assert shown.loc["base", "p"] == 1
    assert shown.loc["base", "items that change with the place"] == 0
    rates = positions_view.by_place(table, "followed", "own").set_index(["model", "place"])
    assert rates.loc[("tuned", "after"), "mean"] == 0.9
    assert rates.loc[("base", "half"), "low"] == 0 < rates.loc[("base", "half"), "high"]


def test_a_dip_in_following_is_found_by_flipping_signs():
    table = followed({"else": 0.0}, {"else": 0.3, "before": 0.9, "after": 0.7})
    base, tuned, change = positions_view.middle_against_ends(table, "followed", "own")
    assert base.p_value == 1 and base.difference == 0
    assert tuned.difference == pytest.approx(-0.5) and tuned.p_holm < 0.001
    assert tuned.test.startswith("sign flips")
    assert change.difference == pytest.approx(-0.5) and change.p_holm < 0.001


# --- every reading of the middle, and the words that it chooses -------------------------------


def test_a_middle_in_per_cent_is_the_ratio_of_both_means_with_its_interval():
    random = np.random.default_rng(0)
    ends = random.uniform(1, 3, 200)
    inside = 0.7 * ends + random.normal(0, 0.1, 200)
    table = dict(label="x", null_hypothesis="none")
    found = middle.in_percent(compare_paired(ends, inside, **table), ends, inside)
    assert found.difference == pytest.approx(100 * (inside.mean() / ends.mean() - 1))
    assert found.low < -30 < found.high and found.high - found.low < 3
    rare = np.zeros(200)
    rare[0] = 1.0
    refused = middle.in_percent(compare_paired(rare, inside, **table), rare, inside)
    assert not refused.possible and refused.n == 200 and "near zero" in refused.test


@pytest.mark.parametrize(
    ("effects", "base", "tuned", "answer"),
    [
        (dict(dip=(0.3, 0.0)), "less less yes", "not clear not clear not seen", "Mostly: .* three of six"),
        (dict(dip=(-0.3, 0.3)), "more more not seen", "less less yes", "Mostly: .* three of six"),
        (dict(after=0.5), "not clear less not seen", "not clear less not seen", "No sign .* none of six"),
        (dict(dip=(0.3, 0.3)), "less less yes", "less less yes", "Yes: .* six of six"),
    ],
)  # fmt: skip
def test_words_of_the_middle_follow_what_was_planted(effects, base, tuned, answer):
    four = middle.moved(planted_table(**effects), "share", "expected")
    found = dict.fromkeys(middle.MOVED, four)
    shown = middle.table(found)
    assert shown.agg(" ".join, axis=1).tolist() == 3 * [base, tuned]
    assert re.match(answer, middle.answer(found))
    heading, *others = middle.MOVED
    part = found | dict.fromkeys(others, [untested("none", "too near zero")] * 4)
    assert "of two readings" in middle.answer(part) and shown.index[0].endswith("blanked, base")
    assert len(middle.table(part)) == 2
    if answer.startswith("Mostly"):
        few = dict.fromkeys(others, middle.moved(planted_table(), "share", "expected"))
        assert middle.answer({heading: four} | few).startswith(
            "Hardly: the middle is lost by one of"
        )


def test_places_are_counted_with_their_signs():
    found = [
        positions_view.base_against_tuned(planted_table(tuned=t), "share") for t in (0.3, -0.3, 0)
    ]
    more, less, none = found
    assert middle.places(more) == "more at all five places"
    assert (
        middle.places([*more[:3], *less[:2]])
        == "more at three of five places and less at two of five places"
    )
    assert middle.places(none) == "neither clearly more nor less at any of five places"


def test_what_tuning_does_to_the_middle_is_said_with_what_would_have_been_seen():
    said = [
        middle.change(
            positions_view.middle_against_ends(planted_table(dip=dip), "share")[2], "nats"
        )
        for dip in ((0.3, 0.0), (0.0, 0.3), (0.0, 0.0))
    ]
    assert re.match(r"adds 0\.(2|3)\d nats more in the middle than at the ends", said[0])
    assert re.match(r"adds 0\.(2|3)\d nats less in the middle than at the ends", said[1])
    assert "not clearly add more" in said[2] and "(a difference of 0.0" in said[2]


def test_the_chapters_numbers_and_figures_come_from_any_store(filled):
    """On a tiny store nothing is clear; every sentence and panel is made all the same."""
    measures, losses = positions_view.measures(filled), read.losses(filled)
    table = profiles.released(open_store("llama-vicuna-7b"))
    found = middle.lines(measures, losses, table, table)
    assert len(middle.lines(measures, losses, table)[middle.OBSERVED]) == 2
    assert [len(four) for four in found.values()] == [4] * 4
    said = middle.numbers(measures, losses, found, table)
    assert said["n"] == 5 and said["n_7b"] == 453 and "readings" in said["verdict"]
    assert len(figures.placement(report.panels(measures, losses)).axes) == 4
    density, mask = np.linspace(0, 1, 24), np.arange(24) < 6
    words = ["of", " Spanish", "##", *["the"] * 21]
    axes = figures.idea(density, mask, words).axes
    assert len(axes) == 4 and "the" in {tick.get_text() for tick in axes[0].get_xticklabels()}
    empty = density * (density > 0.3) * (density < 0.6)
    ratio = figures.idea(empty, mask, words).axes[2]
    assert "no ratio" in ratio.get_title("left") + ratio.get_title()  # where the style puts it


# --- profiles of our pair --------------------------------------------------------------------


def test_profiles_of_a_pair_are_those_of_its_matrices(pair, tmp_path):
    segments = (Segment("instruction", "Name a colour."), Segment("input", "the sea and the sky"))
    short = (Segment("instruction", "Go."),)
    prompts = [Prompt("long", "k", segments), Prompt("short", "k", short)]
    store = Store(tmp_path)
    recognition.compute(pair, store, prompts=prompts, max_tokens=8, progress=False)
    table = profiles.ours(store)
    lengths = {r: len(read_recognition.read_responses(store, "plain", r)["ids"][0]) for r in ROLES}
    assert min(lengths.values()) >= 5, "choose other seeds: the planted responses are too short"
    assert "short" not in set(table.query("kind == 'ours, plain text'")["id"])
    for role in ROLES:
        item = read_recognition.explained(store, "plain", role, role)[0]
        values = density(normalise(item.importance, 10, 5), 4)
        row = table.query("kind == 'ours, plain text' and model == @role and threshold == 5")
        np.testing.assert_allclose(row["profile"].item(), position_profile(values), rtol=1e-6)
    kept = table.query("kind == @profiles.LEFT_OUT and bins == 20 and p == 8 and model == 'base'")
    item = read_recognition.explained(store, "template", "base", "base")[0]
    values = relative_density(density(normalise(item.importance, 10, 7), 8))
    values = values[np.array(item.roles) != "template"]
    np.testing.assert_allclose(
        kept[kept["id"] == "long"]["profile"].item(), position_profile(values, 20), rtol=1e-6
    )


# Our pair: prompts with a profile, and the middle ratio of the averaged profiles, base and tuned.
OURS = {
    "ours, in the template": (111, 0.7829, 1.6875),
    "ours, template left out": (108, 1.0478, 1.0780),
    "ours, plain text": (17, 0.7901, 0.6049),
}


def test_our_middle_ratios_are_rederived_from_the_profiles():
    store = open_store()
    table = profiles.ours(store)
    found = {one.label: one for one in profiles.ratio_of_means(table)}
    shown = profiles.ratios(table).set_index(["kind", "model"])
    used = profiles.used(store, table[table["kind"] == profiles.LEFT_OUT])
    left = used[[column for column in used.columns if "under" in column]].sum(axis=1).item()
    assert used["prompts"].item() == 216 == used["profiles"].item() + left
    for kind, (n, *golden) in OURS.items():
        rows = table.query("kind == @kind and bins == 10 and threshold == 7 and p == 4")
        rows = rows[(rows["response"] == "own") & (rows["tokens"] == "all")]
        for role, value in zip(ROLES, golden, strict=True):
            mean = np.stack(list(rows[rows["model"] == role]["profile"])).mean(0)
            ratio = mean[3:7].mean() / mean[[0, 1, 8, 9]].mean()
            assert ratio == pytest.approx(value, abs=6e-4)
            assert shown.loc[(kind, role), "ratio"] == pytest.approx(ratio, rel=1e-5)
            assert shown.loc[(kind, role), "low"] < ratio < shown.loc[(kind, role), "high"]
        assert found[kind].n == n


def test_every_threshold_that_a_table_holds_is_one_line_of_a_family():
    ours = profiles.ours(open_store())
    bare = ours[ours["kind"] == profiles.LEFT_OUT]
    found = profiles.by_threshold(bare, "ours")
    assert [one.label for one in found] == [f"ours, b = {b}" for b in range(10)]
    assert found[7].mean_b == profiles.ratio_of_means(bare)[0].mean_b
    few = profiles.by_threshold(bare[bare["threshold"].isin([0, 7])], "few")
    assert [one.label for one in few] == ["few, b = 0", "few, b = 7"]


def test_the_robustness_table_has_every_setting_of_each_pair():
    ours = profiles.ours(open_store())
    released = profiles.released(open_store("llama-vicuna-7b"))
    shown = profiles.robustness({"7B": released, "ours": ours[ours["kind"] == profiles.LEFT_OUT]})
    assert shown.index.tolist() == list(profiles.VARIANTS)
    table = profiles.paper_table(released, ours[ours["kind"] == profiles.LEFT_OUT])
    own = profiles.ratios(released).set_index(["kind", "model"])["ratio"]
    for kind in KINDS.values():
        assert all(
            f"{kind} {own[kind, role]:.2f}" in table.iloc[i, 0] for i, role in enumerate(ROLES)
        )
    assert table.iloc[2, 0] == told(profiles.ratio_of_means(released))
    ratio, changed = "{}: base → tuned (n)", "{}: difference [95 % CI], p (Holm)"
    empty = shown[ratio.format("7B")] == ""
    on_shared = ["on the base's responses", "on the tuned model's responses"]
    assert shown.index[empty].tolist() == on_shared
    assert shown.index[shown[changed.format("ours")] == ""].tolist() == ["without labels"]
    [main] = profiles.ratio_of_means(ours[ours["kind"] == profiles.LEFT_OUT])
    assert shown.loc["as in the text", ratio.format("ours")] == (
        f"{main.mean_a:.2f} → {main.mean_b:.2f} ({main.n})"
    )
