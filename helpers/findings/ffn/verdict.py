"""What chapter 4 says: every comparison behind its claims in one unit, and the words they allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from helpers.findings.ffn import against_random as random
from helpers.findings.ffn import tables, trust
from helpers.methods.chance import Ranked
from helpers.methods.rotation import EQUAL
from helpers.methods.statistics import Comparison, holm
from helpers.models.roles import ROLES
from helpers.pages import prose
from helpers.pages.forest import clear
from helpers.store.store import Store
from helpers.words.annotation import LINGUISTIC_LEVELS, TASKS

TURNED = {
    "norm": "Further than random, equal norm and rank? (%)",
    "spectrum": "Equal singular values? (%)",
}
TASK, LEVEL, CLEARER = (
    "More lists with a task? (points)",
    "With a linguistic level? (points)",
    "Clearer than random lists? (points)",
)
Families = Mapping[str, Sequence[Comparison]]


def in_percent(one: Comparison, whole: float = 1.0, **changed) -> Comparison:
    """Difference and interval in percent of `whole`: of 1 for shares, of the null's mean for angles."""
    scaled = {
        name: 100 * getattr(one, name) / whole for name in ("difference", "low", "high", "error")
    }
    return replace(one, **scaled, **changed)


def families(store: Store) -> Families:
    """Everything that the chapter's forest shows, by question, each corrected in its own family.

    Angles in percent of those of random updates; shares of lists in percentage points.
    """
    annotations, baseline = tables.read_annotations(store), tables.read_baseline(store)
    shares = {one.label: in_percent(one) for one in tables.compare_shares(annotations)}
    own = {role: annotations[annotations["role"] == role] for role in ROLES}
    beyond = [
        random.against_random(own[r], baseline, "beyond_random", f"{r}, by rules") for r in ROLES
    ]
    blind = replace(trust.blind_shares(trust.read_labels("blind"))[0], label="to the blind reader")
    turned = tables.compare_rotation(tables.read_rotation(store))
    return {
        heading: [
            in_percent(one, one.mean_a, label=one.label.split(", random")[0])
            for one in turned
            if one.label.endswith(EQUAL[null])
        ]
        for null, heading in TURNED.items()
    } | {
        TASK: [shares[name] for name in TASKS],
        LEVEL: [shares[name] for name in LINGUISTIC_LEVELS],
        CLEARER: [in_percent(one) for one in (*holm(beyond), blind)],
    }


def counted(found: Sequence[Comparison], more: str = "more", less: str = "less") -> str:
    """For a sentence: "2 of 8 less and 1 more"; "none of 8 differs" where nothing is told from zero."""
    signs = [np.sign(one.difference) for one in found if clear(one)]
    first, *rest = [f"{signs.count(s)} {w}" for s, w in ((-1, less), (1, more)) if s in signs] or [
        ""
    ]
    if not first:
        return f"none of {len(found)} differs"
    return " and ".join([first.replace(" ", f" of {len(found)} ", 1), *rest])


def single(store: Store, null: str = "norm") -> Ranked:
    """The median angle of matched components, mean of the layers, among random updates."""
    return tables.among_random(tables.read_rotation(store))[tables.MATCHED, null]


def beside_random(one: Ranked) -> str:
    """For a sentence: "less than every one of 200 random updates"."""
    return one.said.replace("draws", "random updates")


def guess(one: Ranked) -> str:
    """The answer to the guess: the random angle, and what it leaves of tuning's."""
    ratio = one.mean / one.value if one.value else np.nan
    if 0.8 < ratio < 1.25:
        return "About as much. So most of this angle says only that the weights changed at all."
    if ratio >= 1.25:
        return "More. So this angle alone is less than a change of the weights gives by itself."
    return "Less. So part of this angle is more than a change of the weights gives by itself."


def where_it_points(store: Store) -> str:
    """Where the update lies, in sentences; one line on how to compute it where the store lacks it."""
    if not store.has("ffn/update"):
        return f"This is not computed yet for this pair: `{command(store)}`."
    found = tables.read_update(store)
    few, k = min(k for _, k in found), max(k for _, k in found)
    inside, words = found["components", k], found["embeddings", few]
    differs = inside.p_value < 0.05
    word = "less" if inside.value < inside.mean else "more"
    return (
        f"Of its squared norm {prose.percent(inside.value)} lies in the span of the base's {k} components, "
        f"of random updates with equal singular values {prose.percent(inside.mean)}: {inside.said}. "
        f"The {few} strongest directions of the word embeddings hold {prose.percent(words.value, 1)}, at "
        f"random {prose.percent(words.mean, 1)}: {words.said}. "
        + (f"With {word} of it inside, it has {word} to turn single components with. " if differs else
           "So its place in this span explains no difference of angles. ")
        + "Why tuning took that way is left open."
    )  # fmt: skip


def command(store: Store) -> str:
    return f"python -m helpers compute --pair {store.folder.name} --finding ffn"


def how_sure(store: Store, found: Families) -> dict[str, str]:
    """The four rows under the claim: direction, size, measures, models."""
    one, other = single(store), single(store, "spectrum")
    both = [turn for heading in TURNED.values() for turn in found[heading]]
    return {
        "sure_direction": f"{beside_random(one)}; of equal singular values: {other.said}",
        "sure_size": f"{one.value:.1f}° against {one.mean:.1f}°; "
        f"{one.detectable:.1f}° would be found in 4 of 5",
        "sure_measures": f"angles, layer by layer: {counted(both, 'further', 'less')}; tasks: "
        f"{counted(found[TASK])}; levels: {counted(found[LEVEL])}",
        "sure_models": "one small pair, one tuning",
    }


def score(blind: pd.DataFrame) -> Comparison:
    """Of ten lists, half of them random, how many the blind reader places right (chance, a: five)."""
    one = trust.blind_shares(blind)[0]
    scaled = {name: 5 * getattr(one, name) for name in ("difference", "low", "high")}
    return replace(one, mean_a=5.0, mean_b=5 + scaled["difference"], **scaled)


def paper_table(store: Store, found: Families) -> pd.DataFrame:
    """The paper, our run, and what differs and why."""
    one, blind = single(store), score(trust.read_labels("blind"))
    rank = tables.read_rotation(store).rank.max()
    beyond = "; ".join(f"{x.label} {x.difference:+.1f} points" for x in found[CLEARER])
    rows = {
        "Did knowledge rotate?": (
            "yes, inferred from shares of tasks; no angle, no null",
            f"single components by {one.value:.2f}°: {beside_random(one)}",
            "measured in the weights, against random updates of equal size",
        ),
        "Toward user tasks?": (
            "yes: shares of tasks change",
            f"{counted(found[TASK])}, by rules that are poor at tasks",
            f"rules instead of ChatGPT; another pair, whose update has rank {rank}",
        ),
        "Linguistic levels unchanged?": (
            "yes", counted(found[LEVEL]), "as above; each pole is a list of its own",
        ),
        "Are components interpretable?": (
            "examples shown; no random baseline",
            f"beside random directions: {beyond}; a blind reader places {blind.mean_b:.1f} of ten right",
            "all components counted, with a random-direction baseline",
        ),
    }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index", columns=["paper", "ours", "what differs"])
