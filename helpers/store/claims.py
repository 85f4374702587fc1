"""A folder that several processes fill: files that appear whole, and claims on what is computed.

A claim is a small file that names its owner (host, process, when that process started) and is
touched every few seconds while the owner lives. Whoever wants a part takes its claim first. A claim
whose owner is dead counts for nothing: on the same host the process table tells at once, and for
another host a claim that was not touched for `PATIENCE` seconds is abandoned. Claims only save
work: two owners of one part would write the same bytes, each whole. What must never happen twice at
a time, changing the manifest or the claims, is guarded by a lock that the operating system drops
when its holder dies.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote, unquote

import psutil
from filelock import FileLock

from helpers.methods.errors import Mendable

BEAT = 10.0  # seconds between two touches of a claim


PATIENCE = 180.0  # seconds without a touch after which a claim is abandoned


FOLDER = ".claims"


FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}


NO_FOLDER = {
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EINVAL,
}


class UnwritableStore(Mendable, OSError):
    """The store cannot be written; the message says why and what to do. Nothing in it is lost."""


@contextmanager
def explained(folder: Path, option: str = "--folder") -> Iterator[None]:
    """Say what a full disk, a read-only folder or no folder at all means for what is written there.

    `option` is the one that names another place.
    """
    try:
        yield
    except OSError as error:
        kept = "What was computed before is whole and stays."
        if error.errno in FULL:
            raise UnwritableStore(
                f"The disk of {folder} is full ({error.strerror}). {kept} Free some space, or name "
                f"another disk with {option}, and give the same command again."
            ) from error
        if error.errno in READ_ONLY:
            copy = "copy it and name the copy" if option == "--folder" else "name another place"
            raise UnwritableStore(
                f"{folder} cannot be written ({error.strerror}). {kept} Make it writable, or {copy} "
                f"with {option}."
            ) from error
        if error.errno in NO_FOLDER:
            raise UnwritableStore(_no_folder(folder, option, error)) from error
        raise


def _no_folder(folder: Path, option: str, error: OSError) -> str:
    """Why there can be no folder of that name, and what to name instead."""
    file = next((path for path in (folder, *folder.parents) if path.is_file()), None)
    why = f"{file} is a file" if file else error.strerror
    return f"{folder} can be no folder to write in ({why}): name another one with {option}."


def check_folder(folder: Path, option: str = "--folder") -> None:
    """Refuse a place that is no folder and cannot become one, before anything is computed for it."""
    with explained(folder, option):
        whole = folder.absolute()
        there = next(path for path in (whole, *whole.parents) if path.exists())
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if there != whole and not os.access(there, os.W_OK | os.X_OK):
            raise FileNotFoundError(errno.ENOENT, f"{there} cannot be written")


def _host() -> str:
    """This machine, or this container on it: process numbers mean nothing elsewhere."""
    try:
        return f"{platform.node()}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return platform.node()


def _started(pid: int) -> float | None:
    """When process `pid` of this host started; None where there is no such living process."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.AccessDenied:
        return float("nan")
    except psutil.Error:
        return None


def _scratch_mark() -> str:
    return hashlib.sha256(_host().encode()).hexdigest()[:8]


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` so that `path` holds all of it or is as it was before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name}.{_scratch_mark()}.{os.getpid()}."
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(scratch, 0o644)
        os.replace(scratch, path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def _litter(folder: Path) -> Iterator[Path]:
    """Half-written files that killed processes of this host left behind."""
    for path in folder.rglob(f".*.{_scratch_mark()}.*.part"):
        pid = path.name.split(".")[-3]
        if pid.isdigit() and _started(int(pid)) is None:
            yield path


@dataclass(frozen=True)
class Owner:
    """One process; `started` tells it from a later one that was given the same number."""

    host: str
    pid: int
    started: float
    token: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host.split('/')[0]}"

    def lives(self, silent: float) -> bool:
        """Whether the owner is at work; `silent` is the time since it last touched its claim."""
        if self.host == _host():
            if self.pid == os.getpid():
                return self.token in _HEART.held
            started = _started(self.pid)
            if started is None or abs(started - self.started) > 1:
                return False
        return silent < PATIENCE


class _Heart:
    """Touches the claims of this process, from one thread that ends with the process."""

    def __init__(self) -> None:
        self.held: dict[str, Path] = {}  # token -> file
        self._thread: threading.Thread | None = None

    def add(self, token: str, path: Path) -> None:
        self.held[token] = path
        if self._thread is None:
            self._thread = threading.Thread(target=self._beat, daemon=True, name="claims")
            self._thread.start()

    def _beat(self) -> None:
        while True:
            time.sleep(BEAT)
            for path in list(self.held.values()):
                try:
                    os.utime(path)
                except OSError:
                    pass  # released, or a disk that is gone: nothing to keep alive


_HEART = _Heart()


def _after_fork() -> None:
    global _HEART
    _HEART = _Heart()  # a child holds none of its parent's claims


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def _on_this_machine(store: Path) -> Iterator[None]:
    """A second lock, off the store: some network disks know no locks, this machine does."""
    key = hashlib.sha256(str(store.resolve()).encode()).hexdigest()[:16]
    lock = FileLock(Path(tempfile.gettempdir()) / f"instruction-shift-{key}.lock")
    try:
        lock.acquire()
    except OSError:  # another user made it: the lock in the store has to do
        yield
        return
    try:
        yield
    finally:
        lock.release()


@dataclass(frozen=True)
class Claims:
    """The claims on parts of one store, kept in a hidden folder inside it."""

    store: Path

    @property
    def folder(self) -> Path:
        return self.store / FOLDER

    def _file(self, name: str) -> Path:
        return self.folder / f"{quote(name, safe='')}.json"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Only one process at a time is inside."""
        with explained(self.store):
            self.folder.mkdir(parents=True, exist_ok=True)
            ignored = self.folder / ".gitignore"
            if not ignored.exists():
                ignored.write_text("*\n")
            with FileLock(self.folder / "lock"), _on_this_machine(self.store):
                yield

    def owner(self, name: str) -> Owner | None:
        """The living owner of a claim, or None."""
        path = self._file(name)
        try:
            owner = Owner(**json.loads(path.read_text()))
            silent = self._now() - path.stat().st_mtime
        except (OSError, ValueError, TypeError):
            return None  # never there, released meanwhile, or torn by a crash
        return owner if owner.lives(silent) else None

    def _now(self) -> float:
        """Time by the clock of the disk, which may belong to another machine than ours."""
        probe = self.folder / "lock"
        try:
            os.utime(probe)
            return probe.stat().st_mtime
        except OSError:
            return time.time()

    def take(self, name: str) -> str | None:
        """Claim a part: a token to release it by, or None while a living process holds it."""
        with self.alone():
            if self.owner(name) is not None:
                return None
            pid, token = os.getpid(), uuid.uuid4().hex
            owner, path = Owner(_host(), pid, _started(pid) or 0.0, token), self._file(name)
            try:
                path.write_text(json.dumps(asdict(owner)))
            except OSError:
                path.unlink(missing_ok=True)
                raise
        _HEART.add(token, path)
        return token

    def release(self, name: str, token: str) -> None:
        """Give a claim back; one that somebody else took over meanwhile is theirs and stays."""
        _HEART.held.pop(token, None)
        path = self._file(name)
        try:
            with self.alone():
                if json.loads(path.read_text())["token"] == token:
                    path.unlink()
        except (OSError, ValueError, KeyError):
            pass  # not ours any more, or the disk is gone: it counts as abandoned

    def sweep(self) -> int:
        """Remove what killed processes left: their claims and half-written files."""
        check_folder(self.store)
        if not self.folder.is_dir():
            return 0
        with self.alone():
            claims = self.folder.glob("*.json")
            left = [path for path in claims if self.owner(unquote(path.stem)) is None]
            left += _litter(self.store)
            for path in left:
                path.unlink(missing_ok=True)
        return len(left)
