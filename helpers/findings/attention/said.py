"""Chapter 3 in sentences whose shape depends on what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from helpers.findings.attention.heads import among_sets
from helpers.findings.attention.lift import COUNTED, Counted, VerbComparison, among_draws
from helpers.findings.attention.readings import READINGS
from helpers.methods.chance import LEVEL, Ranked
from helpers.methods.statistics import Comparison
from helpers.pages.prose import clear, direction, percent

WORDS = {"up": "more often", "down": "less often", "none": "not clearly more often"}
FINE = 0.1  # of lift: what a reading should be able to see
NET = "pairs gained less lost"  # a reading of another unit than lift


def gain(one: VerbComparison) -> str:
    """How often the number of pairs rose with instruction verbs, beside other verbs."""
    if not one.possible:
        return f"too few verbs changed to compare ({one.sizes[1]} instruction verbs)"
    rose = direction(one, **WORDS)
    return (
        f"that number rose {rose} for instruction verbs than for other verbs of the same frequency"
    )


def title(one: VerbComparison) -> str:
    """What the figure of the result shows, as its title."""
    words = {"up": "Instruction verbs rose more than other verbs",
             "down": "Instruction verbs rose less than other verbs",
             "none": "Instruction verbs did not rise clearly more than other verbs"}  # fmt: skip
    return direction(one, **words) if one.possible else "Too few verbs changed"


def lines(compared: Counted, robust: Sequence[VerbComparison]) -> dict[str, list[Comparison]]:
    """For the forest: the result by both ways of counting, and by the paper's for every other reading."""
    paper = f"; {next(iter(COUNTED))}"
    readings = [
        replace(one, label=one.label.removesuffix(paper))
        for one in robust
        if one.label.endswith(paper) and not one.label.startswith((NET, READINGS["main"].label))
    ]
    found = [replace(own[-1], label=f"pairs of {way}") for way, own in compared.items()]
    return {"The result": found, "Read otherwise (two dimensions or more)": readings}


def agreeing(main: VerbComparison, robust: Sequence[VerbComparison]) -> str:
    """How many readings say the same as the main comparison; of a null, what they would have seen."""
    tested = [one for one in robust if one.possible]
    same = sum(direction(one) == direction(main) for one in tested)
    if clear(main):
        return f"{same} of {len(tested)} readings of the heads say the same"
    lifts = [one for one in tested if not one.label.startswith(NET)]
    able = sum(one.detectable() <= FINE for one in lifts)
    return (
        f"{same} of {len(tested)} readings of the heads are not clear either; in {able} of them a "
        f"difference of {FINE:.2f} would have been seen"
    )


def beside_chance(one: Ranked) -> str:
    """How many places tuning changed, beside random updates as large."""
    places = "places (verb in head)"
    if one.p_value < LEVEL:
        word = "more" if one.as_low <= one.as_high else "fewer"
        return f"A random update as large changes {word} {places}"
    if min(one.as_low, one.as_high):
        return f"A random update as large changes about as many {places}"
    word = "more" if one.as_high else "fewer"
    return (
        f"Each of {one.draws} random updates as large changes {word} {places}, "
        "which is too few draws for a test"
    )


def harmed(sets: pd.DataFrame) -> dict[str, object]:
    """Following without the chosen heads, and how many random sets cost as much (`silenced_table`)."""
    following = among_sets(sets)["share of prompts followed"]
    p_value = (1 + following.as_low) / (1 + following.draws)
    none = sets.loc["none", "followed"]
    return {
        "harm_word": "more" if p_value < LEVEL else "not clearly more",
        "draws_silenced": following.draws, "draws_worse": following.as_low,
        "draws_cost": f"{100 * (none - following.high):.0f} to {100 * (none - following.low):.0f} points",
        "followed_none": percent(none),
        "followed_instruction": percent(sets.loc["instruction", "followed"]),
    }  # fmt: skip


def summary(
    compared: Counted, robust: Sequence[VerbComparison], drawn: pd.DataFrame
) -> dict[str, object]:
    """What the first screen says, by name; rounded."""
    two, single = (found[-1] for found in compared.values())
    strict = list(among_draws(drawn, "counts changed").values())
    words = [direction(one, **WORDS) for one in (two, single)]
    sure = "{} by the paper's way of counting, {} by a more sensitive one".format(*words)
    if words[0] == words[1]:
        sure = f"{words[0]}, by both ways of counting"
    return {
        "gain": gain(two),
        "lift_instruction": percent(two.mean_b),
        "lift_general": percent(two.mean_a),
        "chance": beside_chance(strict[1]),
        "chance_any": beside_chance(strict[-1])
        .replace("A random", "a random")
        .replace("Each of", "each of"),
        "sure_direction": sure,
        "sure_size": f"{two.difference:+.2f} in lift".replace("-", "\u2212"),
        "detectable_two": f"{two.detectable():.2f}",
        "detectable_any": f"{single.detectable():.2f}",
        "sure_measures": agreeing(two, robust),
    }
