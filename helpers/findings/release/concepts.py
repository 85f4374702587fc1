"""What tuning changed in the feed-forward components of LLaMA-7B, from what `fill_concepts` stored.

The authors' sample is five seeds of one annotator: its spread says how ChatGPT's answers vary, not how
components do. Beside it stand shares over components, with layers resampled.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown
from jaxtyping import Float, Int
from matplotlib.figure import Figure
from numpy import ndarray
from statsmodels.stats.inter_rater import fleiss_kappa

from helpers.findings.release.fill_concepts import KEYS, LEVELS, TASKS
from helpers.findings.release.heads import NOT_HERE
from helpers.methods.statistics import (
    Comparison,
    compare_independent,
    compare_paired,
    from_draws,
    holm,
    resamples,
)
from helpers.methods.word_pairs import layer_groups
from helpers.models.roles import ROLES
from helpers.pages.forest import forest
from helpers.pages.tables import captioned, comparison_table, show_difference, show_p
from helpers.store.store import Store

QUESTIONS = (*TASKS, *LEVELS)
RANKS = (0, 10, 30, 100, 300)
GROUPS = 8  # of layers: four each, of 32
SAME_SEEDS = "ChatGPT's seeds give both models the same mean share"
SAME_COMPONENTS = "tuning leaves the share of components unchanged, in layers drawn anew"


def is_there(store: Store) -> bool:
    """Whether the store holds the released components (`heads.NOT_HERE` says how to get them)."""
    return store.has("ffn/released/votes") and store.has("ffn/released/survival")


def read_votes(store: Store) -> pd.DataFrame:
    return store.read("ffn/released/votes")


# --- shares


def seed_shares(votes: pd.DataFrame) -> pd.DataFrame:
    """Share of the rows of each seed that name a task or level, of the rows that were asked."""
    return votes.groupby(["role", "seed"])[list(QUESTIONS)].mean()


def parity(votes: pd.DataFrame) -> list[Comparison]:
    """The authors' analysis: base (a) against tuned (b) over the five seeds, not corrected.

    Theirs is Student's t: with five seeds each the same statistic, on up to four more degrees of freedom.
    """
    both, about = [seed_shares(votes).loc[role] for role in ROLES], {"null_hypothesis": SAME_SEEDS}
    return [compare_independent(*(own[q] for own in both), label=q, **about) for q in QUESTIONS]


def paper_shares(store: Store) -> list[Comparison]:
    """The paper's own shares of tasks and levels, then of interpretable components; none if not there."""
    if not is_there(store):
        return []
    votes = read_votes(store)
    return [*parity(votes), over_components(votes)[0]]


def components(votes: pd.DataFrame) -> pd.DataFrame:
    """A row a component: interpretable where half of the seeds or more say so; of the seeds that were
    asked, the share that names each task and level (NaN where none was asked)."""
    found = votes.groupby(KEYS)[["interpretable", *QUESTIONS]].mean()
    told = found["interpretable"]
    return found.assign(interpretable=told >= 0.5, told=told).reset_index()


def over_components(votes: pd.DataFrame) -> list[Comparison]:
    """Base (a) against tuned (b): shares over components, layers resampled; one family."""
    table, found = components(votes), []
    layers = sorted(set.intersection(*(set(own["layer"]) for _, own in table.groupby("role"))))
    drawn = resamples(len(layers), np.random.default_rng(0))
    about = {"n": len(layers), "test": "layers resampled", "null_hypothesis": SAME_COMPONENTS}
    for name in ("interpretable", *QUESTIONS):
        sums = table.astype({name: float}).groupby(["role", "layer"])[name].agg(["sum", "count"])
        both = [sums.loc[role].reindex(layers).to_numpy(float) for role in ROLES]
        means = [own[:, 0].sum() / own[:, 1].sum() for own in both]
        shares = [np.divide(*(drawn @ own).T) for own in both]
        found.append(from_draws(*means, shares[1] - shares[0], label=name, **about))
    return holm(found)


def beside_paper(votes: pd.DataFrame) -> pd.DataFrame:
    """Shares over components with their interval; the third column is the paper's way, over the seeds."""
    found, seeds = over_components(votes), seed_shares(votes).groupby("role")
    mean, spread = seeds.mean(), seeds.std(ddof=0)
    given = lambda role, name: f"{mean.loc[role, name]:.3f} ± {spread.loc[role, name]:.3f}"  # noqa: E731
    theirs = {q: " → ".join(given(role, q) for role in ROLES) for q in QUESTIONS}
    rows = [
        {
            "base": f"{one.mean_a:.3f}",
            "tuned": f"{one.mean_b:.3f}",
            "the paper (mean ± sd of seeds)": theirs.get(one.label, ""),
            "difference [95 % CI]": show_difference(one),
            "p (Holm)": show_p(one.p_holm),
        }
        for one in found
    ]
    null = f"Null hypothesis: {SAME_COMPONENTS} ({found[0].test})."
    caption = f"Base LLaMA-7B, tuned Vicuna-7B. {null}"
    return captioned(rows, caption, index=[one.label for one in found])


# --- agreement of the seeds


def alpha(counts: Float[ndarray, "*draw 3"]) -> Float[ndarray, " *draw"]:
    """Krippendorff's alpha (nominal, yes or no), from sums over components with two answers or more:
    disagreements 2 yes no / (answers - 1), answers no, answers yes (Krippendorff, 2004, ch. 11)."""
    disagreed, no, yes = np.moveaxis(np.asarray(counts, float), -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - disagreed * (no + yes - 1) / (2 * no * yes)


def agreement(votes: pd.DataFrame) -> pd.DataFrame:
    """How far the seeds agree, by question and model: Fleiss' kappa over components that all seeds
    answered, alpha over those that two or more did, with a 95 % interval (layers resampled)."""
    rows, seeds = [], votes["seed"].nunique()
    for name in ("interpretable", *QUESTIONS):
        for role in ROLES:
            own = votes[votes["role"] == role].astype({name: float})
            table = own.groupby(["layer", "rank"])[name].agg(["sum", "count"])
            yes, answers = table.to_numpy(float).T
            said: Int[ndarray, "component 2"] = np.stack([answers - yes, yes], axis=1).astype(int)
            all_asked, usable = said[answers == seeds], answers >= 2
            parts = np.column_stack([2 * said.prod(axis=1) / np.maximum(answers - 1, 1), said])
            layer = table.index.get_level_values("layer")[usable]
            by_layer = pd.DataFrame(parts[usable]).groupby(layer).sum().to_numpy()
            drawn = alpha(resamples(len(by_layer), np.random.default_rng(0)) @ by_layer)
            drawn = drawn[np.isfinite(drawn)]
            low, high = np.percentile(drawn, [2.5, 97.5]) if len(drawn) else (np.nan, np.nan)
            kappa = fleiss_kappa(all_asked) if all_asked.any(axis=0).all() else np.nan
            rows.append(
                {"question": name, "model": role, "components": len(all_asked),
                 "share": yes.sum() / answers.sum(), "Fleiss' kappa": kappa,
                 "alpha": float(alpha(by_layer.sum(axis=0))),
                 "low": low, "high": high}
            )  # fmt: skip
    return pd.DataFrame(rows).set_index(["question", "model"])


# --- by rank and layer


def by_rank_and_layer(votes: pd.DataFrame, question: str = "interpretable") -> pd.DataFrame:
    """Share of components of both models by band of rank, then by group of layers."""
    table = components(votes)
    layers = np.unique(table["layer"])
    groups = layer_groups(len(layers), min(GROUPS, len(layers)))
    named = {i: f"layers {layers[groups == i][0]} to {layers[groups == i][-1]}" for i in groups}
    of_layer = {layer: named[group] for layer, group in zip(layers, groups, strict=True)}
    bands = [f"ranks {a + 1} to {b}" for a, b in zip(RANKS, RANKS[1:], strict=False)]
    parts = [
        table.groupby([own, "role"], sort=False, observed=True)[question].mean().unstack()
        for own in (pd.cut(table["rank"], RANKS, labels=bands), table["layer"].map(of_layer))
    ]
    return pd.concat([parts[0], parts[1].loc[list(named.values())]])[list(ROLES)].astype(float)


# --- what survives


def _shares(store: Store) -> pd.DataFrame:
    table = store.read("ffn/released/survival")
    columns = ["same", "best", "elsewhere"]
    return table.assign(**table[columns].where(table[columns] >= 0).div(table["words"], axis=0))


def survived(store: Store) -> pd.DataFrame:
    """Share of a component's 15 words that the other model has, from either side, by band of rank: at the
    same rank, in the layer's best match, and in the best match of another layer (chance)."""
    table, rows = _shares(store), {}
    names = {"same": "same rank", "best": "best match", "elsewhere": "best of another layer"}
    for role in ROLES:
        own = table[table["role"] == role]
        for low, high in [*zip(RANKS, RANKS[1:], strict=False), (0, RANKS[-1])]:
            part = own[(own["rank"] > low) & (own["rank"] <= high)]
            if not part.empty:
                shares = {text: part[name].mean() for name, text in names.items()}
                rows[role, f"{low + 1} to {high}"] = {"components": len(part)} | shares
    return captioned(
        pd.DataFrame(rows).T.rename_axis(["words of", "ranks"]),
        "Share of a component's first 15 words that the other model's component has.",
    )


def compare_survival(store: Store) -> list[Comparison]:
    """Best match in the other model's layer (b) against the best of another layer (a), by layer."""
    table, found = _shares(store).dropna(), []
    for role in ROLES:
        means = table[table["role"] == role].groupby("layer")[["elsewhere", "best"]].mean()
        null = "a component's words are found in its own layer as often as in another"
        found.append(
            compare_paired(means["elsewhere"], means["best"], label=role, null_hypothesis=null)
        )
    return holm(found)


def chapter(store: Store) -> list[Figure | pd.DataFrame | Markdown]:
    """What chapter 4 shows at 7B: one figure and one table, or one line on how to get them."""
    if not is_there(store):
        return [Markdown(NOT_HERE)]
    votes = read_votes(store)
    found = forest(over_components(votes), label="share of components, Vicuna − LLaMA",
                   title="Released components, labelled by ChatGPT")  # fmt: skip
    plt.close(found)  # displayed once, by the cell
    return [found, beside_paper(votes)]


def shown(store: Store) -> list[pd.DataFrame | str]:
    """All tables at 7B, or one line on how to get them."""
    if not is_there(store):
        return [NOT_HERE]
    votes = read_votes(store)
    return [
        beside_paper(votes),
        comparison_table(parity(votes)),
        agreement(votes),
        by_rank_and_layer(votes),
        survived(store),
        comparison_table(compare_survival(store), names=("another layer", "own layer")),
    ]
