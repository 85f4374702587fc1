"""On a CPU, the same run by as many processes as cores are free: sooner than threads of one process.

Small models wait for memory and for each other's threads: on two cores two processes with a thread each
took 301 s where one with two took 381 s (a first look at the embedded pair). They share the store, part
by part, as processes that are started by hand do.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from helpers.models.devices import Placement, bytes_of
from helpers.store.origin import rank

SMALL = 50_000_000  # parameters: with fewer a run is over before a second process has begun
MOST = 8
OVERHEAD = 2 << 30  # bytes of a process beside its weights
CHILD = "INSTRUCTION_SHIFT_BESIDE"


def processes(placement: Placement, threads: int) -> int:
    """How many processes are worth it; 1 where they are started by hand (RANK, OMP_NUM_THREADS)."""
    by_hand = rank()[1] > 1 or "OMP_NUM_THREADS" in os.environ
    if placement.device != "cpu" or placement.parameters < SMALL or by_hand:
        return 1
    each = 2 * placement.parameters * bytes_of(placement.dtype) + OVERHEAD
    return max(1, min(threads, MOST, int(0.8 * placement.free // each)))


@contextmanager
def beside(command: Sequence[str], number: int, threads: int) -> Iterator[None]:
    """Run `python -m helpers COMMAND` in number - 1 further processes, which end with this one.

    What they cannot compute is left to this process, which then says why.
    """
    with ExitStack() as ending:
        for k in range(1, number):
            own = {"RANK": str(k), "LOCAL_RANK": str(k), "WORLD_SIZE": str(number), CHILD: "1"}
            own["OMP_NUM_THREADS"] = str(threads)
            child = subprocess.Popen(
                [sys.executable, "-m", "helpers", *command], env=os.environ | own,
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            ending.callback(child.wait)
            ending.callback(child.terminate)
        yield


def end_with_parent() -> None:
    """In a process that `beside` started: stop when the pipe from the other one is closed."""
    if os.environ.get(CHILD):

        def watch() -> None:
            sys.stdin.buffer.read()
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=watch, daemon=True).start()
