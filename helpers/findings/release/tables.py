"""What chapter 1 reads from the store `llama-vicuna-7b`: comparisons and tables at 7B.

`base` is LLaMA-7B and `tuned` is Vicuna-7B, so that the functions of `recognition.tables` that take a
score table work on this store too. Every list of comparisons is one Holm-corrected family, a data
set each. `parity=True` repeats the authors' analysis: Welch's t, one-sided, independent samples.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from jaxtyping import Float

from helpers.findings.recognition.read import scores
from helpers.findings.recognition.tables import compare, paired, quartiles
from helpers.findings.release.read import KINDS, REASONS
from helpers.findings.release.read import open_store as open_store
from helpers.methods.profiles import LEAST_PROMPT
from helpers.methods.statistics import Comparison, at_equal_length, compare_independent, holm
from helpers.models.roles import ROLES
from helpers.store.store import Store

FOLLOWING = "followed and not followed prompts have the same mean score"
LESS_FOLLOWING = "followed prompts have no higher mean score than not followed ones"
LESS_TUNED = "Vicuna's mean score is no higher than LLaMA's"


def numbers(values: pd.Series) -> Float[np.ndarray, " n"]:
    return values.to_numpy(dtype=float)


def by_kind(table: pd.DataFrame, make: Callable[[pd.DataFrame, str], Comparison]) -> list:
    """One comparison a data set, in the paper's order, Holm-corrected together."""
    parts = ((kind, table[table["kind"] == kind]) for kind in KINDS.values())
    return holm([make(part, kind) for kind, part in parts if len(part)])


def kept(table: pd.DataFrame) -> pd.DataFrame:
    """Rows that no reason speaks against; `dropped` counts the others."""
    return table[table["dropped"] == ""]


def dropped(table: pd.DataFrame) -> pd.DataFrame:
    """How many prompts each data set and model has, how many are left out and why."""
    rows = []
    for (kind, model), part in table.groupby(["kind", "model"], sort=False):
        row = {"data set": kind, "model": model, "prompts": len(part)}
        row |= {reason: int((part["dropped"] == reason).sum()) for reason in REASONS}
        # Only Vicuna's responses were rated; this reason concerns followed against not only.
        unrated = int(kept(part)["followed"].isna().sum()) if model == "tuned" else 0
        row |= {"kept": len(kept(part)), "kept but not rated": unrated}
        row |= {
            f"prompt under {LEAST_PROMPT} tokens": int((part["prompt_tokens"] < LEAST_PROMPT).sum())
        }
        rows.append(row)
    return pd.DataFrame(rows)


def lengths(table: pd.DataFrame) -> pd.DataFrame:
    """Response lengths in tokens: quartiles by data set and model."""
    found = table.groupby(["kind", "model"], sort=False)["response_tokens"]
    return quartiles(found).rename_axis(["data set", "model"])


def rated(table: pd.DataFrame) -> pd.DataFrame:
    """Vicuna's rows with a rating and a response of five tokens or more."""
    return kept(table)[lambda t: (t["model"] == "tuned") & t["followed"].notna()]


def followed_against_not(
    table: pd.DataFrame, *, column: str = "score", parity: bool = False
) -> list[Comparison]:
    """Vicuna: prompts whose response follows the instruction (b) against the others (a)."""

    def make(part: pd.DataFrame, kind: str) -> Comparison:
        follows = part["followed"].astype(bool)
        return compare_independent(
            numbers(part.loc[~follows, column]),
            numbers(part.loc[follows, column]),
            label=kind,
            null_hypothesis=LESS_FOLLOWING if parity else FOLLOWING,
            alternative="greater" if parity else "two-sided",
        )

    return by_kind(rated(table).dropna(subset=[column]), make)


def both_kept(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of prompts that neither model loses."""
    lost = table.loc[table["dropped"] != "", "id"]
    return table[~table["id"].isin(lost)]


def base_against_tuned(
    table: pd.DataFrame, *, column: str = "score", parity: bool = False
) -> list[Comparison]:
    """LLaMA (a) against Vicuna (b), each on its own response.

    Paired over the prompts that neither model loses. In parity mode over all prompts as independent
    samples, where an empty response counts as a score of 0, as in the authors' analysis.
    """
    if not parity:
        return by_kind(paired(both_kept(table), column=column), compare)

    def make(part: pd.DataFrame, kind: str) -> Comparison:
        filled = part[column].fillna(0)
        samples = [numbers(filled[part["model"] == role]) for role in ROLES]
        return compare_independent(
            *samples, label=kind, null_hypothesis=LESS_TUNED, alternative="greater"
        )

    return by_kind(table, make)


def equal_length(table: pd.DataFrame) -> list[Comparison]:
    """What remains of LLaMA against Vicuna where both responses are equally long (covariate)."""
    rows = both_kept(table)
    length = paired(rows, column="response_tokens")

    def make(part: pd.DataFrame, kind: str) -> Comparison:
        tokens = length.loc[part.index]
        return at_equal_length(
            *(numbers(part[role]) for role in ROLES),
            *(numbers(tokens[role]) for role in ROLES),
            label=kind,
            null_hypothesis="no difference where both responses are equally long",
        )

    return by_kind(paired(rows), make)


def matched_scores(store: Store) -> pd.DataFrame:
    """Scores on the first min(M) response tokens of both models, of prompts that neither loses."""
    table = store.read("recognition/matched")
    return table[table["id"].isin(both_kept(scores(store))["id"])]


def matched(store: Store) -> list[Comparison]:
    """LLaMA against Vicuna, both responses cut to the shorter one's length."""
    return by_kind(paired(matched_scores(store)), compare)


def first_scores(store: Store, k: int) -> pd.DataFrame:
    """The score table with scores on the first k response tokens; shorter responses left out."""
    first = store.read("recognition/first").query("k == @k").drop(columns="k")
    if first.empty:
        raise ValueError(f"k={k}: the store holds no score at this length.")
    return both_kept(scores(store)).drop(columns="score").merge(first, on=["id", "model"])


def at_first(store: Store, k: int) -> list[Comparison]:
    """LLaMA against Vicuna on the first k tokens of responses that have k or more."""
    return by_kind(paired(first_scores(store, k)), compare)


def score_sensitivity(store: Store) -> list[Comparison]:
    """LLaMA against Vicuna for every threshold b and p of the grid, all data sets together."""
    labels = both_kept(scores(store))[["id", "model", "kind", "place"]]
    grid = store.read("recognition/grid").merge(labels, on=["id", "model"])
    cells = grid.groupby(["threshold", "p"])
    return holm([compare(paired(part), f"b = {b}, p = {p}") for (b, p), part in cells])
