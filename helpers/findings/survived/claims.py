"""What a claim is, and how one is asked of a pair, of its seeds and of its controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal

import pandas as pd

from helpers.findings.course.read import EVERY, effect, finished, missing
from helpers.findings.recognition.tables import compare
from helpers.findings.survived.verdicts import MAIN, Cell, NoVariant, Reading, judge_row
from helpers.methods.statistics import Comparison
from helpers.store.store import MissingResult, Store

CONTROLS = {
    MAIN: "the comparison that the claim itself makes",
    "other response": "both models read another response than in the claim",
    "no template": "the template's tokens left out, or a prompt of plain text",
    "placebo": "more than the same measure finds where no instruction is",
    "blanking": "what is lost, exactly, when the words are blanked out whole",
    "other estimate": "the same question by another way to measure it",
    "length": "responses of equal or sufficient length alone",
    "other seed": "the same tuning, repeated from other seeds",
    "shuffled tuning": "more than tuning on responses dealt to wrong instructions",
    "7B": "the authors' released matrices of LLaMA and Vicuna",
}
SEVEN = "LLaMA and Vicuna, all data sets"
SEEDS = (1, 2)  # of the repeated tuning: stores PAIR-seed-1 and -2 beside the pair's own, or runs
SHORT, SHUFFLED = "short", "shuffled"  # runs of the course with as many steps
Compare = Callable[[Store], Comparison]
Wide = pd.DataFrame  # a row an item: columns base and tuned
Sides = Callable[[Store], Wide]


@dataclass(frozen=True)
class Claim:
    """One row. `said`: its sentence, with {words for more/for less/for neither} as the difference's sign.

    `compare` makes the claim's comparison on a pair's store. `checks` holds, by control, comparisons of
    a store, or why there can be none; "7B" takes the store of the authors' models. `course` names the
    measure of the course of training that asks the same of a seed that has no store of its own.
    """

    chapter: int
    key: str
    whose: Literal["paper", "paper, first version", "this book"]
    text: str
    said: str
    sign: Literal[1, -1]
    unit: str
    compare: Compare
    checks: Mapping[str, Sequence[Compare] | str] = field(default_factory=dict)
    lead: bool = False  # whose sentence stands for the chapter
    course: str = ""

    def _asked(self, store: Store, seven: Store) -> dict[str, Sequence[Reading] | str]:
        asked: dict[str, Sequence[Reading] | str] = {MAIN: [partial(self.compare, store)]}
        for control in CONTROLS:
            what = self.checks.get(control, "the control does not apply")
            source = seven if control == "7B" else store
            told = what if isinstance(what, str) else [partial(one, source) for one in what]
            asked.setdefault(control, told)
        asked["other seed"] = [partial(self._seed, store, seed) for seed in SEEDS]
        return asked

    def _seed(self, store: Store, seed: int) -> Comparison:
        run = f"seed-{seed}"
        variant = Store(store.folder.with_name(f"{store.folder.name}-{run}"))
        try:
            if not variant.manifest():
                raise NoVariant(variant.folder.name)
            return replace(self.compare(variant), label=f"seed {seed}")
        except MissingResult as error:  # no store of its own, or not all of one
            held = finished(store, EVERY[self.course].part) if self.course else {}
            if run not in held:
                raise NoVariant(variant.command(paths=False)) from error
        measure = EVERY[self.course]
        label = f"seed {seed}, {measure.label} ({measure.unit}), as along the training"
        return effect(store, self.course, held[run], label=label)

    def cells(self, store: Store, seven: Store) -> dict[str, Cell]:
        """A verdict for every control, in the order of CONTROLS."""
        command = store.command(paths=False)
        judged = judge_row(self.sign, self._asked(store, seven), command)
        return {control: judged[control] for control in CONTROLS}


@lru_cache(maxsize=12)  # one table answers many questions
def cached(of: Callable[[Store], pd.DataFrame], folder: Path) -> pd.DataFrame:
    """What `of` makes of the store in a folder, made once."""
    return of(Store(folder))


def paired(sides: Sides, label: str, store: Store) -> Comparison:
    """Base against tuned, over items."""
    return compare(sides(store), label, "value")


def of_weights(what: str) -> dict[str, str]:
    """Why controls of the response and the prompt do not apply to what is read from weights."""
    why = f"{what} are read from weights: there is no response, no prompt and no template"
    return dict.fromkeys(("other response", "no template", "length"), why)


# --- the control tuning, from the course of training


def beyond_shuffled(key: str, store: Store) -> Comparison:
    """A short run of the book's tuning (b) against one as long on shuffled responses (a), by item."""
    measure = EVERY[key]
    held = finished(store, measure.part)
    if not {SHUFFLED, SHORT} <= held.keys():
        raise NoVariant(missing(store).removeprefix("Not computed yet for this pair: "))
    label = f"{measure.label} ({measure.unit}): a short run, less one on shuffled responses"
    return effect(store, key, held[SHORT], held[SHUFFLED], label=label)
