"""What a reader may conclude from a tint, in words that the comparisons choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from helpers.findings.faithfulness.read import NAMES, RANDOM, SHARED
from helpers.methods.statistics import Comparison
from helpers.models.roles import ROLES
from helpers.pages.prose import clear, direction

ALIKE = 0.5  # a mean rho from which on single tokens count as ranked like erasure ranks them


def token_by_token(single: Sequence[Comparison], estimate: str = "gradient") -> str:
    """Whether a tint may be read token by token: by the intervals of the mean rho with erasure."""
    own = [one for one in single if one.label.startswith(f"{estimate},")]
    if own and all(one.low >= ALIKE for one in own):
        return "may be read token by token"
    if all(one.high < ALIKE for one in own):
        return "may not be read token by token"
    return "may be read token by token only with care"


def ceiling(single: Sequence[Comparison]) -> str:
    """How far two exact ways agree: no estimate of one can be asked for more."""
    name = NAMES["mean_erasure"]
    asked = {f"{name}, {reader}" for reader in SHARED.values()}
    own = [one for one in single if one.label in asked]
    said = " and ".join(f"{one.difference:.2f} [{one.low:.2f}, {one.high:.2f}]" for one in own)
    said, n = said.replace("-", "−"), min(one.n for one in own)
    return (
        f"Two exact ways, a word's embedding put to zero or to the mean of all words, agree to {said} "
        f"(base, tuned; {n} prompts): more cannot be asked of an estimate of one of them."
    )


def together(orders: Sequence[Comparison]) -> str:
    """In which models the tokens that the gradient names first, erased together, take more than random."""
    of_role = {f"{role}: gradient against {RANDOM}": role for role in ROLES}
    less = [of_role[o.label] for o in orders if o.label in of_role and direction(o) == "less"]
    if len(less) == len(ROLES):
        return "both models"
    return f"the {less[0]} model alone" if less else "neither model"


def title(orders: Sequence[Comparison]) -> str:
    return f"The gradient's words matter more than random ones in {together(orders)}"


def confirmed(by_share: Sequence[Comparison]) -> str:
    """What erasure does to the gradient's answer on the share: only what both tell apart can agree."""
    by = {one.label.split(", ")[1].removeprefix("by "): one for one in by_share}
    both = [by[name] for name in ("gradient", "erasure") if name in by]
    if len(both) < 2 or not all(one.possible and clear(one) for one in both):
        return "leaves it open"
    return "confirms it" if direction(both[0]) == direction(both[1]) else "contradicts it"


def conclusion(single: Sequence[Comparison], orders: Sequence[Comparison]) -> str:
    """What a tint tells and what it does not, for every page that says so."""
    named = f"The words that it names first matter more than random ones in {together(orders)}"
    return f"A tint {token_by_token(single)}. {named}."


def doubts(single: Sequence[Comparison], sums: Sequence[Comparison]) -> dict[str, list[Comparison]]:
    """What `pages.forest` draws of rank correlations on the tuned model's response, under short names:
    single words, and the instruction's words added up (by erasure to zero alone)."""
    roles, groups = {reader: role for role, reader in SHARED.items()}, {}
    words, added = "Single words, against erasure", "The instruction added up, against blanking"
    lines = [(words, *one.label.rsplit(", ", 1), one) for one in single]
    for one in sums:
        of, _, estimate = one.label.partition(": ")
        segment, reader = of.split(", ")
        if segment == "instruction" and estimate != NAMES["mean_erasure"]:
            lines.append((added, estimate, reader, one))
    for heading, estimate, reader, one in lines:
        if reader in roles:
            short = replace(one, label=f"{estimate}, {roles[reader]}")
            groups.setdefault(heading, []).append(short)
    return groups


def by_short_name(shared: Sequence[Comparison]) -> dict[str, list[Comparison]]:
    """Chapter 1's share by each estimate, for a plot of its own: another unit."""
    short = [replace(one, label=one.label.split(", ")[1]) for one in shared]
    return {"Share on the instruction, tuned minus base": short}
