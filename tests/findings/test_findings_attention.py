"""The attention finding on a tiny pair: whole, resumable, true to planted changes and to no change."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from living import Living
from scipy import stats
from tiny import SMALL, byte_tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from helpers.findings.attention import compute as attention
from helpers.findings.attention import figures, said
from helpers.findings.attention import heads as heads_view
from helpers.findings.attention import lift as view
from helpers.findings.attention import pairs as attention_pairs
from helpers.findings.attention import readings as attention_readings
from helpers.findings.attention.explorer import from_store, pack_heads
from helpers.findings.attention.readings import READINGS
from helpers.methods.heads import each_head
from helpers.methods.weights import weights
from helpers.methods.word_pairs import (
    Knowledge,
    head_knowledge,
    verb_lift,
    word_pairs,
    word_space,
)
from helpers.models.pair import Pair, pair_of
from helpers.prompts.prompt import Prompt, Segment
from helpers.store.store import Store
from helpers.words import verbs
from helpers.words.verbs import Lexicon
from helpers.words.vocabulary import Vocabulary, word_embeddings

TOP_K, N_WORDS, N_VERBS, N_INSTRUCTION = 12, 80, 48, 12
HEAD = (1, 2)  # the head that is changed on purpose


def words() -> Lexicon:
    rng = np.random.default_rng(0)
    spelled = sorted({"".join(rng.choice(list("abcdefghij"), 4)) for _ in range(2 * N_WORDS)})
    chosen = tuple(rng.permutation(spelled)[:N_WORDS].tolist())
    lemma = tuple(word if i % 5 else "x" for i, word in enumerate(chosen))
    vocabulary = Vocabulary(chosen, np.linspace(7, 3, N_WORDS), ("verb",) * N_WORDS, lemma)
    centres = rng.standard_normal((6, 20))
    vectors = centres[rng.integers(6, size=N_WORDS)] + 0.5 * rng.standard_normal((N_WORDS, 20))
    verbs = pd.DataFrame({"word": chosen[:N_VERBS]})
    verbs["group"] = np.where(np.arange(N_VERBS) % 4 == 0, "instruction", "general")
    verbs["stratum"] = np.arange(N_VERBS) * 3 // N_VERBS
    return Lexicon(vocabulary, vectors.astype(np.float32), verbs)


LEXICON = words()
RULE = {"type": "matches", "pattern": ".*"}
PROMPTS = [
    Prompt(f"p{i}", "copy", (Segment("instruction", text),), RULE)
    for i, text in enumerate(["say a", "say b b", "say c c c"])
] + [Prompt("free", "copy", (Segment("instruction", "no rule"),))]
OPTIONS = dict(
    lexicon=LEXICON,
    readings={name: replace(one, top_k=TOP_K) for name, one in READINGS.items()},
    top_k=TOP_K,
    draws=2,
    prompts=PROMPTS,
    texts=["a plain text", "another one, longer", "a third"],
    n_heads=2,
    control_draws=3,
    max_tokens=3,
    progress=False,
)


def tiny(seed: int = 0) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    settings = SMALL | {"vocab_size": 259, "max_position_embeddings": 256}
    model = LlamaForCausalLM(LlamaConfig(**settings)).float()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def pair() -> Pair:
    base, tuned = tiny(), tiny()
    rng = np.random.default_rng(1)
    with torch.no_grad():
        for layer in tuned.model.layers:
            for part in (layer.self_attn.q_proj, layer.self_attn.k_proj):
                rows, columns = part.weight.shape
                low_rank = rng.standard_normal((rows, 2)) @ rng.standard_normal((2, columns))
                part.weight.add_(torch.from_numpy(0.02 * low_rank).float())
    return pair_of("tiny", base, tuned, byte_tokenizer())


@pytest.fixture(scope="module")
def store(pair, tmp_path_factory) -> Store:
    filled = Store(tmp_path_factory.mktemp("store"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention_readings, "BLOCK", 2)
        attention.compute(pair, filled, **OPTIONS)
    return filled


def pairs_of(pair: Pair, role: str) -> dict:
    of_model, space = weights(pair.model(role)), word_space(LEXICON.vectors)
    embeddings = word_embeddings(of_model, pair.tokenizer, LEXICON.vocabulary.words)
    return {
        (layer, head): word_pairs(own.query, own.key, space, top_k=TOP_K)
        for layer, head, own in each_head(of_model, embeddings)
    }


def uses(known: Knowledge) -> np.ndarray:
    """In how many pairs each verb occurs."""
    ends = np.concatenate([known.first, known.second])
    return np.bincount(ends, minlength=N_WORDS)[LEXICON.places]


# --- the store


def test_stored_knowledge_is_that_of_the_heads(pair, store):
    stored = attention_pairs.read_pairs(store)
    for role in ("base", "tuned"):
        for (layer, head), pairs in pairs_of(pair, role).items():
            own = stored[(stored["layer"] == layer) & (stored["head"] == head)]
            expected, found = head_knowledge(pairs), own[own[role] >= 2]
            for name in ("first", "second"):
                np.testing.assert_array_equal(found[name], getattr(expected, name))
            np.testing.assert_array_equal(found[role], expected.n_dimensions)
            np.testing.assert_allclose(found["similarity"], expected.similarity, atol=0.003)
    known = {role: stored[role] >= 2 for role in ("base", "tuned")}
    assert (stored["change"] == "kept").equals(known["base"] & known["tuned"])
    assert (stored["change"] == "gained").equals(~known["base"] & known["tuned"])


def test_norms_and_numbers_of_pairs_are_by_the_heads_own_dimensions(pair, store):
    pairs = pairs_of(pair, "tuned")[HEAD]
    part = store.read(f"attention/pairs/{HEAD[0]:02d}")
    own = {name: part[name][1, HEAD[1]][pairs.dimensions] for name in ("norms", "n_pairs")}
    np.testing.assert_allclose(own["norms"], pairs.norms, rtol=1e-5)
    np.testing.assert_array_equal(own["n_pairs"], np.diff(pairs.start))


def test_lifts_of_the_stored_changes_are_verb_lift_of_the_knowledge(pair, store):
    changes = store.read("attention/readings/main")
    for least, counted in ((2, ""), (1, "_any")):
        base, tuned = (
            np.stack(
                [
                    uses(head_knowledge(pairs, least=least))
                    for place, pairs in pairs_of(pair, role).items()
                    if place[0] == 1
                ]
            )
            for role in ("base", "tuned")
        )
        expected = verb_lift((tuned > base).sum(axis=0), (tuned < base).sum(axis=0))
        found = view.lifts(changes, N_VERBS, counted, [1])
        np.testing.assert_allclose(found, expected)
        assert np.isfinite(found).sum() >= 5


def test_a_second_run_computes_nothing_and_other_words_everything(pair, store, monkeypatch):
    def fail(*_, **__):
        raise AssertionError("computed again")

    monkeypatch.setattr(attention_readings, "BLOCK", 2)
    monkeypatch.setattr(attention_pairs, "word_pairs", fail)
    monkeypatch.setattr(attention_readings, "verb_counts", fail)
    monkeypatch.setattr(attention, "responses", fail)
    attention.compute(pair, store, **OPTIONS)
    other = replace(LEXICON, vectors=LEXICON.vectors + 1)
    with pytest.raises(AssertionError, match="computed again"), pytest.warns(UserWarning):
        attention.compute(pair, store, **(OPTIONS | {"lexicon": other}))


def test_every_reading_changes_what_it_says(pair):
    prepared = {
        name: attention_readings.prepare(pair, LEXICON, READINGS[name])
        for name in ("main", "lemmas", "own-vectors")
    }
    sizes = {name: len(one.space.number) for name, one in prepared.items()}
    assert sizes["lemmas"] < N_WORDS == sizes["main"]
    kept = np.union1d(np.flatnonzero(LEXICON.vocabulary.is_lemma), LEXICON.places)
    numbered = prepared["lemmas"].space.number.numpy()
    assert kept[np.argsort(numbered)][-N_VERBS:].tolist() == LEXICON.places.tolist()
    same = prepared["own-vectors"].space.together == prepared["main"].space.together
    assert not same.all()
    unit = replace(READINGS["unit"], top_k=TOP_K)
    counts = [
        attention_readings.count_verbs(pair, "base", prepared["main"], one)
        for one in (unit, replace(unit, unit=False))
    ]
    assert (counts[0] != counts[1]).any()


def test_one_model_is_in_memory_at_a_time_where_two_do_not_fit(pair, tmp_path):
    loaders = {"base": lambda: tiny(0), "tuned": lambda: tiny(1)}
    turns = Pair("turns", loaders, pair.configs, pair.tokenizer, alone=True)
    living = Living(turns)
    few = {"readings": {"main": OPTIONS["readings"]["main"]}, "draws": 1, "control_draws": 1}
    attention.compute(turns, Store(tmp_path), **(OPTIONS | few))
    assert living.most == 1 and living.loads > 2
    loads = living.loads
    attention_pairs.make_pairs(turns, Store(tmp_path / "pairs"), LEXICON, TOP_K, False)
    assert living.loads - loads <= 3  # whatever the number of layers


# --- random updates


def test_the_baseline_holds_every_draw_once(store):
    found = view.against_random(store, LEXICON)
    assert found.groupby(["pairs", "update"]).size().to_dict() == {
        (pairs, update): n
        for pairs in view.COUNTED
        for update, n in (
            ("tuning", 1),
            ("random, equal norm and rank", 2),
            ("random, equal singular values", 2),
        )
    }
    table = view.random_table(found)
    assert len(table) == 8 and (table["draws"] == 2).all()
    tuning = found[found["update"] == "tuning"].set_index("pairs")["counts changed"]
    assert {f"{n:,}" for n in tuning} <= set(table["tuning"])
    main = store.read("attention/readings/main")
    for pairs, counted in view.COUNTED.items():
        own = found[(found["pairs"] == pairs) & (found["update"] == "tuning")].iloc[0]
        lift = view.lifts(main, N_VERBS, counted)
        sides = (lift[LEXICON.is_instruction], lift[LEXICON.is_general])
        assert own["difference"] == pytest.approx(np.nanmean(sides[0]) - np.nanmean(sides[1]))
        columns = [f"rose{counted}", f"fell{counted}"]
        assert own["counts changed"] == main[columns].to_numpy(int).sum()


# --- verbs


def lifted(effect: float, rng, *, strata_shift: float = 0.0) -> np.ndarray:
    values = rng.random(N_VERBS) + effect * LEXICON.is_instruction
    return values + strata_shift * LEXICON.verbs["stratum"].to_numpy()


def test_a_planted_lift_of_instruction_verbs_is_found():
    found = view.compare_verbs(lifted(0.6, np.random.default_rng(0)), LEXICON, "planted")
    assert found.sizes == (N_VERBS - N_INSTRUCTION, N_INSTRUCTION)
    assert found.p_value < 0.001 and found.welch_p < 0.001
    assert found.low < 0.6 < found.high
    assert found.null[0] < 0 < found.null[1] < found.difference


def test_without_an_effect_p_values_are_uniform():
    rng = np.random.default_rng(1)
    member, strata = LEXICON.is_instruction, LEXICON.verbs["stratum"].to_numpy()
    drawn = []
    for seed in range(300):
        values = lifted(0, rng, strata_shift=1.0)
        observed = values[member].mean() - values[~member].mean()
        null = view.relabelled(values, member, strata, draws=400, seed=seed)
        drawn.append(view.permutation_p(observed, null))
    assert stats.kstest(drawn, "uniform").pvalue > 0.01


def test_a_difference_of_frequency_alone_is_no_effect():
    strata = np.repeat([0, 1], 40)
    member = np.concatenate([np.arange(40) < 30, np.arange(40) < 4])  # mostly in stratum 0
    values = 1.0 * strata + 0.1 * np.random.default_rng(2).random(80)
    observed = values[member].mean() - values[~member].mean()
    within = view.relabelled(values, member, strata, draws=2000)
    across = view.relabelled(values, member, np.zeros(80), draws=2000)
    assert view.permutation_p(observed, across) < 0.01 < 0.1 < view.permutation_p(observed, within)


def test_verbs_without_a_lift_are_left_out_and_small_groups_are_not_tested():
    values = lifted(0, np.random.default_rng(3))
    values[LEXICON.is_instruction & (np.arange(N_VERBS) > 12)] = np.nan
    found = view.compare_verbs(values, LEXICON, "few")
    assert found.sizes == (36, 4)
    assert not found.possible and np.isfinite(found.mean_b)
    both = {"few": values, "b": np.arange(48.0)}
    shown = view.table(view.compare_all(both, LEXICON))
    assert shown.loc["few", "difference [95 % CI]"] == "not tested: fewer than 5 verbs"
    assert shown.loc["b", "p (Holm)"] != ""


def with_variant(other: int = 1) -> Lexicon:
    """A lexicon whose verb `other`, a general one, is a second spelling of an instruction verb."""
    spelled = list(LEXICON.vocabulary.words)
    assert LEXICON.is_instruction[0] and LEXICON.is_general[other]
    spelled[0], spelled[other] = "colorize", "colourise"
    vocabulary = replace(LEXICON.vocabulary, words=tuple(spelled))
    return replace(
        LEXICON, vocabulary=vocabulary, verbs=LEXICON.verbs.assign(word=spelled[:N_VERBS])
    )


@pytest.mark.parametrize(
    ("british", "american"),
    [("analyse", "analyze"), ("summarise", "summarize"), ("favour", "favor"), ("fulfill", "fulfil"),
     ("licence", "license"), ("dialogue", "dialog"), ("centre", "center")],
)  # fmt: skip
def test_two_spellings_of_a_word_are_one(british, american):
    assert verbs.one_spelling(british) == verbs.one_spelling(american)


@pytest.mark.parametrize(
    ("one", "other"),
    [("advise", "advice"), ("devise", "device"), ("pour", "por"), ("since", "sense"),
     ("tell", "tel"), ("rise", "raise"), ("analyze", "analog")],
)  # fmt: skip
def test_other_words_stay_apart(one, other):
    assert verbs.one_spelling(one) != verbs.one_spelling(other)


def test_a_spelling_variant_is_no_general_verb_and_verbs_keep_their_numbers(store):
    variant = 1
    lexicon = with_variant(variant)
    assert np.flatnonzero(lexicon.is_variant).tolist() == [variant]
    assert lexicon.is_general.sum() == N_VERBS - N_INSTRUCTION - 1
    values = lifted(0, np.random.default_rng(5))
    values[variant] = 1e6  # would be seen in any mean that it entered
    found = view.compare_verbs(values, lexicon, "planted")
    assert found.mean_a < 2 and found.sizes[0] == N_VERBS - N_INSTRUCTION - 1
    changes = store.read("attention/readings/main").copy()
    own = changes["verb"] == variant
    changes.loc[own, ["rose_any", "fell_any"]] = 200, 0
    counts = view.counts(changes, N_VERBS, "_any").sum(axis=1)
    means = [view.mean_lift(counts, one.is_general) for one in (lexicon, LEXICON)]
    assert means[0] != means[1]
    same = view.compare_verbs(view.lifts(changes, N_VERBS, "_any"), lexicon, "x")
    main = store.read("attention/readings/main")
    assert same == view.compare_verbs(view.lifts(main, N_VERBS, "_any"), lexicon, "x")


def test_the_shipped_lexicon_leaves_out_analyse_alone():
    lexicon = verbs.read_lexicon()
    assert lexicon.verbs.loc[lexicon.is_variant, "word"].tolist() == ["analyse"]
    assert len(lexicon.compared.verbs) == len(lexicon.verbs) - 1


def test_a_lift_is_found_as_often_as_is_said():
    rng, found = np.random.default_rng(6), []
    size = view.compare_verbs(lifted(0, rng), LEXICON, "spread").detectable()
    for _ in range(600):
        values = lifted(size, rng)
        groups = values[LEXICON.is_instruction], values[LEXICON.is_general]
        found.append(stats.ttest_ind(*groups, equal_var=False).pvalue < 0.05)
    assert np.mean(found) == pytest.approx(0.8, abs=0.15)  # the spread is known from 48 verbs


def test_tuning_below_every_draw_is_said_in_the_table():
    rows = [{"update": "tuning", "pairs": "x", "counts changed": 5, "difference": 0.0}]
    rows += [
        {
            "update": "random, equal norm",
            "pairs": "x",
            "counts changed": 10 + i,
            "difference": i - 9.5,
        }
        for i in range(20)
    ]
    found = view.among_draws(pd.DataFrame(rows), "counts changed")["x", "random, equal norm"]
    assert (found.as_high, found.low, found.p_value) == (20, 10, 2 / 21)
    assert found.said == "less than every one of 20 draws"
    assert "Each of 20 random updates as large changes more places" in said.beside_chance(found)
    shown = view.random_table(pd.DataFrame(rows))
    assert shown["p"].iloc[0] == "0.0952" and "rank" in shown.caption


def test_the_chapters_tables_come_from_the_store(store):
    compared = view.robustness(store, LEXICON)
    assert len(compared) == 2 * (len(READINGS) + 3)
    holm = [one.p_holm for one in compared if one.possible]
    assert holm and all(one.p_holm >= one.p_value for one in compared if one.possible)
    sums, table = heads_view.totals(store), attention_pairs.read_pairs(store)
    assert sums["gained"] + sums["lost"] + sums["kept"] == len(table)
    gained = attention_pairs.gains(store, LEXICON)
    assert len(gained) == 2 * 4 and gained["gained"].sum() == sums["gained"]
    drawn = view.against_random(store, LEXICON)
    words = said.summary(view.both_counts(store, LEXICON), compared, drawn)
    assert " of " in words["sure_measures"] and words["chance"].endswith(("them", "for a test"))
    groups = said.lines(view.both_counts(store, LEXICON), compared)
    assert [len(own) for own in groups.values()] == [2, len(READINGS) + 1]
    figure = figures.lift_by_quarter(view.both_counts(store, LEXICON), drawn)
    assert len(figure.axes) == 2


@pytest.mark.parametrize(
    ("effect", "word"), [(0.9, "more often"), (-0.9, "less often"), (0.0, "not clearly more often")]
)
def test_sentences_say_what_was_found(effect, word):
    found = view.compare_all({"x": lifted(effect, np.random.default_rng(9))}, LEXICON)[0]
    assert f"rose {word} for instruction verbs" in said.gain(found)
    few = view.compare_verbs(np.full(N_VERBS, np.nan), LEXICON, "none")
    others = [found, replace(found, label=f"{said.NET}, all verbs")]
    null = f"a difference of {said.FINE:.2f} would have been seen" in said.agreeing(found, others)
    assert null is (effect == 0.0) and said.agreeing(found, others).startswith("2 of 2 readings")
    assert "too few verbs changed" in said.gain(few) and said.title(few) == "Too few verbs changed"


def test_the_drawn_pair_stands_in_the_lists_of_the_dimensions_that_hold_it(pair, store):
    drawn = attention_pairs.read_example(store, LEXICON)
    known = head_knowledge(pairs_of(pair, drawn.role)[drawn.layer, drawn.head])
    words = LEXICON.vocabulary.words
    assert drawn.pair in [
        (words[a], words[b]) for a, b in zip(known.first, known.second, strict=True)
    ]
    assert len(drawn.dimensions) == 2
    for one in drawn.dimensions:
        assert {*drawn.pair} in [set(link) for link in one.links]
        (query, key) = ([word for word, _ in side] for side in one.words)
        assert any(q in query and k in key for q, k in (drawn.pair, drawn.pair[::-1]))
    assert len(figures.two_lists(drawn).axes) == 3


def test_the_papers_table_speaks_of_whatever_pair_it_is_given(store):
    drawn, compared = view.against_random(store, LEXICON), view.both_counts(store, LEXICON)
    table = heads_view.paper_table(*compared.values(), drawn)
    said = " ".join(table["ours"]) + " ".join(table["what differs"])
    assert not any(word in said for word in ("270M", "18 layers", "no difference found"))
    whole = compared["two dimensions or more"][-1]
    assert f"{whole.changed} verbs" in said
    assert view.table([whole]).caption == view.CAPTION


def test_a_head_that_gained_a_pair_of_an_instruction_verb_is_ranked_first(pair, tmp_path):
    """Two dimensions of a head of the tuned model answer to a verb and to a word like it."""
    base, tuned = tiny(), tiny()
    vectors = np.random.default_rng(4).standard_normal((N_WORDS, 20)).astype(np.float32)
    of_model = weights(tuned)
    embeddings = word_embeddings(of_model, pair.tokenizer, LEXICON.vocabulary.words)
    verb = int(LEXICON.places[LEXICON.is_instruction][0])
    target = torch.zeros(N_WORDS, 1)
    target[verb] = 1.0
    direction = torch.linalg.lstsq(embeddings, target).solution[:, 0]
    strongest = (embeddings @ direction).abs().topk(3).indices.tolist()
    other = next(word for word in strongest if word != verb)
    assert verb in strongest
    vectors[other] = vectors[verb] + 0.01
    scale = tuned.model.layers[HEAD[0]].input_layernorm.weight
    for side, own in (("query", HEAD[1]), ("key", HEAD[1] // 2)):  # two heads share a key
        stored = of_model.projection(HEAD[0], side).split(of_model.head_dim, dim=1)
        stored[own][:, :2] = (direction / scale)[:, None]
    lexicon = replace(LEXICON, vectors=vectors)
    planted = pair_of("planted", base, tuned, pair.tokenizer)
    found = Store(tmp_path)
    attention_pairs.make_pairs(planted, found, lexicon, 3, False)
    table = attention_pairs.gains(found, lexicon)
    assert attention.top_heads(table, "instruction", 1) == [HEAD]
    rows = attention_pairs.read_pairs(found).query("change == 'gained'")
    assert {(verb, other), (other, verb)} & {*zip(rows["first"], rows["second"], strict=True)}


# --- silenced heads


def test_control_sets_are_different_draws_of_as_many_heads_of_the_same_layers():
    chosen = [(0, 1), (2, 0), (2, 3)]
    drawn = attention.control_heads(chosen, 4, draws=20)
    assert len({tuple(one) for one in drawn}) == 20
    for heads in drawn:
        assert [layer for layer, _ in heads] == [0, 2, 2] and len(set(heads)) == 3
        assert heads != chosen
    assert {(0, head) for head in range(4)} == {heads[0] for heads in drawn}
    assert len(attention.control_heads(chosen, 4, draws=99)) == 4 * 6 - 1  # all others


def test_silencing_a_head_removes_its_output_and_nothing_else(pair):
    of_model, layer, head = weights(pair.model("tuned")), 1, 2
    given, seen = [], []
    projection = of_model.attention_output(layer)
    ids = torch.arange(5, 15)[None]

    def remember(_, inputs, output):
        given.append(inputs[0])
        seen.append(output)

    watch = projection.register_forward_hook(remember)
    plain = pair.model("tuned")(ids).logits
    with attention.silenced(of_model, [(layer, head)]) as model:
        changed = model(ids).logits
    after = pair.model("tuned")(ids).logits
    watch.remove()
    cut = given[0].unflatten(-1, (4, -1)).clone()
    cut[..., head, :] = 0
    torch.testing.assert_close(seen[1], projection(cut.flatten(-2)))
    assert not torch.allclose(plain, changed) and torch.equal(plain, after)
    with (
        pytest.raises(ValueError, match="no such head"),
        attention.silenced(of_model, [(2, 0)]),
    ):
        pass


def test_loss_is_the_mean_of_the_negative_log_likelihoods(pair):
    ids = [1, 20, 30, 40]
    rows = torch.log_softmax(pair.model("tuned")(torch.tensor([ids])).logits[0], dim=-1)
    expected = -np.mean([rows[i, token].item() for i, token in enumerate(ids[1:])])
    found = attention.text_loss(pair.model("tuned"), [ids, ids[:2]])
    np.testing.assert_allclose(found[0], expected, rtol=1e-5)


def test_every_condition_is_stored_with_its_heads_and_compared(store):
    found = heads_view.read_silenced(store)
    assert sorted(found) == ["general", "instruction", "none", *(f"random-0{i}" for i in range(3))]
    assert all(len(one["followed"]) == 3 and len(one["loss"]) == 3 for one in found.values())
    assert len(found["none"]["heads"]) == 0 and len(found["instruction"]["heads"]) == 2
    table = heads_view.silenced_table(found)
    rank = heads_view.rank_among_draws(table, "instruction")
    assert "Null hypothesis" in rank.caption
    assert (rank["draws"] == 3).all() and set(rank["p"]) <= {"0.25", "0.50", "0.75", "1.00"}
    compared = heads_view.compare_silenced(found)
    assert [one.n for one in compared] == [3, 3] * 3
    harm = said.harmed(table)
    assert harm["draws_silenced"] == 3 and harm["harm_word"] == "not clearly more"


def test_the_explorer_takes_the_store_as_it_is(store):
    shown = from_store(store, LEXICON)
    pairs = attention_pairs.read_pairs(store, HEAD[0]).query(f"head == {HEAD[1]}")
    number = HEAD[0] * 4 + HEAD[1]
    own = slice(*shown.start[number : number + 2])
    spelled = [LEXICON.vocabulary.words[i] for i in pairs["first"]]
    assert [shown.words[shown.first[i]] for i in shown.known[own]] == spelled
    np.testing.assert_allclose(shown.similarity[shown.known[own]], pairs["similarity"], atol=0.003)
    np.testing.assert_array_equal(shown.n_held[:, own], pairs[["base", "tuned"]].T)
    assert set(pack_heads(shown)) >= {"pairSteps", "known", "held", "chance"}


def test_chance_is_counted_as_the_tables_count_it(store):
    found = from_store(store, LEXICON).chance
    drawn = view.against_random(store, LEXICON).query("pairs == 'two dimensions or more'")
    own = drawn[drawn["update"].isin(["tuning", "random, equal singular values"])]
    np.testing.assert_allclose(found.difference, own["difference"])
    assert found.by_layer.shape == (3, 2, 2, 2) and found.by_verb.shape == (3, N_VERBS, 2)
    np.testing.assert_array_equal(found.by_layer.sum(axis=(1, 2, 3)), own["counts changed"])
    word = LEXICON.verbs["word"][0]
    small = from_store(store, LEXICON, word=word)
    assert small.chance.verbs == (word,) and small.chance.by_verb.shape == (3, 1, 2)
    assert all(word in {small.words[a], small.words[b]}
               for a, b in zip(small.first, small.second, strict=True))  # fmt: skip
