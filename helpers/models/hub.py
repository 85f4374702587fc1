"""Downloads from the Hub, into its own cache, and what can go wrong with them in one sentence each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import constants, errors, snapshot_download
from huggingface_hub.utils import get_session

from helpers.methods.errors import Mendable

ANSWER = 5.0  # seconds that the Hub has for its first answer


class MissingWeights(Mendable):
    """The weights are not on this machine; the message says what fetches them."""


def download(where: str, revision: str, **patterns: list[str]) -> Path:
    """The folder of a snapshot in the Hub's cache: as it is there, or the whole one that was kept.

    The Hub is asked first whether it is there: a missing network would else be waited for at every
    request, most of a minute each time.
    """
    hub = os.environ.get("HF_ENDPOINT") or constants.ENDPOINT
    with _explained(where, revision):
        silent = _silence(hub)
        try:
            return Path(
                snapshot_download(
                    where, revision=revision, endpoint=hub, local_files_only=silent is not None,
                    **patterns,
                )
            )  # fmt: skip
        except errors.LocalEntryNotFoundError as error:
            raise (silent or error) from error


def _silence(hub: str) -> Exception | None:
    """Why the Hub gives no answer; None where it gives any, be it a refusal."""
    try:
        status = get_session().head(hub, timeout=ANSWER).status_code
    except Exception as error:
        if _is_network(error):
            return error
        raise
    return ConnectionError(f"{hub} answers with status {status}") if status >= 500 else None


def _is_network(error: BaseException) -> bool:
    """Whether a connection failed: the client's transport errors, whichever library it uses."""
    if isinstance(error, errors.HfHubHTTPError):
        return error.response is not None and error.response.status_code >= 500
    module = type(error).__module__.partition(".")[0]
    return isinstance(error, ConnectionError | TimeoutError | errors.LocalEntryNotFoundError) or (
        module in ("httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3")
    )


@contextmanager
def _explained(where: str, revision: str) -> Iterator[None]:
    try:
        yield
    except errors.GatedRepoError as error:
        raise MissingWeights(
            f"{where} is gated: its authors ask you to accept a licence. Open its page on the Hub "
            "with your account, accept, and log in here with `hf auth login` (or set HF_TOKEN)."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise MissingWeights(
            f"{where} has no revision {revision!r}: name a branch, tag or commit that it has."
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
        why = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else type(error).__name__
        raise MissingWeights(
            f"No file or folder {where!r} is in {Path.cwd()}, so it was looked for on the Hub, which "
            f"could not be reached for it ({why}). If a folder is meant, check its spelling. If the "
            "Hub is meant: what was downloaded is kept, and with a connection the same command goes "
            "on from there."
        ) from error
