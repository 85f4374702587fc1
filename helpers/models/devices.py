"""What the machine offers: memory, devices, processes, and what a result was computed with."""

from __future__ import annotations

import ctypes
import os
import platform
from dataclasses import dataclass

import psutil

from helpers.methods.errors import Mendable
from helpers.methods.memory import free_memory

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
GIB = 2**30
DTYPES = ("float32", "bfloat16", "float16")

# Shares of free memory that weights may take, two models together and one alone; the rest is for
# computing (the appendix "Your own model" has the arithmetic).
ROOM, ROOM_ALONE = 0.8, 0.87


def keep_freed_memory() -> bool:
    """Ask the C library to keep freed memory instead of returning it to the system.

    Logits over a large vocabulary are gigabytes that come and go with every step; on a virtual
    machine mapping them afresh costs more than computing them (measured: a training step of Gemma 3
    270M takes 3.4 s instead of 6 s and more). Returns whether the library took the request (glibc only).
    """
    if platform.system() != "Linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, -1))


def choose_threads() -> tuple[int, str]:
    """Compute with as many threads as there are free cores: how many, and in words.

    Two threads on two cores of which one is busy wait for each other at every operation: a forward
    pass then takes many times as long as with one thread. OMP_NUM_THREADS is respected where it is set.
    """
    import torch

    cores = len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else (
        psutil.cpu_count() or 1
    )  # fmt: skip
    if "OMP_NUM_THREADS" in os.environ:
        threads = torch.get_num_threads()
        return threads, f"{threads} threads (OMP_NUM_THREADS)"
    busy = psutil.cpu_percent(interval=0.5) / 100 * (psutil.cpu_count() or 1)
    threads = max(1, min(cores, round(cores - busy)))
    torch.set_num_threads(threads)
    return threads, f"{threads} of {cores} cores, {busy:.1f} busy"


@dataclass(frozen=True)
class Placement:
    """Where the two models go: all on `device`, one at a time there, or spread over devices."""

    device: str
    dtype: str
    layout: str  # "together", "in turns" or "spread"
    free: int
    parameters: int

    def __str__(self) -> str:
        size = self.parameters * bytes_of(self.dtype) / GIB
        how = {
            "together": "both models at once",
            "in turns": "one model at a time, because both do not fit",
            "spread": "spread over devices and memory, because one model does not fit",
        }[self.layout]
        return (
            f"{self.device} ({self.free / GIB:.1f} GiB free), {self.dtype}: "
            f"{size:.2f} GiB of weights a model, {how}."
        )


def bytes_of(dtype: str) -> int:
    return 4 if dtype == "float32" else 2


def _device(asked: str) -> str:
    import torch

    here = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    cards, own = torch.cuda.device_count(), os.environ.get("LOCAL_RANK", "0")
    if asked == "auto":
        if not own.isdecimal():
            raise Mendable(f"LOCAL_RANK={own!r} is no number: unset it to run alone.")
        return (
            f"cuda:{int(own) % max(cards, 1)}" if here["cuda"] else "mps" if here["mps"] else "cpu"
        )
    kind, _, number = asked.partition(":")
    if not here.get(kind) or (number and kind != "cuda"):
        there = ", ".join(name for name, is_here in here.items() if is_here)
        raise Mendable(f"device={asked!r} is not here: use auto or {there}.")
    if kind == "cuda" and not ((number or "0").isdecimal() and int(number or 0) < cards):
        raise Mendable(
            f"device={asked!r}: this machine has {cards} CUDA devices, counted from cuda:0."
        )
    return f"cuda:{number or 0}" if kind == "cuda" else kind


def _half(device: str) -> str:
    """The two-byte format a device computes in natively."""
    import torch

    if device.startswith("cuda"):
        native = torch.cuda.get_device_capability(device)[0] >= 8
        return "bfloat16" if native else "float16"
    return "float16" if device == "mps" else "bfloat16"


def place(parameters: int, *, device: str = "auto", dtype: str = "auto") -> Placement:
    """Choose device, precision and layout for two models of `parameters` weights each.

    float32 where both models fit in it (on a CPU: where one does): the results are then those of the
    book. Otherwise the two-byte format of the device. If both do not fit at once, they take turns;
    if one does not fit, it is spread over all devices (`device_map="auto"`).
    """
    if dtype not in ("auto", *DTYPES):
        raise Mendable(f"dtype={dtype!r} is unknown: use auto or {', '.join(DTYPES)}.")
    where = _device(device)
    free = free_memory(where)
    room = ROOM * free
    if dtype == "auto":
        exact = 2 * parameters * 4 <= room or (where == "cpu" and parameters * 4 <= room)
        dtype = "float32" if exact else _half(where)
    size = parameters * bytes_of(dtype)
    alone = size <= ROOM_ALONE * free
    layout = "together" if 2 * size <= room else "in turns" if alone else "spread"
    return Placement(where, dtype, layout, free, parameters)
