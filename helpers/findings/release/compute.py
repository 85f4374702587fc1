"""Findings 1 and 2 at 7B: numbers from the authors' released LLaMA-7B and Vicuna-7B matrices.

`python -m helpers released` fills the store `llama-vicuna-7b`: each model on its own greedy response (at
most 300 tokens) to the bare prompt. The parts hold numbers and labels only, no text and no matrix:

recognition/scores    a row a prompt and model: lengths, instruction score, followed, why dropped
recognition/matched   the score on the first min(M) response tokens of both models
recognition/first     the score on the first k response tokens, k in FIRST
recognition/grid      the score for every threshold b and every p of the grid
recognition/spans     instruction spans as token ranges (start, stop)
positions/profiles    density by relative position, with the middle ratio (method.md, section 2)

No prompt is left out: `dropped` of `recognition/scores` says which a comparison leaves out, and why.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, UInt8
from tqdm.auto import tqdm

from helpers.findings.release import spans as text_spans
from helpers.findings.release.read import KINDS, REASONS, SOURCE
from helpers.methods.density import LEVELS, THRESHOLD, P, density, instruction_score
from helpers.methods.profiles import GRID, LEAST_PROMPT, LEAST_RESPONSE, POWERS, profile_of
from helpers.models.roles import ROLES
from helpers.store.release import RefusedFile, Release, Released, fetch, open_release
from helpers.store.store import Store

FIRST = (5, 10, 20, 40, 80, 160)
CELLS = list(product((0, 5, THRESHOLD, 9), POWERS))  # (b, p) of the grid of scores


@dataclass(frozen=True)
class Marks:
    """Instruction tokens of one prompt: by the marked spans, and by the sentences around them."""

    length: int
    spans: tuple[slice, ...]
    sentences: tuple[slice, ...]
    marked: int  # spans that the authors marked, found or not

    @property
    def missing(self) -> int:
        return self.marked - len(self.spans)

    def mask(self, rule: str = "spans") -> Bool[np.ndarray, " prompt"]:
        return text_spans.mask(getattr(self, rule), self.length)


def mark(prompt: str, marked: tuple[str, ...], tokens: tuple[str, ...]) -> Marks:
    """Find the marked spans in the tokens' text; spans of nothing but white space do not count."""
    marked = tuple(span for span in marked if span.strip())
    around = text_spans.whole_sentences(marked, prompt) or []
    found = [
        tuple(hit for span in wanted if (hit := text_spans.find(span, tokens)) is not None)
        for wanted in (marked, around)
    ]
    return Marks(len(tokens), *found, marked=len(marked))


def why_dropped(marks: Marks, response_tokens: int) -> str:
    """One of REASONS, or nothing where the prompt is kept."""
    lost = marks.missing > 0 or not marks.spans
    found = (lost, response_tokens == 0, response_tokens < LEAST_RESPONSE)
    return next((reason for reason, holds in zip(REASONS, found, strict=True) if holds), "")


def place(mask: Bool[np.ndarray, " prompt"]) -> str:
    """Where the instruction lies: in thirds of the prompt, by the mean place of its tokens."""
    if not mask.any():
        return "unknown"
    if mask.mean() >= 0.9:
        return "whole prompt"
    centre = (np.flatnonzero(mask).mean() + 0.5) / len(mask)
    return ("first", "middle", "last")[min(int(3 * centre), 2)]


def score_of(
    normalised: UInt8[np.ndarray, "prompt response"],
    mask: Bool[np.ndarray, " prompt"],
    threshold: int = THRESHOLD,
    p: float = P,
) -> float:
    """Instruction score of a matrix; NaN without a response or without an instruction token."""
    if not normalised.size or not mask.any():
        return float("nan")
    return instruction_score(density(normalised, p, threshold=threshold), mask)


def _profile_rows(released: Released, shorter: int) -> list[dict]:
    """Profiles of one prompt and model; none for short ones."""
    if len(released.prompt) < LEAST_PROMPT or len(released.response) < LEAST_RESPONSE:
        return []
    normalised, kept = released.normalised, ~text_spans.labels(released.prompt)
    everything = np.ones(len(kept), dtype=bool)
    settings = [(*cell, "own", "all") for cell in dict.fromkeys(GRID + [(10, *c) for c in CELLS])]
    if shorter >= LEAST_RESPONSE:
        settings.append((10, THRESHOLD, P, "matched", "all"))
    if kept.sum() >= LEAST_PROMPT:
        settings.append((10, THRESHOLD, P, "own", "no labels"))
    rows = []
    for bins, threshold, p, response, tokens in settings:
        levels = normalised[:, :shorter] if response == "matched" else normalised
        mask = everything if tokens == "all" else kept
        row = dict(bins=bins, threshold=threshold, p=p, response=response, tokens=tokens)
        rows.append(row | profile_of(levels, mask, bins=bins, threshold=threshold, p=p))
    return rows


def _score_row(released: Released, marks: Marks) -> dict:
    mask, whole = marks.mask(), marks.mask("sentences")
    return dict(
        prompt_tokens=len(released.prompt),
        response_tokens=len(released.response),
        instruction_tokens=int(mask.sum()),
        sentence_tokens=int(whole.sum()),
        score=score_of(released.normalised, mask),
        score_sentences=score_of(released.normalised, whole),
        spans=marks.marked,
        spans_missing=marks.missing,
        dropped=why_dropped(marks, len(released.response)),
    )


def _prompt_rows(release: Release, id: str, digest) -> dict[str, list[dict]]:
    """Rows of one prompt for every table of the store."""
    prompt, rating = release.prompts[id], release.ratings.get(id, -1)
    both = {role: release.read(role, id) for role in ROLES}
    if both["base"].prompt != both["tuned"].prompt:
        raise RefusedFile(f"{id}: the two models read different prompt tokens. It is not used.")
    marks = mark(prompt.text, prompt.spans, both["base"].prompt)
    mask, shorter = marks.mask(), min(len(released.response) for released in both.values())
    label = dict(id=id, kind=KINDS.get(id.split("_")[0], "other"), place=place(mask))
    ranges = [(rule, hit) for rule in ("spans", "sentences") for hit in getattr(marks, rule)]
    rows = {"spans": [dict(id=id, rule=r, start=hit.start, stop=hit.stop) for r, hit in ranges]}
    rows |= {name: [] for name in ("scores", "matched", "first", "grid", "profiles")}
    for role, released in both.items():
        digest.update(repr((id, role, rating, prompt, released.prompt, released.response)).encode())
        digest.update(released.normalised.tobytes())
        normalised, short = released.normalised, dict(id=id, model=role)
        row = label | dict(setting="plain", model=role, author=role)
        followed = None if role == "base" or rating < 0 else rating >= 2
        rows["scores"].append(row | dict(followed=followed) | _score_row(released, marks))
        matched = dict(response_tokens=shorter, score=score_of(normalised[:, :shorter], mask))
        rows["matched"].append(label | dict(model=role) | matched)
        for k in (k for k in FIRST if k <= len(released.response)):
            rows["first"].append(short | dict(k=k, score=score_of(normalised[:, :k], mask)))
        rows["grid"] += [
            short | dict(threshold=b, p=p, score=score_of(normalised, mask, b, p)) for b, p in CELLS
        ]
        rows["profiles"] += [label | dict(model=role) | r for r in _profile_rows(released, shorter)]
    return rows


def _small(table: pd.DataFrame) -> pd.DataFrame:
    """Single precision and short whole numbers: the tables are committed."""
    kinds = {"float64": np.float32, "int64": np.int32}
    return table.astype({name: kinds.get(str(kind), kind) for name, kind in table.dtypes.items()})


def compute(folder: str | Path | None, store: Store, *, progress: bool = True) -> None:
    """Fill `store` from a local copy of the release, or from the cache (fetched where it lacks)."""
    release = open_release(folder or fetch(progress=progress))
    digest, tables = hashlib.sha256(), {}
    for id in tqdm(release.prompts, desc="released matrices", disable=not progress):
        for name, rows in _prompt_rows(release, id, digest).items():
            tables.setdefault(name, []).extend(rows)
    about = {"source": SOURCE, "models": {"base": "LLaMA-7B", "tuned": "Vicuna-7B"}}
    about |= {"levels": LEVELS, "threshold": THRESHOLD, "p": P}
    for name, rows in tables.items():
        part = "positions/profiles" if name == "profiles" else f"recognition/{name}"
        made_from = {"inputs": digest.hexdigest()}
        store.write(part, _small(pd.DataFrame(rows)), made_from=made_from, **about)
