"""Finding 3 as chapter 4 shows it: tables over all layers, read from the store.

Shares are compared layer by layer: components of one layer are not independent of each other, so
the layer is the unit, paired between the models.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray

from helpers.findings.ffn.compute import read_concepts
from helpers.methods.chance import Ranked, among
from helpers.methods.rotation import EQUAL, NULLS
from helpers.methods.statistics import Comparison, compare_paired, holm
from helpers.models.roles import ROLES
from helpers.pages.tables import Captioned, comparison_table, ranked_table
from helpers.paths import data_folder
from helpers.store.store import Store
from helpers.words.annotation import LINGUISTIC_LEVELS, TASKS

QUESTIONS = ("interpretable", "beyond_random", *LINGUISTIC_LEVELS, *TASKS)
NAMES = {
    "interpretable": "words more alike than random words",
    "beyond_random": "words more alike than random directions'",
}
KS = (12, 60, 300)  # numbers of components at which spans, and shares by rank, are tested
PERCENTILE = 0.95  # of random directions: what lies above it is beyond random
MATCHED, MOVED = "median angle of matched components", "mean change of their ranks"
DETECTABLE = "found in 4 of 5"


@dataclass(frozen=True)
class Rotation:
    """Angles in degrees over all layers; `null` arrays have one more axis, the random draws.

    Of the components that random updates matched, the median angle and the mean change of rank.
    """

    k: Int[ndarray, " k"]
    angle: Float[ndarray, "layer k"]
    null: dict[str, Float[ndarray, "layer draw k"]]
    matched_angle: Float[ndarray, "layer component"]
    null_median_angle: dict[str, Float[ndarray, "layer draw"]]
    rank_change: Int[ndarray, "layer component"]
    null_mean_rank_change: dict[str, Float[ndarray, "layer draw"]]
    relative_norm: Float[ndarray, " layer"]
    rank: Int[ndarray, " layer"]


def n_layers(store: Store) -> int:
    return int(store.read("ffn/annotations")["layer"].max()) + 1


def read_annotations(store: Store) -> pd.DataFrame:
    """All lists of both models; `beyond_random` marks coherence that few random directions have.

    Its limit is the 95th percentile over lists of random directions in the same word space: the
    stricter of two baselines, since neighbours in that space cohere whatever the direction.
    """
    return _with_readings(store, store.read("ffn/annotations"))


def read_baseline(store: Store) -> pd.DataFrame:
    """The lists of random directions, with the same columns."""
    return _with_readings(store, store.read("ffn/baseline"))


def _with_readings(store: Store, table: pd.DataFrame) -> pd.DataFrame:
    limit = store.read("ffn/baseline")["coherence"].quantile(PERCENTILE)
    levels = {level: table["level"] == level for level in LINGUISTIC_LEVELS}
    return table.assign(beyond_random=table["coherence"] > limit, **levels)


def shares(annotations: pd.DataFrame, *by: str) -> pd.DataFrame:
    """Share of lists answered yes to each question, for each group of `by`."""
    return annotations.groupby(list(by), observed=True)[list(QUESTIONS)].mean()


def compare_shares(annotations: pd.DataFrame, questions=QUESTIONS) -> list[Comparison]:
    """Base against tuned, paired by layer, with p-values corrected over the questions (Holm)."""
    by_layer = shares(annotations, "role", "layer")
    null = "tuning leaves the share of lists answered yes unchanged"
    found = []
    for question in questions:
        sides, label = (
            (by_layer.loc[role, question] for role in ROLES),
            NAMES.get(question, question),
        )
        found.append(compare_paired(*sides, label=label, null_hypothesis=null))
    return holm(found)


# --- rotation


def _of_matched(part: dict[str, ndarray], null: str) -> dict[str, Float[ndarray, " draw"]]:
    """What is compared of matched components; older parts hold every component of every draw."""
    if f"{null}_median_angle" in part:
        return {name: part[f"{null}_{name}"] for name in ("median_angle", "mean_rank_change")}
    angle, change = part[f"{null}_matched_angle"], part[f"{null}_rank_change"]
    return {"median_angle": np.median(angle, axis=1), "mean_rank_change": change.mean(axis=1)}


def read_rotation(store: Store) -> Rotation:
    """Angles, matches and rank changes of all layers, at the k that the nulls were drawn for."""
    parts = [store.read(f"ffn/rotation/{layer:02d}") for layer in range(n_layers(store))]
    k = parts[0]["k"].astype(int)
    stack = lambda name: np.stack([part[name].astype(float) for part in parts])  # noqa: E731
    matched = {null: [_of_matched(part, null) for part in parts] for null in NULLS}
    of_null = lambda name: {n: np.stack([x[name] for x in own]) for n, own in matched.items()}  # noqa: E731
    return Rotation(
        k=k,
        angle=stack("angles")[:, 0, k - 1],
        null={null: stack(f"{null}_angles")[:, :, 0] for null in NULLS},
        matched_angle=np.degrees(np.arccos(np.clip(np.abs(stack("cosine")), 0, 1))),
        null_median_angle=of_null("median_angle"),
        rank_change=np.stack([p["partner"] - np.arange(len(p["partner"])) for p in parts]),
        null_mean_rank_change=of_null("mean_rank_change"),
        relative_norm=stack("update")[:, 0],
        rank=stack("update")[:, 1].astype(int),
    )


def compare_rotation(found: Rotation, ks=KS) -> list[Comparison]:
    """Mean principal angle of the real update against the mean of random ones, by layer.

    A model with fewer components than a k of `ks` is compared at all it has.
    """
    null_hypothesis, found_k = "tuning turns the span as far as a random update does", list(found.k)
    compared = []
    for null in NULLS:
        for k in dict.fromkeys(min(k, found_k[-1]) for k in ks):
            at, label = found_k.index(k), f"first {k} components, null of equal {EQUAL[null]}"
            sides = found.null[null][:, :, at].mean(axis=1), found.angle[:, at]
            compared.append(compare_paired(*sides, label=label, null_hypothesis=null_hypothesis))
    return holm(compared)


def rotation_table(compared: list[Comparison]) -> pd.DataFrame:
    """`compare_rotation` for reading, with the difference that 80 % of such tests would find."""
    shown = comparison_table(compared, names=("random update", "tuning"))
    shown[DETECTABLE] = [f"{x.detectable():.3f}" if x.possible else "" for x in compared]
    return shown


def among_random(found: Rotation) -> dict[tuple[str, str], Ranked]:
    """Tuning's angles and changes of rank among random updates, by (quantity, null).

    Means over the layers of a layer's mean angle (the first k components), of its median angle and of
    its mean change of rank (matched components). `Ranked.said` is the verdict in words.
    """
    ranked = {}
    for null in NULLS:
        drawn = {
            f"angle, first {k}": (found.angle[:, i], found.null[null][:, :, i])
            for i, k in enumerate(found.k)
            if k in KS
        } | {
            MATCHED: (np.median(found.matched_angle, axis=1), found.null_median_angle[null]),
            MOVED: (np.abs(found.rank_change).mean(axis=1), found.null_mean_rank_change[null]),
        }
        for name, (tuning, random) in drawn.items():
            ranked[name, null] = among(tuning.mean(), random.mean(axis=0))
    return ranked


def matched_table(found: Rotation) -> pd.DataFrame:
    """What turned and moved, beside random updates, with the p-value of tuning's rank among them."""
    shown = ranked_table({
        (name, f"equal {EQUAL[null]}"): one for (name, null), one in among_random(found).items()
    })  # fmt: skip
    shown.caption = (
        "Null hypothesis: tuning is one more random update of the same size. p: two-sided, from its "
        "rank among the draws (it cannot fall below 2 / (draws + 1)), not corrected. Means over "
        "layers; in brackets the lowest and highest draw. Detectable: the shift from the draws that "
        "would be found with a power of 80 %."
    )
    return shown


def read_update(store: Store) -> dict[tuple[str, int], Ranked]:
    """The update's share in two spans among random updates, by (span, k): means over layers."""
    part = store.read("ffn/update")
    share = lambda span, i: (part[span][:, i].mean(), part[f"{span}_null"][..., i].mean(axis=0))  # noqa: E731
    return {
        (span, int(k)): among(*share(span, i))
        for span in ("components", "embeddings")
        for i, k in enumerate(part["k"])
        if k in KS
    }


def update_table(store: Store) -> pd.DataFrame:
    """Where the update points: `read_update` for reading."""
    spans = {"components": "the base's components", "embeddings": "its word embeddings' directions"}
    shown = ranked_table({
        (spans[span], f"first {k}"): one for (span, k), one in read_update(store).items()
    })  # fmt: skip
    shown.caption = (
        "Share of the update's squared norm, mean over layers. Null hypothesis: the update lies as "
        "updates of equal singular values in random directions do. p: two-sided, from its rank."
    )
    return shown


def folding_table(store: Store) -> pd.DataFrame:
    """What folding either norm changes, over the layers it was tried on."""
    table = store.read("ffn/folding")
    names = {
        "post_norm": "norm behind the down projection",
        "final_norm": "norm before the output head",
    }
    for norm in names:
        table[norm] = np.where(table[norm], "folded in", "left out")
    columns = {
        "lists": ("n", "sum"),
        NAMES["interpretable"]: ("interpretable", "mean"),
        "variance of the first component": ("first_variance", "mean"),
        "words kept": ("words_kept", "mean"),
    }
    found = table.groupby(list(names), sort=False).agg(**columns)
    shown = Captioned(found.rename_axis(list(names.values())).round(3))
    layers = ", ".join(str(layer) for layer in sorted(table["layer"].unique()))
    shown.caption = (
        f"Base model, layers {layers}, shares and means over them. Words kept: share of a component's "
        "words that survive. Descriptive: nothing is tested here."
    )
    return shown


def explained_variance(store: Store, k: int | None = None) -> pd.DataFrame:
    """Share of variance that the first k components explain (all when left out), (layer, model)."""
    layers = range(n_layers(store))
    shares = {
        role: [read_concepts(store, i, role).explained_variance_ratio[:k].sum() for i in layers]
        for role in ROLES
    }
    return pd.DataFrame(shares).astype(float).rename_axis("layer")


def read_hand_labels() -> pd.DataFrame:
    """Labels by hand: layer, role, component, pole, interpretable, level, tasks."""
    path = data_folder() / "annotations" / "hand_labels.csv"
    return pd.read_csv(path, keep_default_na=False)


def paper_table(
    found: Rotation, compared: list[Comparison], by_role: pd.DataFrame, baseline: pd.DataFrame
) -> pd.DataFrame:
    """The table of the chapter's end: the paper, our run, what differs and why."""
    named = {one.label: one for one in compared}
    ranked = among_random(found)
    turned = "; ".join(
        f"{name}: {one.value:.2f} degrees, {one.said} ({one.low:.2f} to {one.high:.2f})"
        for (name, null), one in ranked.items()
        if null == "norm" and name != MOVED
    )
    shown = lambda names: "; ".join(f"{x} {named[x].difference:+.3f}" for x in names)  # noqa: E731
    said = lambda x: f"{sum(named[i].p_holm < 0.05 for i in x)} of {len(x)} changed ({shown(x)})"  # noqa: E731
    strict = [by_role.loc[role, "beyond_random"] for role in ROLES]
    rows = {
        "Did knowledge rotate?": (
            "yes, inferred from shares of tasks; no null",
            turned,
            "measured in the weights, against random updates of equal size",
        ),
        "Toward user tasks?": (
            "yes: shares of tasks change",
            f"{said(TASKS)}, by rules that are poor at tasks",
            f"rules instead of ChatGPT; another pair, whose update has rank {found.rank.max()}",
        ),
        "Linguistic levels unchanged?": (
            "yes",
            said(LINGUISTIC_LEVELS),
            "as above; each pole is a list of its own",
        ),
        "Are components interpretable?": (
            "examples shown; no random baseline",
            f"beyond random directions: base {strict[0]:.1%}, tuned {strict[1]:.1%}, by chance "
            f"{1 - PERCENTILE:.0%}; beyond random words: {by_role['interpretable'].mean():.0%}, but "
            f"{baseline['interpretable'].mean():.0%} of random directions too",
            "all components counted, with a random-direction baseline",
        ),
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["paper", "ours", "what differs"])
