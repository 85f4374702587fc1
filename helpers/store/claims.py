"""A folder that several processes fill: files that appear whole, and claims on what is computed.

A claim is a lock on a small file that names its owner. Whoever wants a part takes its claim first; the
operating system drops it when the owner dies, on whichever host. Claims only save work: two owners of
one part would write the same bytes, each whole, so a disk without locks is filled without them. What
must never happen twice at a time, changing the manifest, has a second lock off the store.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock, Timeout

from helpers.methods.errors import Mendable

FOLDER = ".claims"
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}
NO_FOLDER = {
    errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP,
    errno.EINVAL,
}  # fmt: skip
NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS}
SCRATCH = re.compile(r"\..+\.(parquet|safetensors|json)\..*\.part")


class UnwritableStore(Mendable):
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
            file = next((path for path in (folder, *folder.parents) if path.is_file()), None)
            why = f"{file} is a file" if file else error.strerror
            raise UnwritableStore(
                f"{folder} can be no folder to write in ({why}): name another one with {option}."
            ) from error
        raise


def check_folder(folder: Path, option: str = "--folder") -> None:
    """Refuse a place that is no folder and cannot become one, before anything is computed for it."""
    with explained(folder, option):
        whole = folder.absolute()
        there = next(path for path in (whole, *whole.parents) if path.exists())
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if there != whole and not os.access(there, os.W_OK | os.X_OK):
            raise FileNotFoundError(errno.ENOENT, f"{there} cannot be written")


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` so that `path` holds all of it or is as it was before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
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


@cache  # once a store
def _warn(store: Path, reason: str) -> None:
    warnings.warn(
        f"The disk of {store} knows no locks ({reason}): processes that fill the store together may "
        "make some parts twice. The results are the same.",
        stacklevel=4,
    )


def _locked(path: Path, *, wait: bool) -> FileLock:
    """The lock on a file, held: Timeout where another holds it, OSError where there are no locks."""
    # Without flock the library would leave markers, which outlive whoever is killed.
    lock = FileLock(path, timeout=-1 if wait else 0, fallback_to_soft=False)
    lock.acquire()
    return lock


@dataclass(frozen=True)
class Claims:
    """The claims on parts of one store, kept in a hidden folder inside it."""

    store: Path

    @property
    def folder(self) -> Path:
        return self.store / FOLDER

    def _file(self, name: str) -> Path:
        return self.folder / f"{quote(name, safe='')}.claim"

    def _prepare(self) -> None:
        """Make the folder; one that leads elsewhere is refused, since files in it are deleted."""
        if self.folder.is_symlink():
            raise UnwritableStore(
                f"{self.folder} is a link, and claims are kept in the store itself: delete the link."
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        ignored = self.folder / ".gitignore"
        if not ignored.exists():
            ignored.write_text("*\n")

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Only one process at a time is inside: of all hosts (True) or, without locks, of this one."""
        key = hashlib.sha256(str(self.store.resolve()).encode()).hexdigest()[:16]
        here = Path(tempfile.gettempdir()) / f"instruction-shift-{key}.lock"
        with explained(self.store), ExitStack() as held:
            self._prepare()
            missing, everywhere = None, True
            try:  # off the store: some network disks know no locks, this machine does
                held.enter_context(_locked(here, wait=True))
            except OSError as error:
                missing = error  # another user made it: the lock in the store has to do
            try:
                held.enter_context(_locked(self.folder / "lock", wait=True))
            except OSError as error:
                if missing or error.errno not in NO_LOCKS:
                    raise
                _warn(self.store, error.strerror)
                everywhere = False
            yield everywhere

    def owner(self, name: str) -> str:
        """Who holds a claim, as far as it can be read."""
        try:
            return self._file(name).read_text(encoding="utf-8") or "another process"
        except (OSError, ValueError):
            return "another process"  # released meanwhile, or kept from readers by the lock

    @contextmanager
    def on(self, name: str) -> Iterator[bool]:
        """Claim a part; False while a living process holds it."""
        path = self._file(name)
        with explained(self.store):
            self._prepare()
            try:
                lock = _locked(path, wait=False)
            except Timeout:
                lock = None
            except OSError as error:
                if error.errno not in NO_LOCKS:
                    raise
                _warn(self.store, error.strerror)
                lock = FileLock(path)  # never held: the part is made without a claim
        if lock is None:
            yield False
            return
        try:
            with suppress(OSError):  # who waits may not learn for whom
                path.write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")
            yield True
        finally:
            with suppress(OSError):
                path.unlink()  # before the release: afterwards it may be somebody else's
            lock.release()

    def sweep(self) -> int:
        """Remove what killed processes left: their claims and half-written files."""
        check_folder(self.store)
        if not self.folder.is_dir():
            return 0
        try:
            with self.alone() as everywhere:
                return sum(map(_abandoned, self._left(everywhere)))
        except UnwritableStore as error:
            if getattr(error.__cause__, "errno", None) in READ_ONLY:
                return 0  # a complete store needs no writing, and whoever writes is told
            raise

    def _left(self, everywhere: bool) -> Iterator[Path]:
        """Claims, and files that are half written: whoever writes one is alone, and now we are."""
        yield from self.folder.glob("*.claim")
        if everywhere:
            yield from (p for p in self.store.rglob(".*.part") if SCRATCH.fullmatch(p.name))


def _abandoned(path: Path) -> bool:
    """Delete a file whose lock nobody holds; whether it was one."""
    try:
        with _locked(path, wait=False):
            path.unlink()
    except OSError:
        return False
    return True
