"""What chapter 4 says: lists against those of random directions, every comparison behind its claims in one
unit, and the words they allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from helpers.findings.ffn import tables, trust
from helpers.findings.release.read import unread
from helpers.methods import chance
from helpers.methods.chance import Ranked
from helpers.methods.rotation import EQUAL
from helpers.methods.statistics import RESAMPLES, Comparison, from_draws, holm, resamples
from helpers.models.roles import ROLES
from helpers.pages import prose
from helpers.pages.forest import clear
from helpers.pages.tables import show_p
from helpers.store.store import Store
from helpers.words.annotation import LINGUISTIC_LEVELS, TASKS

TURNED = {
    "norm": "Further than random, equal norm and rank?",
    "spectrum": "Further than random, equal singular values?",
}
TASK, LEVEL, CLEARER = (
    "More lists with a task, after tuning?",
    "More with a linguistic level?",
    "Clearer than lists of random directions?",
)
Families = Mapping[str, Sequence[Comparison]]


# --- lists of words against those of random directions: shares with their bootstrap


def _limits(
    coherence: Float[ndarray, "direction pole"], rng: np.random.Generator
) -> Float[ndarray, " draw"]:
    """The limit of `beyond_random`, from resampled random directions.

    A quantile by counts of values sorted once: as np.quantile gives it, without sorting every draw.
    """
    (n, poles), order = coherence.shape, np.argsort(coherence, axis=None)
    values, direction = coherence.ravel()[order], order // poles
    place = tables.PERCENTILE * (len(values) - 1)
    limits = []
    for _ in range(RESAMPLES):
        up_to = np.bincount(rng.integers(n, size=n), minlength=n)[direction].cumsum()
        at = np.searchsorted(up_to, [np.floor(place), np.ceil(place)], side="right")
        low, high = values[at]
        limits.append(low + place % 1 * (high - low))
    return np.array(limits)


def _drawn_difference(
    table: pd.DataFrame, baseline: pd.DataFrame, question: str, rng: np.random.Generator
) -> Float[ndarray, " draw"]:
    """Share of lists answered yes, less that of random directions: layers and directions resampled."""
    by_layer = [own for _, own in table.groupby("layer")]
    weights = resamples(len(by_layer), rng)
    sizes = weights @ [len(own) for own in by_layer]
    column = "coherence" if question == "beyond_random" else question
    random = baseline.pivot(index="component", columns="pole", values=column).to_numpy(float)
    if question != "beyond_random":
        means, n = random.mean(axis=1), len(random)
        chance = [means[rng.integers(n, size=n)].mean() for _ in range(RESAMPLES)]
        return weights @ [own[question].sum() for own in by_layer] / sizes - chance
    limits = _limits(random, rng)  # in every draw, one list in twenty of the directions is above it
    above = [
        len(own) - np.searchsorted(np.sort(own["coherence"].to_numpy(float)), limits, side="right")
        for own in by_layer
    ]
    return (weights * np.stack(above, axis=1)).sum(axis=1) / sizes - baseline[question].mean()


def against_random(
    table: pd.DataFrame, baseline: pd.DataFrame, question: str, label: str, *, seed: int = 0
) -> Comparison:
    """Share of a model's lists answered yes against that of random directions."""
    drawn = _drawn_difference(table, baseline, question, np.random.default_rng(seed))
    return from_draws(
        baseline[question].mean(), table[question].mean(), drawn, label=label, n=len(table),
        test="bootstrap over layers and random directions, two-sided",
        null_hypothesis="components are answered yes as often as random directions",
    )  # fmt: skip


def rank_bins(n: int, ks=tables.KS) -> dict[str, range]:
    """All components, and those between the numbers at which rotation is tested."""
    ends = [0, *dict.fromkeys(min(k, n) for k in ks)]
    bins = {f"components {a + 1} to {b}": range(a, b) for a, b in zip(ends, ends[1:], strict=False)}
    return {f"all {n} components": range(n)} | (bins if len(bins) > 1 else {})


def beyond_random_by_rank(
    annotations: pd.DataFrame, baseline: pd.DataFrame, ks=tables.KS
) -> list[Comparison]:
    """The stricter reading against random directions: both models, all ranks and parts of them."""
    n = int(annotations["component"].max()) + 1
    own = {role: annotations[annotations["role"] == role] for role in ROLES}
    parts = [
        (f"{role}, {name}", own[role][own[role]["component"].isin(ranks)])
        for role in ROLES
        for name, ranks in rank_bins(n, ks).items()
    ]
    return holm([against_random(x, baseline, "beyond_random", label) for label, x in parts])


def tasks_against_random(annotations: pd.DataFrame, baseline: pd.DataFrame) -> list[Comparison]:
    """Share of lists with each task against that of random directions, both models."""
    own = dict(iter(annotations.groupby("role")))
    cells = product(TASKS, ROLES)
    return holm([against_random(own[r], baseline, task, f"{task}, {r}") for task, r in cells])


def blind_by_rank(blind: pd.DataFrame, ks=tables.KS) -> list[Comparison]:
    """How often the blind reader names something: components of a part of the ranks, random directions."""
    random, found = blind["role"] == trust.RANDOM, []
    for name, ranks in rank_bins(max(ks), ks).items():
        table = blind[random | blind["component"].isin(ranks)]
        found.append(replace(trust.blind_shares(table)[0], label=name))
    return holm(found)


# --- the chapter


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
    beyond = [against_random(own[r], baseline, "beyond_random", f"{r}, by rules") for r in ROLES]
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
    """For a sentence: "two of eight less and one more", or "no clear difference in any of eight"."""
    signs = [np.sign(one.difference) for one in found if clear(one)]
    told = [(signs.count(s), word) for s, word in ((-1, less), (1, more)) if s in signs]
    n = prose.number(len(found))
    if not told:
        return f"no clear difference in any of {n}"
    (first, word), *rest = told
    others = "".join(f" and {prose.number(k)} {name}" for k, name in rest)
    return f"{prose.number(first)} of {n} {word}{others}"


def single(store: Store, null: str = "norm") -> Ranked:
    """The median angle of matched components, mean of the layers, among random updates."""
    return tables.among_random(tables.read_rotation(store))[tables.MATCHED, null]


def beside_random(one: Ranked) -> str:
    """For a sentence: "less than every one of 200 random updates"; few draws cannot make a test."""
    said = one.said.replace("draws", "random updates")
    few = one.draws and 2 / (one.draws + 1) >= chance.LEVEL
    return f"{said} (too few for a test)" if few else said


def answer(one: Ranked) -> str:
    """The chapter's title answered, for single components."""
    if not one.p_value < chance.LEVEL:
        return "It turned, but not clearly further than a random change of its size turns it"
    if one.value < one.mean:
        return "It turned, but less far than a random change of its size turns it"
    return "Yes, it turned further than a random change of its size turns it"


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
        return store.lacks("ffn", "where the update lies")
    found = tables.read_update(store)
    few, k = min(k for _, k in found), max(k for _, k in found)
    inside, words = found["components", k], found["embeddings", few]
    angle, sign = single(store, "spectrum"), np.sign(inside.value - inside.mean)
    word = "less" if sign < 0 else "more"
    explains = angle.p_value < 0.05 and np.sign(angle.value - angle.mean) == sign
    return (
        f"Of its squared norm {prose.percent(inside.value)} lies in the span of the base's {k} components, "
        f"of random updates with equal singular values {prose.percent(inside.mean)}: {inside.said}. "
        f"The {few} strongest directions of the word embeddings hold {prose.percent(words.value, 1)}, at "
        f"random {prose.percent(words.mean, 1)}: {words.said}. "
        + (f"With {word} of it inside, it has {word} to turn single components with. "
           if inside.p_value < 0.05 and explains else
           "Beside those random updates single components turned "
           f"{beside_random(angle)}: its place in this span explains no difference of angles. ")
        + "Why tuning took that way is left open."
    )  # fmt: skip


def how_sure(store: Store, found: Families) -> dict[str, str]:
    """The four rows under the claim: direction, size, measures, models."""
    one, turned = single(store), [turn for heading in TURNED.values() for turn in found[heading]]
    paired = found[TURNED["norm"]][-1]  # in percent of the random angle
    return {
        "sure_direction": f"single components: {beside_random(one)}; layer by layer, a "
        f"stricter test: {counted(turned, 'further', 'less far')}",
        "sure_size": f"{one.value:.1f}° against {one.mean:.1f}°; a difference of "
        f"{paired.detectable() * paired.mean_a / 100:.1f}° would have been seen",
        "sure_measures": f"lists with a task, task by task: {counted(found[TASK])}; with a linguistic "
        f"level, level by level: {counted(found[LEVEL])}",
        "sure_models": "one small pair, one tuning",
    }


def score(blind: pd.DataFrame) -> Comparison:
    """Of ten lists, half of them random, how many the blind reader places right (chance, a: five)."""
    one = trust.blind_shares(blind)[0]
    scaled = {name: 5 * getattr(one, name) for name in ("difference", "low", "high")}
    return replace(one, mean_a=5.0, mean_b=5 + scaled["difference"], **scaled)


def theirs(paper: Sequence[Comparison], names: Sequence[str]) -> str:
    """The paper's shares of components, base and tuned, and its p; or how to get them."""
    size = lambda one: f"{one.label} {one.mean_a:.2f} and {one.mean_b:.2f}"  # noqa: E731
    p = lambda one: show_p(one.p_value if one.p_holm is None else one.p_holm)  # noqa: E731
    told = [f"{size(one)} (p {p(one)})" for one in paper if one.label in names]
    return "; ".join(told) or unread("components")


def paper_table(store: Store, found: Families, paper: Sequence[Comparison] = ()) -> pd.DataFrame:
    """The paper, our run, what differs and why; `paper`: its own shares (`concepts.paper_shares`)."""
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
            f"yes: shares of tasks change; {theirs(paper, TASKS)}",
            f"{counted(found[TASK])}, by rules that are poor at tasks",
            f"rules instead of ChatGPT; another pair, whose update has rank {rank}",
        ),
        "Linguistic levels unchanged?": (
            f"yes; {theirs(paper, LINGUISTIC_LEVELS)}",
            counted(found[LEVEL]),
            "as above; each pole is a list of its own",
        ),
        "Are components interpretable?": (
            f"examples shown; no random baseline; {theirs(paper, ['interpretable'])}",
            f"beside random directions: {beyond}; a blind reader places {blind.mean_b:.1f} of ten right",
            "all components counted, with a random-direction baseline",
        ),
    }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index", columns=["paper", "ours", "what differs"])
