"""The feed-forward finding on a tiny pair: whole, resumable, small on disk, true to its parts."""

import numpy as np
import pandas as pd
import pytest
import torch
from living import Living
from tiny import byte_tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from helpers.findings.ffn import compute as ffn
from helpers.findings.ffn import figures, verdict
from helpers.findings.ffn import live as ffn_live
from helpers.findings.ffn import tables as ffn_view
from helpers.findings.ffn.explorer import from_store, pack_components
from helpers.methods.chance import among
from helpers.methods.components import concept_words, word_outputs
from helpers.methods.statistics import compare_paired, holm
from helpers.models.pair import Pair, pair_of
from helpers.pages import prose
from helpers.pages.tables import comparison_table
from helpers.store.store import Store
from helpers.words.annotation import LINGUISTIC_LEVELS, TASKS
from helpers.words.classes import vocabulary


def tiny(seed: int) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=259,
        hidden_size=12,
        intermediate_size=40,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=False,
    )
    return LlamaForCausalLM(config).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def pair() -> Pair:
    base, tuned = tiny(0), tiny(0)
    rng = np.random.default_rng(1)
    for layer in tuned.model.layers:
        low_rank = rng.standard_normal((12, 2)) @ rng.standard_normal((2, 40))
        layer.mlp.down_proj.weight.add_(torch.from_numpy(0.01 * low_rank).float())
    return pair_of("tiny", base, tuned, byte_tokenizer())


@pytest.fixture(scope="module")
def store(pair, tmp_path_factory) -> Store:
    filled = Store(tmp_path_factory.mktemp("store"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ffn, "DRAWS", 3)
        ffn.compute(pair, filled, progress=False)
    return filled


def test_stored_words_and_scores_are_those_computed(pair, store):
    rng = np.random.default_rng(0)
    units = word_outputs(rng.standard_normal((500, 12)))
    listed = concept_words(rng.standard_normal((4, 12)), units)
    store.write("ffn/components/99-base", ffn.pack(listed, np.ones(4)))
    found = ffn.read_concepts(store, 99, "base")
    np.testing.assert_array_equal(found.words, listed.words)
    np.testing.assert_allclose(found.scores, listed.scores, atol=0.01)


def test_every_list_of_both_models_is_annotated_once(store):
    table = ffn_view.read_annotations(store)
    keys = ["layer", "role", "component", "pole"]
    assert len(table) == len(table.drop_duplicates(keys)) == 3 * 2 * 12 * 2
    assert set(table["level"].astype(str)) <= {"none", *LINGUISTIC_LEVELS}


def test_a_low_rank_update_is_seen_with_its_rank_and_its_null(store):
    found = ffn_view.read_rotation(store)
    assert (found.rank == 2).all()
    assert found.angle.shape == (3, len(found.k)) and (found.angle > 0).any()
    assert found.null["norm"].shape == (3, 3, len(found.k))
    for comparison in ffn_view.compare_rotation(found, ks=(3, 8)):
        assert comparison.n == 3 and comparison.null_hypothesis


def turned(angle: float, drawn: np.ndarray) -> ffn_view.Rotation:
    """Three layers turned by `angle`, and random updates by the angles `drawn`, of four components."""
    ones, null = np.ones((3, 2)), {n: np.stack([drawn] * 3) for n in ffn.NULLS}
    whole = {n: np.stack([x] * 2, axis=-1) for n, x in null.items()}
    return ffn_view.Rotation(
        np.array([3, 12]), angle * ones, whole, angle * np.ones((3, 4)), null,
        np.zeros((3, 4), int), null, np.ones(3), np.ones(3, int),
    )  # fmt: skip


def test_a_turn_below_every_draw_is_said_with_its_p_value():
    drawn = np.linspace(16.3, 16.9, 200)
    found = ffn_view.among_random(turned(15.8, drawn))
    for name in ("first 12 components", ffn_view.MATCHED):
        one = found[name, "norm"]
        assert one.said == "less than every one of 200 draws" and one.p_value == 2 / 201
        assert (one.low, one.high) == (pytest.approx(16.3), pytest.approx(16.9))
    shown = ffn_view.matched_table(turned(15.8, drawn))
    assert shown.loc[(ffn_view.MATCHED, "equal norm and rank"), "p"] == "0.0100"
    inside = ffn_view.among_random(turned(16.6, drawn))[ffn_view.MATCHED, "norm"]
    assert inside.p_value > 0.9


def test_the_smallest_rotation_that_would_be_found_stands_beside_the_difference(store):
    compared = ffn_view.compare_rotation(ffn_view.read_rotation(store), ks=(3, 8))
    shown = ffn_view.rotation_table(compared)
    assert list(shown[ffn_view.DETECTABLE]) == [f"{x.detectable():.3f}" for x in compared]
    assert shown.caption


def test_the_picture_is_that_of_the_layer_whose_plane_explains_most(pair, store):
    part = store.read("ffn/picture")
    read = [ffn.read_concepts(store, i, "base").explained_variance_ratio for i in range(3)]
    layer = int(np.argmax([own[:2].sum() for own in read]))
    assert part["layer"] == layer and part["base"].shape == (40, 2)
    variance = part["base"].var(axis=0)
    rows = pair.model("base").model.layers[layer].mlp.down_proj.weight.T
    total = float(rows.var(dim=0, unbiased=False).sum())
    np.testing.assert_allclose(variance / total, read[layer][:2], rtol=1e-4)
    assert len(figures.picture(store).axes) == 2


def test_where_the_update_points_is_read_among_random_updates(pair, store, monkeypatch):
    found = ffn_view.read_update(store)
    assert {one.draws for one in found.values()} == {3}
    assert found["components", 12].value == pytest.approx(1)  # all directions there are
    base, tuned = (pair.model(r).model.layers[0].mlp.down_proj.weight.T for r in ("base", "tuned"))
    first = torch.linalg.svd(base - base.mean(dim=0)).Vh[0]
    update = tuned - base
    expected = float((update @ first).square().sum() / update.square().sum())
    monkeypatch.setattr(ffn, "TESTED", (1, 300))
    monkeypatch.setattr(ffn, "DRAWS", 1)
    part = ffn.make_update(pair)
    assert part["components"][0, 0] == pytest.approx(expected, rel=1e-3)
    assert part["k"].tolist() == [1, 12]
    assert "first 12" in ffn_view.update_table(store).index.get_level_values(1)


def test_a_second_run_computes_nothing(pair, store, monkeypatch):
    monkeypatch.setattr(ffn, "DRAWS", 3)

    def fail(*_, **__):
        raise AssertionError("computed again")

    for name in ("components", "annotate_words", "rotation", "make_picture", "make_update"):
        monkeypatch.setattr(ffn, name, fail)
    ffn.compute(pair, store, progress=False)


def test_one_model_is_in_memory_at_a_time_where_two_do_not_fit(pair, tmp_path, monkeypatch):
    loaders = {"base": lambda: tiny(0), "tuned": lambda: tiny(1)}
    turns = Pair("turns", loaders, pair.configs, pair.tokenizer, alone=True)
    living = Living(turns)
    monkeypatch.setattr(ffn, "DRAWS", 1)
    ffn.compute(turns, Store(tmp_path), progress=False)
    assert living.most == 1 and living.loads > 2


def test_a_damaged_part_is_computed_again(pair, store):
    path = store.folder / "ffn/rotation/01.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    with pytest.MonkeyPatch.context() as patch, pytest.warns(UserWarning, match="SHA-256"):
        patch.setattr(ffn, "DRAWS", 3)
        ffn.compute(pair, store, progress=False)
    assert path.read_bytes() == whole


def test_shares_are_compared_by_layer_with_holm(store):
    compared = ffn_view.compare_shares(ffn_view.read_annotations(store))
    assert [one.n for one in compared] == [3] * len(ffn_view.QUESTIONS)
    assert all(one.p_holm is None or one.p_holm >= one.p_value for one in compared)


def test_the_explorer_takes_the_store_as_it_is(store):
    shown = from_store(store)
    assert shown.words.shape == (2, 3, 12, 2, 15)
    assert shown.vocabulary == vocabulary()
    found = ffn.read_concepts(store, 2, "tuned")
    np.testing.assert_array_equal(shown.words[1, 2], found.words)
    assert set(pack_components(shown)) >= {"words", "steps", "partner"}


def test_no_update_turns_nothing():
    base = torch.from_numpy(np.random.default_rng(0).standard_normal((40, 12)))
    found = ffn.rotation(base, base.clone(), 12, seed=0)
    assert found["angles"].max() < 1e-4 and found["norm_angles"].max() < 1e-4
    assert found["update"].tolist() == [0, 0]


# --- against random directions


def planted(share, rng, *, layers=8, n=60, spread=0.0, low=None) -> pd.DataFrame:
    """Lists of one model, above 0.95 as often as `share` says (`low`: those of rank 1 to 12)."""
    rows = []
    for layer in range(layers):
        own = np.clip(share + spread * rng.standard_normal(), 0, 1)
        chance = np.where(np.arange(n) < 12, own if low is None else low, own)[:, None]
        above = rng.random((n, 2)) < chance
        values = np.where(above, 0.95 + 0.05 * rng.random((n, 2)), 0.95 * rng.random((n, 2)))
        index = {"component": np.repeat(np.arange(n), 2), "pole": np.tile([0, 1], n)}
        rows.append(pd.DataFrame(index).assign(layer=layer, coherence=values.ravel()))
    table = pd.concat(rows, ignore_index=True)
    return with_answers(table, rng)


def with_answers(table: pd.DataFrame, rng) -> pd.DataFrame:
    answers = {task: rng.random(len(table)) < 0.1 for task in TASKS}
    return table.assign(beyond_random=table["coherence"] > 0.95, interpretable=True, **answers)


def marked(table: pd.DataFrame, baseline: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both with `beyond_random` as the store's readers mark it: by the directions that were drawn."""
    limit = baseline["coherence"].quantile(0.95)
    return tuple(own.assign(beyond_random=own["coherence"] > limit) for own in (table, baseline))


def directions(rng, n: int = 400) -> pd.DataFrame:
    index = {"component": np.repeat(np.arange(n), 2), "pole": np.tile([0, 1], n)}
    return with_answers(pd.DataFrame(index).assign(coherence=rng.random(2 * n)), rng)


def test_a_planted_share_beyond_random_is_found_with_its_interval():
    rng = np.random.default_rng(0)
    both = marked(planted(0.15, rng), directions(rng))
    found = verdict.against_random(*both, "beyond_random", "x")
    assert found.n == 8 * 60 * 2 and found.p_value < 0.01
    assert found.low < 0.10 < found.high and found.low > 0.02


def test_without_an_effect_the_interval_holds_zero_as_often_as_it_says():
    held, small = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        both = marked(planted(0.05, rng, layers=18, spread=0.01), directions(rng))
        one = verdict.against_random(*both, "beyond_random", "x", seed=seed)
        held.append(one.low <= 0 <= one.high)
        small.append(one.p_value < 0.05)
    assert np.mean(held) > 0.85 and np.mean(small) < 0.15


def test_the_limit_is_as_uncertain_as_the_directions_are_few():
    rng = np.random.default_rng(1)
    table = planted(0.05, rng, layers=30)
    widths = []
    for n in (40, 2000):
        one = verdict.against_random(*marked(table, directions(rng, n)), "beyond_random", "x")
        widths.append(one.high - one.low)
    assert widths[0] > 2 * widths[1]


def test_only_the_ranks_that_stand_out_are_found_to():
    rng = np.random.default_rng(2)
    both = [planted(0.05, rng, layers=12, low=0.4).assign(role=r) for r in ("base", "tuned")]
    both = marked(pd.concat(both), directions(rng, 2000))
    found = verdict.beyond_random_by_rank(*both, ks=(12, 60))
    names = [one.label.split(", ")[1] for one in found[:3]]
    assert names == ["all 60 components", "components 1 to 12", "components 13 to 60"]
    assert found[1].p_holm < 0.05 < found[2].p_holm and found[4].p_holm < 0.05


def test_tasks_are_compared_with_random_directions_for_both_models():
    rng = np.random.default_rng(3)
    both = pd.concat([planted(0.05, rng).assign(role=r) for r in ("base", "tuned")])
    own = directions(rng)
    own["coding"] = rng.random(len(own)) < 0.4
    found = {one.label: one for one in verdict.tasks_against_random(both, own)}
    assert len(found) == 8 and found["coding, base"].high < -0.2
    assert found["writing, tuned"].p_holm > 0.05
    assert found["coding, base"].mean_a == pytest.approx(own["coding"].mean())


@pytest.mark.parametrize(("n", "ks", "names"), [
    (300, (12, 60, 300), ["all 300", "1 to 12", "13 to 60", "61 to 300"]),
    (60, (12, 60, 300), ["all 60", "1 to 12", "13 to 60"]),
    (8, (12, 60, 300), ["all 8"]),
])  # fmt: skip
def test_ranks_are_parted_where_rotation_is_tested(n, ks, names):
    bins = verdict.rank_bins(n, ks)
    assert [name.replace("components", "").strip() for name in bins] == names
    assert sum(map(len, list(bins.values())[1:])) in (0, n)


# --- what the chapter shows


def test_all_shares_have_one_null_hypothesis_and_it_is_the_caption(store):
    shown = comparison_table(ffn_view.compare_shares(ffn_view.read_annotations(store)))
    assert "unchanged" in shown.caption and not any("null" in name for name in shown)
    assert {"words more alike than random words", *TASKS} <= set(shown.index)


def test_tables_of_the_chapter_count_in_whole_numbers_and_say_what_they_are(store):
    folding = ffn_view.folding_table(store)
    assert folding["lists"].dtype.kind in "iu" and "Base model" in folding.caption
    assert folding.iloc[0]["words kept"] == 1.0
    matched = ffn_view.matched_table(ffn_view.read_rotation(store))
    assert (matched["draws"] == 3).all() and "Null hypothesis" in matched.caption
    assert {ffn_view.MATCHED, ffn_view.MOVED} <= set(matched.index.get_level_values(0))
    assert ffn_view.explained_variance(store).shape == (3, 2)
    assert (ffn_view.explained_variance(store, 2) < ffn_view.explained_variance(store)).all().all()


# --- what the chapter says


@pytest.fixture(scope="module")
def families(store):
    return verdict.families(store)


def test_the_forest_holds_every_claim_in_percent(store, families):
    annotations, found = ffn_view.read_annotations(store), ffn_view.read_rotation(store)
    plain = {one.label: one for one in ffn_view.compare_shares(annotations)}
    for name, own in zip((verdict.TASK, verdict.LEVEL), (TASKS, LINGUISTIC_LEVELS), strict=True):
        assert [one.label for one in families[name]] == list(own)
        for one in families[name]:
            assert one.difference == pytest.approx(100 * plain[one.label].difference)
            assert one.p_holm == plain[one.label].p_holm
    turned = [one for heading in verdict.TURNED.values() for one in families[heading]]
    for one, other in zip(turned, ffn_view.compare_rotation(found), strict=True):
        assert one.difference == pytest.approx(100 * (other.mean_b / other.mean_a - 1))
        assert other.label.startswith(one.label)
    assert [one.label for one in families[verdict.CLEARER]] == [
        "base, by rules", "tuned, by rules", "to the blind reader",
    ]  # fmt: skip


def test_the_papers_table_and_the_strip_speak_of_whatever_pair_they_are_given(store, families):
    said = " ".join(verdict.paper_table(store, families).to_numpy().ravel())
    assert "rank 2" in said and "270M" not in said and "of 3 random updates" in said
    assert verdict.counted(families[verdict.TASK]) in said
    assert said.count("python -m helpers released --components") == 3
    strip = verdict.how_sure(store, families)
    assert list(strip) == [f"sure_{row}" for row in ("direction", "size", "measures", "models")]
    one = verdict.single(store)
    assert (
        f"{one.value:.1f}°" in strip["sure_size"]
        and verdict.beside_random(one) in strip["sure_direction"]
    )


def test_signs_are_counted_where_they_are_told_apart():
    rng = np.random.default_rng(0)

    def make(shift: float):
        values = shift + rng.standard_normal(30)
        return compare_paired(np.zeros(30), values, label="x", null_hypothesis="none")

    assert verdict.counted(holm([make(0), make(0)])) == "no clear difference in any of two"
    assert verdict.counted(holm([make(0), make(-9)])) == "one of two less"
    assert verdict.counted(holm([make(9), make(-9), make(-9)])) == "two of three less and one more"


@pytest.mark.parametrize(
    ("angle", "word"), [(15, "About as much."), (5, "More."), (100, "Less."), (0, "Less.")]
)
def test_the_guess_is_answered_by_the_angles(angle, word):
    assert verdict.guess(among(angle, np.linspace(15, 17, 50))).startswith(word)


@pytest.mark.parametrize(("angle", "draws", "answer", "few"), [
    (16, 200, "not clearly further", False), (10, 200, "less far than", False),
    (20, 200, "Yes, it turned further", False), (20, 20, "not clearly further", True),
])  # fmt: skip
def test_the_title_is_answered_where_the_draws_are_enough_for_a_test(angle, draws, answer, few):
    one = among(angle, np.linspace(15, 17, draws))
    assert answer in verdict.answer(one)
    assert verdict.beside_random(one).endswith("(too few for a test)") is few


def test_where_the_update_points_is_said_as_the_ranks_allow(store, tmp_path, monkeypatch):
    said = verdict.where_it_points(store)
    assert "explains no difference" in said and "100 %" in said  # the span of all directions
    assert "python -m helpers compute" in verdict.where_it_points(Store(tmp_path / "x"))
    for value, word in ((0.2, "With less of it inside"), (0.8, "With more of it inside")):
        one = among(value, np.linspace(0.4, 0.6, 200))
        found = {(span, k): one for span in ("components", "embeddings") for k in (12, 300)}
        monkeypatch.setattr(ffn_view, "read_update", lambda _, found=found: found)
        assert "explains no difference" in verdict.where_it_points(store)  # no angle differs
        angle = among(2 * value, np.linspace(0.8, 1.2, 200))
        monkeypatch.setattr(verdict, "single", lambda *_, angle=angle: angle)
        assert word in verdict.where_it_points(store)
        monkeypatch.undo()


def test_small_numbers_are_words():
    assert [prose.number(n) for n in (0, 4, 9, 10, 1200)] == [
        "none", "four", "nine", "10", "1,200",
    ]  # fmt: skip


def test_mean_cosine_is_that_of_all_pairs():
    rows = np.random.default_rng(4).standard_normal((3, 5, 7))
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    pairs = np.triu_indices(5, 1)
    expected = [(one @ one.T)[pairs].mean() for one in rows]
    np.testing.assert_allclose(ffn_live.mean_cosine(rows), expected)


def test_figures_have_whole_ticks_and_say_what_their_marks_are(store):
    annotations, baseline = ffn_view.read_annotations(store), ffn_view.read_baseline(store)
    drawn = [
        figures.turned(ffn_view.read_rotation(store), "x"),
        figures.share_bars(annotations, baseline),
        figures.interpretable_by_rank(annotations, baseline),
        figures.cumulative_variance(store),
        figures.by_layer(ffn_view.read_rotation(store)),
    ]
    for figure in drawn:
        said = [text.get_text() for text in figure.legends[0].get_texts()]
        assert said and not any("_" in text for text in said)
    for axis in (drawn[4].axes[0], drawn[2].axes[1]):
        axis.figure.canvas.draw()
        assert all(float(tick).is_integer() for tick in axis.get_xticks())
