"""What chapter 1 reads from the store `llama-vicuna-7b` (`base` is LLaMA-7B, `tuned` Vicuna-7B).

Every list of comparisons is one Holm-corrected family, a data set each. `parity=True` repeats the
authors' analysis: Welch's t, one-sided, independent samples.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from helpers.findings.recognition.read import scores
from helpers.findings.recognition.tables import compare, paired, quartiles
from helpers.findings.release.read import KINDS, REASONS
from helpers.findings.release.read import open_store as open_store
from helpers.methods.profiles import LEAST_PROMPT
from helpers.methods.statistics import Comparison, at_equal_length, compare_independent, holm
from helpers.models.roles import ROLES
from helpers.store.store import Store

# Null hypotheses, two-sided and as the authors' one-sided tests have them.
FOLLOWING = {
    "two-sided": "followed and not followed prompts have the same mean score",
    "greater": "followed prompts have no higher mean score than not followed ones",
}
LESS_TUNED = "Vicuna's mean score is no higher than LLaMA's"


def by_kind(table: pd.DataFrame, make: Callable[[pd.DataFrame, str], Comparison]) -> list:
    """One comparison a data set, in the paper's order, Holm-corrected together."""
    parts = ((kind, table[table["kind"] == kind]) for kind in KINDS.values())
    return holm([make(part, kind) for kind, part in parts if len(part)])


def kept(table: pd.DataFrame) -> pd.DataFrame:
    """Rows that no reason speaks against; `dropped` counts the others."""
    return table[table["dropped"] == ""]


def dropped(table: pd.DataFrame) -> pd.DataFrame:
    """How many prompts each data set and model has, how many are left out and why."""
    whole = table["dropped"] == ""
    flags = {reason: table["dropped"] == reason for reason in REASONS} | {"kept": whole}
    # Only Vicuna's responses were rated; this reason concerns followed against not only.
    unrated = whole & (table["model"] == "tuned") & table["followed"].isna()
    flags |= {"kept but not rated": unrated}
    flags |= {f"prompt under {LEAST_PROMPT} tokens": table["prompt_tokens"] < LEAST_PROMPT}
    groups = [table["kind"].rename("data set"), table["model"]]
    counts = pd.DataFrame({"prompts": True} | flags, index=table.index).groupby(groups, sort=False)
    return counts.sum().reset_index()


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

    tails = "greater" if parity else "two-sided"
    about = {"null_hypothesis": FOLLOWING[tails], "alternative": tails}

    def make(part: pd.DataFrame, kind: str) -> Comparison:
        follows, values = part["followed"].astype(bool), part[column].astype(float)
        return compare_independent(values[~follows], values[follows], label=kind, **about)

    return by_kind(rated(table).dropna(subset=[column]), make)


def both_kept(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of prompts that neither model loses."""
    lost = table.loc[table["dropped"] != "", "id"]
    return table[~table["id"].isin(lost)]


def base_against_tuned(table: pd.DataFrame, *, parity: bool = False) -> list[Comparison]:
    """LLaMA (a) against Vicuna (b), each on its own response, paired over prompts that neither loses.

    In parity mode over all prompts as independent samples, an empty response with a score of 0.
    """
    if not parity:
        return by_kind(paired(both_kept(table)), compare)
    about = {"null_hypothesis": LESS_TUNED, "alternative": "greater"}

    def make(part: pd.DataFrame, kind: str) -> Comparison:
        scored = part["score"].fillna(0).astype(float)
        samples = (scored[part["model"] == role] for role in ROLES)
        return compare_independent(*samples, label=kind, **about)

    return by_kind(table, make)


def equal_length(table: pd.DataFrame) -> list[Comparison]:
    """What remains of LLaMA against Vicuna where both responses are equally long (covariate)."""
    rows, null = both_kept(table), "no difference where both responses are equally long"
    length = paired(rows, column="response_tokens")

    def make(part: pd.DataFrame, kind: str) -> Comparison:
        both = part[[*ROLES]], length.loc[part.index, [*ROLES]]
        samples = (own for wide in both for own in wide.to_numpy(float).T)
        return at_equal_length(*samples, label=kind, null_hypothesis=null)

    return by_kind(paired(rows), make)


def matched(store: Store) -> list[Comparison]:
    """LLaMA against Vicuna, both responses cut to the shorter one's length."""
    table = store.read("recognition/matched")
    return by_kind(paired(table[table["id"].isin(both_kept(scores(store))["id"])]), compare)


def at_first(store: Store, k: int) -> list[Comparison]:
    """LLaMA against Vicuna on the first k tokens of responses that have k or more."""
    first = store.read("recognition/first").query("k == @k").drop(columns="k")
    if first.empty:
        raise ValueError(f"k={k}: the store holds no score at this length.")
    whole = both_kept(scores(store)).drop(columns="score")
    return by_kind(paired(whole.merge(first, on=["id", "model"])), compare)


def score_sensitivity(store: Store) -> list[Comparison]:
    """LLaMA against Vicuna for every threshold b and p of the grid, all data sets together."""
    labels = both_kept(scores(store))[["id", "model", "kind", "place"]]
    grid = store.read("recognition/grid").merge(labels, on=["id", "model"])
    cells = grid.groupby(["threshold", "p"])
    return holm([compare(paired(part), f"b = {b}, p = {p}") for (b, p), part in cells])
