"""What goes wrong while a store is filled: kills, full disks, read-only folders, dead owners."""

import errno
import fcntl
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from forked import contents, litter, server, whole_parts

from helpers.store.claims import UnwritableStore
from helpers.store.store import Part, Store

KILLS = 60
FINDINGS = ["recognition", "positions", "attention", "ffn", "faithfulness", "retrieval"]


@pytest.fixture(scope="module", name="server")
def shared_server():
    return server()


# --- kills


def test_a_run_of_all_findings_killed_at_random_points_ends_with_the_same_store(server, tmp_path):
    """One process or two at a time; each is killed at a step that touches the disk, or anywhere."""
    options, folder = {"findings": FINDINGS}, tmp_path / "killed"
    assert server.run(tmp_path / "whole", **options) == 0
    whole = contents(tmp_path / "whole")
    assert {name.split("/")[0] for name in whole} == {*FINDINGS, "pair"}
    assert not litter(tmp_path / "whole")
    draw, kills = random.Random(0), 0
    held: set[str] = set()
    depths: set[int] = set()  # how many parts there were at a kill
    while kills < KILLS:
        # Two thirds at a step that touches the disk, one third anywhere.
        hows = [{"die_after": draw.uniform(0.05, 1.2)} if draw.random() < 1 / 3 else {
            "die_at": draw.randint(1, 90)} for _ in range(draw.randint(1, 2))]  # fmt: skip
        runs = [server.start(folder, **options, **how) for how in hows]
        codes = [server.wait(pid) for pid in runs]
        assert set(codes) <= {0, -signal.SIGKILL}
        kills += codes.count(-signal.SIGKILL)
        before, held = held, whole_parts(folder)
        assert held >= before  # a kill never costs a part that was there
        depths |= set() if 0 in codes else {len(held)}
        if 0 in codes:  # it was done before it could be killed: again from the beginning
            assert contents(folder) == whole
            shutil.rmtree(folder)
            held = set()
    assert server.run(folder, **options) == 0
    assert contents(folder) == whole
    assert litter(folder) == []
    assert len(depths) >= 12  # killed early, half-way and late


# --- claims


def parts(count, made, *, delay=0.0):
    def make(number):
        made.append(number)
        time.sleep(delay)
        return {"x": np.full(3, number)}

    return [Part(f"part/{k}", lambda k=k: make(k)) for k in range(count)]


HOLD = """
import sys, time
from pathlib import Path
from helpers.store.claims import Claims
with Claims(Path(sys.argv[1])).on(sys.argv[2]) as mine:
    print(mine, flush=True)
    sys.stdin.read()
"""


def holder(store, name):
    """Another process that holds a claim until it is killed or its input ends."""
    command = [sys.executable, "-c", HOLD, str(store.folder), name]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "True\n"
    return process


def end(process):
    process.kill()
    process.communicate()


def test_a_claim_holds_while_its_owner_lives_and_says_who_it_is(tmp_path):
    store = Store(tmp_path)
    other = holder(store, "part/0")
    os.utime(store.claims.folder / "part%2F0.claim", (0, 0))  # clocks do not matter
    with store.claims.on("part/0") as mine, store.claims.on("part/1") as free:
        assert (mine, free) == (False, True)
    assert store.claims.owner("part/0").startswith(f"process {other.pid} on ")
    end(other)
    with store.claims.on("part/0") as mine:
        assert mine
    assert store.claims.owner("part/0") == "another process"  # nobody, and nothing is left
    assert not list(store.claims.folder.glob("*.claim"))


def test_a_stopped_owner_holds_its_claim(tmp_path):
    other = holder(Store(tmp_path), "part")
    other.send_signal(signal.SIGSTOP)
    with Store(tmp_path).claims.on("part") as mine:
        assert not mine
    end(other)


def test_one_process_holds_a_claim_once(tmp_path):
    claims = Store(tmp_path).claims
    with claims.on("part") as first, claims.on("part") as second:
        assert (first, second) == (True, False)


def test_a_child_holds_none_of_its_parents_claims(tmp_path):
    """A forked process, as data loaders start them, outlives the owner of the claim."""
    code = HOLD.replace(
        "    sys.stdin", "    import os; os.fork() or time.sleep(30)\n    sys.stdin"
    )
    command = [sys.executable, "-c", code, str(tmp_path), "part"]
    other = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert other.stdout.readline() == "True\n"
    time.sleep(0.3)
    other.kill()
    other.wait()
    with Store(tmp_path).claims.on("part") as mine:
        assert mine
    os.killpg(other.pid, signal.SIGKILL)
    other.communicate()


@pytest.mark.parametrize("torn", ["", "{", "\0\udcff"])
def test_a_claim_torn_by_a_crash_counts_for_nothing(tmp_path, torn):
    claims = Store(tmp_path).claims
    with claims.on("other"):
        (claims.folder / "part.claim").write_bytes(torn.encode("utf-8", "surrogateescape"))
    assert claims.owner("part")
    with claims.on("part") as mine:
        assert mine


def test_parts_of_the_living_are_waited_for_and_those_of_the_dead_are_made(tmp_path):
    store, made = Store(tmp_path), []
    alive, dead = holder(store, "part/1"), holder(store, "part/2")
    end(dead)
    timer = threading.Timer(0.5, alive.kill)
    timer.start()
    store.fill(parts(4, made))
    timer.join()
    alive.communicate()
    assert made == [0, 2, 3, 1]
    assert all(store.has(f"part/{k}") for k in range(4))


def test_who_waits_says_for_whom(tmp_path, capsys):
    store = Store(tmp_path)
    alive = holder(store, "part/0")
    timer = threading.Timer(0.7, alive.kill)
    timer.start()
    store.fill(parts(1, []), progress=True)
    timer.join()
    alive.communicate()
    assert f"waiting for process {alive.pid} on" in capsys.readouterr().err


def test_an_exception_gives_the_claim_back(tmp_path):
    store = Store(tmp_path)

    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.fill([Part("part", fail)])
    with store.claims.on("part") as mine:
        assert mine


def test_what_killed_processes_left_is_swept_and_nothing_else(tmp_path):
    store = Store(tmp_path)
    store.write("kept", {"x": np.ones(1)})
    scratch = tmp_path / "part" / ".a.parquet.x1.part"
    others = [tmp_path / ".b.txt.x2.part", tmp_path / "c.part", tmp_path / "notes.json"]
    scratch.parent.mkdir()
    for path in (scratch, *others):
        path.write_bytes(b"half")
    end(holder(store, "part/0"))
    alive = holder(store, "part/1")
    assert store.claims.sweep() == 2
    assert not scratch.exists() and all(path.exists() for path in others)
    assert [path.name for path in store.claims.folder.glob("*.claim")] == ["part%2F1.claim"]
    end(alive)
    assert store.has("kept")


def test_claims_that_lead_elsewhere_are_refused_and_nothing_there_is_touched(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("a.json", "part.claim", ".a.parquet.x.part"):
        (elsewhere / name).write_text("mine")
    store = Store(tmp_path / "store")
    store.folder.mkdir()
    (store.folder / ".claims").symlink_to(elsewhere)
    for way in (store.claims.sweep, store.clear, lambda: store.fill(parts(1, []))):
        with pytest.raises(UnwritableStore, match=r"\.claims is a link.*delete the link"):
            way()
    assert {path.read_text() for path in elsewhere.iterdir()} == {"mine"}
    assert len(list(elsewhere.iterdir())) == 3 and not (store.folder / "manifest.json").exists()


# --- disks


@pytest.mark.parametrize(
    ("call", "code", "says"),
    [
        ("os.fsync", errno.ENOSPC, "is full .*--folder"),
        ("os.fsync", errno.EDQUOT, "is full"),
        ("tempfile.mkstemp", errno.ENOSPC, "is full"),
        ("tempfile.mkstemp", errno.EROFS, "cannot be written .*copy it"),
        ("helpers.store.claims.FileLock", errno.EACCES, "cannot be written"),
        ("os.replace", errno.EPERM, "cannot be written"),
    ],
)
def test_a_disk_that_refuses_loses_nothing_and_is_named(tmp_path, monkeypatch, call, code, says):
    store, made = Store(tmp_path), []
    store.fill(parts(3, made))
    before = contents(tmp_path)

    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as broken:
        broken.setattr(call, refuse)
        with pytest.raises(UnwritableStore, match=f"(?s){tmp_path.name}.*{says}"):
            store.fill(parts(5, made))
    assert contents(tmp_path) == before
    assert [path for path in litter(tmp_path) if path.endswith(".part")] == []
    store.fill(parts(5, made))
    assert sorted(contents(tmp_path)) == [f"part/{k}" for k in range(5)]
    assert made.count(0) == 1


def test_another_error_of_the_disk_is_not_hidden(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="input/output error"):
        Store(tmp_path).write("part", {"x": np.ones(1)})


def test_a_complete_store_needs_no_writing(tmp_path, monkeypatch):
    Store(tmp_path).fill(parts(3, []))

    def refuse(*_, **__):
        raise OSError(errno.EROFS, "read-only")

    for call in ("tempfile.mkstemp", "helpers.store.claims.FileLock", "pathlib.Path.write_text"):
        monkeypatch.setattr(call, refuse)
    made = []
    assert Store(tmp_path).claims.sweep() == 0
    Store(tmp_path).fill(parts(3, made))
    assert made == [] and Store(tmp_path).read("part/2")["x"].sum() == 6


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_disk_without_locks_is_filled_without_claims_and_said_to_be_one(
    tmp_path, monkeypatch, code
):
    """The machine's own lock, which lies elsewhere, still guards the manifest."""
    real, used = fcntl.flock, []

    def flock(handle, how):
        where = os.readlink(f"/proc/self/fd/{handle}")
        if str(tmp_path) in where:
            raise OSError(code, os.strerror(code))
        used.append(where)
        return real(handle, how)

    monkeypatch.setattr("fcntl.flock", flock)
    store, made = Store(tmp_path), []
    with pytest.warns(UserWarning, match="knows no locks") as said:
        store.fill(parts(3, made))
        store.claims.sweep()
    assert len(said) == 1
    assert made == [0, 1, 2] and sorted(contents(tmp_path)) == [f"part/{k}" for k in range(3)]
    assert used and litter(tmp_path) == []
