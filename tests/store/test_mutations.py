"""Seeded mutations of stores and pickles: none ends in a traceback or a hang, or touches what is not its.

Each runs in a process of its own, forked from one that has the libraries, within limits of time and of
memory. What lies beside the store is compared before and after.
"""

import hashlib
import json
import multiprocessing
import os
import pickle
import pickletools
import random
import resource
import shutil
import signal
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from limits import snapshot

from helpers.methods.errors import Mendable
from helpers.store.conditions import check, conditions, told
from helpers.store.store import Part, Store
from helpers.store.unpickle import loads

MANIFESTS, PICKLES, SEED = 200, 150, 0
SECONDS, BYTES = 10, 2**30  # of the processor, and of memory beyond what the libraries take
SIDE_BY_SIDE = 3
NAME = "faithfulness/path-base"


def values(outside: Path) -> list:
    return [
        None, True, 0, -1, 3, 2**70, 1e308, "", "x", "../victim.txt", f"{outside}/victim.txt", ".", "..",
        "manifest.json", ".claims/lock", "a\0b", "é" * 300, [], {}, [[]], {"file": "notes.txt"},
        ["a"] * 50, {"parts": {}}, "0" * 64, [0.5], {"": {}},
    ]  # fmt: skip


def places(value: object, at: tuple = ()) -> list[tuple]:
    """Where in a JSON value something can be replaced."""
    inner = value.items() if isinstance(value, dict) else ()
    return [at] * bool(at) + [place for key, one in inner for place in places(one, (*at, key))]


def edited(content: dict, draw: random.Random, outside: Path) -> object:
    """One entry of the manifest replaced, left out, renamed or nested."""
    *path, last = draw.choice(places(content))
    inner = content
    for key in path:
        inner = inner[key]
    nasty, way = draw.choice(values(outside)), draw.randrange(4)
    if way == 0:
        del inner[last]
    elif way == 1:
        inner[str(nasty)[:400]] = inner.pop(last)
    elif way == 2:
        inner[last] = {str(k): inner[last] for k in range(3)}
    else:
        inner[last] = nasty
    return content


def patched(content: bytes, draw: random.Random) -> bytes:
    """Some bytes replaced, left out, doubled or cut off."""
    whole = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        at, length = draw.randrange(len(whole) + 1), draw.randint(1, 12)
        whole[at : at + draw.choice([0, length, length, len(whole)])] = draw.choice(
            [b"", draw.randbytes(length), bytes(whole[at : at + 20]), b"[" * 3000, b"9" * 50]
        )
    return bytes(whole)


def planted(folder: Path) -> None:
    store = Store(folder, models={"base": "/b", "tuned": "/t"}, conditions=conditions(None, 3))
    table = pd.DataFrame({"id": ["a", "b"], "factor": [0.5, 1.0], "left": [0.1, 0.2]})
    store.write(NAME, table, steps=3)
    store.write("other", {"x": np.ones((2, 3))})


def mutate_store(folder: Path, draw: random.Random) -> None:
    manifest = folder / "manifest.json"
    content = json.loads(manifest.read_text())
    way = draw.randrange(4)
    if way == 0:
        manifest.write_bytes(patched(manifest.read_bytes(), draw))
    elif way == 1:  # a damaged part whose hash was made to fit
        entry = content["parts"][draw.choice([NAME, "other"])]
        part = folder / entry["file"]
        part.write_bytes(patched(part.read_bytes(), draw))
        entry["sha256"] = hashlib.sha256(part.read_bytes()).hexdigest()
        manifest.write_text(json.dumps(content))
    else:
        for _ in range(draw.randint(1, 3)):
            content = edited(content, draw, folder.parent)
        manifest.write_text(json.dumps(content))


def use_store(folder: Path) -> None:
    """All that is done to a store."""

    def made() -> dict:
        return {"x": np.zeros(1)}

    store = Store(folder, {}, {"base": "/b"}, conditions(None, 3))
    ways = [
        *(lambda name=name: store.has(name) and store.read(name) for name in (*store.manifest(), NAME)),
        lambda: told(store, 216), store.command, store.origin, lambda: check(store),
        store.claims.sweep, lambda: store.fill([Part(NAME, made), Part("new", made)]),
        lambda: store.read("new"), store.clear, lambda: store.get("new", made),
    ]  # fmt: skip
    for way in ways:
        try:
            way()
        except Mendable as error:
            assert str(error)


def use_pickle(path: Path) -> None:
    try:
        found = loads(path.read_bytes())
    except Mendable:
        return
    plain = (str, bytes, int, float, list, tuple, type(None), np.ndarray)
    assert all(isinstance(value, plain) for value in found.values())


def attempt(use, path: Path, log: Path, seconds: int) -> None:
    """In a process of its own: 0 where all went well, 1 with the traceback in `log`."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    memory = pages * resource.getpagesize() + BYTES
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    warnings.simplefilter("ignore")
    os.chdir(path.parent)
    try:
        use(path)
    except BaseException:
        log.write_text(traceback.format_exc())
        sys.exit(1)


def ends(use, paths: list[Path], logs: Path, seconds: int = SECONDS) -> dict[str, str]:
    """What went wrong, by case: a traceback, a signal, or no end in time."""
    context, waiting, running, wrong = (
        multiprocessing.get_context("forkserver"),
        list(paths),
        [],
        {},
    )
    context.set_forkserver_preload(["pytest", "helpers.store.store", "helpers.store.unpickle"])
    while waiting or running:
        while waiting and len(running) < SIDE_BY_SIDE:
            path = waiting.pop()
            log = logs / path.parent.name
            process = context.Process(target=attempt, args=(use, path, log, seconds), daemon=True)
            process.start()
            running.append((process, log))
        process, log = running.pop(0)
        process.join(30)
        if process.exitcode is None:
            os.kill(process.pid, signal.SIGKILL)
        if process.exitcode != 0:
            said = log.read_text()[-800:] if log.exists() else f"exit code {process.exitcode}"
            wrong[log.name] = said
    return wrong


@pytest.fixture
def logs(tmp_path):
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs"


def test_mutated_stores_end_in_a_sentence_and_leave_the_rest_alone(tmp_path, logs):
    planted(tmp_path / "sound")
    cases = []
    for number in range(MANIFESTS):
        folder = tmp_path / "cases" / f"{number:03d}" / "store"
        shutil.copytree(tmp_path / "sound", folder)
        for beside in (folder.parent / "victim.txt", folder / "notes.txt"):
            beside.write_text("mine")
        mutate_store(folder, random.Random(f"{SEED} {number}"))
        cases.append(folder)
    before = {case: snapshot(case.parent, case) for case in cases}
    assert ends(use_store, cases, logs) == {}
    assert {case: snapshot(case.parent, case) for case in cases} == before
    assert all((case / "notes.txt").read_text() == "mine" for case in cases)


def test_mutated_pickles_are_refused_or_plain_and_touch_nothing(tmp_path, logs):
    array = np.arange(18, dtype=np.float32).reshape(9, 2)
    sound = {"ID": "a", "Input": ["x"] * 9, "Output": ["y", "z"], "Explain": array}
    codes = [one.code.encode("latin1") for one in pickletools.opcodes]
    cases = []
    for number in range(PICKLES):
        draw = random.Random(f"{SEED} {number}")
        if number % 3:
            content = patched(pickle.dumps(sound, protocol=draw.choice([2, 4, 4, 4, 5])), draw)
        else:  # instructions in any order
            content = b"\x80\x04" + b"".join(draw.choices(codes, k=draw.randint(5, 3000))) + b"."
        path = tmp_path / "cases" / f"{number:03d}" / "a.pkl"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        cases.append(path)
    before = snapshot(tmp_path / "cases", logs)
    assert ends(use_pickle, cases, logs) == {}
    assert snapshot(tmp_path / "cases", logs) == before


def never_ends(path: Path) -> None:
    while True:
        pass


def takes_memory(path: Path) -> None:
    bytes(2 * BYTES)


@pytest.mark.parametrize("use", [never_ends, takes_memory])
def test_what_hangs_or_takes_all_memory_is_found(use, tmp_path, logs):
    """The two tests above can fail."""
    (tmp_path / "case").mkdir()
    assert ends(use, [tmp_path / "case" / "x"], logs, seconds=1).keys() == {"case"}
