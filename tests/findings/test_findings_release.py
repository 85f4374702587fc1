"""The 7B results: planted matrices end to end, and tables re-derived from the committed values."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from helpers.commands.released import main
from helpers.findings.positions import profiles as profiles_view
from helpers.findings.recognition import tables as recognition_view
from helpers.findings.release import tables as view
from helpers.findings.release.compute import FIRST, compute, place, score_of
from helpers.findings.release.read import KINDS, PAIR
from helpers.methods.errors import Mendable
from helpers.methods.profiles import middle_ratio, position_profile
from helpers.models.roles import ROLES
from helpers.store import release
from helpers.store.release import RefusedFile
from helpers.store.store import Store, open_store

# --- planted truths --------------------------------------------------------------------------

WORDS = ["▁Name", "▁one", "▁", "<0xF0>", "<0x9F>", "<0x90>", "<0xB1>", "."]
FILLER = [f"▁w{n}" for n in range(20)]
# id -> marked spans, Vicuna's response length, its rating
CASES = {
    "lima_author_1": ("Name one 🐱.", 8, 4),
    "lima_author_2": ("Name one", 8, 1),
    "mtbench_coding_1": ("Name one dog", 8, 4),  # not in the prompt
    "user_oriented_task_1": ("one", 3, 4),  # a short response
    "user_oriented_task_2": ("w5 w6|||&&&w7", 0, 2),  # an empty one
    "user_oriented_task_3": (
        "w1/nInput: ",
        8,
        -1,
    ),  # not rated, and across a line that is not there
}
TOKENS = WORDS + FILLER
TEXT = "Name one 🐱. " + " ".join(f"w{n}" for n in range(20))


def planted(length: int, rows: dict[int, int]) -> np.ndarray:
    """S in which token n has `rows[n]` entries of 10, all others 0."""
    matrix = np.zeros((len(TOKENS), length), dtype=np.uint8)
    for token, count in rows.items():
        matrix[token, :count] = 10
    return matrix


def matrices(role: str, length: int) -> np.ndarray:
    # k equal entries have density k^(3/4): the tuned model's instruction rows are the densest.
    rows = {0: 1, 1: 1, 27: 4} if role == "base" else {0: 4, 1: 4, 27: 1}
    return planted(length, {token: min(count, length) for token, count in rows.items()})


def write_release(folder, layout: str) -> None:
    rows, ratings = release.PROMPTS_HEAD, release.RATINGS_HEAD
    lines = ["\t".join(rows)] + [f"{id}\t{TEXT}\tr\t{spans}" for id, (spans, _, _) in CASES.items()]
    rated = ["\t".join(ratings)] + [
        f"{id}.pkl\tvicuna_7B\tp\tr\ti\to\t{rating}" for id, (_, _, rating) in CASES.items()
    ]
    names = (
        (release.PROMPTS, release.RATINGS)
        if layout == "pickles"
        else ("prompts.tsv", "vicuna_ratings.tsv")
    )
    for name, text in zip(names, (lines, rated), strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("\n".join(text) + "\n", encoding="utf-8")
    for role, model in release.NAMES.items():
        tokens, arrays = {}, {}
        for id, (_, length, _) in CASES.items():
            length = 8 if role == "base" else length
            output = [f"▁r{n}" for n in range(length)]
            tokens[id], arrays[id] = {"input": TOKENS, "output": output}, matrices(role, length)
            if layout == "pickles":
                path = folder / release.MATRICES.format(model) / f"{id}.pkl"
                path.parent.mkdir(parents=True, exist_ok=True)
                whole = dict(ID=id, Input=TOKENS, Output=output)
                whole |= dict(Explain=arrays[id].astype(np.float32))
                path.write_bytes(pickle.dumps(whole, protocol=4))
        if layout == "archives":
            (folder / f"tokens_{model}_7b.json").write_text(json.dumps(tokens))
            np.savez_compressed(folder / f"importance_{model}_7b.npz", **arrays)


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> dict[str, Store]:
    """The planted release in both layouts, computed into two stores."""
    stores = {}
    for layout in ("pickles", "archives"):
        folder = tmp_path_factory.mktemp(layout)
        write_release(folder / "copy", layout)
        main(["--path", str(folder / "copy"), "--folder", str(folder / "store")])
        stores[layout] = open_store(PAIR, folder / "store")
    return stores


def test_both_layouts_give_the_same_results_and_the_same_source(filled):
    manifests = [store.manifest() for store in filled.values()]
    assert manifests[0].keys() == manifests[1].keys() and len(manifests[0]) == 6
    for name, entry in manifests[0].items():
        assert entry["made_from"] == manifests[1][name]["made_from"]
        first, second = (store.read(name) for store in filled.values())
        assert first.astype(str).equals(second.astype(str))


def test_planted_scores_are_those_of_the_formula(filled):
    table = view.scores(filled["pickles"]).set_index(["id", "model"])["score"]
    # "Name one 🐱." covers tokens 0 to 7, "Name one" tokens 0 and 1.
    for id, tokens in (("lima_author_1", 8), ("lima_author_2", 2)):
        assert table[id, "tuned"] == pytest.approx(2 / np.log2(2 + tokens), rel=1e-6)
        assert table[id, "base"] == pytest.approx(2 * 4**-0.75 / np.log2(2 + tokens), rel=1e-6)


def test_no_prompt_vanishes_and_each_reason_is_given(filled):
    table = view.scores(filled["pickles"])
    assert len(table) == 2 * len(CASES)
    why = table.set_index(["id", "model"])["dropped"]
    assert why["lima_author_1", "tuned"] == why["lima_author_2", "base"] == ""
    assert why["mtbench_coding_1", "tuned"] == why["mtbench_coding_1", "base"] == "span not found"
    assert why["user_oriented_task_1", "tuned"] == "response under 5 tokens"
    assert why["user_oriented_task_1", "base"] == ""
    assert why["user_oriented_task_2", "tuned"] == "empty response"
    assert why["user_oriented_task_3", "tuned"] == "span not found"
    missing = table.set_index(["id", "model"])["score"].isna()
    assert set(missing[missing].index) == {
        ("mtbench_coding_1", "base"),
        ("mtbench_coding_1", "tuned"),
        ("user_oriented_task_2", "tuned"),
        ("user_oriented_task_3", "base"),
        ("user_oriented_task_3", "tuned"),
    }
    counted = view.dropped(table).set_index(["data set", "model"])
    row = counted.loc[("Self-Instruct", "tuned")]
    assert (row["prompts"], row["kept"]) == (3, 0)
    assert row["span not found"] == row["empty response"] == row["response under 5 tokens"] == 1


def test_followed_comes_from_the_ratings_of_vicuna(filled):
    table = view.scores(filled["pickles"])
    assert table.loc[table["model"] == "base", "followed"].isna().all()
    followed = table[table["model"] == "tuned"].set_index("id")["followed"]
    assert followed["lima_author_1"] and not followed["lima_author_2"]
    assert followed["user_oriented_task_2"] and pd.isna(followed["user_oriented_task_3"])


def test_spans_are_stored_as_token_ranges(filled):
    spans = filled["pickles"].read("recognition/spans").query("rule == 'spans'").set_index("id")
    assert tuple(spans.loc["lima_author_1", ["start", "stop"]]) == (0, 8)
    assert tuple(spans.loc["user_oriented_task_2", ["start", "stop"]]) == (13, 15)


def test_profiles_are_stored_for_every_threshold(filled):
    table = profiles_view.released(filled["pickles"])
    main = table.query("bins == 10 and p == 4 and response == 'own' and tokens == 'all'")
    assert set(main.groupby("id")["threshold"].nunique()) == {10}
    assert len(table) == len(table.drop_duplicates(["id", "model", "bins", "threshold", "p", "response",
                                                    "tokens"]))  # fmt: skip


def test_a_refused_file_leaves_no_store(tmp_path):
    write_release(tmp_path / "copy", "pickles")
    path = tmp_path / "copy" / release.MATRICES.format("vicuna") / "user_oriented_task_3.pkl"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RefusedFile, match=r"user_oriented_task_3\.pkl"):
        compute(tmp_path / "copy", open_store(PAIR, tmp_path / "store"), progress=False)
    assert not (tmp_path / "store").exists()
    with pytest.raises(Mendable, match=r"user_oriented_task_3\.pkl"):
        main(["--path", str(tmp_path / "copy"), "--folder", str(tmp_path / "store")])


def test_models_that_read_different_prompts_are_refused(tmp_path):
    write_release(tmp_path, "archives")
    path = tmp_path / "tokens_llama_7b.json"
    path.write_text(path.read_text().replace("\\u2581w3", "\\u2581v3"))
    with pytest.raises(RefusedFile, match="different prompt tokens"):
        compute(tmp_path, open_store(PAIR, tmp_path / "store"), progress=False)


def test_a_planted_profile_has_its_middle_ratio():
    values = np.repeat([1.0, 1, 3, 0.5, 0.5, 0.5, 0.5, 3, 1, 1], 2)
    profile = position_profile(values, 10)
    np.testing.assert_allclose(profile, values[::2] / 3)
    assert middle_ratio(profile) == pytest.approx(0.5)
    assert middle_ratio(position_profile(values, 20)) == pytest.approx(0.5)
    assert middle_ratio(np.array([2.0, 9, 1, 9, 4])) == pytest.approx(1 / 3)
    assert np.isnan(middle_ratio(np.zeros(10)))
    with pytest.raises(ValueError, match="give 10 or more"):
        position_profile(np.ones(9), 10)


def test_bins_of_a_profile_hold_equal_shares():
    # Each bin's mean counts its own tokens: a constant density has a constant profile.
    for length in (20, 23, 29, 458):
        np.testing.assert_allclose(position_profile(np.full(length, 0.3), 10), 1)


def test_the_place_of_an_instruction():
    at = lambda *tokens: np.isin(np.arange(10), tokens)  # noqa: E731
    assert [place(at(0, 1)), place(at(4, 5)), place(at(8, 9))] == ["first", "middle", "last"]
    assert place(np.ones(10, dtype=bool)) == "whole prompt" and place(at()) == "unknown"


def planted_store(tmp_path, base, tuned, **columns) -> Store:
    """A store with planted scores and profiles of 30 prompts a data set."""
    store, rows, profiles = open_store(PAIR, tmp_path), [], []
    random = np.random.default_rng(0)
    for kind, number in ((kind, n) for kind in KINDS.values() for n in range(30)):
        for role, mean in (("base", base), ("tuned", tuned)):
            label = dict(id=f"{kind}{number}", kind=kind, place="first", model=role)
            label |= dict(setting="plain", author=role, instruction_tokens=5)
            followed = None if role == "base" else number % 2 == 0
            row = dict(followed=followed, response_tokens=100 + number, dropped="")
            score = mean + random.normal(0, 0.1) + (0.5 if followed else 0)
            rows.append(label | row | dict(score=score, prompt_tokens=30) | columns)
            shape = np.where(np.isin(np.arange(10), range(3, 7)), mean, 1.0)
            noisy = (shape + random.normal(0, 0.02, 10)).astype(np.float32)
            ratio = middle_ratio(noisy)
            profiles.append(
                label | profiles_view.MAIN | dict(profile=noisy, middle_ratio=np.float32(ratio))
            )
    store.write("recognition/scores", pd.DataFrame(rows))
    store.write("positions/profiles", pd.DataFrame(profiles))
    return store


def test_a_planted_difference_is_found_and_none_where_there_is_none(tmp_path):
    store = planted_store(tmp_path / "a", base=0.5, tuned=0.8)
    for found in view.followed_against_not(view.scores(store)):
        assert found.difference == pytest.approx(0.5, abs=0.1) and found.p_holm < 1e-6
    profiles = profiles_view.released(store)
    for found in profiles_view.ratio_of_means(profiles):
        assert found.difference == pytest.approx(0.3, abs=0.02) and found.p_holm < 0.001
    same = profiles_view.released(planted_store(tmp_path / "b", base=0.5, tuned=0.5))
    assert all(found.p_holm > 0.01 for found in profiles_view.ratio_of_means(same))


# --- the committed results -------------------------------------------------------------------


@pytest.fixture(scope="module")
def store() -> Store:
    return open_store(PAIR)


@pytest.fixture(scope="module")
def table(store) -> pd.DataFrame:
    return view.scores(store)


def test_the_store_holds_numbers_and_labels_and_no_text(store):
    labels = set(KINDS.values()) | set(ROLES) | {"", "plain", "own", "matched", "all", "no labels"}
    labels |= {"first", "middle", "last", "whole prompt", "spans", "sentences"}
    labels |= {"empty response", "response under 5 tokens"}
    total = 0
    for name, entry in store.manifest().items():
        part = store.read(name)
        total += (store.folder / entry["file"]).stat().st_size
        for column in part.columns:
            values = part[column]
            if column == "id":
                assert values.str.fullmatch(r"(lima|mtbench|user)_[a-z_]+_?\d+|lima_\w+_\d+").all()
            elif column == "profile":
                assert all(profile.dtype == np.float32 for profile in values)
            elif column != "followed" and not pd.api.types.is_numeric_dtype(values):
                assert set(values) <= labels, (name, column)
    assert total < 2_000_000


def test_all_prompts_of_the_release_are_there(table):
    counts = table[table["model"] == "base"].groupby("kind").size()
    assert counts.to_dict() == {"Self-Instruct": 252, "LIMA": 300, "MT-Bench": 80}
    assert (table.groupby("id")["model"].nunique() == 2).all()
    assert table["dropped"].value_counts().to_dict() == {
        "": 1250,
        "response under 5 tokens": 13,
        "empty response": 1,
    }
    assert (table["spans_missing"] == 0).all()


# data set: followed n, mean; not followed n, mean; one-sided Welch p, as in the authors' analysis
FOLLOWED = {
    "Self-Instruct": (194, 1.2911, 44, 0.9739, 4.573e-05),
    "LIMA": (249, 1.4045, 50, 1.0937, 2.592e-05),
    "MT-Bench": (60, 1.2064, 19, 0.7926, 1.8685e-03),
}
# The same with whole sentences as instruction, which is the authors' rule.
FOLLOWED_SENTENCES = {
    "Self-Instruct": (194, 1.2302, 44, 0.8917, 5.325e-05),
    "LIMA": (249, 1.6173, 50, 1.2799, 3.644e-06),
    "MT-Bench": (60, 1.4619, 19, 0.9295, 4.441e-04),
}


@pytest.mark.parametrize(
    "column, golden", [("score", FOLLOWED), ("score_sentences", FOLLOWED_SENTENCES)]
)
def test_followed_against_not_is_rederived_from_the_values(table, column, golden):
    found = {c.label: c for c in view.followed_against_not(table, column=column, parity=True)}
    rows = table[(table["model"] == "tuned") & (table["response_tokens"] >= 5)]
    assert list(found) == list(golden)
    for kind, (n, mean, n_not, mean_not, p) in golden.items():
        part = rows[(rows["kind"] == kind) & rows["followed"].notna()]
        yes, no = (
            part.loc[part["followed"].astype(bool) == truth, column].to_numpy(float)
            for truth in (True, False)
        )
        fresh = stats.ttest_ind(no, yes, equal_var=False, alternative="less").pvalue
        assert (len(yes), len(no)) == (n, n_not)
        assert [yes.mean(), no.mean()] == pytest.approx([mean, mean_not], abs=5e-4)
        assert fresh == pytest.approx(p, rel=0.01)
        mine = found[kind]
        assert mine.n == n + n_not and mine.p_value == pytest.approx(fresh, rel=1e-9)
        assert [mine.mean_a, mine.mean_b] == pytest.approx([no.mean(), yes.mean()], rel=1e-9)


# data set: n pairs, LLaMA's mean, Vicuna's mean, paired t p (two-sided)
TUNED = {
    "Self-Instruct": (238, 1.019, 1.234),
    "LIMA": (300, 1.067, 1.350),
    "MT-Bench": (80, 0.940, 1.117),
}
MATCHED = {
    "Self-Instruct": (238, 0.961, 1.232),
    "LIMA": (300, 1.111, 1.349),
    "MT-Bench": (80, 0.965, 1.124),
}


def rederive(values: pd.DataFrame, golden: dict, found: list) -> None:
    """Means, counts and p of paired comparisons against scipy on the stored values."""
    found = {comparison.label: comparison for comparison in found}
    assert list(found) == list(golden)
    for kind, (n, base, tuned) in golden.items():
        wide = values[values["kind"] == kind].pivot(index="id", columns="model", values="score")
        wide = wide.astype(float)
        assert len(wide) == found[kind].n == n
        assert [wide["base"].mean(), wide["tuned"].mean()] == pytest.approx([base, tuned], abs=6e-4)
        assert found[kind].mean_b == pytest.approx(wide["tuned"].mean(), rel=1e-9)
        fresh = stats.ttest_rel(wide["tuned"], wide["base"]).pvalue
        assert found[kind].p_value == pytest.approx(fresh, rel=1e-6)


def test_llama_against_vicuna_is_rederived_from_the_values(store, table):
    lost = set(table.loc[table["response_tokens"] < 5, "id"])
    values = table[~table["id"].isin(lost)]
    rederive(values, TUNED, view.base_against_tuned(table))
    cut = store.read("recognition/matched")
    rederive(cut[~cut["id"].isin(lost)], MATCHED, view.matched(store))


def test_parity_counts_an_empty_response_as_zero(table):
    found = {c.label: c for c in view.base_against_tuned(table, parity=True)}
    values = table[(table["kind"] == "Self-Instruct") & (table["model"] == "base")]["score"]
    assert values.isna().sum() == 1
    assert found["Self-Instruct"].n == 504 and "greater" in found["Self-Instruct"].test
    assert found["Self-Instruct"].mean_a == pytest.approx(values.sum() / 252, rel=1e-6)


def test_the_effect_holds_at_equal_length_and_shrinks_on_the_first_tokens(store, table):
    """What the chapter says of length at 7B; the data decides, so the data is asked here."""
    assert all(found.p_holm < 0.05 and found.low > 0 for found in view.equal_length(table))
    first = {found.label: found for found in view.at_first(store, 40)}
    assert first["LIMA"].low < 0 < first["LIMA"].high
    with pytest.raises(ValueError, match="k=7"):
        view.at_first(store, 7)


def test_first_scores_only_hold_responses_that_are_long_enough(store, table):
    lengths = table.set_index(["id", "model"])["response_tokens"]
    first = store.read("recognition/first").set_index(["id", "model"])
    assert set(first["k"]) == set(FIRST)
    assert (lengths.loc[first.index].to_numpy() >= first["k"].to_numpy()).all()
    for k in FIRST:
        assert (first["k"] == k).sum() == (lengths >= k).sum()


# data set: n, LLaMA's and Vicuna's middle ratio of the averaged profile
RATIOS = {
    "Self-Instruct": (212, 0.799, 0.869),
    "LIMA": (167, 0.641, 0.689),
    "MT-Bench": (74, 0.619, 0.701),
}


def test_middle_ratios_are_rederived_from_the_profiles(store):
    profiles = profiles_view.released(store)
    averaged = {found.label: found for found in profiles_view.ratio_of_means(profiles)}
    part = profiles_view.select(profiles)
    for kind, (n, *golden) in RATIOS.items():
        means = []
        for role in ROLES:
            rows = part[(part["kind"] == kind) & (part["model"] == role)].sort_values("id")
            values = np.stack(list(rows["profile"])).astype(float)
            means.append(values[:, 3:7].mean() / values[:, [0, 1, 8, 9]].mean())
        mine = [averaged[kind].mean_a, averaged[kind].mean_b]
        assert averaged[kind].n == len(values) == n
        assert mine == pytest.approx(means, rel=1e-5) and mine == pytest.approx(golden, abs=6e-4)


def test_prompts_without_a_profile_are_counted(store):
    counted = profiles_view.used(store, profiles_view.released(store)).set_index("data set")
    left_out = [column for column in counted.columns if "under" in column]
    assert (counted["profiles"] + counted[left_out].sum(axis=1) == counted["prompts"]).all()
    assert counted["profiles"].to_dict() == {"LIMA": 167, "MT-Bench": 74, "Self-Instruct": 212}


def test_bands_hold_the_mean_of_the_stored_profiles(store):
    bands = profiles_view.bands(profiles_view.released(store))
    assert (
        len(bands) == 3 * 2 * 10
        and ((bands["low"] < bands["mean"]) & (bands["mean"] < bands["high"])).all()
    )
    first = bands[(bands["kind"] == "LIMA") & (bands["model"] == "base")].iloc[0]
    assert first["mean"] == pytest.approx(0.3773, abs=5e-4)


def test_the_grid_agrees_with_the_scores_where_they_share_a_setting(store, table):
    grid = store.read("recognition/grid").query("threshold == 7 and p == 4")
    both = grid.merge(table, on=["id", "model"], suffixes=("", "_main"))
    assert len(both) == 1264
    np.testing.assert_array_equal(both["score"], both["score_main"])


def test_the_column_of_the_paper_holds_the_sizes_of_its_matrices(store, table):
    seven = {"own": view.base_against_tuned(table), "followed": view.followed_against_not(table)}
    shown = recognition_view.paper_table(store, store, {}, seven)["the authors' matrices"]
    for row, key in ((0, "own"), (-1, "followed")):
        assert shown.iloc[row] == recognition_view.told(seven[key])
        assert all(f"{one.label}: +{one.difference:.3f}" in shown.iloc[row] or one.difference < 0
                   for one in seven[key])  # fmt: skip


def test_a_setting_that_is_not_stored_is_named(store):
    with pytest.raises(ValueError, match="'bins': 7"):
        profiles_view.select(profiles_view.released(store), bins=7)


def test_a_score_needs_a_response_and_an_instruction():
    levels = np.full((3, 2), 10, dtype=np.uint8)
    assert np.isnan(score_of(levels, np.zeros(3, dtype=bool)))
    assert np.isnan(score_of(levels[:, :0], np.ones(3, dtype=bool)))
    assert score_of(levels, np.ones(3, dtype=bool)) == pytest.approx(3 / np.log2(5))


def test_a_comparison_of_too_few_prompts_is_not_made(filled):
    found = view.followed_against_not(view.scores(filled["pickles"]))
    assert found and not any(one.possible for one in found)
