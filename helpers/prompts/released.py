"""The authors' prompts of Self-Instruct, LIMA and MT-Bench, cut at their notes of the instruction."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from helpers.prompts.marks import in_lines
from helpers.prompts.prompt import Prompt
from helpers.prompts.records import PromptError, refused
from helpers.store import release

# Where the authors took a prompt from, by the beginning of its id.
ORIGINS = {"user": "Self-Instruct", "lima": "LIMA", "mtbench": "MT-Bench"}
REPOSITORY = f"https://github.com/{'/'.join(release.URL.split('/')[3:5])}"
RELEASED_ONLY = (
    f"of folders and .tsv files only a clone of the authors' repository ({REPOSITORY}) and their "
    "table in it are read. Prompts of your own go into a file ending in .jsonl or .csv."
)
_CUE = re.compile(r"\n(Output:)\s*$")


def _noted(prompt: release.ReleasedPrompt) -> Iterator[tuple[str, str]]:
    """Role and text by the authors' notes, each widened to whole words and the signs at them."""
    text, held = prompt.text, [False] * len(prompt.text)
    for span in filter(None, (span.strip() for span in prompt.spans)):
        start = text.find(span)
        if start < 0:
            raise ValueError(f"the noted span {span[:40]!r} is not in the prompt")
        stop = start + len(span)
        start -= len(re.search(r"\S*$", text[:start])[0])
        stop += len(re.match(r"\S*", text[stop:])[0])
        held[start:stop] = [True] * (stop - start)
    if not any(held):
        raise ValueError("no instruction is noted")
    cue = _CUE.search(text)
    end = cue.start(1) if cue and not any(held[cue.start(1) :]) else len(text)
    edges = [i for i in range(1, end) if held[i] != held[i - 1]]
    for start, stop in zip([0, *edges], [*edges, end], strict=True):
        yield ("instruction" if held[start] else "context"), text[start:stop]
    yield "cue", text[end:]


def released_prompts(source: str | Path | None = None) -> list[Prompt]:
    """The authors' prompts of Self-Instruct, LIMA and MT-Bench, by their notes of the instruction.

    `source`: a clone of their repository or its table of prompts; left out, the table is fetched.
    `kind` is the data set. `Output:` at the end, which Self-Instruct's prompts have, is the cue.
    """
    if source is None:
        source = release.fetch_files(
            [release.PROMPTS], release.read_prompts, url=release.URL, instead="--prompts FOLDER"
        )
    path = Path(source)
    if path.is_dir():
        path = next((p for p in (path / release.PROMPTS, path / "prompts.tsv") if p.exists()), path)
    if not path.is_file():
        raise PromptError(f"{path} holds no {release.PROMPTS}: {RELEASED_ONLY}")
    with open(path, "rb") as file:
        head = file.readline(10_000).decode("utf-8", errors="replace").rstrip("\r\n")
    if head.split("\t") != release.PROMPTS_HEAD:  # somebody's own prompts
        raise PromptError(
            f"{path} is not the authors' table of prompts (its first line would be "
            f"{' '.join(release.PROMPTS_HEAD)}): {RELEASED_ONLY}"
        )
    found = []
    for id, prompt in release.read_prompts(path).items():
        with refused(f"{path}, prompt {id}"):
            kind = ORIGINS.get(id.split("_")[0], "other")
            found.append(Prompt(id, kind, in_lines(_noted(prompt))))
    return found
