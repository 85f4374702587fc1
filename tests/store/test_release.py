"""The authors' files: nothing in them runs, whatever is not a sound file is refused and named."""

import io
import json
import os
import pickle
import struct
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.findings.release.spans import find, labels, mask, spell, whole_sentences
from helpers.methods.errors import Mendable
from helpers.store import release
from helpers.store.release import RefusedFile, fetch, open_release, read_pickle
from helpers.store.unpickle import RefusedPickle, loads

PROMPT = ["▁List", "▁three", "▁c", "ats", ".", "<0x0A>", "Input", ":", "▁x"]


def content(id="lima_1", rows=None, **changed) -> dict:
    matrix = np.arange(18, dtype=np.float32).reshape(9, 2) % 11 if rows is None else rows
    whole = {"ID": id, "Input": PROMPT, "Reference": "r", "Output": ["▁A", "."], "Explain": matrix}
    return whole | changed


def dumped(value) -> bytes:
    return pickle.dumps(value, protocol=4)


def named(module: str, name: str, tail: bytes = b".") -> bytes:
    """A pickle that imports a name and then goes on with `tail`."""
    strings = b"".join(
        b"\x8c" + bytes([len(part)]) + part for part in (module.encode(), name.encode())
    )
    return b"\x80\x04" + strings + b"\x93" + tail


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class FakeArray:
    """Pickles as an array with any state."""

    def __init__(self, shape, values, kind="u1"):
        self.state = (1, shape, np.dtype(kind), False, values)

    def __reduce__(self):
        return np.zeros(1).__reduce__()[0], (np.ndarray, (0,), b"b"), self.state


ARGUMENT = b"\x8c\x071 + 1 +\x85R."
HUGE = b"\x8a\x06" + (2**40).to_bytes(6, "little") + b"\x85"
# A tuple of the same tuple twice, thirty times over: its hash takes 2^30 steps.
DOUBLED = b")" + b"".join(b"\x94h" + bytes([k, 0x86]) for k in range(30))
HOSTILE = {
    "eval": (dumped({"Explain": Call(eval, "1 + 1")}), "eval"),
    "exec in a list": (dumped({"Input": [Call(exec, "x = 1")]}), "exec"),
    "getattr": (dumped({"Explain": Call(getattr, 1, "real")}), "getattr"),
    "an old instruction": (b"cbuiltins\neval\n(S'1 + 1'\ntR.", "GLOBAL 'builtins eval'"),
    "a dotted name": (named("numpy", "ndarray.__class__"), "ndarray.__class__"),
    "another numpy function": (named("numpy.testing._private.utils", "runstring"), "runstring"),
    "numpy.load": (named("numpy", "load"), "numpy.load"),
    "an importer": (named("importlib", "import_module", ARGUMENT), "import_module"),
    "an array of objects": (dumped({"Explain": np.array([{}, eval], dtype=object)}), "numbers"),
    "values of another kind": (dumped({"Explain": FakeArray((1,), [eval])}), "eval"),
    "values that are a list": (dumped({"Explain": FakeArray((1,), [1])}), "not the bytes"),
    "a record array": (dumped({"Explain": np.zeros(2, dtype="f4,f4")}), "numbers"),
    "a set": (dumped({"Explain": {1, 2}}), "EMPTY_SET"),
    "an object": (dumped({"Explain": RefusedPickle("x")}), "RefusedPickle"),
    "no dictionary": (dumped(["a"]), "dictionary"),
    "a nested dictionary": (dumped({"a": {"b": 1}}), "dict"),
    "a call of the array class": (named("numpy", "ndarray", HUGE + b"R."), "not callable"),
    "state set on a name": (named("numpy", "dtype", b"}\x8c\x01a\x8c\x01bsb."), "DtypeName"),
    "state set on a list": (b"\x80\x04]}\x8c\x01a\x8c\x01bsb.", "fail"),
    "an outside object": (b"\x80\x04\x8c\x01aQ.", "BINPERSID"),
    "an extension": (b"\x80\x04\x82\x01.", "EXT1"),
    "a huge memo": (b"\x80\x04Nr\xff\xff\xff\x7f.", "LONG_BINPUT"),
    "huge bytes": (b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b"x.", "cut short"),
    "a huge frame": (b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"}.", "frame"),
    "bytes after the end": (dumped(content()) + b"x", "follow"),
    "doubled tuples as a key": (b"\x80\x04}" + DOUBLED + b"Ns.", "a tuple twice"),
    "doubled tuples as a type": (named("numpy", "dtype", DOUBLED + b"\x85R."), "a tuple twice"),
    "a tuple kept in a roundabout way": (b"\x80\x04)\x85Nb\x94h\x00h\x00\x86.", "a tuple twice"),
    "deep tuples as a key": (b"\x80\x04})" + b"\x85" * 10**6 + b"Ns.", "more than a released"),
    "many lists": (b"\x80\x04" + b"]" * 10**6 + b".", "more than a released"),
    "many numbers": (b"\x80\x04](" + b"K\x01" * 10**6 + b"e.", "more than a released"),
    "a number as a key": (b"\x80\x04}K\x01Ns.", "dictionary of names"),
    "a memo that is not there": (b"\x80\x04h\x00.", "cut short or no pickle"),
    "nothing": (b"", "cut short|end"),
    "a text": (b"version https://git-lfs.github.com/spec/v1\n", "cut short"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pickle_is_refused_by_name(name):
    hostile, said = HOSTILE[name]
    with pytest.raises(RefusedPickle, match=said):
        loads(hostile)


def test_a_command_in_a_pickle_does_not_run(tmp_path):
    marker = tmp_path / "ran"
    hostile = dumped({"Explain": Call(os.system, f"touch '{marker}'")})
    path = tmp_path / "lima_1.pkl"
    path.write_bytes(hostile)
    with pytest.raises(RefusedFile, match=r"lima_1\.pkl: .*system.*nothing of it was run"):
        read_pickle(path, "lima_1")
    assert not marker.exists()
    pickle.loads(hostile)  # the same bytes would have run the command
    assert marker.exists()


@pytest.mark.parametrize("shape", [(3, 6), (2**30, 2**30), (0, 5), (3,), (-3, -5), (15, 1.0), [15]])
def test_an_array_whose_shape_does_not_fit_its_bytes_is_refused(shape):
    assert loads(dumped({"Explain": FakeArray((5, 3), bytes(15))}))["Explain"].shape == (5, 3)
    with pytest.raises(RefusedPickle, match="shape"):
        loads(dumped({"Explain": FakeArray(shape, bytes(15))}))


def test_a_truncated_pickle_is_refused_wherever_it_is_cut():
    whole = dumped(content())
    assert loads(whole)["ID"] == "lima_1"
    for cut in range(len(whole)):
        with pytest.raises(RefusedPickle):
            loads(whole[:cut])


@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=6))
@settings(max_examples=300, deadline=None)
def test_a_damaged_pickle_is_refused_or_still_plain(at, patch):
    whole = bytearray(dumped(content()))
    at %= len(whole)
    whole[at : at + len(patch)] = patch
    try:
        found = loads(bytes(whole))
    except RefusedPickle:
        return
    plain = (str, bytes, int, float, bool, list, tuple, type(None), np.ndarray)
    assert all(isinstance(value, plain) for value in found.values())


@pytest.mark.parametrize("kind", ["<f4", ">f4", "f8", "f2", "u1", "i8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_numbers_come_back_as_they_were(kind, order):
    array = np.asarray(np.arange(12).reshape(3, 4), dtype=kind, order=order)
    found = loads(dumped({"Explain": array, "n": 3, "x": 0.5, "none": None}))
    np.testing.assert_array_equal(found["Explain"], array)
    assert (found["n"], found["x"], found["none"]) == (3, 0.5, None)


def test_pickles_of_older_numpy_are_read():
    whole = dumped(content())
    old = whole.replace(b"\x16numpy._core.multiarray", b"\x15numpy.core.multiarray")
    old = old[:3] + struct.pack("<Q", len(old) - 11) + old[11:]
    assert b"numpy.core.multiarray" in old
    np.testing.assert_array_equal(loads(old)["Explain"], content()["Explain"])


MISSHAPEN = {
    "another shape": (content(rows=np.zeros((2, 9), dtype=np.float32)), r"shape \(2, 9\)"),
    "one axis": (content(rows=np.zeros(18, dtype=np.float32)), "shape"),
    "not a number": (content(rows=np.full((9, 2), np.nan, dtype=np.float32)), "whole numbers"),
    "infinite": (content(rows=np.full((9, 2), np.inf, dtype=np.float32)), "whole numbers"),
    "too large": (content(rows=np.full((9, 2), 11, dtype=np.uint8)), "0 to 10"),
    "negative": (content(rows=np.full((9, 2), -1, dtype=np.int8)), "0 to 10"),
    "between": (content(rows=np.full((9, 2), 0.5, dtype=np.float32)), "whole numbers"),
    "no array": (content(Explain=[1, 2]), "array of numbers"),
    "tokens of another kind": (content(Input=[1] * 9), "Input"),
    "no prompt token": (content(Input=[]), "Input holds no token"),
    "another prompt": (content(id="lima_2"), "another prompt"),
    "a part missing": ({"ID": "lima_1"}, "lacks"),
}


@pytest.mark.parametrize("name", MISSHAPEN)
def test_a_misshapen_file_is_refused_and_named(name, tmp_path):
    value, said = MISSHAPEN[name]
    path = tmp_path / "lima_1.pkl"
    path.write_bytes(dumped(value))
    with pytest.raises(RefusedFile, match=said) as caught:
        read_pickle(path, "lima_1")
    assert "lima_1.pkl" in str(caught.value) and "fetch it again" in str(caught.value)


def test_an_empty_response_is_sound(tmp_path):
    path = tmp_path / "lima_1.pkl"
    path.write_bytes(dumped(content(rows=np.zeros(0, dtype=np.float32), Output=[])))
    assert read_pickle(path, "lima_1").normalised.shape == (9, 0)


def tables(folder, prompts: str, ratings: str) -> None:
    for name, text in ((release.PROMPTS, prompts), (release.RATINGS, ratings)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="")


PROMPTS_TSV = "ID\tPrompt\tResponse\tInstruct&Context\n"
RATINGS_TSV = "File\tModel\tPrompt\tReference\tInstruct\tResponse\tRating\n"
TWO = PROMPTS_TSV + 'lima_1\t"List ""a""/nb"\tr\tList|||b&&&c\nlima_2\tGo\tr\tGo\n\n'


@pytest.fixture
def copy(tmp_path):
    """A small copy of the release in the repository's layout."""
    row = "lima_{}.pkl\t{}\tp\tr\ti\to\t{}\n"
    ratings = row.format(1, "vicuna_7B", 4) + row.format(2, "alpaca_7B", 1)
    tables(tmp_path / "copy", TWO, RATINGS_TSV + ratings)
    for model in ("llama", "vicuna"):
        folder = tmp_path / "copy" / release.MATRICES.format(model)
        folder.mkdir(parents=True)
        for id in ("lima_1", "lima_2"):
            (folder / f"{id}.pkl").write_bytes(dumped(content(id=id)))
    return tmp_path / "copy"


def test_tables_are_read_as_the_models_read_them(copy):
    found = open_release(copy)
    assert found.prompts["lima_1"].text == 'List "a"\nb'
    assert found.prompts["lima_1"].spans == ("List", "b")
    assert found.ratings == {"lima_1": 4}
    assert found.read("base", "lima_2").response == ("▁A", ".")


@pytest.mark.parametrize(
    "prompts, said",
    [
        ("nothing\n", "first line"),
        (PROMPTS_TSV, "no prompt"),
        (PROMPTS_TSV + "a\tb\n", "line 2 has 2 columns"),
        (PROMPTS_TSV + "a\tb\tc\td\n\na\tb\tc\td\n", "line 4 has a repeated"),
        (PROMPTS_TSV + "../a\tb\tc\td\n", "unusable id"),
    ],
)
def test_a_bad_table_is_refused_with_its_line(copy, prompts, said):
    tables(copy, prompts, RATINGS_TSV)
    with pytest.raises(RefusedFile, match=said):
        open_release(copy)


def test_a_bad_rating_or_bad_text_is_refused(copy):
    tables(copy, TWO, RATINGS_TSV + "a.pkl\tvicuna_7B\tp\tr\ti\to\t7\n")
    with pytest.raises(RefusedFile, match="line 2 has the rating '7'"):
        open_release(copy)
    (copy / release.PROMPTS).write_bytes(b"ID\xff")
    with pytest.raises(RefusedFile, match="byte 2 is not UTF-8"):
        open_release(copy)


def test_a_folder_without_a_release_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds neither"):
        open_release(tmp_path)


def archives(folder, arrays: dict, damage=None) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "prompts.tsv").write_text(TWO, encoding="utf-8")
    (folder / "vicuna_ratings.tsv").write_text(RATINGS_TSV, encoding="utf-8")
    tokens = {id: {"input": PROMPT, "output": ["▁A", "."]} for id in ("lima_1", "lima_2")}
    for model in ("llama", "vicuna"):
        (folder / f"tokens_{model}_7b.json").write_text(json.dumps(tokens))
        np.savez_compressed(folder / f"importance_{model}_7b.npz", **arrays)


def test_archives_hold_the_same_as_pickles(tmp_path, copy):
    archives(tmp_path / "npz", {"lima_1": content()["Explain"].astype(np.uint8)})
    found = open_release(tmp_path / "npz").read("base", "lima_1")
    np.testing.assert_array_equal(
        found.normalised, open_release(copy).read("base", "lima_1").normalised
    )
    with pytest.raises(RefusedFile, match="lima_2"):
        open_release(tmp_path / "npz").read("base", "lima_2")


def test_archives_of_objects_and_damaged_ones_are_refused(tmp_path):
    archives(tmp_path / "npz", {"lima_1": np.array([[Call(eval, "1")]], dtype=object)})
    with pytest.raises(RefusedFile, match=r"lima_1"):
        open_release(tmp_path / "npz").read("base", "lima_1")
    archives(tmp_path / "npz", {"lima_1": content()["Explain"]})
    path = tmp_path / "npz" / "importance_llama_7b.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[:60] + bytes(20) + whole[80:])
    with pytest.raises(RefusedFile, match=r"lima_1"):
        open_release(tmp_path / "npz").read("base", "lima_1")
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RefusedFile, match="llama"):
        open_release(tmp_path / "npz")


def test_an_archive_that_promises_more_than_it_holds_is_refused(tmp_path):
    import zipfile

    archives(tmp_path / "npz", {})
    header = io.BytesIO()
    promise = {"descr": "|u1", "fortran_order": False, "shape": (2**40, 2**20)}
    np.lib.format.write_array_header_1_0(header, promise)
    with zipfile.ZipFile(tmp_path / "npz" / "importance_llama_7b.npz", "w") as archive:
        archive.writestr("lima_1.npy", header.getvalue() + b"x")
    with pytest.raises(RefusedFile, match="lima_1"):
        open_release(tmp_path / "npz").read("base", "lima_1")


@pytest.fixture
def server(copy):
    """The copy behind a web address, and the list of paths that were asked for."""
    asked = []

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *_):
            pass

    handler = partial(Handler, directory=str(copy))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/", asked
        running.shutdown()


def test_fetching_goes_on_where_it_stopped(tmp_path, copy, server):
    url, asked = server
    last = copy / release.MATRICES.format("vicuna") / "lima_2.pkl"
    kept = last.read_bytes()
    last.unlink()
    with pytest.raises(Mendable, match=r"lima_2\.pkl could not be fetched.*--path"):
        fetch(tmp_path / "cache", url=url, progress=False)
    last.write_bytes(kept)
    asked.clear()
    folder = fetch(tmp_path / "cache", url=url, progress=False)
    assert asked == ["/" + release.MATRICES.format("vicuna") + "lima_2.pkl"]
    assert open_release(folder).read("tuned", "lima_2").normalised.shape == (9, 2)
    asked.clear()
    fetch(tmp_path / "cache", url=url, progress=False)
    assert asked == []


def test_a_refused_file_leaves_nothing_behind(tmp_path, copy, server):
    hostile = copy / release.MATRICES.format("llama") / "lima_2.pkl"
    hostile.write_bytes(dumped(content(id="lima_2", Explain=Call(os.system, "true"))))
    with pytest.raises(RefusedFile, match=r"lima_2\.pkl: .*system"):
        fetch(tmp_path / "cache", url=server[0], progress=False)
    left = [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert sorted(left) == ["AnnotatedDataset.tsv", "FinalDataset.tsv", "lima_1.pkl"]


def test_a_file_of_another_hash_is_not_kept(tmp_path, server, monkeypatch):
    """Against the pinned hashes: the small copy's prompts are not the authors'."""
    monkeypatch.setattr(release, "URL", server[0])
    with pytest.raises(Mendable, match="hash"):
        fetch(tmp_path / "cache", url=server[0], progress=False)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


# --- tokens and text -------------------------------------------------------------------------


def test_bytes_and_spaces_are_put_together():
    tokens = ["▁", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>", "▁ok", "<0x0A>", "Zoë"]
    assert spell(tokens)[0].decode() == " 😀 ok\nZoë"
    assert spell(["<0x0", "A>"])[0] == b"<0x0A>"  # spelled out, it is no byte


@st.composite
def spelled(draw):
    """A text and a list of tokens that spells it: characters, runs of them, or their bytes."""
    words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="▁<>"), max_size=4)
    pieces = draw(st.lists(words.filter(bool), min_size=1, max_size=12))
    tokens = []
    for piece in pieces:
        if draw(st.booleans()):
            tokens += [f"<0x{byte:02X}>" for byte in piece.encode()]
        else:
            tokens.append(piece.replace(" ", "▁"))
    return "".join(pieces), tokens


@given(spelled())
@settings(max_examples=200, deadline=None)
def test_tokens_spell_the_text_they_came_from(case):
    text, tokens = case
    assert spell(tokens)[0].decode() == text
    assert len(spell(tokens)[1]) == len(text.encode())


@given(spelled(), st.integers(0, 50), st.integers(1, 50))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
def test_a_stretch_of_the_text_is_found_as_the_fewest_tokens_that_hold_it(case, start, length):
    text, tokens = case
    span = text[start : start + length]
    found = find(span, tokens)
    if not span.strip():
        assert found is None
        return
    held = tokens[found.start : found.stop]
    wanted = span.strip().encode()
    assert wanted in spell(held)[0]
    assert wanted not in spell(held[1:])[0] and wanted not in spell(held[:-1])[0]


def test_a_span_that_is_not_there_is_not_found():
    assert find("dogs", PROMPT) is None and find(" \n", PROMPT) is None and find("", PROMPT) is None
    found = find("three cats", PROMPT)
    assert (found.start, found.stop) == (1, 4)
    assert mask([found], len(PROMPT)).tolist() == [False] + [True] * 3 + [False] * 5


def test_labels_are_found_with_the_line_end_before_them():
    assert np.flatnonzero(labels(PROMPT)).tolist() == [5, 6, 7]
    assert not labels(["▁Input", ":", "▁x"]).any()  # not at the start of a line


def test_whole_sentences_follow_the_authors_rule():
    prompt = "Read this. List the cats.\n\nInput: two cats\n\nOutput:"
    assert whole_sentences(["the cats"], prompt) == ["List the cats."]
    assert whole_sentences(["two cats"], prompt) == ["two cats"]
    # An annotated "Input: " leaves an empty piece, which chooses the prompt's first sentence.
    assert whole_sentences(["List the cats.", "Input: "], prompt) == [
        "List the cats.",
        "Read this.",
    ]
    assert whole_sentences(["dogs"], prompt) is None
