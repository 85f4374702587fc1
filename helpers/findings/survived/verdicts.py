"""A verdict on a claim: what its controls leave of it, by one rule for all.

The comparisons of a claim, its own and those of all its controls, are one family for Holm's correction.
Sizes are Hedges' g where both comparisons have one, so that measures of different units compare.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from helpers.methods.chance import Ranked, detectable
from helpers.methods.errors import Mendable
from helpers.methods.statistics import Comparison, holm, untested
from helpers.store.store import MissingResult

HOLDS, WEAKER, GONE, REVERSED = "holds", "weaker", "gone", "reversed"
MIXED, UNTESTABLE, MISSING = "mixed", "not testable", "not computed yet"
MAIN = "as claimed"
LEVEL, HALF = 0.05, 0.5
MIDDLING = 0.5  # Hedges' g that a null must have been able to see, to count as one
# The least favourable first.
JUDGED = (REVERSED, GONE, WEAKER, HOLDS)
RULE = {
    HOLDS: "the sign of the claim, and told apart from zero (p under 0.05 after Holm's correction over "
    "the claim's row)",
    WEAKER: "the same, but under half of the size that the claim has as claimed",
    GONE: "not told apart from zero; the size that would have been seen is said",
    REVERSED: "told apart from zero, with the opposite sign",
    MIXED: "its comparisons differ in the above, weaker and holds taken as one: open it",
    UNTESTABLE: "the control does not apply, or too few values; the reason is said",
    MISSING: "the store of this pair lacks the part; the command is said",
}


@dataclass(frozen=True)
class Cell:
    """One claim under one control; `why` says what could not be compared."""

    verdict: str
    found: tuple[Comparison, ...] = ()
    verdicts: tuple[str, ...] = ()  # of each comparison
    why: str = ""

    @property
    def judged(self) -> bool:
        return self.verdict in (*JUDGED, MIXED)


Reading = Callable[[], Comparison | Sequence[Comparison]]


class NoVariant(MissingResult):
    """A variant of the pair has no store; the message names it."""


def from_rank(one: Ranked, label: str, null_hypothesis: str) -> Comparison:
    """A value among random draws as a comparison: b is the value, a the draws' mean."""
    if np.isnan(one.p_value) or 2 / (one.draws + 1) >= LEVEL:
        why = f"{one.draws} random draws are too few: no value among them could be told apart"
        return untested(label, why, null_hypothesis=null_hypothesis)
    return Comparison(
        label, one.draws, one.mean, one.value, one.value - one.mean, np.nan,
        one.value - one.high, one.value - one.low, one.p_value, "rank among random draws, two-sided",
        null_hypothesis, error=one.detectable / detectable(1.0),
    )  # fmt: skip


def could_tell(found: Comparison) -> bool:
    """Whether a difference of `MIDDLING` would have been seen; True where a comparison has no g."""
    by = found.effect_size / found.difference if found.difference else np.nan
    return not np.isfinite(by) or bool(found.detectable() * abs(by) <= MIDDLING)


def relative_size(found: Comparison, main: Comparison) -> float:
    """Size of a comparison as a share of the main one's: of g, or of the difference where g lacks."""
    sizes = np.array([found.effect_size, main.effect_size])
    if not np.isfinite(sizes).all():
        sizes = np.array([found.difference, main.difference])
    return float(abs(sizes[0] / sizes[1])) if sizes[1] else np.inf


def verdict_of(found: Comparison, sign: int, main: Comparison | None = None) -> str:
    """The verdict on one comparison; `main` is the claim's own, where that holds."""
    if not found.possible:
        return UNTESTABLE
    if (found.p_value if found.p_holm is None else found.p_holm) >= LEVEL:
        return GONE
    if np.sign(found.difference) != sign:
        return REVERSED
    return WEAKER if main is not None and relative_size(found, main) < HALF else HOLDS


def _read(readings: Sequence[Reading], command: str) -> tuple[list, list, list]:
    """What could be compared, why the rest could not, and what is missing."""
    found, why, missing = [], [], []
    for reading in readings:
        try:
            one = reading()
            found += [one] if isinstance(one, Comparison) else one
        except NoVariant as error:
            missing.append(str(error))
        except MissingResult:
            missing.append(command)
        except Mendable as error:
            why.append(str(error))
    return found, why, missing


def _cell(found: Sequence[Comparison], verdicts: tuple[str, ...], why: list, missing: list) -> Cell:
    worst = next((verdict for verdict in JUDGED if verdict in verdicts), None)
    differ = {HOLDS if verdict == WEAKER else verdict for verdict in verdicts} & {*JUDGED}
    worst = MIXED if len(differ) > 1 else worst
    said = [*why, *(one.test for one in found if not one.possible)]
    said += [f"not computed yet: {one}" for one in dict.fromkeys(missing)]
    other = MISSING if missing else UNTESTABLE
    return Cell(worst or other, tuple(found), verdicts, "; ".join(said))


def judge_row(
    sign: int, asked: Mapping[str, Sequence[Reading] | str], command: str = ""
) -> dict[str, Cell]:
    """A cell a control, `asked[MAIN]` among them: readings to compare, or why there can be none.

    `command` computes what the store lacks. The tested comparisons of all cells are one Holm family.
    """
    read = {name: _read(what, command) for name, what in asked.items() if not isinstance(what, str)}
    corrected = iter(holm([one for found, *_ in read.values() for one in found]))
    tested = {name: [next(corrected) for _ in found] for name, (found, *_) in read.items()}
    own = next(iter(tested[MAIN]), None)
    main = own if own and verdict_of(own, sign) == HOLDS else None
    cells = {
        name: Cell(UNTESTABLE, why=what) for name, what in asked.items() if isinstance(what, str)
    }
    for name, found in tested.items():
        judged = tuple(verdict_of(one, sign, main) for one in found)
        cells[name] = _cell(found, judged, *read[name][1:])
    return {name: cells[name] for name in asked}
