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
from helpers.methods.statistics import Comparison, compare_paired, holm, shared_resamples, untested
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
    draws = shared_resamples(len(a))
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


def table(found: dict[str, list[Comparison]]) -> pd.DataFrame:
    """Every tested reading of a moved instruction: the middle next to both ends, and if it is lost."""
    words, rows = dict(up="more", down="less", none="not clear"), {}
    for heading in MOVED:
        for role, at in zip(ROLES, (0, 2), strict=True):
            pair = found[heading][at : at + 2]
            if not all(one.possible for one in pair):
                continue
            row = [*(direction(one, **words) for one in pair), "yes" if lost(*pair) else "not seen"]
            rows[f"{heading.removeprefix('Instruction moved: ')}, {role}"] = row
    columns = [*END_WORDS.values(), "lost?"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis(
        "the middle counts, next to", axis="columns"
    )


def places(found: list[Comparison]) -> str:
    """At how many places the tuned model has clearly more, or less: "more at four of five places"."""
    signs = [one.difference > 0 for one in found if clear(one)]
    told = [
        (word, signs.count(up)) for word, up in (("more", True), ("less", False)) if up in signs
    ]
    if not told:
        return f"neither clearly more nor less at any of {number(len(found))} places"
    n = number(len(found))
    count = lambda k: f"all {n}" if k == len(found) else f"{number(k)} of {n}"  # noqa: E731
    return " and ".join(f"{word} at {count(k)} places" for word, k in told)


def _readings(found: dict[str, list[Comparison]], *roles: str) -> tuple[int, int]:
    """In how many readings of a moved instruction the middle is lost, and how many could be tested."""
    starts = [2 * ROLES.index(role) for role in roles or ROLES]
    pairs = [found[heading][at : at + 2] for heading in MOVED for at in starts]
    tested = [pair for pair in pairs if all(one.possible for one in pair)]
    return sum(lost(*pair) for pair in tested), len(tested)


def counted(found: dict[str, list[Comparison]], *roles: str) -> str:
    """By how many of the readings the middle is lost: "one of five readings"."""
    lost_by, n = map(number, _readings(found, *roles))
    return f"{lost_by} of {n} readings"


def answer(found: dict[str, list[Comparison]]) -> str:
    """The chapter's title answered in a sentence."""
    lost_by, n = _readings(found)
    opening = "No sign of it" if not lost_by else "Hardly" if 2 * lost_by < n else "Mostly"
    opening = "Yes" if lost_by == n else opening
    of = f"{number(lost_by)} of {number(n)} readings (one model by one measure)"
    return f"{opening}: the middle is lost by {of}."


def change(found: Comparison, unit: str, digits: int = 2) -> str:
    """What tuning adds to middle minus ends, as a verb phrase; a null says what would have been seen."""
    if not found.possible:
        return "cannot be compared"
    if clear(found):
        word = "more" if found.difference > 0 else "less"
        return (
            f"adds {abs(found.difference):.{digits}f} {unit} {word} in the middle than at the ends"
        )
    seen = f"{found.detectable():.{digits}f} {unit}"
    return (
        "does not clearly add more in the middle than at the ends, or less "
        f"(a difference of {seen} would have been seen)"
    )


def _by_place(measures: pd.DataFrame, losses: pd.DataFrame) -> dict[str, str]:
    """Where each model loses most, how likely answers are, what is followed where."""
    said, levels = {}, placed.levels(losses).set_index(["model", "place"])
    rates = placed.by_place(measures, "followed", "own").set_index(["model", "place"])["mean"]
    for role in ROLES:
        loss, rate = levels.loc[role, "lost with the instruction"], rates[role]
        said[f"most_{role}"], said[f"least_{role}"] = str(loss.idxmax()), str(loss.idxmin())
        said[f"times_{role}"] = f"{np.exp(loss.mean()):.0f}"
        said[f"without_{role}"] = f"{levels.loc[role, 'without it'].mean():.1f}".replace("-", "−")
        said[f"context_{role}"] = f"{levels.loc[role, 'lost with as much context'].mean():.2f}"
        share = 100 * levels.loc[role, "probability of the answer"].mean()
        said[f"probable_{role}"] = f"{share:.2g}\u00a0%"
        said |= {
            f"rate_{place}_{role}".replace(" ", "_"): f"{100 * rate[place]:.0f}\u00a0%"
            for place in rate.index
        }
    return said


def numbers(
    measures: pd.DataFrame, losses: pd.DataFrame, found: dict[str, list[Comparison]],
    released: pd.DataFrame,
) -> dict[str, object]:  # fmt: skip
    """What the chapter's sentences say, by name; `found` are its `lines`, 7B among them."""
    (blanked, *_), *_, profile = found.values()
    said = _by_place(measures, losses)
    said |= {
        "n": blanked.n,
        "n_7b": profile[0].n,
        "verdict": ", ".join(f"in the {one} model by {counted(found, one)}" for one in ROLES),
        "answer": answer(found),
    }
    units = ("instruction", losses, "nats a token"), ("share", measures, "of the share")
    for name, table, unit in units:
        said[f"places_{name}"] = places(placed.base_against_tuned(table, name))
        said[f"change_{name}"] = change(placed.middle_against_ends(table, name)[2], unit)
    zero = holm(observed(released, SEVEN, threshold=0))
    for name, both in (("7b", profile[:2]), ("own", profile[2:]), ("zero", zero)):
        words = dict(up="above", down="below", none="not clearly above or below")
        told = [direction(one, **words) for one in both]
        said[f"told_{name}"] = told[0] if told[0] == told[1] else " and ".join(told)
        said[f"main_{name}"] = " and ".join(f"{100 + one.difference:.0f}\u00a0%" for one in both)
    return said
