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

from helpers import live
from helpers.annotate import LEVELS, TASKS, Agreement, Annotation, agreement
from helpers.findings.ffn import NULLS, read_concepts
from helpers.pairs import ROLES
from helpers.results import Store, data_folder
from helpers.statistics import Comparison, compare_paired, holm

QUESTIONS = ("interpretable", "beyond_random", *LEVELS, *TASKS)


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
    limit = store.read("ffn/baseline")["coherence"].quantile(0.95)
    table = store.read("ffn/annotations")
    return table.assign(
        beyond_random=table["coherence"] > limit, **{x: table["level"] == x for x in LEVELS}
    )


def read_baseline(store: Store) -> pd.DataFrame:
    """The lists of random directions, with the same columns."""
    table = store.read("ffn/baseline")
    limit = table["coherence"].quantile(0.95)
    return table.assign(
        beyond_random=table["coherence"] > limit, **{x: table["level"] == x for x in LEVELS}
    )


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
                label=question.replace("_", " "),
                null_hypothesis=f"tuning leaves the share of lists with '{question}' unchanged",
            )
            for question in questions
        ]
    )


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


def compare_rotation(found: Rotation, ks=(12, 60, 300)) -> list[Comparison]:
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


def annotator_error(annotations: pd.DataFrame) -> dict[str, Agreement]:
    """Hand labels (rows) against the rules (columns); two readings of 'interpretable'."""
    keys = ["layer", "role", "component", "pole"]
    merged = read_hand_labels().merge(annotations, on=keys, suffixes=("_hand", ""))
    hand = [
        Annotation(bool(row.interpretable_hand), row.level_hand, tuple(row.tasks.split()))
        for row in merged.itertuples()
    ]
    rules = [
        Annotation(bool(row.interpretable), row.level, tuple(t for t in TASKS if getattr(row, t)))
        for row in merged.itertuples()
    ]
    strict = [Annotation(bool(row.beyond_random)) for row in merged.itertuples()]
    return {
        "interpretable (coherent beyond random words)": agreement(hand, rules, "interpretable"),
        "interpretable (coherent beyond random directions)": agreement(
            hand, strict, "interpretable"
        ),
        "level": agreement(hand, rules, "level"),
    }


def live_check(
    name: str, store: Store, *, layer: int, component: int, role: str = "base"
) -> pd.DataFrame | str:
    """One component computed from the weights now, beside what the store holds.

    A pair with fewer layers is looked at in its last one.
    """
    from helpers.annotate.lexicon import vocabulary
    from helpers.architectures import weights
    from helpers.ffn import components, concept_words, layer_value_vectors, word_outputs
    from helpers.findings.ffn import TOP_K, embedded_words, n_components

    pair = live.models(name, store)
    if isinstance(pair, str):
        return pair
    layer = min(layer, n_layers(store) - 1)
    of_model = weights(pair.model(role))
    now = components(layer_value_vectors(of_model, layer), n_components(of_model))
    units = word_outputs(embedded_words(pair, role))
    listed = concept_words(now.directions[component], units, top_k=TOP_K)
    stored, words = read_concepts(store, layer, role), np.array(vocabulary())
    kept = stored.words[component]
    same = [np.isin(ours, theirs).mean() for ours, theirs in zip(listed.words, kept, strict=True)]
    return pd.DataFrame(
        {
            "pole": ["positive", "negative"],
            "first words now": [" ".join(words[ours[:5]]) for ours in listed.words],
            "first words stored": [" ".join(words[theirs[:5]]) for theirs in kept],
            "words in common": same,
            "largest difference of scores": np.abs(listed.scores - stored.scores[component]).max(1),
        }
    )


def paper_table(
    found: Rotation, compared: list[Comparison], by_role: pd.DataFrame, baseline: pd.DataFrame
) -> pd.DataFrame:
    """The table of the chapter's end: the paper, our run, what differs and why."""
    named = {one.label: one for one in compared}
    angle, null = found.angle[:, -1].mean(), found.null["norm"][:, :, -1].mean()
    levels = "; ".join(f"{x} {named[x].difference:+.3f}" for x in LEVELS)
    tasks = "; ".join(f"{x} {named[x].difference:+.3f}" for x in TASKS)
    strict = [by_role.loc[role, "beyond_random"] for role in ROLES]
    rows = [
        {
            "question": "Did knowledge rotate?",
            "paper": "yes, inferred from shares of tasks; no null",
            "ours": f"{angle:.2f} degrees over the first {found.k[-1]} components; "
            f"random updates {null:.2f}",
            "what differs": "measured in the weights, against random updates of equal size",
        },
        {
            "question": "Toward user tasks?",
            "paper": "yes: shares of tasks change",
            "ours": f"change of share: {tasks}",
            "what differs": "rules instead of ChatGPT; 270M parameters and a low-rank update "
            "instead of 7B and full tuning",
        },
        {
            "question": "Linguistic levels unchanged?",
            "paper": "yes",
            "ours": f"change of share: {levels}",
            "what differs": "as above; each pole is a list of its own",
        },
        {
            "question": "Are components interpretable?",
            "paper": "examples shown; no random baseline",
            "ours": f"beyond random directions: base {strict[0]:.1%}, tuned {strict[1]:.1%}; "
            f"beyond random words: {by_role['interpretable'].mean():.0%}, but "
            f"{baseline['interpretable'].mean():.0%} of random directions too",
            "what differs": "all components counted, with a random-direction baseline",
        },
    ]
    return pd.DataFrame(rows).set_index("question").rename_axis(None)
