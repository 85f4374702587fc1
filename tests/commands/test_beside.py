"""Processes that share a run on a CPU: how many, one store, and that none outlives its parent."""

import os
import signal
import subprocess
import sys
import time

import pytest
from test_compute import PROMPTS, models  # noqa: F401

from helpers.commands import beside, compute
from helpers.models.devices import GIB, Placement
from helpers.store.store import open_store


def placed(device="cpu", free=16 * GIB, parameters=270_000_000):
    return Placement(device, "float32", "together", free, parameters)


@pytest.mark.parametrize(("placement", "threads", "expected"), [
    (placed(), 2, 2), (placed(), 1, 1), (placed(), 64, 3),  # 16 GiB hold three
    (placed(free=256 * GIB), 64, beside.MOST), (placed(free=3 * GIB), 2, 1),
    (placed("cuda"), 8, 1), (placed(parameters=1000), 8, 1),
])  # fmt: skip
def test_as_many_processes_as_cores_are_free_and_memory_has_room_for(
    placement, threads, expected, monkeypatch
):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert beside.processes(placement, threads) == expected
    monkeypatch.setenv("OMP_NUM_THREADS", "2")  # who sets it, starts processes by hand
    assert beside.processes(placement, threads) == 1


def test_a_shared_run_leaves_one_whole_store_and_no_process(models, tmp_path, monkeypatch):  # noqa: F811
    prompts = tmp_path / "own.csv"
    lines = [",".join(s.text for s in one.segments) for one in PROMPTS]
    prompts.write_text("instruction,input\n" + "\n".join(lines))
    base, tuned = models
    asked = ["--base", base, "--tuned", tuned, "--finding", "recognition", "--device", "cpu",
             "--prompts", str(prompts), "--folder"]  # fmt: skip
    compute.main([*asked, str(tmp_path / "alone")])
    started, original = [], subprocess.Popen
    monkeypatch.setattr(beside, "SMALL", 0)
    monkeypatch.setattr(beside, "OVERHEAD", 0)  # however little memory is free
    monkeypatch.setattr(compute, "choose_threads", lambda: (2, "2 of 2 cores, 0.0 busy"))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(
        beside.subprocess, "Popen", lambda *a, **k: started.append(original(*a, **k)) or started[-1]
    )
    compute.main([*asked, str(tmp_path / "shared")])
    [child] = started
    assert child.args[1:] == ["-m", "helpers", "compute", *asked, str(tmp_path / "shared")]
    assert child.returncode is not None
    stores = [open_store(name, tmp_path / name) for name in ("alone", "shared")]
    assert stores[0].manifest().keys() == stores[1].manifest().keys()


def test_a_process_ends_with_the_one_that_started_it():
    code = ("import time; from helpers.commands.beside import end_with_parent; end_with_parent(); "
            "print('up', flush=True); time.sleep(60)")  # fmt: skip
    child = subprocess.Popen(
        [sys.executable, "-c", code], env=os.environ | {beside.CHILD: "1"}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout.readline() == "up\n"
    start = time.monotonic()
    child.stdin.close()
    assert child.wait(20) == -signal.SIGTERM and time.monotonic() - start < 20
    child.stdout.close()
