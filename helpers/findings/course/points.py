"""The points of a course of training: which checkpoints there are, and how each becomes a model.

A point is a run, a step of it, and a strength: 1 is the checkpoint as it lies there, less is a place on
the straight line from the base. Checkpoints are adapters or whole models in folders named step-N or
checkpoint-N (also below `course/`), with the finished one in the folder itself; `runs/NAME` below it
holds other runs. On the Hub they are revisions: owner/name@step1000,step2000.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from transformers import PreTrainedModel

from helpers.methods.errors import Mendable
from helpers.models.adapters import apply_adapter
from helpers.models.loading import How, load_model, model_folder
from helpers.models.pair import Pair
from helpers.models.sources import Found, Source, find, weights_of
from helpers.paths import adapter_folder, cache_folder

MAIN, BASE = "main", "base"
STRENGTHS = (0.25, 0.5, 0.75)  # of the finished main run, beside all of it
NAMED = re.compile(r"(?:step|checkpoint)[-_]?(\d+)$")


@dataclass(frozen=True)
class Point:
    """One checkpoint at one strength; `where` is None for the base, the start of every run."""

    run: str
    step: int
    strength: float = 1.0
    where: Path | Source | None = None

    @property
    def folder(self) -> str:
        """Where its parts lie in a store."""
        dose = "" if self.strength == 1 else f"/s{round(100 * self.strength):03d}"
        return f"course/{self.run}/{self.step:06d}{dose}"


START = Point(BASE, 0)


def book_folder(pair: str) -> Path | None:
    """The adapter of a pair of the book whose course was kept, if there is one."""
    folder = adapter_folder(pair)
    return folder if (folder / "course").is_dir() else None


def _finished(folder: Path) -> dict[int, Path]:
    """The adapter of a finished run by its last step; only its record may lie in the folder."""
    record = folder / "tuning.json"
    if not record.exists():
        return {}
    step = json.loads(record.read_text(encoding="utf-8"))["loss"][-1]["step"]
    places = (folder, cache_folder() / "adapters" / folder.name)
    held = [place for place in places if place.is_dir() and weights_of(place)]
    if not held:
        warnings.warn(f"{folder} has a record but no weights: it is left out.", stacklevel=2)
    return {int(step): held[0]} if held else {}


def _run(name: str, folder: Path) -> Iterator[Point]:
    steps = _finished(folder)
    for place in (folder, folder / "course"):
        for one in place.iterdir() if place.is_dir() else ():
            if (found := NAMED.search(one.name)) and one.is_dir():
                steps.setdefault(int(found[1]), one)
    yield from (Point(name, step, where=steps[step]) for step in sorted(steps))


def _revisions(text: str) -> Iterator[Point]:
    """owner/name@revision,revision: a revision's first number is its step."""
    where, _, revisions = text.rpartition("@")
    for revision in revisions.split(","):
        if where and (found := re.search(r"\d+", revision)):
            yield Point(MAIN, int(found[0]), where=Source(where, revision))


def read_points(course: str | Path | None, pair: str) -> list[Point]:
    """The base, the main run by step, the finished one at less strength, then all other runs."""
    folder = Path(course).expanduser() if course else book_folder(pair)
    if folder is None:
        raise Mendable(
            f"pair {pair!r} has no checkpoints in the book: give --course FOLDER, a folder with "
            "subfolders step-N or checkpoint-N, or --course OWNER/NAME@REVISION,REVISION."
        )
    main = list(_run(MAIN, folder) if folder.is_dir() else _revisions(str(course)))
    if not main:
        raise Mendable(
            f"--course {str(course or folder)!r} holds no checkpoint: name a folder with subfolders "
            "step-N or checkpoint-N (adapters or whole models), or OWNER/NAME@REVISION,REVISION "
            "with a number in each revision."
        )
    others = [p for run in sorted(folder.glob("runs/*")) for p in _run(run.name, run)]
    return [START, *main, *(replace(main[-1], strength=s) for s in STRENGTHS), *others]


def found_at(point: Point) -> Found | None:
    """The weights of a point on this disk; what is on the Hub is fetched."""
    if point.where is None:
        return None
    where = point.where if isinstance(point.where, Source) else Source(str(point.where))
    return find(where)


def fingerprint(point: Point) -> str:
    """What a point is made from: the hash or the commit of its weights, and its strength."""
    found = found_at(point)
    return BASE if found is None else f"{found.fingerprint()} x {point.strength:g}"


def how_of(pair: Pair) -> How:
    """How whole checkpoints are loaded: as the pair's base is."""
    like = pair.model("base")
    return How(like.dtype, str(like.device))


def loader(pair: Pair, point: Point, how: How) -> Callable[[], PreTrainedModel]:
    """What makes the model of a point; less strength needs both models in memory (`Pair.alone`)."""

    def load() -> PreTrainedModel:
        found = found_at(point)
        if found is not None and found.kind != "adapter":
            return _towards(load_model(model_folder(found), how), pair, point.strength)
        model = pair.loaders["base"]() if pair.alone else deepcopy(pair.model("base"))
        if found is None:
            return model
        return _towards(apply_adapter(model, found.path), pair, point.strength)

    return load


@torch.no_grad()
def _towards(model: PreTrainedModel, pair: Pair, strength: float) -> PreTrainedModel:
    """The model that lies so far on the way from the base."""
    if strength != 1:
        start = dict(pair.model("base").named_parameters())
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.lerp(start[name].to(parameter), parameter, strength))
    return model
