"""What goes wrong while a store is filled: kills, full disks, read-only folders, dead owners."""

import errno
import json
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

from helpers.store import claims as locks
from helpers.store.claims import Claims, UnwritableStore
from helpers.store.store import Part, Store

KILLS = 32


@pytest.fixture(scope="module", name="server")
def shared_server():
    return server()


# --- kills


def test_a_run_killed_at_random_points_ends_with_the_same_store(server, tmp_path):
    assert server.run(tmp_path / "whole") == 0
    whole = contents(tmp_path / "whole")
    assert len(whole) == 22 and not litter(tmp_path / "whole")
    draw, kills, folder = random.Random(0), 0, tmp_path / "killed"
    held: set[str] = set()
    depths: set[int] = set()  # how many parts there were at a kill
    while kills < KILLS:
        # Two thirds at a step that touches the disk, one third anywhere.
        how = {"die_after": draw.uniform(0.02, 0.4)} if draw.random() < 1 / 3 else {
            "die_at": draw.randint(1, 24)}  # fmt: skip
        code = server.run(folder, **how)
        assert code in (0, -signal.SIGKILL)
        kills += code == -signal.SIGKILL
        before, held = held, whole_parts(folder)
        assert held >= before  # a kill never costs a part that was there
        depths |= {len(held)} if code else set()
        if code == 0:  # it was done before it could be killed: again from the beginning
            assert contents(folder) == whole
            shutil.rmtree(folder)
            held = set()
    assert server.run(folder) == 0
    assert contents(folder) == whole
    assert litter(folder) == []
    assert len(depths) >= 6  # killed early, half-way and late


# --- claims


def parts(count, made, *, delay=0.0):
    def make(number):
        made.append(number)
        time.sleep(delay)
        return {"x": np.full(3, number)}

    return [Part(f"part/{k}", lambda k=k: make(k)) for k in range(count)]


def write_claim(store, name, **changes):
    """A claim by somebody else: by default a living process of this host."""
    store.claims.take(name)
    path = store.claims._file(name)
    owner = json.loads(path.read_text()) | {"token": "other", "pid": os.getppid()}
    owner["started"] = locks._started(owner["pid"])
    path.write_text(json.dumps(owner | changes))
    return path


def finished_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    ("changes", "silent", "holds"),
    [
        ({}, 0, True),
        ({"pid": "finished"}, 0, False),
        ({"started": 1.0}, 0, False),  # the number was given to another process since
        ({}, locks.PATIENCE + 5, False),  # stopped, or hung
        ({"host": "elsewhere"}, 0, True),
        ({"host": "elsewhere"}, locks.PATIENCE - 20, True),
        ({"host": "elsewhere"}, locks.PATIENCE + 5, False),
        ({"pid": "self"}, 0, False),  # this process knows that it does not hold it
    ],
)
def test_a_claim_holds_while_its_owner_lives_and_no_longer(tmp_path, changes, silent, holds):
    store = Store(tmp_path)
    stands_for = {"finished": finished_process, "self": os.getpid}
    if changes.get("pid") in stands_for:
        changes = changes | {"pid": stands_for[changes["pid"]]()}
    path = write_claim(store, "part/0", **changes)
    os.utime(path, (time.time() - silent,) * 2)
    token = store.claims.take("part/0")
    assert (token is None) == holds


def test_a_zombie_holds_nothing(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    while locks._started(process.pid) is not None:
        time.sleep(0.02)
    write_claim(Store(tmp_path), "part/0", pid=process.pid, started=time.time())
    assert Store(tmp_path).claims.take("part/0") is not None
    process.wait()


@pytest.mark.parametrize("torn", ["", "{", '{"pid": 3}', "[]"])
def test_a_claim_torn_by_a_crash_counts_for_nothing(tmp_path, torn):
    path = write_claim(Store(tmp_path), "part/0")
    path.write_text(torn)
    assert Store(tmp_path).claims.take("part/0") is not None


def test_a_claim_is_kept_alive_and_released(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "BEAT", 0.05)
    monkeypatch.setattr(locks, "_HEART", locks._Heart())
    claims = Claims(tmp_path)
    token = claims.take("part")
    os.utime(claims._file("part"), (0, 0))
    time.sleep(0.3)
    assert claims._file("part").stat().st_mtime > time.time() - 60
    assert claims.take("part") is None
    claims.release("part", token)
    assert not claims._file("part").exists()


def test_a_claim_that_was_taken_over_is_not_removed_by_its_first_owner(tmp_path):
    store = Store(tmp_path)
    token = store.claims.take("part/0")
    path = write_claim(store, "part/0")
    store.claims.release("part/0", token)
    assert path.exists()


def test_parts_of_the_living_are_waited_for_and_those_of_the_dead_are_made(tmp_path):
    store, made = Store(tmp_path), []
    alive = write_claim(store, "part/1")
    write_claim(store, "part/2", pid=finished_process())

    def die():
        time.sleep(0.5)
        alive.write_text(json.dumps(json.loads(alive.read_text()) | {"started": 1.0}))

    thread = threading.Thread(target=die)
    thread.start()
    store.fill(parts(4, made))
    thread.join()
    assert made == [0, 2, 3, 1]
    assert all(store.has(f"part/{k}") for k in range(4))


def test_an_exception_gives_the_claim_back(tmp_path):
    store = Store(tmp_path)

    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.fill([Part("part", fail)])
    assert store.claims.owner("part") is None


def test_what_killed_processes_left_is_swept_and_nothing_else(tmp_path):
    store = Store(tmp_path)
    store.write("kept", {"x": np.ones(1)})
    mark, dead = locks._scratch_mark(), finished_process()
    scratch = tmp_path / "part" / f".a.parquet.{mark}.{dead}.x1.part"
    living = tmp_path / f".b.parquet.{mark}.{os.getppid()}.x2.part"
    elsewhere = tmp_path / f".c.parquet.00000000.{dead}.x3.part"
    scratch.parent.mkdir()
    for path in (scratch, living, elsewhere):
        path.write_bytes(b"half")
    write_claim(store, "part/0", pid=dead)
    held = write_claim(store, "part/1")
    assert store.claims.sweep() == 2
    assert not scratch.exists() and living.exists() and elsewhere.exists() and held.exists()
    assert store.has("kept")


# --- disks


@pytest.mark.parametrize(
    ("call", "code", "says"),
    [
        ("os.fsync", errno.ENOSPC, "is full .*--folder"),
        ("os.fsync", errno.EDQUOT, "is full"),
        ("tempfile.mkstemp", errno.ENOSPC, "is full"),
        ("tempfile.mkstemp", errno.EROFS, "cannot be written .*copy it"),
        ("pathlib.Path.write_text", errno.ENOSPC, "is full"),
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
    with pytest.raises(OSError, match="input/output error") as caught:
        Store(tmp_path).write("part", {"x": np.ones(1)})
    assert not isinstance(caught.value, UnwritableStore)


def test_a_complete_store_needs_no_writing(tmp_path, monkeypatch):
    Store(tmp_path).fill(parts(3, []))

    def refuse(*_, **__):
        raise OSError(errno.EROFS, "read-only")

    for call in ("tempfile.mkstemp", "helpers.store.claims.FileLock", "pathlib.Path.write_text"):
        monkeypatch.setattr(call, refuse)
    made = []
    Store(tmp_path).fill(parts(3, made))
    assert made == [] and Store(tmp_path).read("part/2")["x"].sum() == 6
