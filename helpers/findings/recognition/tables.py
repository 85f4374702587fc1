"""What chapter 1 reads from the store: score tables, comparisons, heat maps, explorer items."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd

from helpers.findings.recognition.read import Explained, explained, matrices
from helpers.methods.density import THRESHOLD, P, density, normalise, relative_density, score
from helpers.methods.statistics import (
    Comparison,
    at_equal_length,
    compare_independent,
    compare_paired,
    holm,
    mcnemar,
    untested,
)
from helpers.models.roles import ROLES
from helpers.pages.tables import show_difference, show_p
from helpers.store.store import Store

NO_DIFFERENCE = "the tuned model's mean score equals the base's"


def paired(table: pd.DataFrame, *, column: str = "score", by: str = "model") -> pd.DataFrame:
    """Base and tuned side by side, prompts that lack one of them left out."""
    wide = table.pivot(index="id", columns=by, values=column)
    labels = table.drop_duplicates("id").set_index("id")[["kind", "place"]]
    return wide.join(labels).dropna(subset=list(ROLES))


def own(table: pd.DataFrame, setting: str = "template") -> pd.DataFrame:
    """Rows in which a model is explained on its own response."""
    return table[(table["setting"] == setting) & (table["model"] == table["author"])]


def compare(wide: pd.DataFrame, label: str) -> Comparison:
    return compare_paired(
        wide["base"].to_numpy(float),
        wide["tuned"].to_numpy(float),
        label=label,
        null_hypothesis=NO_DIFFERENCE,
    )


def by_group(wide: pd.DataFrame, group: str) -> list[Comparison]:
    """One paired comparison a group, Holm-corrected together."""
    return holm([compare(part, f"{group}: {name}") for name, part in wide.groupby(group)])


def shared_response(table: pd.DataFrame, setting: str = "template") -> list[Comparison]:
    """Both models explained on one and the same response."""
    rows = table[table["setting"] == setting]
    wides = {author: paired(rows[rows["author"] == author]) for author in ROLES}
    return holm([compare(wide, f"on the {author}'s response") for author, wide in wides.items()])


def shared_family(table: pd.DataFrame, least: int = 5) -> list[Comparison]:
    """Both models on one response: in the template, on responses of some length, and in plain text."""
    found = []
    for setting, author in product(("template", "plain"), ROLES):
        rows = table[(table["setting"] == setting) & (table["author"] == author)]
        if rows.empty:  # a store that does not hold plain text
            continue
        name = "in the template" if setting == "template" else "in plain text"
        found.append(compare(paired(rows), f"{name}, on the {author}'s response"))
        long = rows[rows["response_tokens"] >= least]
        label = f"{name}, on the {author}'s, {least} tokens or more"
        found.append(compare(paired(long), label))
    return holm(found)


def matched_scores(store: Store, setting: str = "template") -> pd.DataFrame:
    """Scores on the first k response tokens of both models, k the shorter length.

    Columns of S are normalised one by one, so leaving columns out is exact.
    """
    labels = store.read("recognition/prompts").query("setting == @setting")
    pairs = zip(*(matrices(store, setting, role, role) for role in ROLES), strict=True)
    rows = []
    for label, both in zip(labels.itertuples(), pairs, strict=True):
        length = min(normalised.shape[1] for _, normalised in both)
        for role, (_, normalised) in zip(ROLES, both, strict=True):
            found = score(normalised[:, :length], np.array(label.roles))
            rows.append(dict(id=label.id, kind=label.kind, place=label.place, model=role) | found)
    return pd.DataFrame(rows)


def followed_against_not(table: pd.DataFrame) -> list[Comparison]:
    """Within one model: prompts whose response followed its rule against those that did not."""
    found = []
    for role in ROLES:
        rows = table[(table["model"] == role) & table["followed"].notna()].dropna(subset=["score"])
        kept = rows["followed"].astype(bool)
        found.append(
            compare_independent(
                rows.loc[~kept, "score"].to_numpy(float),
                rows.loc[kept, "score"].to_numpy(float),
                label=f"{role}: not followed against followed",
                null_hypothesis="followed and not followed prompts have the same mean score",
            )
        )
    return holm(found)


def instruction_share(item: Explained, measure: str) -> float:
    """Share of a measure that lies on instruction tokens: importance, normalised or density."""
    if not item.importance.size:
        return float("nan")
    if measure == "importance":
        values = np.clip(item.importance, 0, None).sum(1)
    elif measure == "normalised":
        values = normalise(item.importance).sum(1).astype(float)
    else:
        values = density(normalise(item.importance, threshold=THRESHOLD), P)
    total = values.sum()
    return float(values[item.mask].sum() / total) if total > 0 else float("nan")


def measures(store: Store, setting: str = "template") -> list[Comparison]:
    """The same question asked of I, S and a: what share of it lies on the instruction?"""
    items = {role: explained(store, setting, role, role) for role in ROLES}
    found = []
    for measure in ("importance", "normalised", "density"):
        shares = {r: [instruction_share(item, measure) for item in items[r]] for r in ROLES}
        wide = pd.DataFrame(shares).dropna()
        name = "normalised importance" if measure == "normalised" else measure
        found.append(compare(wide, f"share of {name} on the instruction"))
    return holm(found)


def token_density(item: Explained) -> np.ndarray:
    """Relative density a_n / max a of every prompt token."""
    return relative_density(density(normalise(item.importance, threshold=THRESHOLD), P))


def lengths(table: pd.DataFrame) -> pd.DataFrame:
    """Response lengths in tokens: quartiles, empty and short ones, one row a setting and model."""
    rows, names = [], []
    for setting, role in product(table["setting"].unique(), ROLES):
        values = own(table, setting).query("model == @role")["response_tokens"]
        low, middle, high = values.quantile([0.25, 0.5, 0.75])
        rows.append(
            {
                "n": len(values),
                "lower quartile": low,
                "median": middle,
                "upper quartile": high,
                "empty": int((values == 0).sum()),
                "under 5": int((values < 5).sum()),
            }
        )
        names.append(f"{role}, {setting}")
    return pd.DataFrame(rows, index=names)


def median_lengths(table: pd.DataFrame, setting: str = "template") -> dict[str, int]:
    """Median response length of each model on its own responses, in tokens."""
    found = own(table, setting).groupby("model")["response_tokens"].median()
    return {role: f"{value:g}" for role, value in found.items()}


def judged(table: pd.DataFrame, setting: str = "template") -> pd.DataFrame:
    """Whether each model followed, for prompts with a rule: index id, one column a model."""
    rows = own(table, setting).dropna(subset=["followed"])
    return rows.pivot(index="id", columns="model", values="followed").astype(bool)


def following(table: pd.DataFrame, setting: str = "template") -> Comparison:
    """Share of prompts with a rule that each model followed (exact McNemar)."""
    about = {"label": "share that followed", "null_hypothesis": "both models follow equally often"}
    wide = judged(table, setting)
    if wide.empty:
        return untested(why="no prompt has a rule that tells what following it is", **about)
    return mcnemar(wide["base"], wide["tuned"], **about)


def equal_length(table: pd.DataFrame, setting: str = "template") -> Comparison:
    """The paired difference that remains at equal response length (covariate analysis)."""
    rows = own(table, setting)
    wide, length = paired(rows), paired(rows, column="response_tokens")
    length = length.loc[wide.index]
    return at_equal_length(
        wide["base"], wide["tuned"], length["base"], length["tuned"],
        label="at equal length (covariate)",
        null_hypothesis="no difference where both responses are equally long",
    )  # fmt: skip


def in_plain_text(table: pd.DataFrame) -> list[Comparison]:
    """The main comparison without the template; empty while the store does not hold it."""
    rows = own(table, "plain")
    return (
        [compare(paired(rows), "own responses, plain text")] if rows["model"].nunique() == 2 else []
    )


def at_least(wide: pd.DataFrame, table: pd.DataFrame, tokens: int) -> pd.DataFrame:
    """Prompts on which both models' responses have `tokens` tokens or more."""
    length = paired(own(table), column="response_tokens")
    enough = length[list(ROLES)].min(axis=1) >= tokens
    return wide.loc[wide.index.intersection(length.index[enough])]


def paper_table(
    ours: dict[str, Sequence[Comparison]], seven: dict[str, Sequence[Comparison]]
) -> pd.DataFrame:
    """The paper's claims beside the authors' data re-analysed and our pair, and what differs.

    Both take comparisons by question: own, matched, shared, followed (an absent one is a dash).
    """

    def one(c: Comparison) -> str:
        if not c.possible:
            return f"{c.label}: {show_difference(c)}"
        return f"{c.label} {c.difference:+.3f} (p {show_p(c.p_value)})"

    def show(found: Sequence[Comparison]) -> str:
        return "; ".join(map(one, found))

    asked = {
        "own": (
            "the tuned model's instruction score is higher",
            "size, tuning, prompts and length of responses: not told apart",
        ),
        "matched": ("(length is not controlled)", "responses cut to the shorter one's length"),
        "shared": ("(each model on its own response)", "one response, two readers"),
        "followed": (
            "followed responses score higher than others",
            "rules that code checks instead of ratings; much shorter responses",
        ),
    }
    rows = [
        {
            "the authors' matrices": show(seven.get(key, ())) or "–",
            "our pair": show(ours.get(key, ())) or "–",
            "what differs and why": why,
        }
        for key, (_, why) in asked.items()
    ]
    return pd.DataFrame(rows, index=[claim for claim, _ in asked.values()])
