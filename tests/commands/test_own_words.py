"""`compute --vocabulary`: words of the authors' form, from the file to the report, and what is refused."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from tiny import save_model

from helpers.commands import compute, report
from helpers.findings.attention.explorer import from_store
from helpers.findings.attention.pairs import read_pairs
from helpers.findings.ffn import compute as ffn
from helpers.findings.ffn.explorer import from_store as components_of
from helpers.methods.errors import Mendable
from helpers.methods.word_pairs import word_pairs, word_space
from helpers.store import released_files
from helpers.store.release import RefusedFile, fetch_files
from helpers.store.released_files import blob_hash
from helpers.store.store import Store
from helpers.words import ranked
from helpers.words.annotators import annotator
from helpers.words.classes import listed_of, listed_words, vocabulary
from helpers.words.verbs import lexicon_of, read_lexicon, read_paper_verbs, read_verbs
from helpers.words.vocabulary import INSTRUCTION, read_vectors, read_vocabulary

UNKNOWN = [",", ".", "``", "’", "qwrtz", "Qwrtzen", "zzyzx"]


def spelled() -> list[str]:
    """Punctuation, words that the book lacks, verbs of both groups, cased words, other words."""
    theirs = read_paper_verbs().query("group == 'instruction'")["word"].tolist()
    general = [w for w in read_verbs().query("group == 'general'")["word"] if w not in theirs]
    book = [w for w in vocabulary()[:250] if w in read_vocabulary().place]
    return list(
        dict.fromkeys([*UNKNOWN[:4], *theirs[:24], *general[:40], *book, "Python", *UNKNOWN[4:]])
    )


def written(path, words, *, first=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{word}\t{0.04 / (1 + i // 2)!r}" for i, word in enumerate(words)]  # with ties
    path.write_text(first + "\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return [str(save_model(folder / name, seed=i)) for i, name in enumerate(("base", "tuned"))]


def run(models, folder, finding, *more):
    compute.main(["--base", models[0], "--tuned", models[1], "--name", "tiny", "--finding", finding,
                  "--folder", str(folder), "--device", "cpu", *more])  # fmt: skip


@pytest.fixture(scope="module")
def filled(models, tmp_path_factory):
    """A store with heads and components on words of one's own, and the file of these words."""
    folder = tmp_path_factory.mktemp("filled")
    path = written(folder / "words.tsv", spelled())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ffn, "DRAWS", 4)
        patch.setattr(ffn, "MAX_COMPONENTS", 6)
        run(models, folder / "store", "attention", "--quick", "--vocabulary", str(path))
        run(models, folder / "store", "ffn", "--vocabulary", str(path))
    return folder / "store", path


# --- the file


def test_words_keep_their_order_and_case_with_or_without_a_line_of_names(tmp_path):
    plain = written(tmp_path / "a.tsv", spelled())
    named = written(tmp_path / "b.tsv", spelled(), first="word\tfrequency\n")
    for path in (plain, named):
        found = ranked._read(path, blob_hash(path))
        assert list(found.words) == spelled()
        assert found.zipf[0] == pytest.approx(np.log10(0.04e9)) and (np.diff(found.zipf) <= 0).all()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("word", "line 3 has 1 columns instead of 2"),
        ("word\t0.001\tnoun", "line 3 has 3 columns instead of 2"),
        ("word\tmany", "line 3 has no number"),
        ("word\tnan", "line 3 has the frequency nan"),
        ("word\t-0.1", "line 3 has the frequency -0.1"),
        ("word\t1.5", "line 3 has the frequency 1.5"),
        ("word\t0.3", "line 3 is more frequent"),
        ("two words\t0.001", "line 3 has no printable word without spaces"),
        ("\t0.001", "line 3 has no printable word without spaces"),
        ("the\t0.001", "line 3 repeats the word 'the'"),
    ],
)
def test_a_line_that_does_not_fit_is_refused_with_its_number(tmp_path, line, says):
    path = tmp_path / "words.tsv"
    path.write_text(f",\t0.05\nthe\t0.04\n{line}\n", encoding="utf-8")
    with pytest.raises(RefusedFile, match=rf"words\.tsv: {says}"):
        ranked.condition(str(path))


def test_what_is_no_text_empty_or_not_there_is_refused(tmp_path):
    for content, says in ((b"a\xff\t0.1\n", "byte 1 is not UTF-8"), (b"", "it holds 0 words")):
        (tmp_path / "words.tsv").write_bytes(content)
        with pytest.raises(RefusedFile, match=says):
            ranked.condition(str(tmp_path / "words.tsv"))
    with pytest.raises(Mendable, match="there is no such file; or give 'released'"):
        ranked.condition(str(tmp_path / "none.tsv"))
    few = written(tmp_path / "few.tsv", ["the", "write", "say", ","])
    with pytest.raises(Mendable, match="The vocabulary has 2 instruction verbs"):
        read_lexicon(ranked._read(few, blob_hash(few)))


def test_the_authors_file_is_fetched_once_and_one_of_another_hash_is_not_kept(
    tmp_path, monkeypatch
):
    path = written(tmp_path / "web" / ranked.FILE, spelled())
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "web"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = {"url": f"http://127.0.0.1:{server.server_port}/", "folder": tmp_path / "cache"}
        monkeypatch.setattr(ranked, "fetch_files", partial(fetch_files, **address))
        monkeypatch.setitem(released_files.PINNED, ranked.FILE, "0" * 40)
        with pytest.raises(RefusedFile, match=f"hash is {blob_hash(path)} instead of 0000"):
            ranked.condition("released")
        assert not [one for one in (tmp_path / "cache").rglob("*") if one.is_file()]
        monkeypatch.setitem(released_files.PINNED, ranked.FILE, blob_hash(path))
        found = ranked.condition("released")
        server.shutdown()
    assert found == {"vocabulary": "released", "words": blob_hash(path)}
    assert ranked.condition("released") == found  # from the cache: nobody serves it any more


# --- what is known of the words


def test_words_have_the_books_vectors_and_verbs_or_none(tmp_path):
    path = written(tmp_path / "words.tsv", spelled())
    lexicon, book = read_lexicon(ranked._read(path, blob_hash(path))), read_vocabulary()
    place = lexicon.vocabulary.place
    assert not lexicon.vectors[[place[word] for word in UNKNOWN]].any()
    known = read_vectors()[book.place["python"]] if "python" in book.place else 0
    np.testing.assert_array_equal(lexicon.vectors[place["Python"]], known)
    assert lexicon.vocabulary.lemma[place["Qwrtzen"]] == "Qwrtzen"
    theirs = set(read_paper_verbs().query("group == 'instruction'")["word"])
    leading = lexicon.verbs[lexicon.verbs["group"] == INSTRUCTION]
    assert set(leading["word"]) == theirs & set(spelled()) & set(book.words)
    assert not theirs & set(lexicon.verbs.loc[~lexicon.is_instruction, "word"])
    assert leading["stratum"].is_monotonic_increasing and set(leading["stratum"]) == set(range(6))
    zipf = leading.set_index("word")["zipf"]
    for verb in lexicon.verbs.itertuples():
        assert abs(zipf[verb.matched] - verb.zipf) == pytest.approx(abs(zipf - verb.zipf).min())


def test_a_word_without_a_vector_is_in_no_pair_and_moves_no_threshold():
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((40, 8)).astype(np.float32)
    more = np.insert(vectors, 3, 0, axis=0)
    space, without = word_space(more, reference=20), word_space(vectors, reference=20)
    np.testing.assert_allclose(np.delete(space.threshold, 3), without.threshold)
    active = np.abs(rng.standard_normal((41, 4))).astype(np.float32)
    found = word_pairs(*(ffn.torch.from_numpy(active),) * 2, space, top_k=41)
    assert len(found.query) and 3 not in {*found.query, *found.key}


def test_lists_are_compared_with_random_lists_that_have_as_many_unknown_words(tmp_path):
    """Half of the words are unknown: random lists pass the rule about as rarely as on the book's."""
    rng, book = np.random.default_rng(1), vocabulary()[:1500]
    words = [w if rng.random() < 0.5 else f"{w}qz" for w in book]
    path = written(tmp_path / "words.tsv", words)
    listed = listed_words(ranked._read(path, blob_hash(path)))
    rules = annotator("wordnet", words=listed)
    lists = rng.integers(len(words), size=(150, 15))
    assert np.mean([one.interpretable for one in rules.annotate_indices(lists)]) < 0.12
    near = listed.vectors @ listed.vectors[np.flatnonzero(listed.vectors.any(axis=1))[700]]
    alike, unknown = np.argsort(-near)[:8], np.flatnonzero(~listed.vectors.any(axis=1))[:15]
    answers = [rules.annotate_indices(np.array([own]))[0] for own in (
        [*alike, *unknown[:7]], unknown)]  # fmt: skip
    assert [one.interpretable for one in answers] == [True, False]


# --- a store


def test_a_store_holds_places_in_its_own_words(filled):
    store = Store(filled[0])
    lexicon, listed = lexicon_of(store), listed_of(store)
    assert list(lexicon.vocabulary.words) == list(listed.words) == spelled()
    pairs = read_pairs(store)
    without = {lexicon.vocabulary.place[word] for word in UNKNOWN}
    assert len(pairs) and not without & {*pairs["first"], *pairs["second"]}
    assert set(from_store(store).words) <= set(spelled())
    shown = components_of(store)
    assert shown.vocabulary == tuple(spelled())
    assert {shown.vocabulary[i] for i in np.unique(shown.words)} & set(UNKNOWN)


def test_the_report_speaks_of_its_words(filled, tmp_path):
    page = report.page(Store(filled[0]))
    assert "words.tsv (git blob" in page and f"of which {len(UNKNOWN)} have no vector" in page
    assert str(filled[1].parent) not in page and "--vocabulary words.tsv" in page


@pytest.mark.parametrize("more", [[], ["--vocabulary", "other"]])
def test_a_store_takes_no_other_words(models, filled, tmp_path, more):
    other = str(written(tmp_path / "other.tsv", spelled()[::-1]))
    more = [other if one == "other" else one for one in more]
    with pytest.raises(Mendable, match="--vocabulary was .*words.tsv and is ") as refused:
        run(models, filled[0], "ffn", *more)
    assert "--name or --folder" in str(refused.value)


def test_a_store_on_the_books_words_takes_no_others(tmp_path):
    path = written(tmp_path / "words.tsv", spelled())
    Store(tmp_path / "book").write("finding/part", {})
    with pytest.raises(Mendable, match="--vocabulary was not given and is"):
        Store(tmp_path / "book", conditions=ranked.condition(str(path))).write("finding/other", {})


def test_words_that_were_changed_since_are_not_taken_for_those_of_the_store(tmp_path):
    path = written(tmp_path / "words.tsv", spelled())
    store = Store(tmp_path / "store", conditions=ranked.condition(str(path)))
    store.write("finding/part", {})
    written(path, spelled()[::-1])
    with pytest.raises(Mendable, match="put that file back, or compute another store"):
        lexicon_of(Store(store.folder))
    with pytest.raises(Mendable, match="words.tsv were changed since"):
        Store(store.folder, conditions=ranked.condition(str(path))).write("finding/other", {})
