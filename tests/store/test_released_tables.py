"""The released tables: parts joined as bytes, rows refused by line, downloads checked by git's hash."""

import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import released_format as form

from helpers.methods.errors import Mendable
from helpers.methods.word_pairs import head_knowledge
from helpers.store import released_files as files
from helpers.store import released_rows as rows_view
from helpers.store.release import RefusedFile, fetch_files
from helpers.store.released_files import (
    COMPONENTS,
    HEADS,
    PINNED,
    blob_hash,
    check_blob,
    parts_of,
)
from helpers.store.released_rows import Refusals
from helpers.store.released_tables import read_components, read_heads, word_codes
from helpers.words.vocabulary import read_vocabulary

WORDS = form.vocabulary()
CODES = word_codes(read_vocabulary().words)
MODELS = ("llama", "vicuna")
FILE = "bilinear_words_split.tsv"


@pytest.fixture(scope="module")
def written() -> dict[str, dict]:
    return {name: form.pairs_of(model, WORDS) for name, model in form.pair().items()}


@pytest.fixture(scope="module")
def lines(written) -> list[str]:
    return [row for name, heads in written.items() for row in form.head_rows(name, heads, WORDS)]


def read(folder, models=MODELS):
    refused = Refusals()
    return list(read_heads(folder, models, CODES, refused)), refused


def spelled(found) -> set:
    """(first, second, dimensions) of a head's pairs, as codes."""
    own = head_knowledge(found.pairs, least=1)
    return set(zip(found.words[own.first], found.words[own.second], own.n_dimensions, strict=True))


def expected(pairs) -> set:
    own, codes = head_knowledge(pairs, least=1), CODES(WORDS)
    sides = np.sort([codes[own.first], codes[own.second]], axis=0)
    return set(zip(*sides, own.n_dimensions, strict=True))


def test_parts_cut_inside_a_line_and_a_character_are_read_as_one(tmp_path, written, lines):
    form.write_heads(tmp_path, lines)
    first = (tmp_path / f"{HEADS}aa").read_bytes()
    assert not first.endswith(b"\n")
    with pytest.raises(UnicodeDecodeError):
        first.decode()
    found, refused = read(tmp_path)
    assert len(found) == 2 * 4 * 4 and refused.read[FILE] == len(lines) and not refused.counts
    for one in found:
        theirs = written[one.model][one.layer, one.head]
        np.testing.assert_array_equal(one.pairs.dimensions, theirs.dimensions)
        np.testing.assert_allclose(one.pairs.norms, theirs.norms, atol=1e-4)
        np.testing.assert_array_equal(one.pairs.start, theirs.start)
        assert spelled(one) == expected(theirs)
    assert any(len(one.pairs.query) for one in found)


def test_a_word_is_its_place_or_a_hash_that_does_not_depend_on_the_process():
    place, outside = CODES(["the", "qwrtz"])
    assert read_vocabulary().words[place] == "the"
    assert outside == -6135197554759155133 and CODES(["qwrtx"])[0] not in (outside, place)


def test_capital_letters_do_not_matter(tmp_path, lines):
    form.write_heads(tmp_path, lines)
    plain, _ = read(tmp_path)
    form.write_heads(
        tmp_path, ["\t".join([*row.split("\t")[:-1], row.split("\t")[-1].title()]) for row in lines]
    )
    found, refused = read(tmp_path)
    assert [spelled(a) for a in plain] == [spelled(b) for b in found] and not refused.counts


def test_other_models_are_passed_over_and_counted(tmp_path, lines):
    others = [row.replace("vicuna", "mistral_inst").replace("llama", "mistral") for row in lines]
    head = "\t".join(rows_view.HEAD_COLUMNS)
    form.write_heads(tmp_path, [*others, head, *lines])
    found, refused = read(tmp_path)
    assert {one.model for one in found} == set(MODELS) and not refused.counts
    assert refused.passed_over == {"mistral": len(lines) / 2, "mistral_inst": len(lines) / 2}
    assert len(read(tmp_path, ("mistral", "mistral_inst"))[0]) == len(found)


# --- what is refused: each change with the rows it costs, and the reason


def fields(**changes):
    def change(row, _):
        own = dict(zip(rows_view.HEAD_COLUMNS, row.split("\t"), strict=True))
        own |= {k: new(own[k]) if callable(new) else new for k, new in changes.items()}
        return "\t".join(own.values())

    return change


def topk(make):
    return fields(TopK=lambda text: f"{make}|||{text}" if text else make)


ROW = {
    "a column too few": (lambda row, _: row.rsplit("\t", 1)[0], "8 columns instead of 9"),
    "a word with a tab": (topk("one\tword=other"), "10 columns instead of 9"),
    "an unknown model": (fields(Model="alpaca"), "unknown model"),
    "no model": (fields(Model=""), "unknown model"),
    "another size": (fields(Size="13B"), "unknown Size or Type"),
    "another type": (fields(Type="VO"), "unknown Size or Type"),
    "a negative layer": (fields(Layer="-1"), "Layer is no whole number"),
    "a layer that is none": (fields(Layer="one"), "Layer is no whole number"),
    "a digit of another script": (fields(Head="٣"), "Head is no whole number"),
    "a huge head": (fields(Head="9" * 40), "Head is no whole number"),
    "another layer": (fields(Layer="99"), "stands among"),
    "a fraction of a dimension": (fields(Dim="1.0"), "Dim is no whole number"),
    "rank 0": (fields(Rank="0"), "ranks begin at 1"),
    "no score": (fields(Score="nan"), "Score is no number"),
    "a negative score": (fields(Score="-0.5"), "Score is no number"),
    "half a character": (lambda row, _: row.encode()[:-1] + b"\xe6\x97", "not UTF-8"),
    "a long line": (topk("x" * rows_view.LONGEST), "the line is cut, or over"),
    "quotes that are not closed": (fields(Model='"llama'), "unknown model"),
}
PAIR = {
    "a pair without =": (topk("lonely"), "no `=` or several"),
    "a pair with several =": (topk("a==b"), "no `=` or several"),
    "an empty word": (topk("=word"), "a word is empty"),
    "a control character": (topk("be\x07ll=word"), "a word is empty, unreadable"),
    "a carriage return": (topk("bell=word\r"), "a word is empty, unreadable"),
    "a word paired with itself": (topk("word=Word"), "there twice"),
}


def write_changed(folder, lines, at, changed) -> None:
    form.write_heads(folder, [])
    changed = changed if isinstance(changed, bytes) else changed.encode()
    own = [row.encode() for row in lines]
    own[at] = changed
    head = "\t".join(rows_view.HEAD_COLUMNS).encode()
    content = b"\n".join([head, *own, b""])
    (folder / f"{HEADS}aa").write_bytes(content[: len(content) // 2])
    (folder / f"{HEADS}ab").write_bytes(content[len(content) // 2 :])


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", ROW)
def test_a_bad_row_is_refused_by_line_and_costs_no_other(tmp_path, lines, kind, seed):
    rng, (change, reason) = np.random.default_rng([seed, *kind.encode()]), ROW[kind]
    at = int(rng.integers(len(lines)))
    write_changed(tmp_path, lines, at, change(lines[at], rng))
    found, refused = read(tmp_path)
    ((file, line, what, why, n),) = refused.listed
    assert (file, line, what, n) == (FILE, at + 2, "row", 1) and why.startswith(reason)
    assert refused.read[FILE] == sum(len(one.pairs.dimensions) for one in found) == len(lines) - 1


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", PAIR)
def test_a_bad_pair_is_refused_by_line_and_its_row_stays(tmp_path, lines, kind, seed):
    rng, (change, reason) = np.random.default_rng([seed, *kind.encode()]), PAIR[kind]
    at = int(rng.integers(len(lines)))
    form.write_heads(tmp_path, lines)
    whole = [spelled(one) for one in read(tmp_path)[0]]
    write_changed(tmp_path, lines, at, change(lines[at], rng))
    found, refused = read(tmp_path)
    ((file, line, what, why, n),) = refused.listed
    assert (file, line, what, n) == (FILE, at + 2, "pair", 1) and reason in why
    assert [spelled(one) for one in found] == whole and refused.read[FILE] == len(lines)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["swapped", "rank twice", "dimension twice"])
def test_of_two_rows_that_contradict_each_other_neither_is_used(tmp_path, lines, kind, seed):
    rng = np.random.default_rng([seed, *kind.encode()])
    n_dimensions = 8
    at = int(rng.integers(len(lines) // n_dimensions)) * n_dimensions + int(rng.integers(1, 6))
    own, (first, second) = list(lines), (lines[at].split("\t"), lines[at + 1].split("\t"))
    if kind == "swapped":
        own[at], own[at + 1] = own[at + 1], own[at]
    else:
        column = 6 if kind == "rank twice" else 5
        second[column] = first[column]
        own[at + 1] = "\t".join(second)
    form.write_heads(tmp_path, own)
    found, refused = read(tmp_path)
    assert [(line, n) for _, line, _, _, n in refused.listed] == [(at + 2, 1), (at + 3, 1)]
    assert refused.read[FILE] == len(lines) - 2


def test_a_head_that_goes_on_further_down_is_refused_there(tmp_path, lines):
    form.write_heads(tmp_path, [*lines, *lines[:5]])
    found, refused = read(tmp_path)
    assert refused.counts == {(FILE, "row", "its head or layer ended further up"): 5}
    assert refused.read[FILE] == len(lines)


def test_a_last_line_without_its_end_is_refused(tmp_path, lines):
    form.write_heads(tmp_path, lines)
    path = tmp_path / f"{HEADS}ab"
    path.write_bytes(path.read_bytes()[:-3])
    assert [one[1] for one in read(tmp_path)[1].listed] == [len(lines) + 1]


def test_a_file_of_another_format_is_refused_whole(tmp_path, lines):
    form.write_heads(tmp_path, [row.replace("QK", "qk") for row in lines])
    with pytest.raises(
        RefusedFile, match=f"0 rows .* could be used, {len(lines)} were refused .line 2"
    ):
        read(tmp_path)
    path = tmp_path / f"{HEADS}aa"
    path.write_bytes(path.read_bytes().replace(b"Model", b"model", 1))
    with pytest.raises(RefusedFile, match="its first line is not Model Size"):
        read(tmp_path)


# --- components


def test_components_are_read_in_any_order_of_layers(tmp_path):
    rows = form.component_rows("vicuna", form.pair()["vicuna"], WORDS)
    form.write_table(tmp_path / COMPONENTS, rows_view.COLUMNS, rows.values())
    refused = Refusals()
    found = list(read_components(tmp_path, MODELS, CODES, refused, most=15))
    assert [one.layer for one in found] == np.repeat([3, 2, 1, 0], 15).tolist()
    assert refused.passed_over == {"rank above 15": 4 * 5} and not refused.counts
    for one in found:
        row = rows["vicuna", one.layer, one.rank].split("\t")
        np.testing.assert_array_equal(one.words, CODES(row[-1].split("|||")))


def test_a_component_of_another_head_and_words_that_cannot_be_told_apart_are_refused(tmp_path):
    rows = list(form.component_rows("llama", form.pair()["llama"], WORDS).values())
    rows[7] = rows[7].replace("\tFFN\t0\t", "\tFFN\t1\t")
    rows[9] += "||||"
    form.write_table(tmp_path / COMPONENTS, rows_view.COLUMNS, rows)
    refused = Refusals()
    found = list(read_components(tmp_path, MODELS, CODES, refused))
    assert len(found) == len(rows) - 1
    assert [(line, what) for _, line, what, _, _ in refused.listed] == [(9, "row"), (11, "word")]


# --- files


def test_the_hash_is_git_s(tmp_path):
    (tmp_path / "a").write_bytes(b"hello\n")
    assert blob_hash(tmp_path / "a") == "ce013625030ba8dba906f756967f9e9ca394464a"
    assert len(PINNED) == 39 and sum(name.startswith(HEADS) for name in PINNED) == 23


def test_a_part_that_is_missing_is_named(tmp_path, lines, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"bilinear_words_split\.tsvaa is missing"):
        parts_of(tmp_path, HEADS)
    form.write_heads(tmp_path, lines)
    (tmp_path / f"{HEADS}ab").rename(tmp_path / f"{HEADS}ac")
    with pytest.raises(FileNotFoundError, match=r"bilinear_words_split\.tsvab is missing"):
        parts_of(tmp_path, HEADS)
    (tmp_path / f"{HEADS}ac").rename(tmp_path / f"{HEADS}ab")
    first = blob_hash(tmp_path / f"{HEADS}aa")
    monkeypatch.setitem(files.PINNED, f"{HEADS}aa", first)  # the authors' own first part
    with pytest.raises(FileNotFoundError, match=r"bilinear_words_split\.tsvac is missing"):
        parts_of(tmp_path, HEADS)


@contextmanager
def served(folder):
    asked = []

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *_):
            pass

    handler = partial(Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/", asked
        running.shutdown()


def test_downloads_are_checked_and_go_on_where_they_stopped(tmp_path, lines, monkeypatch):
    names = [f"{HEADS}aa", f"{HEADS}ab"]
    form.write_heads(tmp_path / "web", lines)
    for name in names:
        monkeypatch.setitem(files.PINNED, name, blob_hash(tmp_path / "web" / name))
    last = tmp_path / "web" / names[1]
    whole = last.read_bytes()
    with served(tmp_path / "web") as (url, asked):
        get = partial(fetch_files, names, check_blob, tmp_path / "cache", url=url, progress=False)
        last.write_bytes(whole[:-1] + b"x")
        with pytest.raises(RefusedFile, match=r"tsvab: its git blob hash is \w+ instead of"):
            get()
        last.unlink()
        with pytest.raises(Mendable, match=r"tsvab could not be fetched.*--path"):
            get()
        last.write_bytes(whole)
        asked.clear()
        assert get() == tmp_path / "cache" and asked == [f"/{names[1]}"]
        assert get() == tmp_path / "cache" and len(asked) == 1
    assert [path.read_bytes() for path in sorted((tmp_path / "cache").rglob("*.tsv*"))][1] == whole
