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

from helpers.findings.ffn.compute import TESTED as KS
from helpers.findings.ffn.compute import read_concepts
from helpers.methods.chance import Ranked, among
from helpers.methods.rotation import EQUAL, NULLS
from helpers.methods.statistics import Comparison, compare_paired, holm
from helpers.models.roles import ROLES
from helpers.pages.tables import captioned, comparison_table, ranked_table
from helpers.store.store import Store
from helpers.words.annotation import LINGUISTIC_LEVELS, TASKS

QUESTIONS = ("interpretable", "beyond_random", *LINGUISTIC_LEVELS, *TASKS)
NAMES = {
    "interpretable": "words more alike than random words",
    "beyond_random": "words more alike than random directions'",
}
PERCENTILE = 0.95
MATCHED, MOVED = "single components, median", "their mean change of rank"
DETECTABLE = "would have been seen"


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


def limit(store: Store) -> float:
    """The coherence that one list in twenty of random directions exceeds: what lies above it is
    *beyond random*, the stricter of two readings, since neighbours of any direction cohere."""
    return float(store.read("ffn/baseline")["coherence"].quantile(PERCENTILE))


def read_annotations(store: Store) -> pd.DataFrame:
    """All lists of both models, with `beyond_random` and a column a level."""
    return with_readings(store.read("ffn/annotations"), limit(store))


def read_baseline(store: Store) -> pd.DataFrame:
    """The lists of random directions, with the same columns."""
    return with_readings(store.read("ffn/baseline"), limit(store))


def with_readings(table: pd.DataFrame, limit: float) -> pd.DataFrame:
    levels = {level: table["level"] == level for level in LINGUISTIC_LEVELS}
    return table.assign(beyond_random=table["coherence"] > limit, **levels)


def shares(annotations: pd.DataFrame, *by: str) -> pd.DataFrame:
    """Share of lists answered yes to each question, for each group of `by`."""
    return annotations.groupby(list(by), observed=True)[list(QUESTIONS)].mean()


def compare_shares(annotations: pd.DataFrame) -> list[Comparison]:
    """Base against tuned, paired by layer, with p-values corrected over the questions (Holm)."""
    by_layer = shares(annotations, "role", "layer")
    null, found = "tuning leaves the share of lists answered yes unchanged", []
    for one in QUESTIONS:
        both = (by_layer.loc[role, one] for role in ROLES)
        found.append(compare_paired(*both, label=NAMES.get(one, one), null_hypothesis=null))
    return holm(found)


# --- rotation


def read_rotation(store: Store) -> Rotation:
    """Angles, matches and rank changes of all layers, at the k that the nulls were drawn for."""
    parts = [store.read(f"ffn/rotation/{layer:02d}") for layer in range(n_layers(store))]
    k = parts[0]["k"].astype(int)
    stack = lambda name: np.stack([part[name].astype(float) for part in parts])  # noqa: E731
    of_null = lambda name: {null: stack(f"{null}_{name}") for null in NULLS}  # noqa: E731
    return Rotation(
        k=k,
        angle=stack("angles")[:, 0, k - 1],
        null={null: own[:, :, 0] for null, own in of_null("angles").items()},
        matched_angle=np.degrees(np.arccos(np.clip(np.abs(stack("cosine")), 0, 1))),
        null_median_angle=of_null("median_angle"),
        rank_change=np.stack([p["partner"] - np.arange(len(p["partner"])) for p in parts]),
        null_mean_rank_change=of_null("mean_rank_change"),
        relative_norm=stack("update")[:, 0],
        rank=stack("update")[:, 1].astype(int),
    )


def of_rotation(found: Rotation, null: str, ks=KS) -> dict[str, tuple[ndarray, ndarray]]:
    """What is compared with random updates, by name: tuning's (layer) and the null's (layer, draw).

    Mean angles of the first k components (all, where a model has fewer), and the median angle and mean
    change of rank of matched components.
    """
    own = list(found.k)
    at = {k: own.index(k) for k in (min(k, own[-1]) for k in ks)}
    spans = {
        f"first {k} components": (found.angle[:, i], found.null[null][:, :, i])
        for k, i in at.items()
    }
    return spans | {
        MATCHED: (np.median(found.matched_angle, axis=1), found.null_median_angle[null]),
        MOVED: (np.abs(found.rank_change).mean(axis=1), found.null_mean_rank_change[null]),
    }


def named(name: str, null: str) -> str:
    """What a comparison with random updates is called."""
    return f"{name}, random of equal {EQUAL[null]}"


def compare_rotation(found: Rotation, ks=KS) -> list[Comparison]:
    """Angles under tuning (b) against the mean of random updates (a), in degrees, paired by layer."""
    about, compared = "tuning turns components as far as a random update does", []
    for null in NULLS:
        for name, (tuning, random) in of_rotation(found, null, ks).items():
            if name != MOVED:
                sides, label = (random.mean(axis=1), tuning), named(name, null)
                compared.append(compare_paired(*sides, label=label, null_hypothesis=about))
    return holm(compared)


def rotation_table(compared: list[Comparison]) -> pd.DataFrame:
    """`compare_rotation` for reading, with the difference that 80 % of such tests would find."""
    shown = comparison_table(compared, names=("random update", "tuning"))
    shown[DETECTABLE] = [f"{x.detectable():.3f}" if x.possible else "" for x in compared]
    return shown


def among_random(found: Rotation) -> dict[tuple[str, str], Ranked]:
    """Tuning's angles and changes of rank, means over layers, among random updates: by (name, null)."""
    return {
        (name, null): among(tuning.mean(), random.mean(axis=0))
        for null in NULLS
        for name, (tuning, random) in of_rotation(found, null).items()
    }


def matched_table(found: Rotation) -> pd.DataFrame:
    """What turned and moved, beside random updates, with the p-value of tuning's rank among them."""
    ranked = among_random(found)
    return ranked_table(
        {(name, f"equal {EQUAL[null]}"): one for (name, null), one in ranked.items()},
        "Null hypothesis: tuning is one more random update of the same size. p: two-sided, from its "
        "rank among the draws (it cannot fall below 2 / (draws + 1)), not corrected. Means over "
        "layers; in brackets the lowest and highest draw. Detectable: the shift from the draws that "
        "would have been seen.",
    )


def read_update(store: Store) -> dict[tuple[str, int], Ranked]:
    """The update's share in two spans among random updates, by (span, k): means over layers."""
    part = store.read("ffn/update")
    return {
        (span, int(k)): among(part[span][:, i].mean(), part[f"{span}_null"][..., i].mean(axis=0))
        for span in ("components", "embeddings")
        for i, k in enumerate(part["k"])
    }


def update_table(store: Store) -> pd.DataFrame:
    """Where the update points: `read_update` for reading."""
    spans = {"components": "the base's components", "embeddings": "its word embeddings' directions"}
    found = read_update(store)
    return ranked_table(
        {(spans[span], f"first {k}"): one for (span, k), one in found.items()},
        "Share of the update's squared norm, mean over layers. Null hypothesis: the update lies as "
        "updates of equal singular values in random directions do. p: two-sided, from its rank.",
    )


def folding_table(store: Store) -> pd.DataFrame:
    """What folding either norm changes, over the layers it was tried on."""
    table = store.read("ffn/folding")
    names = {"post_norm": "norm behind the down projection"}
    names |= {"final_norm": "norm before the output head"}
    for norm in names:
        table[norm] = np.where(table[norm], "folded in", "left out")
    columns = {
        "lists": ("n", "sum"),
        NAMES["interpretable"]: ("interpretable", "mean"),
        "variance of the first component": ("first_variance", "mean"),
        "words kept": ("words_kept", "mean"),
    }
    found = table.groupby(list(names), sort=False).agg(**columns)
    layers = ", ".join(str(layer) for layer in sorted(table["layer"].unique()))
    return captioned(
        found.rename_axis(list(names.values())).round(3),
        f"Base model, layers {layers}, shares and means over them. Words kept: share of a component's "
        "words that survive. Descriptive: nothing is tested here.",
    )


def explained_variance(store: Store, k: int | None = None) -> pd.DataFrame:
    """Share of variance that the first k components explain (all when left out), (layer, model)."""
    layers = range(n_layers(store))
    shares = {
        role: [read_concepts(store, i, role).explained_variance_ratio[:k].sum() for i in layers]
        for role in ROLES
    }
    return pd.DataFrame(shares).astype(float).rename_axis("layer")
