"""Released heads and components end to end: files of our own methods, planted lift and shares."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import released_format as form

from helpers.commands.released import main
from helpers.findings.attention import heads as heads_view
from helpers.findings.attention import lift
from helpers.findings.ffn import verdict
from helpers.findings.ffn.explorer import pack_components
from helpers.findings.ffn.labelled import LEVEL_NAMES
from helpers.findings.release import concepts, explorable, heads
from helpers.findings.release.fill_concepts import LEVELS, TASKS, compute_concepts
from helpers.findings.release.fill_heads import compute_heads
from helpers.findings.release.read import PAIR
from helpers.methods import statistics
from helpers.methods.errors import Mendable
from helpers.methods.word_pairs import head_knowledge
from helpers.models.roles import ROLES
from helpers.store.release import RefusedFile
from helpers.store.released_files import COMPONENTS, HEADS, said_table
from helpers.store.released_tables import SEEDS, word_codes
from helpers.store.store import Store, open_store
from helpers.words.annotation import TASKS as BOOK_TASKS
from helpers.words.verbs import read_lexicon, read_paper_verbs

WORDS = form.vocabulary()
LEXICON = set(read_lexicon().vocabulary.words)
CODES = word_codes(read_lexicon().vocabulary.words)
NAMES = dict(zip(ROLES, ("llama", "vicuna"), strict=True))
# Of every ten components of a seed: what ChatGPT says of them (None: it cannot tell).
SAID_OF = {
    "llama": [None] * 4 + [("coding; translation", "Semantic")] * 2 + [("None", "Syntax")] * 4,
    "vicuna": [None] * 2 + [("Daily writing", "Semantic.")] * 4 + [("None", "morphology")] * 4,
}
SHARES = {  # of those with a concept
    "writing": (0, 0.5), "mathematics": (0, 0), "coding": (1 / 3, 0), "translation": (1 / 3, 0),
    "no task": (2 / 3, 0.5), "phonology": (0, 0), "morphology": (0, 0.5), "syntax": (2 / 3, 0),
    "semantics": (1 / 3, 0.5),
}  # fmt: skip


@pytest.fixture(scope="module")
def models():
    return form.pair()


def answers(rows, *, flipped: int = 0) -> dict:
    """The same answers under every seed, but for the `flipped` first components of the last one."""
    said = {key: SAID_OF[key[0]][(key[2] - 1) % 10] for key in rows}
    other = dict(said)
    for key in list(rows)[:flipped]:
        other[key] = ("None", "Syntax") if said[key] is None else None
    return {seed: said if seed < SEEDS[-1] else other for seed in SEEDS}


@pytest.fixture(scope="module")
def copy(models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("copy")
    pairs = {name: form.pairs_of(model, WORDS) for name, model in models.items()}
    form.write_heads(
        folder, [row for name, own in pairs.items() for row in form.head_rows(name, own, WORDS)]
    )
    rows = {
        k: v for name, x in models.items() for k, v in form.component_rows(name, x, WORDS).items()
    }
    form.write_components(folder, rows, answers(rows))
    return folder, pairs, rows


@pytest.fixture(scope="module")
def store(copy, tmp_path_factory) -> Store:
    folder = tmp_path_factory.mktemp("store")
    main(["--heads", "--components", "--path", str(copy[0]), "--folder", str(folder)])
    return open_store(PAIR, folder)


# --- heads


def stored_knowledge(store, layer, head, role) -> dict:
    pairs = store.read(f"attention/released/pairs/{layer:02d}").query("head == @head")
    own = pairs[pairs[f"dimensions_{role}"] >= 2]
    return {(a, b): n for a, b, n in own[["first", "second", f"dimensions_{role}"]].to_numpy()}


def knowledge(pairs) -> dict:
    own, codes = head_knowledge(pairs), CODES(WORDS)
    sides = np.sort([codes[own.first], codes[own.second]], axis=0)
    return {(a, b): n for a, b, n in zip(*sides, own.n_dimensions, strict=True)}


def test_stored_knowledge_is_that_of_the_models_heads(store, copy):
    counts, total = heads.read_heads(store).set_index(["layer", "head"]), 0
    for role, name in NAMES.items():
        for (layer, head), pairs in copy[1][name].items():
            found = stored_knowledge(store, layer, head, role)
            assert found == knowledge(pairs)
            assert counts.loc[(layer, head), role] == len(found)
            total += len(found)
    assert total > 50
    known = [{k: set(knowledge(p)) for k, p in copy[1][name].items()} for name in NAMES.values()]
    for place, row in counts.iterrows():
        base, tuned = (own[place] for own in known)
        assert (row["gained"], row["lost"], row["kept"]) == (
            len(tuned - base), len(base - tuned), len(base & tuned),
        )  # fmt: skip


def test_verb_changes_are_those_counted_pair_by_pair(store, copy):
    verbs = read_lexicon()
    expected = np.zeros((len(verbs.verbs), 2), dtype=int)
    for place, base in copy[1]["llama"].items():
        counts = []
        for pairs in (base, copy[1]["vicuna"][place]):
            ends = [word for pair in knowledge(pairs) for word in pair]
            counts.append(np.array([ends.count(code) for code in verbs.places]))
        expected += np.stack([counts[1] > counts[0], counts[1] < counts[0]], axis=1)
    sums = store.read("attention/released/verbs").groupby("verb")[["rose", "fell"]].sum()
    np.testing.assert_array_equal(sums.reindex(range(len(expected)), fill_value=0), expected)
    assert expected.sum() > 20


def test_no_text_of_the_files_is_stored(store):
    labels = {*ROLES, "row", "pair", "word"}
    assert any(name.startswith("ffn/released") for name in store.manifest())
    for name in store.manifest():
        table = store.read(name)
        for column in table:
            if name.endswith("/refused"):
                continue
            if not pd.api.types.is_numeric_dtype(table[column]) and column != "words":
                assert set(table[column]) <= labels, (name, column)
    manifest = (store.folder / "manifest.json").read_text(encoding="utf-8")
    assert not any(word in manifest for word in (*form.FOREIGN, "concept/nor"))


def one_head(rows_of_models: dict[str, list[str]]) -> list[str]:
    """A head a model, a dimension a list of pairs."""
    return [
        f"{name}\t7B\t0\tQK\t0\t{i}\t{i + 1}\t1.0000\t{pairs}"
        for name, own in rows_of_models.items()
        for i, pairs in enumerate(own)
    ]


def test_the_authors_count_both_directions_in_one_dimension_and_we_do_not(tmp_path):
    base = ["dog=cat|||cat=dog", "sun=moon"]
    form.write_heads(tmp_path, one_head({"llama": base, "vicuna": ["sun=moon", "moon=sun"]}))
    store = Store(tmp_path / "store")
    compute_heads(tmp_path, store, read_lexicon(), progress=False)
    row = heads.read_heads(store).iloc[0]
    assert (row["base"], row["tuned"], row["gained"], row["lost"]) == (0, 1, 1, 0)
    assert (row["base_authors"], row["tuned_authors"]) == (1, 1)
    assert (row["gained_authors"], row["lost_authors"], row["kept_authors"]) == (1, 1, 0)


def test_a_head_of_which_one_model_lacks_a_dimension_is_counted_out(tmp_path, copy):
    rows = [row for name, own in copy[1].items() for row in form.head_rows(name, own, WORDS)]
    form.write_heads(tmp_path, [*rows[:5], *rows[6:]])
    store = Store(tmp_path / "store")
    refused = compute_heads(tmp_path, store, read_lexicon(), progress=False)
    found = heads.read_heads(store)
    assert len(found) == 15 and (0, 0) not in set(zip(found["layer"], found["head"], strict=True))
    assert refused.passed_over["heads that one model lacks, whole or in part"] == 1


def planted(folder, *, layers: int = 8, n_heads: int = 6, lifted=range(4)) -> Store:
    """Verbs that gain or lose a partner in a head: even odds, but instruction verbs gain in `lifted`."""
    lexicon, rng, rows = read_lexicon(), np.random.default_rng(0), {"llama": [], "vicuna": []}
    verbs = list(dict.fromkeys([*lexicon.verbs["word"], *read_paper_verbs()["word"]]))
    instruction = {*lexicon.verbs["word"][lexicon.is_instruction]}
    instruction |= {*read_paper_verbs().query("group == 'instruction'")["word"]}
    for layer in range(layers):
        for head in range(n_heads):
            gains = rng.random(len(verbs)) < 0.5
            if layer in lifted:
                gains |= np.array([verb in instruction for verb in verbs])
            for name, own in (("llama", ~gains), ("vicuna", gains)):
                pairs = "|||".join(
                    f"{verb}=zzz" for verb, has in zip(verbs, own, strict=True) if has
                )
                rows[name] += [
                    f"{name}\t7B\t{layer}\tQK\t{head}\t{d}\t{d + 1}\t1.5\t{pairs}" for d in (0, 1)
                ]
    form.write_heads(folder, [*rows["llama"], *rows["vicuna"]])
    store = Store(folder / "store")
    compute_heads(folder, store, lexicon, progress=False)
    return store


@pytest.fixture(scope="module")
def lifted(tmp_path_factory) -> Store:
    return planted(tmp_path_factory.mktemp("lifted"))


def test_planted_lift_is_found_in_its_layers_and_nowhere_else(lifted):
    lexicon = read_lexicon()
    ours = heads.by_group(lifted, lexicon)
    layers = heads.over_layers(lifted, lexicon)
    assert [one.label for one in ours] == [one.label for one in layers] == [
        "lowest (0 to 1)", "second (2 to 3)", "third (4 to 5)", "highest (6 to 7)", "all layers",
    ]  # fmt: skip
    for one in (*ours[:2], ours[-1]):
        assert one.p_holm < 0.01
    for one in ours[2:4]:
        assert abs(one.difference) < 0.1 and one.p_holm > 0.01
    assert ours[0].mean_b == 1 and ours[0].mean_a == pytest.approx(0.5, abs=0.05)
    assert not layers[0].possible and "fewer than 3 layers" in layers[0].test
    whole = layers[-1]
    assert whole.mean_b == pytest.approx(ours[-1].mean_b) and whole.n == 8
    assert whole.difference == pytest.approx(ours[-1].difference)
    # Half of the layers have it: drawn anew, between a few and nearly all of them do.
    assert 0 < whole.low < 0.15 and 0.35 < whole.high < 0.5 and whole.p_value < 0.05
    assert list(lift.table(ours).index) == [one.label for one in ours]


def test_the_authors_analysis_is_repeated_on_their_verbs(lifted):
    found = {one.label: one for one in heads.parity(lifted)}
    lowest, highest = found["lowest (0 to 1)"], found["highest (6 to 7)"]
    n = read_paper_verbs()["group"].value_counts()
    assert lowest.sizes == (n["general"], n["instruction"])
    assert lowest.mean_b == 1 and lowest.mean_a == pytest.approx(0.5, abs=0.03)
    assert lowest.p_value < 1e-6 and highest.p_value > 0.001
    assert lowest.test.startswith("Welch's t")


def test_without_planted_lift_none_is_found(tmp_path):
    lexicon = read_lexicon()
    store = planted(tmp_path, layers=4, n_heads=4, lifted=())
    assert all(one.p_holm > 0.05 for one in heads.by_group(store, lexicon))
    assert heads.over_layers(store, lexicon)[-1].p_value > 0.01


def test_totals_count_gained_and_lost_pairs_and_changed_heads(lifted):
    table = heads.totals(lifted)
    row = table.loc["all layers"]
    counts = heads.read_heads(lifted)
    assert (row["heads"], row["heads changed"]) == (48, 1.0)
    assert row["gained"] == counts["gained"].sum() == row["tuned"] and row["kept"] == 0
    assert row["lost"] == row["base"]
    assert "not available" in table.caption
    assert heads.compare_heads(lifted)[0].difference > 0


def test_the_authors_verbs_are_two_groups_without_overlap():
    verbs = read_paper_verbs()
    assert verbs["word"].is_unique and verbs["group"].value_counts()["instruction"] == 38
    assert {"write", "detect"} <= set(verbs.query("group == 'instruction'")["word"])


# --- components


def test_shares_over_seeds_are_those_that_were_written(store):
    votes = concepts.read_votes(store)
    assert len(votes) == 2 * 5 * 4 * form.N_COMPONENTS
    shares = concepts.seed_shares(votes)
    for name, both in SHARES.items():
        for role, share in zip(ROLES, both, strict=True):
            assert shares.loc[role, name].to_numpy() == pytest.approx(share)
    shown = concepts.beside_paper(votes)
    assert shown.loc["coding"].to_list()[:3] == ["0.333", "0.000", "0.333 ± 0.000 → 0.000 ± 0.000"]
    assert list(shown.index) == ["interpretable", *TASKS, *LEVELS] and [*SHARES] == [
        *TASKS,
        *LEVELS,
    ]


def test_shares_over_components_have_an_interval_over_layers(store):
    found = {one.label: one for one in concepts.over_components(concepts.read_votes(store))}
    assert (found["interpretable"].mean_a, found["interpretable"].mean_b) == (0.6, 0.8)
    assert found["writing"].difference == pytest.approx(0.5) and found["writing"].p_holm < 0.01
    assert found["mathematics"].difference == 0 and found["mathematics"].p_value == 1
    assert found["syntax"].low == pytest.approx(-2 / 3) == found["syntax"].high


def brute_alpha(ratings: list[list[float]]) -> float:
    """Krippendorff's alpha from all pairs of answers, by its definition."""
    units = [own for own in ratings if len(own) > 1]
    inside = sum(2 * sum(a != b for a, b in combinations(own, 2)) / (len(own) - 1) for own in units)
    pooled = [value for own in units for value in own]
    outside = 2 * sum(a != b for a, b in combinations(pooled, 2)) / (len(pooled) - 1)
    return 1 - inside / outside


def test_agreement_is_whole_where_seeds_agree_and_alpha_is_krippendorff_s(copy, store, tmp_path):
    table = concepts.agreement(concepts.read_votes(store))
    assert table.loc[("interpretable", "base"), "Fleiss' kappa"] == 1
    assert table.loc[("coding", "base"), ["alpha", "low", "high"]].to_list() == [1, 1, 1]
    assert np.isnan(table.loc[("mathematics", "base"), "alpha"])
    form.write_components(tmp_path, copy[2], answers(copy[2], flipped=30))
    own = Store(tmp_path / "store")
    compute_concepts(tmp_path, own, read_lexicon().vocabulary, progress=False)
    votes = concepts.read_votes(own)
    table = concepts.agreement(votes)
    for name in ("interpretable", "syntax"):
        base = votes[votes["role"] == "base"].groupby(["layer", "rank"])[name]
        ratings = [list(own.dropna().astype(float)) for _, own in base]
        row = table.loc[(name, "base")]
        assert row["alpha"] == pytest.approx(brute_alpha(ratings))
    # With all answers there, alpha is kappa corrected for the size of the sample.
    row = table.loc[("interpretable", "base")]
    assert row["low"] < row["alpha"] < row["high"]
    answered = 5 * row["components"]
    assert 1 - row["alpha"] == pytest.approx((1 - row["Fleiss' kappa"]) * (answered - 1) / answered)


def test_interpretable_components_by_rank_and_layer(store):
    table = concepts.by_rank_and_layer(concepts.read_votes(store))
    assert list(table.index) == [
        "ranks 1 to 10",
        "ranks 11 to 30",
        *(f"layers {i} to {i}" for i in range(4)),
    ]
    np.testing.assert_allclose(table.to_numpy(), [[0.6, 0.8]] * 6)


def test_surviving_words_are_those_that_both_lists_hold(store, copy):
    first = {key: set(row.split("\t")[-1].split("|||")[:15]) for key, row in copy[2].items()}
    table = store.read("ffn/released/survival")
    assert len(table) == len(first) and (table["words"] == 15).all()
    other = {"base": "vicuna", "tuned": "llama"}
    ranks = range(1, form.N_COMPONENTS + 1)
    for row in table.itertuples():
        own, partner = first[NAMES[row.role], row.layer, row.rank], other[row.role]
        shared = {rank: len(own & first[partner, row.layer, rank]) for rank in ranks}
        assert row.same == shared[row.rank]
        assert row.best == max(shared.values()) == shared[row.best_rank]
        further = (len(own & first[partner, (row.layer + 1) % 4, rank]) for rank in ranks)
        assert row.elsewhere == max(further)
    shown = concepts.survived(store)
    assert shown.loc[("base", "1 to 300"), "same rank"] == pytest.approx(
        table.query("role == 'base'")["same"].mean() / 15
    )
    assert all(one.n == 4 for one in concepts.compare_survival(store))


def test_all_words_of_an_unchanged_model_survive(copy, tmp_path):
    rows = {k: v for k, v in copy[2].items() if k[0] == "llama"}
    rows |= {("vicuna", *k[1:]): v.replace("llama", "vicuna") for k, v in rows.items()}
    form.write_components(tmp_path, rows, answers(rows))
    store = Store(tmp_path / "store")
    compute_concepts(tmp_path, store, read_lexicon().vocabulary, progress=False)
    shown = concepts.survived(store)
    assert (shown["same rank"] == 1).all() and (shown["best match"] == 1).all()
    assert (shown["best of another layer"] < 1).all()


BAD = {
    "an answer that is none": ("", 0, "2", "Explainable is neither 0 nor 1"),
    "an answer that contradicts the summary": ("", 0, "1", "Explainable contradicts the Summary"),
    "words of another component": ("", -1, "qwrtz", "its words are not those of linear_words.tsv"),
    "a task of a component without a concept": ("task_", 0, None, "has no concept for it"),
    "a level of a component without a concept": ("concept_", 0, None, "has no concept for it"),
    "a column too many": ("task_", 0, "coding\tcoding", "13 columns instead of 12"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_annotation_is_refused_by_line(copy, tmp_path, kind):
    which, column, text, reason = BAD[kind]
    form.write_components(tmp_path, copy[2], answers(copy[2]))
    path = tmp_path / said_table(which, 2)
    lines = path.read_text(encoding="utf-8").split("\n")
    if text is None:  # an own file that says "cannot tell" where the task's says something
        key = next(key for key in copy[2] if answers(copy[2])[2][key] is not None)
        said = answers(copy[2])
        said[2] = said[2] | {key: None}
        form.write_components(tmp_path / "other", copy[2], said)
        (tmp_path / "other" / said_table("", 2)).replace(tmp_path / said_table("", 2))
    else:
        own = lines[1].split("\t")
        own[column] = text
        lines[1] = "\t".join(own)
        path.write_text("\n".join(lines), encoding="utf-8")
    store = Store(tmp_path / "store")
    compute_concepts(tmp_path, store, read_lexicon().vocabulary, progress=False)
    listed = store.read("ffn/released/refused").query("line > 0")
    mine = listed[listed["file"] == path.name]
    assert mine["line"].to_list() == [2] and reason in mine["reason"].iloc[0]
    assert {name.split("_")[-1] for name in listed["file"]} <= {"seed2.tsv"}


# --- the command


def test_other_models_of_the_format_have_a_store_of_their_own(copy, tmp_path, capsys):
    text = "".join((copy[0] / f"{HEADS}{part}").read_bytes().decode("utf-8", "surrogateescape")
                   for part in ("aa", "ab"))  # fmt: skip
    path = tmp_path / f"{HEADS}aa"
    path.parent.mkdir(parents=True)
    text = text.replace("llama", "mistral").replace("vicuna", "mistral_inst")
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    asked = ["--heads", "--path", str(tmp_path), "--folder", str(tmp_path / "store")]
    with pytest.raises(Mendable, match="0 rows of the models asked for"):
        main(asked)
    assert not (tmp_path / "store").exists()
    main([*asked, "--models", "mistral", "mistral_inst"])
    store = open_store("mistral-mistral_inst", tmp_path / "store")
    assert len(heads.read_heads(store)) == 16 and heads.is_there(store)
    assert not concepts.is_there(store)
    entry = store.manifest()["attention/released/heads"]
    assert entry["about"]["models"] == {"base": "mistral", "tuned": "mistral_inst"}
    assert entry["about"]["as_released"] == 0
    assert "256 rows used" in capsys.readouterr().out


def test_what_was_refused_is_told_by_file_reason_and_line(copy, tmp_path, capsys):
    for part in ("aa", "ab"):
        path = tmp_path / f"{HEADS}{part}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((copy[0] / f"{HEADS}{part}").read_bytes())
    path.write_bytes(path.read_bytes()[:-2])
    main(["--heads", "--path", str(tmp_path), "--folder", str(tmp_path / "store")])
    told = capsys.readouterr().out
    assert (
        "1 refused (row): bilinear_words_split.tsv: the line is cut" in told and "line 257" in told
    )


def test_components_without_annotations_are_asked_for_by_name(tmp_path, copy):
    path = tmp_path / COMPONENTS
    path.parent.mkdir(parents=True)
    path.write_bytes((copy[0] / COMPONENTS).read_bytes())
    with pytest.raises(SystemExit, match=r"linear_seed0\.tsv is missing"):
        main(["--components", "--path", str(tmp_path), "--folder", str(tmp_path / "store")])


def test_heads_of_one_model_alone_are_refused(copy, tmp_path):
    form.write_heads(tmp_path, form.head_rows("llama", copy[1]["llama"], WORDS))
    with pytest.raises(RefusedFile, match="no head is there whole for both of llama and vicuna"):
        compute_heads(tmp_path, Store(tmp_path / "store"), read_lexicon(), progress=False)


def test_chapters_and_report_show_what_is_there_and_say_what_is_not(store, tmp_path):
    lexicon = read_lexicon()
    assert (
        heads.shown(Store(tmp_path), lexicon) == concepts.shown(Store(tmp_path)) == [heads.NOT_HERE]
    )
    assert "helpers released" in heads.NOT_HERE
    assert heads.said(Store(tmp_path), lexicon) == heads.NOT_HERE
    assert heads.effect(Store(tmp_path)).endswith("python -m helpers released --heads")
    tables = [*heads.shown(store, lexicon), *concepts.shown(store)]
    assert len(tables) == 11 and all(len(one) for one in tables)


def test_the_chapter_says_and_draws_a_planted_lift(lifted):
    lexicon = read_lexicon()
    said = heads.said(lifted, lexicon)
    assert "rose more often for instruction verbs" in said and "100 % of the heads" in said
    assert "+0." in heads.effect(lifted)


def test_the_third_column_holds_the_papers_sizes_from_its_files_or_how_to_get_them(
    store, lifted, monkeypatch
):
    monkeypatch.setattr(statistics, "RESAMPLES", 500)  # sizes are shown, no interval
    lexicon = read_lexicon()
    ours, theirs = heads.by_group(lifted, lexicon), heads.parity(lifted)
    drawn = pd.DataFrame()
    monkeypatch.setattr(heads_view, "among_draws", lambda *_: {})
    monkeypatch.setattr(heads_view, "COUNTED", {})
    table = heads_view.paper_table(ours, ours, drawn, theirs)["paper"]
    whole = theirs[-1]
    assert f"{whole.mean_b:.2f} against {whole.mean_a:.2f}" in table.iloc[0]
    assert "lowest 1.00 against" in table.iloc[1] and "python -m" not in " ".join(table)
    lacking = heads_view.paper_table(ours, ours, drawn)["paper"]
    assert all("python -m helpers released --heads" in one for one in lacking[:2])
    shares = {one.label: one for one in concepts.paper_shares(store)}
    said = verdict.theirs(list(shares.values()), ["coding", "syntax"])
    for name in ("coding", "syntax"):
        assert f"{name} {shares[name].mean_a:.2f} and {shares[name].mean_b:.2f}" in said
    assert {"writing", "mathematics", "translation", "semantics", "interpretable"} <= shares.keys()
    assert verdict.theirs([], ["coding"]).endswith("python -m helpers released --components")
    assert concepts.paper_shares(lifted) == []
    assert len(heads.figure(lifted, lexicon).axes) == 1


def test_the_explorer_takes_pairs_with_an_instruction_verb(store):
    lexicon = read_lexicon()
    shown = heads.explorable_heads(store, lexicon)
    verbs = {*lexicon.verbs["word"][lexicon.is_instruction]}
    pairs = [
        {shown.words[a], shown.words[b]} for a, b in zip(shown.first, shown.second, strict=True)
    ]
    assert pairs and all(own & verbs for own in pairs)
    assert shown.start[-1] == len(shown.known) == shown.n_held.shape[1]
    assert (shown.n_held.max(axis=0) >= 2).all() and shown.chance is None
    counts = heads.read_heads(store)
    assert len(shown.start) == len(counts) + 1 and 0 <= shown.similarity.min()


def test_chapter_4_shows_the_released_components_beside_the_paper_or_one_line(store, tmp_path):
    (line,) = concepts.chapter(Store(tmp_path))
    assert line.data == heads.NOT_HERE and explorable.explorable(Store(tmp_path)) == []
    figure, table = concepts.chapter(store)
    assert len(figure.axes[0].get_yticklabels()) == len(table) == 1 + len(SHARES)
    assert "the paper" in " ".join(table.columns) and "resampled" in table.caption


def test_the_explorer_takes_the_released_components(copy, store):
    (shown,) = explorable.explorable(store)
    n = form.N_COMPONENTS
    assert shown.words.shape == (2, 4, n, 1, 15) and shown.angle is None is shown.scores
    for (name, layer, rank), row in copy[2].items():
        m, own = list(NAMES.values()).index(name), row.split("\t")[-1].split("|||")[:15]
        said = [shown.vocabulary[at] for at in shown.words[m, layer, rank - 1, 0]]
        for word, known in zip(said, own, strict=True):
            assert word == known or (word.startswith("#") and known.lower() not in LEXICON)
        answer = SAID_OF[name][(rank - 1) % 10]
        at = (m, layer, rank - 1, 0)
        assert (shown.coherence[at], shown.beyond[at]) == ((0, 0) if answer is None else (5, 2))
        level = "none" if answer is None else answer[1].strip(".").lower().replace("tic", "tics")
        assert LEVEL_NAMES[shown.level[at]] == level
        tasks = {task for i, task in enumerate(BOOK_TASKS) if shown.tasks[at] >> i & 1}
        assert tasks == {task for task in BOOK_TASKS if answer and task in answer[0].lower()}
    for layer, own in enumerate(shown.partner):
        assert sorted(own) == list(range(n))
        first, second = (shown.words[m, layer, :, 0] for m in (0, 1))
        common = [
            sum(len({*a} & {*b}) for a, b in zip(first, order, strict=True))
            for order in (second[own], second)
        ]
        assert common[0] >= common[1]
    assert pack_components(shown)["poles"] == ["words of either sign"]


def test_a_component_that_was_refused_is_shown_as_such(store, tmp_path):
    less = Store(tmp_path)
    for part in ("components", "votes", "survival"):
        table = store.read(f"ffn/released/{part}")
        gone = (table["role"] == "tuned") & (table["layer"] == 1) & (table["rank"] == 3)
        less.write(f"ffn/released/{part}", table[~gone])
    (shown,) = explorable.explorable(less)
    assert {shown.vocabulary[at] for at in shown.words[1, 1, 2, 0]} == {"–"}
    assert shown.beyond[1, 1, 2, 0] == 0 and (shown.words[0] < len(shown.vocabulary) - 1).all()
