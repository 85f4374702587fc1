"""The recognition finding on a tiny pair: whole, resumable, tied to its inputs."""

import numpy as np
import pytest
from tiny import save_model

from helpers.findings import parts
from helpers.findings.recognition import compute as recognition
from helpers.findings.recognition import read
from helpers.methods.density import density, instruction_score, normalise
from helpers.methods.importance import importance
from helpers.models.pair import load_pair
from helpers.prompts.prompt import Prompt, Segment, encode
from helpers.store.store import DamagedResultWarning, Store

RULE = {"type": "exact", "answers": ["red"]}


def prompt(number: int, word: str = "sea") -> Prompt:
    segments = (Segment("instruction", "Name a colour."), Segment("input", f"the {word} {number}"))
    return Prompt(f"colour-{number}", "extraction", segments, RULE if number % 2 else None)


PROMPTS = [prompt(number) for number in range(5)]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return load_pair(
        save_model(folder / "base", seed=0), save_model(folder / "tuned", seed=1), name="tiny"
    )


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(parts, "BLOCK", 2)


def fill(pair, folder, prompts=PROMPTS):
    store = Store(folder, {"base": "0", "adapter": "1"})
    recognition.compute(pair, store, prompts=prompts, max_tokens=4, progress=False)
    return store


def contents(store):
    return {name: entry["sha256"] for name, entry in store.manifest().items()}


@pytest.fixture(scope="module")
def filled(pair, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "BLOCK", 2)
        return fill(pair, tmp_path_factory.mktemp("filled"))


def test_stored_importance_and_scores_are_those_of_the_method(pair, filled):
    answers = read.read_responses(filled, "plain", "tuned").set_index("id")
    stored = parts.unpack(filled.read(recognition.part_name("plain", "base", "tuned", 1)))
    scores = filled.read("recognition/scores").set_index(["setting", "model", "author", "id"])
    for kept, one in zip(stored, PROMPTS[2:4], strict=True):
        code, ids = encode(one, pair.tokenizer), list(answers.loc[one.id, "ids"])
        direct = importance(pair.model("base"), code.ids, ids).numpy()
        np.testing.assert_allclose(kept, direct, atol=np.abs(direct).max() * 1e-3)
        np.testing.assert_array_equal(normalise(kept), normalise(direct))
        expected = instruction_score(
            density(normalise(direct, 10, threshold=7), 4), code.mask("instruction")
        )
        assert scores.loc[("plain", "base", "tuned", one.id), "score"] == pytest.approx(expected)


def test_there_is_a_row_for_every_prompt_setting_model_and_author(filled):
    scores = filled.read("recognition/scores")
    assert len(scores) == len(PROMPTS) * 2 * 2 * 2
    assert scores.groupby("id")["followed"].apply(lambda f: f.notna().all()).to_dict() == {
        one.id: one.rule is not None for one in PROMPTS
    }


def test_the_explorer_gets_both_models_on_both_responses(filled, monkeypatch):
    monkeypatch.setattr(parts, "BLOCK", 2)
    items = read.explorer_items(filled)
    assert [item["id"] for item in items] == [one.id for one in PROMPTS]
    for name, other in (("base", "tuned"), ("tuned", "base")):
        own = read.explained(filled, "template", name, name)
        crossed = read.explained(filled, "template", name, other)
        for item, mine, theirs in zip(items, own, crossed, strict=True):
            np.testing.assert_array_equal(item["models"][name]["importance"], mine.importance)
            np.testing.assert_array_equal(item["crossed"][name], theirs.importance)
            assert item["crossed"][name].shape[1] == len(item["models"][other]["tokens"])


def test_an_interrupted_run_goes_on_and_ends_with_the_same_results(pair, filled, tmp_path):
    class Stopped(Exception):
        pass

    written = []

    def write(self, name, *arguments, **options):
        if len(written) in (2, 9, 20):
            written.append("stopped")
            raise Stopped
        written.append(name)
        return original(self, name, *arguments, **options)

    original = Store.write
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "write", write)
        for _ in range(3):
            with pytest.raises(Stopped):
                fill(pair, tmp_path)
        store = fill(pair, tmp_path)
    assert contents(store) == contents(filled)
    assert sorted(name for name in written if name != "stopped") == sorted(contents(filled))


def test_a_changed_prompt_is_computed_again_and_no_other(pair, filled, tmp_path):
    store = fill(pair, tmp_path)
    before = {name: entry["date"] + entry["sha256"] for name, entry in store.manifest().items()}
    recognition_files = {name: (tmp_path / e["file"]).stat().st_mtime_ns
                         for name, e in store.manifest().items()}  # fmt: skip
    changed = [*PROMPTS[:4], prompt(4, "meadow")]
    with pytest.warns(DamagedResultWarning, match="other inputs"):
        store = fill(pair, tmp_path, changed)
    again = {
        name
        for name, e in store.manifest().items()
        if (tmp_path / e["file"]).stat().st_mtime_ns != recognition_files[name]
    }
    assert len(before) == len(store.manifest())
    blocks = {name for name in again if "-on-" in name}
    # Importance and losses of every setting, model and author.
    assert len(blocks) == 16 and all(name.endswith("/02") for name in blocks)


def test_two_runs_may_fill_one_store_at_the_same_time(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: Store(tmp_path).write(f"part-{k}", {"x": np.ones(k)}), range(40)))
    assert len(Store(tmp_path).manifest()) == 40
