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

from helpers.findings.ffn.compute import NULLS, read_concepts
from helpers.methods.statistics import Comparison, compare_paired, holm
from helpers.models.roles import ROLES
from helpers.pages.tables import Captioned
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


@dataclass(frozen=True)
class Rotation:
    """Angles in degrees over all layers; `null` arrays have one more axis, the 20 draws."""

    k: Int[ndarray, " k"]
    angle: Float[ndarray, "layer k"]
    null: dict[str, Float[ndarray, "layer draw k"]]
    matched_angle: Float[ndarray, "layer component"]
    null_matched_angle: dict[str, Float[ndarray, "layer draw component"]]
    rank_change: Int[ndarray, "layer component"]
    null_rank_change: dict[str, Int[ndarray, "layer draw component"]]
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
    return holm(
        [
            compare_paired(
                by_layer.loc["base", question].to_numpy(),
                by_layer.loc["tuned", question].to_numpy(),
                label=NAMES.get(question, question),
                null_hypothesis="tuning leaves the share of lists answered yes unchanged",
            )
            for question in questions
        ]
    )


# --- rotation


def read_rotation(store: Store) -> Rotation:
    """Angles, matches and rank changes of all layers, at the k that the nulls were drawn for."""
    parts = [store.read(f"ffn/rotation/{layer:02d}") for layer in range(n_layers(store))]
    k = parts[0]["k"].astype(int)
    stack = lambda name: np.stack([part[name].astype(float) for part in parts])  # noqa: E731
    return Rotation(
        k=k,
        angle=stack("angles")[:, 0, k - 1],
        null={null: stack(f"{null}_angles")[:, :, 0] for null in NULLS},
        matched_angle=np.degrees(np.arccos(np.clip(np.abs(stack("cosine")), 0, 1))),
        null_matched_angle={null: stack(f"{null}_matched_angle") for null in NULLS},
        rank_change=np.stack([p["partner"] - np.arange(len(p["partner"])) for p in parts]),
        null_rank_change={null: stack(f"{null}_rank_change") for null in NULLS},
        relative_norm=stack("update")[:, 0],
        rank=stack("update")[:, 1].astype(int),
    )


def compare_rotation(found: Rotation, ks=KS) -> list[Comparison]:
    """Mean principal angle of the real update against the mean of random ones, by layer.

    A model with fewer components than a k of `ks` is compared at all it has.
    """
    comparisons = []
    for null in NULLS:
        for k in dict.fromkeys(min(k, int(found.k[-1])) for k in ks):
            at = int(np.flatnonzero(found.k == k)[0])
            comparisons.append(
                compare_paired(
                    found.null[null][:, :, at].mean(axis=1),
                    found.angle[:, at],
                    label=f"first {k} components, null of equal {_equal(null)}",
                    null_hypothesis="tuning turns the span as far as a random update does",
                )
            )
    return holm(comparisons)


def _equal(null: str) -> str:
    return "norm and rank" if null == "norm" else "singular values"


def matched_table(found: Rotation) -> pd.DataFrame:
    """Angle and rank change of matched components, beside random updates (mean, range of draws)."""
    draws = lambda values, of: of(values, axis=(0, 2))  # noqa: E731  # one number a draw
    rows = {
        "tuning": {
            "median angle (degrees)": f"{np.median(found.matched_angle):.2f}",
            "mean rank change": f"{np.abs(found.rank_change).mean():.2f}",
        }
    }
    for null, angles in found.null_matched_angle.items():
        own = {
            "median angle (degrees)": draws(angles, np.median),
            "mean rank change": draws(found.null_rank_change[null], np.mean),
        }
        rows[f"random, equal {_equal(null)}"] = {
            name: f"{x.mean():.2f} ({x.min():.2f} to {x.max():.2f})" for name, x in own.items()
        }
    shown = Captioned(pd.DataFrame(rows).T)
    shown.caption = (
        "All components of all layers; for random updates the mean over draws, lowest and highest draw "
        "in brackets. Descriptive: nothing is tested here."
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
    found = table.groupby(list(names), sort=False).agg(
        **{
            "lists": ("n", "sum"),
            NAMES["interpretable"]: ("interpretable", "mean"),
            "variance of the first component": ("first_variance", "mean"),
            "words kept": ("words_kept", "mean"),
        }
    )
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


def concept_moves(store: Store, annotations: pd.DataFrame) -> pd.DataFrame:
    """Each matched pair of components: angle, rank change and what both poles are called."""
    rows = []
    named = annotations.set_index(["layer", "role", "component", "pole"])["concept"].astype(str)
    found = read_rotation(store)
    for layer, angles in enumerate(found.matched_angle):
        partner = found.rank_change[layer] + np.arange(len(angles))
        for own, (other, angle) in enumerate(zip(partner, angles, strict=True)):
            row = {"layer": layer, "component": own, "partner": int(other), "angle": float(angle)}
            row |= {f"base_{p}": named[(layer, "base", own, p)] for p in (0, 1)}
            row |= {f"tuned_{p}": named[(layer, "tuned", int(other), p)] for p in (0, 1)}
            rows.append(row)
    return pd.DataFrame(rows)


def words_kept(store: Store) -> Float[ndarray, "layer component"]:
    """Share of a component's 30 words that its partner lists too (either pole)."""
    found, kept = read_rotation(store), []
    for layer in range(len(found.angle)):
        base, tuned = (read_concepts(store, layer, role).words for role in ROLES)
        partner = found.rank_change[layer] + np.arange(len(base))
        both = zip(base.reshape(len(base), -1), tuned[partner].reshape(len(base), -1), strict=True)
        kept.append([len(np.intersect1d(a, b)) / len(a) for a, b in both])
    return np.array(kept)


def read_hand_labels() -> pd.DataFrame:
    """Labels by hand: layer, role, component, pole, interpretable, level, tasks."""
    path = data_folder() / "annotations" / "hand_labels.csv"
    return pd.read_csv(path, keep_default_na=False)


def paper_table(
    found: Rotation, compared: list[Comparison], by_role: pd.DataFrame, baseline: pd.DataFrame
) -> pd.DataFrame:
    """The table of the chapter's end: the paper, our run, what differs and why."""
    named = {one.label: one for one in compared}
    at = {k: found.null["norm"][:, :, i].mean() for i, k in enumerate(found.k) if k in KS}
    turned = "; ".join(
        f"first {k}: {found.angle[:, list(found.k).index(k)].mean():.2f} degrees, random updates "
        f"{null:.2f}"
        for k, null in at.items()
    )
    shown = lambda names: "; ".join(f"{x} {named[x].difference:+.3f}" for x in names)  # noqa: E731
    strict = [by_role.loc[role, "beyond_random"] for role in ROLES]
    rows = [
        {
            "question": "Did knowledge rotate?",
            "paper": "yes, inferred from shares of tasks; no null",
            "ours": f"no further than by chance ({turned})",
            "what differs": "measured in the weights, against random updates of equal size",
        },
        {
            "question": "Toward user tasks?",
            "paper": "yes: shares of tasks change",
            "ours": f"no change found, by rules that are poor at tasks ({shown(TASKS)})",
            "what differs": "rules instead of ChatGPT; 270M parameters and a low-rank update "
            "instead of 7B and full tuning",
        },
        {
            "question": "Linguistic levels unchanged?",
            "paper": "yes",
            "ours": f"no change found ({shown(LINGUISTIC_LEVELS)})",
            "what differs": "as above; each pole is a list of its own",
        },
        {
            "question": "Are components interpretable?",
            "paper": "examples shown; no random baseline",
            "ours": f"beyond random directions: base {strict[0]:.1%}, tuned {strict[1]:.1%}, by chance "
            f"{1 - PERCENTILE:.0%}; beyond random words: {by_role['interpretable'].mean():.0%}, but "
            f"{baseline['interpretable'].mean():.0%} of random directions too",
            "what differs": "all components counted, with a random-direction baseline",
        },
    ]
    return pd.DataFrame(rows).set_index("question").rename_axis(None)
