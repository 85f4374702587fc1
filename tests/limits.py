"""What tests of broken input hold: no hang, no memory without end, nothing touched but their own."""

from __future__ import annotations

import hashlib
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def limited(seconds: float, gigabytes: float = 4) -> Iterator[None]:
    """TimeoutError after so many seconds, MemoryError where so much more memory is taken."""

    def stop(*_):
        raise TimeoutError(f"over {seconds} s")

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = pages * resource.getpagesize() + int(gigabytes * 2**30)
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def snapshot(folder: Path, *without: Path) -> dict[str, str]:
    """Hashes of all files of a folder, those in `without` left out."""
    files = (
        one for one in folder.rglob("*") if one.is_file() and not {*without} & {one, *one.parents}
    )
    return {str(one): hashlib.sha256(one.read_bytes()).hexdigest() for one in files}
