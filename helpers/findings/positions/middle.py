"""The chapter's question asked in every way it can be: is the middle of a prompt lost?

An instruction moved through a text, measured by blanking, by share of importance and by what is
followed, and profiles as they are observed. All are put on one scale, the middle in per cent of an end,
so that they stand in one forest plot. Sentences take their words from the comparisons.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from helpers.findings.positions import placed, profiles
from helpers.methods.statistics import Comparison, compare_paired, holm, resamples, untested
from helpers.models.roles import ROLES
from helpers.pages.forest import clear
from helpers.pages.prose import direction, number

SEVEN, OWN = {"base": "LLaMA", "tuned": "Vicuna"}, {"base": "base", "tuned": "tuned"}
OBSERVED = "Prompts as they are: density"
LABEL = "the middle, % above or below that end"
END_WORDS = {"before": "the start", "after": "the end"}
# What moves with the instruction: the heading of its lines, the column of its table, the response.
MOVED = {
    "Instruction moved: loss when it is blanked": ("instruction", "expected"),
    "Instruction moved: share of importance": ("share", "expected"),
    "Instruction moved: how often it is followed": ("followed", "own"),
}


def in_percent(found: Comparison, a: np.ndarray, b: np.ndarray) -> Comparison:
    """The same comparison as how much b lies above a, in % of a's mean; p-values stay.

    The interval is that of the ratio of both means, over resampled items; not tested where a is 0 in
    some of them.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if not found.possible:
        return found
    draws = resamples(len(a), np.random.default_rng(0))
    if (draws @ a <= 0).any() or a.mean() <= 0:
        return untested(found.label, "the end is too near zero", n=found.n)
    low, high = np.percentile(100 * ((draws @ b) / (draws @ a) - 1), [2.5, 97.5])
    size = 100 * float(b.mean() / a.mean() - 1)
    return replace(found, difference=size, low=float(low), high=float(high), effect_size=np.nan)


def moved(table: pd.DataFrame, column: str, response: str) -> list[Comparison]:
    """The middle against either end, for both models, in per cent of that end."""
    wide, found = placed.grid(table, column, response), []
    raw = placed.against_each_end(table, column, response)
    for at, one in enumerate(raw):
        model, end = ROLES[at // 2], placed.ENDS[at % 2]
        one = replace(one, label=f"{model}, against {END_WORDS[end]}")
        found.append(in_percent(one, wide[(model, end)], placed.middle(wide, model)))
    return holm(found)


def observed(table: pd.DataFrame, names: dict[str, str], **setting) -> list[Comparison]:
    """Density in the middle of prompts against both their ends, in per cent of the ends; no correction."""
    found, null = [], "mean relative density is the same in the middle as at the ends"
    for role, sums in profiles.sides(table, **setting).items():
        ends, inside = sums[:, 1], sums[:, 0]
        one = compare_paired(
            ends, inside, label=f"{names[role]}, against both ends", null_hypothesis=null
        )
        found.append(in_percent(one, ends, inside))
    return found


def lines(
    measures: pd.DataFrame, losses: pd.DataFrame, ours: pd.DataFrame,
    released: pd.DataFrame | None = None,
) -> dict[str, list[Comparison]]:  # fmt: skip
    """Every reading of the middle, by heading: one Holm family a heading.

    `ours` are the pair's profiles in one setting, `released` those of 7B.
    """
    tables = {"instruction": losses}
    found = {
        heading: moved(tables.get(column, measures), column, response)
        for heading, (column, response) in MOVED.items()
    }
    seven = [] if released is None else observed(released, SEVEN)
    return found | {OBSERVED: holm([*seven, *observed(ours, OWN)])}


# --- words that the data choose


def lost(start: Comparison, end: Comparison) -> bool:
    """Whether the middle is below both ends, each told apart from nothing."""
    return all(clear(one) and one.difference < 0 for one in (start, end))


def sentence(start: Comparison, end: Comparison) -> str:
    """What the middle is next to both ends, as a sentence goes on after "the middle counts"."""
    if not (start.possible and end.possible):
        return "for too little to be compared"
    words = dict(up="more than at", down="less than at", none="not clearly less or more than at")
    said = [direction(one, **words) for one in (start, end)]
    ends = list(END_WORDS.values())
    if said[0] == said[1]:
        return f"{said[0]} either end"
    return f"{said[0]} {ends[0]}, and {said[1]} {ends[1]}"


def places(found: list[Comparison]) -> str:
    """At how many of the five places the tuned model has clearly more."""
    more = sum(clear(one) and one.difference > 0 for one in found)
    return "all five" if more == len(found) else f"{number(more)} of {number(len(found))}"


def counted(found: dict[str, list[Comparison]], *roles: str) -> str:
    """By how many of the readings of a moved instruction, that could be tested, the middle is lost."""
    starts = [2 * ROLES.index(role) for role in roles or ROLES]
    pairs = [found[heading][at : at + 2] for heading in MOVED for at in starts]
    tested = [pair for pair in pairs if all(one.possible for one in pair)]
    return f"{number(sum(lost(*pair) for pair in tested))} of {number(len(tested))} readings"


def verdict(found: dict[str, list[Comparison]]) -> str:
    """The chapter's title answered, for each model."""
    return ", ".join(f"in the {role} model by {counted(found, role)}" for role in ROLES)


def range_of(found: list[Comparison]) -> str:
    """Both models' middles in whole per cent of the ends, as prose has them."""
    return " and ".join(f"{100 + one.difference:.0f}\u00a0%" for one in found)


def change(found: Comparison, unit: str, digits: int = 2) -> str:
    """What tuning does to middle minus ends, as a verb phrase; a null says what would have been seen."""
    if not found.possible:
        return "cannot be told to change the middle"
    if clear(found):
        verb = "raises" if found.difference > 0 else "lowers"
        return f"{verb} the middle, next to its ends, by {abs(found.difference):.{digits}f} {unit}"
    seen = f"{found.detectable():.{digits}f} {unit}"
    return f"leaves the middle, next to its ends, where it was (a change of {seen} would have been seen)"


def _by_place(measures: pd.DataFrame, losses: pd.DataFrame) -> dict[str, str]:
    """Where each model loses most, how likely answers are, what is followed where."""
    said, levels = {}, placed.levels(losses).set_index(["model", "place"])
    rates = placed.by_place(measures, "followed", "own").set_index(["model", "place"])["mean"]
    for role in ROLES:
        loss, rate = levels.loc[role, "lost with the instruction"], rates[role]
        said[f"most_{role}"], said[f"least_{role}"] = str(loss.idxmax()), str(loss.idxmin())
        said[f"times_{role}"] = f"{np.exp(loss.mean()):.0f}"
        said[f"without_{role}"] = f"{levels.loc[role, 'without it'].mean():.1f}".replace("-", "−")
        share = 100 * levels.loc[role, "probability of the answer"].mean()
        said[f"probable_{role}"] = f"{share:.2g}\u00a0%"
        said |= {
            f"rate_{place}_{role}".replace(" ", "_"): f"{100 * rate[place]:.0f}\u00a0%"
            for place in rate.index
        }
    said["context"] = f"{levels['lost with as much context'].mean():.1f}"
    return said


def numbers(
    measures: pd.DataFrame, losses: pd.DataFrame, found: dict[str, list[Comparison]],
    released: pd.DataFrame,
) -> dict[str, object]:  # fmt: skip
    """What the chapter's sentences say, by name; `found` are its `lines`, 7B among them."""
    blanked, shared, _, profile = found.values()
    said = _by_place(measures, losses)
    said |= {"n": blanked[0].n, "n_7b": profile[0].n, "verdict": verdict(found)}
    said["counted"] = counted(found)
    for name, four in (("blanked", blanked), ("shared", shared)):
        said |= {f"{name}_base": sentence(*four[:2]), f"{name}_tuned": sentence(*four[2:])}
    units = ("instruction", losses, "nats a token"), ("share", measures, "of the share")
    for name, table, unit in units:
        said[f"places_{name}"] = places(placed.base_against_tuned(table, name))
        said[f"change_{name}"] = change(placed.middle_against_ends(table, name)[2], unit)
    zero = holm(observed(released, SEVEN, threshold=0))
    for name, both in (("7b", profile[:2]), ("own", profile[2:]), ("zero", zero)):
        words = dict(up="above", down="below", none="not clearly above or below")
        told = [direction(one, **words) for one in both]
        said[f"told_{name}"] = told[0] if told[0] == told[1] else " and ".join(told)
        said[f"main_{name}"] = range_of(both)
    return said
