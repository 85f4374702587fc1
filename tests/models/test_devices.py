"""Devices: what is not here is said with what is."""

import psutil
import pytest
import torch

from helpers.methods.errors import Mendable
from helpers.models.devices import choose_threads, place


@pytest.mark.parametrize("asked", ["cpu:x", "", "mps:1", " cpu", "cuda:99", "gpu"])
def test_a_device_that_is_not_here_is_refused_with_those_that_are(asked):
    with pytest.raises(Mendable, match="use auto or cpu|counted from cuda:0"):
        place(10, device=asked)


def test_a_rank_that_is_no_number_is_refused(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "x")
    with pytest.raises(Mendable, match="LOCAL_RANK='x' is no number: unset it"):
        place(10)
    assert place(10, device="cpu").device == "cpu"


@pytest.mark.parametrize(
    ("cores", "busy", "expected"), [(2, 0, 2), (2, 50, 1), (8, 25, 6), (2, 100, 1)]
)
def test_threads_are_as_many_as_cores_are_free(cores, busy, expected, monkeypatch):
    """`busy` is a percentage of all cores."""
    chosen = []
    monkeypatch.setattr(psutil.Process, "cpu_affinity", lambda self: [*range(cores)], raising=False)
    monkeypatch.setattr(psutil, "cpu_count", lambda: cores)
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: busy)
    monkeypatch.setattr(torch, "set_num_threads", chosen.append)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert "(OMP_NUM_THREADS)" in choose_threads()[1] and chosen == []
    monkeypatch.delenv("OMP_NUM_THREADS")
    threads, said = choose_threads()
    assert said.startswith(f"{expected} of {cores} cores") and chosen == [threads] == [expected]
