"""What else could it be? One comparison a line, under one heading a question, on one axis.

Measures of different units share the axis in standard deviations: differences are Hedges' g, intervals
are scaled alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from helpers.findings.recognition import blanked, segments, tables
from helpers.findings.recognition.read import scores
from helpers.methods.statistics import Comparison, holm
from helpers.models.roles import ROLES
from helpers.store.store import Store

AXIS = "tuned minus base, in standard deviations (Hedges' g, 95 % interval)"
ALL = (*ROLES, "own")
HERE = ("instruction", "template")
HEADINGS = {
    "response": "Whose response is read? (share)",
    "template": "Is it the template? (share)",
    "place": "Where does the instruction stand? (share)",
    "placebo": "Is it any part of the prompt? (share; slot: score)",
    "score": "Is it the measure? (the paper's score)",
    "gradient": "Is it the gradient? (exact, without it)",
    "length": "Is it the length? (score)",
    "followed": "Followed minus not followed (score)",
}


def standardised(found: Comparison) -> Comparison:
    """The same comparison in standard deviations; as it is where it was not tested."""
    by = found.effect_size / found.difference if found.difference else np.nan
    return replace(found, difference=found.effect_size, low=found.low * by, high=found.high * by)


def by_place(table: pd.DataFrame) -> list[Comparison]:
    """The share by place of the instruction, in the template and in plain text: a family each."""
    found = []
    for setting, response, short in (("template", "tuned", ""), ("plain", "base", "plain, ")):
        wide = segments.sides(table, setting, response, "instruction", "share")
        ones = tables.by_group(wide, "place", response, "share")
        found += [replace(one, label=one.label.replace(", ", f", {short}", 1)) for one in ones]
    return found


def doubts(store: Store, erased: Sequence[Comparison] = ()) -> dict[str, list[Comparison]]:
    """Comparisons by question (the keys of HEADINGS), in their own units, each in its own family.

    `erased`: the share by erasure, on the tuned model's response. A question that the store cannot
    answer yet is left out.
    """
    table, chosen = segments.read_segments(store), segments.chosen
    share, losses = segments.family(table, "share"), blanked.held(store)
    shown = {"response": chosen(share, {"share": HERE}, ALL)}
    shown["template"] = chosen(share, {"plain text": ("instruction", "plain")}, ALL)
    shown["place"] = by_place(table)
    placebos = {one: (one, "template") for one in segments.SEGMENTS[1:]}
    cells = [("template", "tuned"), ("template", "base"), ("plain", "tuned"), ("plain", "base")]
    cells = [one for one in cells if one[0] in set(table["setting"])]
    shown["placebo"] = [
        *chosen(share, placebos, ROLES[1:]),
        *holm([segments.in_its_slot(table, *cell) for cell in cells]),
    ]
    scored = segments.family(table, "all rows")
    shown["score"] = [
        *chosen(scored, {"all tokens": HERE}, ALL),
        *chosen(scored, {"plain text": ("instruction", "plain")}, ROLES),
        *chosen(segments.family(table, "segments alone"), {"no template": HERE}, ROLES),
    ]
    exact = [] if losses is None else blanked.families(losses)["zero"]
    shown["gradient"] = [
        *chosen(exact, {"blanking": HERE}, ROLES),
        *(replace(one, label="erasure, the tuned's response") for one in erased),
    ]
    shown["length"] = tables.length_controls(store)[2:]
    shown["followed"] = tables.followed_against_not(tables.own(scores(store)))
    return {key: found for key, found in shown.items() if found}


def drawn(found: dict[str, list[Comparison]]) -> dict[str, list[Comparison]]:
    """What `pages.forest` draws: headings in words, differences in standard deviations."""
    lines = {"place": slice(3), "placebo": slice(3), "followed": slice(2, 4)}  # template, tuned
    shown = {key: ones[lines.get(key, slice(None))] for key, ones in found.items()}
    return {HEADINGS[key]: [standardised(one) for one in ones] for key, ones in shown.items()}
