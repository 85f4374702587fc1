"""Several processes on one store: shared work, one of them killed, the same result as one alone."""

import signal
import time
from collections import Counter

import numpy as np
import pytest
from forked import contents, litter, server, whole_parts

from helpers.methods.errors import Mendable
from helpers.store.origin import rank
from helpers.store.store import Part, Store


def process(number: int, of: int = 2) -> dict:
    """The environment that `accelerate launch` gives process `number`."""
    return {"RANK": str(number), "LOCAL_RANK": str(number), "WORLD_SIZE": str(of)}


@pytest.fixture(scope="module", name="server")
def shared_server():
    return server()


@pytest.fixture(scope="module")
def alone(server, tmp_path_factory):
    """What one process computes."""
    folder = tmp_path_factory.mktemp("alone") / "tiny"
    assert server.run(folder) == 0
    return contents(folder)


def test_two_processes_share_the_work_and_compute_each_part_once(server, alone, tmp_path):
    folder, log = tmp_path / "tiny", tmp_path / "log"
    runs = [server.start(folder, env=process(k), log=str(log)) for k in range(2)]
    assert [server.wait(pid) for pid in runs] == [0, 0]
    assert contents(folder) == alone and not litter(folder)
    written = [line.split(" ", 1) for line in log.read_text().splitlines()]
    assert Counter(name for _, name in written) == Counter(list(alone))
    by_process = Counter(who for who, _ in written)
    assert min(by_process["0"], by_process["1"]) >= 1


@pytest.mark.parametrize("dies", [0, 1])
def test_one_process_killed_half_way_is_made_up_for_by_the_other(server, alone, tmp_path, dies):
    folder = tmp_path / "tiny"
    # It dies in its third part (a part takes some sixteen steps on the disk); the other begins
    # once the first is there, or it could be through before the one that dies has begun.
    runs = {dies: server.start(folder, env=process(dies), die_at=40)}
    while not whole_parts(folder):
        time.sleep(0.002)
    runs[1 - dies] = server.start(folder, env=process(1 - dies))
    codes = [server.wait(runs[k]) for k in range(2)]
    assert codes[dies] == -signal.SIGKILL and codes[1 - dies] == 0
    assert contents(folder) == alone


def test_both_killed_a_rerun_completes_the_rest(server, alone, tmp_path):
    folder, log = tmp_path / "tiny", tmp_path / "log"
    runs = [server.start(folder, env=process(k), die_at=60 + 10 * k) for k in range(2)]
    assert [server.wait(pid) for pid in runs] == [-signal.SIGKILL] * 2
    done = whole_parts(folder)
    assert 0 < len(done) < len(alone)
    runs = [server.start(folder, env=process(k), log=str(log)) for k in range(2)]
    assert [server.wait(pid) for pid in runs] == [0, 0]
    assert contents(folder) == alone and not litter(folder)
    written = {line.split(" ", 1)[1] for line in log.read_text().splitlines()}
    assert written == set(alone) - done


def test_two_separate_runs_on_one_store_share_it_too(server, alone, tmp_path):
    folder, log = tmp_path / "tiny", tmp_path / "log"
    runs = [server.start(folder, log=str(log)) for _ in range(2)]
    assert [server.wait(pid) for pid in runs] == [0, 0]
    assert contents(folder) == alone
    written = [line.split(" ", 1)[1] for line in log.read_text().splitlines()]
    assert Counter(written) == Counter(list(alone))


def test_each_process_begins_elsewhere_in_the_list(tmp_path, monkeypatch):
    order = {}
    for number in range(3):
        for key, value in process(number, of=3).items():
            monkeypatch.setenv(key, value)
        made = order[number] = []
        parts = [Part(f"p/{k}", lambda k=k, made=made: made.append(k) or {"x": np.ones(1)})
                 for k in range(9)]  # fmt: skip
        Store(tmp_path / str(number)).fill(parts)
    assert [made[0] for made in order.values()] == [0, 3, 6]
    assert all(sorted(made) == list(range(9)) for made in order.values())


@pytest.mark.parametrize(("number", "processes"), [
    ("2", "2"), ("-1", "2"), ("0", "0"), ("x", "1"), ("0", "x"), ("", "1"), ("²", "3"),
])  # fmt: skip
def test_a_rank_outside_its_world_is_refused(monkeypatch, number, processes):
    monkeypatch.setenv("RANK", number)
    monkeypatch.setenv("WORLD_SIZE", processes)
    with pytest.raises(Mendable, match=f"RANK={number} of WORLD_SIZE={processes}"):
        rank()


def test_parts_that_others_finish_are_not_made_again(tmp_path):
    """Between the look at the store and the claim, somebody else may finish the part."""
    store = Store(tmp_path)
    original, looks = Store.has, []

    def has(self, name, made_from=None):
        looks.append(name)
        found = original(self, name, made_from)
        if len(looks) == 2:  # after the second look, before the claim
            original_write(self, name, {"x": np.zeros(1)})
        return found

    original_write = Store.write
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "has", has)
        store.fill([Part("part", lambda: pytest.fail("made again"))])
    assert store.read("part")["x"] == 0
