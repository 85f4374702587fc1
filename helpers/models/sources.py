"""Where a model comes from: a Hub id, a folder, a GGUF file or a LoRA adapter, found and identified.

Weights are read from safetensors; pickles, which can run code when they are opened, only when that is
allowed in so many words. Downloads land in the Hub's own cache, survive a lost connection and go on
where they stopped. Everything that can go wrong says what to do about it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Literal

from helpers.methods.errors import Mendable

Kind = Literal["model", "gguf", "adapter"]


ATTEMPTS, PAUSE = 3, 2.0  # tries of a download that the network interrupts, seconds between them


ANSWER = 5.0  # seconds that the Hub has for its first answer


TEXT = ["*.json", "*.txt", "*.model", "*.jinja"]


SAFE, PICKLED = ["*.safetensors"], ["*.bin"]


SKIPPED = ["*/*", "consolidated*", "training_args.bin", "optimizer*", "policy*"]


class MissingWeights(Mendable, FileNotFoundError):
    """The weights are not on this machine; the message says what fetches them."""


class UntrustedWeights(Mendable, ValueError):
    """Loading would run code that comes with the model; the message says how to allow it."""


@dataclass(frozen=True)
class Source:
    """One side of a pair as it was named."""

    where: str
    revision: str = "main"

    def __str__(self) -> str:
        return self.where if self.revision == "main" else f"{self.where}@{self.revision}"


@dataclass(frozen=True)
class Found:
    """A source on this disk: a model folder, an adapter folder or a GGUF file.

    `commit` names it on the Hub ("org/name@commit"); None for what is only here.
    """

    kind: Kind
    path: Path
    commit: str | None = None

    def fingerprint(self) -> str:
        """The Hub's commit, or one hash over all weight and configuration files."""
        return self.commit or f"sha256:{_hash_of(self.files())}"

    def files(self) -> list[Path]:
        if self.kind == "gguf":
            return [self.path]
        names = ("*.safetensors", "*.bin", "config.json", "adapter_config.json")
        return sorted(path for name in names for path in self.path.glob(name))

    def parameters(self) -> int:
        """How many weights it holds, from the headers alone (from the size where there are none)."""
        if self.kind == "gguf":
            return 2 * self.path.stat().st_size  # four bits a weight or more
        safe = [path for path in self.files() if path.suffix == ".safetensors"]
        if not safe:
            return sum(path.stat().st_size for path in self.files()) // 2
        return sum(_header_count(path) for path in safe)


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 22), b""):
            digest.update(block)
    return digest.hexdigest()


def _hash_of(files: list[Path]) -> str:
    listed = "\n".join(f"{path.name} {sha256(path)}" for path in files)
    return hashlib.sha256(listed.encode()).hexdigest()


def _header_count(path: Path) -> int:
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            header = json.loads(file.read(min(length, 100_000_000)))
            entries = [entry for name, entry in header.items() if name != "__metadata__"]
            return sum(prod(entry["shape"]) for entry in entries)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise MissingWeights(
                f"{path} is not a safetensors file (damaged, or half downloaded): fetch it again."
            ) from error


def find(source: Source, *, allow_pickle: bool = False) -> Found:
    """The source on this disk, downloaded if it is a Hub id."""
    path = Path(source.where).expanduser()
    if path.is_file():
        return _file(path)
    if path.is_dir():
        return _folder(path, str(path), allow_pickle)
    hub_id = re.fullmatch(r"[\w.-]+(/[\w.-]+)?", source.where)
    if hub_id and not source.where.startswith(".") and path.suffix != ".gguf":
        return _hub(source, allow_pickle)
    raise MissingWeights(
        f"{source.where!r} is neither a folder, nor a GGUF file, nor a Hub id (owner/name): check "
        "the spelling, and the folder it is meant from."
    )


def _file(path: Path) -> Found:
    if path.read_bytes()[:4] != b"GGUF":
        raise MissingWeights(
            f"{path} is no GGUF file: name a GGUF file, or the folder that holds a model."
        )
    return Found("gguf", path)


def _folder(path: Path, name: str, allow_pickle: bool, commit: str | None = None) -> Found:
    adapter = (path / "adapter_config.json").exists()
    if not adapter and not (path / "config.json").exists():
        files = sorted(path.glob("*.gguf"))
        if len(files) == 1:
            return Found("gguf", files[0], commit)
        which = "several GGUF files: name one of them" if files else (
            "neither config.json nor adapter_config.json: name the folder of a model or an adapter"
        )  # fmt: skip
        raise MissingWeights(f"{name} holds {which}.")
    if not any(path.glob("*.safetensors")):
        if not any(path.glob("*.bin")):
            raise MissingWeights(f"{name} holds no weights (*.safetensors): fetch them again.")
        if not allow_pickle:
            raise UntrustedWeights(
                f"{name} has its weights only as pickles (*.bin), which can run code when they are "
                "opened. If you trust their author, allow them with --allow-pickle "
                "(allow_pickle=True); safer is a copy converted to safetensors."
            )
    return Found("adapter" if adapter else "model", path, commit)


def _hub(source: Source, allow_pickle: bool) -> Found:
    path = _download(source, [*TEXT, *SAFE])
    if allow_pickle and not any(path.glob("*.safetensors")):
        path = _download(source, [*TEXT, *PICKLED])
    if allow_pickle is False and not any(path.glob("*.safetensors")):
        raise UntrustedWeights(
            f"{source} has no safetensors on the Hub; it may have pickles, which can run code when "
            "they are opened. If you trust its author, allow them with --allow-pickle "
            "(allow_pickle=True)."
        )
    return _folder(path, str(source), allow_pickle, f"{source.where}@{path.name}")


def _download(source: Source, patterns: list[str]) -> Path:
    """The folder of a snapshot in the Hub's cache; only files at its top."""
    with _explained(source), _quiet_retries():
        for attempt in range(ATTEMPTS):
            try:
                return _snapshot(source, patterns)
            except Exception as error:
                last = attempt == ATTEMPTS - 1 or _told_to_stay_offline()
                if last or not _is_network(error):
                    raise
                time.sleep(PAUSE)
    raise AssertionError("unreachable")


def _snapshot(source: Source, patterns: list[str]) -> Path:
    """The snapshot as it is on the Hub, or the whole one in the cache while the Hub is silent.

    The Hub is asked first whether it is there: a missing network would else be waited for at every
    request, most of a minute each time.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    silent = _hub_silence()
    try:
        return Path(
            snapshot_download(
                source.where,
                revision=source.revision,
                allow_patterns=patterns,
                ignore_patterns=SKIPPED,
                endpoint=os.environ.get("HF_ENDPOINT"),
                local_files_only=silent is not None,
            )
        )
    except LocalEntryNotFoundError as error:
        raise (silent or error) from error


def _hub_silence() -> Exception | None:
    """Why the Hub gives no answer; None where it gives any, be it a refusal."""
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    hub = os.environ.get("HF_ENDPOINT") or constants.ENDPOINT
    try:
        status = get_session().head(hub, timeout=ANSWER).status_code
    except Exception as error:
        if _is_network(error):
            return error
        raise
    return ConnectionError(f"{hub} answers with status {status}") if status >= 500 else None


def _told_to_stay_offline() -> bool:
    from huggingface_hub import constants

    return constants.HF_HUB_OFFLINE


@contextmanager
def _quiet_retries() -> Iterator[None]:
    """Without the Hub client's line for every request that it repeats; how it ends is said here."""

    def passes(record: logging.LogRecord) -> bool:
        return not re.search("Retrying in|thrown while requesting", record.getMessage())

    log = logging.getLogger("huggingface_hub.utils._http")
    log.addFilter(passes)
    try:
        yield
    finally:
        log.removeFilter(passes)


def _is_network(error: BaseException) -> bool:
    """Whether a connection failed: the client's transport errors, whichever library it uses."""
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    if isinstance(error, HfHubHTTPError):
        return error.response is not None and error.response.status_code >= 500
    module = type(error).__module__.partition(".")[0]
    return isinstance(error, ConnectionError | TimeoutError | LocalEntryNotFoundError) or (
        module in ("httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3")
    )


@contextmanager
def _explained(source: Source) -> Iterator[None]:
    from huggingface_hub import errors

    where = source.where
    try:
        yield
    except errors.GatedRepoError as error:
        raise MissingWeights(
            f"{where} is gated: its authors ask you to accept a licence. Open its page on the Hub "
            "with your account, accept, and log in here with `hf auth login` (or set HF_TOKEN)."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise MissingWeights(
            f"{where} has no revision {source.revision!r}: name a branch, tag or commit that it has."
        ) from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise MissingWeights(
            f"There is no folder {where!r} here and no public model of that name on the Hub: check "
            "the spelling; for a private model log in with `hf auth login` first."
        ) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno == 28:  # ENOSPC
            raise MissingWeights(
                f"The disk is full: {where} could not be downloaded. Free some space, or set HF_HOME "
                "to a folder on another disk, and give the same command again."
            ) from error
        if not _is_network(error) and not isinstance(error, errors.HfHubHTTPError):
            raise
        raise MissingWeights(_unreached(source, error)) from error


def _unreached(source: Source, error: Exception) -> str:
    why = "HF_HUB_OFFLINE is set" if _told_to_stay_offline() else type(error).__name__
    return (
        f"No file or folder {source.where!r} is in {Path.cwd()}, so it was looked for on the Hub, "
        f"which could not be reached for {source} ({why}). If a folder is meant, check its spelling. "
        "If the Hub is meant: what was downloaded is kept, and with a connection the same command "
        "goes on from there."
    )
