"""Chapter 1's tables: scores side by side, comparisons, lengths, following, the paper beside ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from pandas.core.groupby import SeriesGroupBy
from scipy.stats import BootstrapMethod, pearsonr, rankdata

from helpers.findings.parts import named
from helpers.findings.recognition.read import WHOSE, both, scores
from helpers.methods.density import score
from helpers.methods.profiles import LEAST_RESPONSE
from helpers.methods.statistics import (
    LEAST,
    RESAMPLES,
    Comparison,
    adjusted,
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

NEAR = 0.3  # of log lengths, to count as equally long


def paired(table: pd.DataFrame, *, column: str = "score", by: str = "model") -> pd.DataFrame:
    """Base and tuned side by side, prompts that lack one of them left out."""
    wide = table.pivot(index="id", columns=by, values=column).reindex(columns=list(ROLES))
    labels = table.drop_duplicates("id").set_index("id")
    labels = labels[[name for name in ("kind", "place") if name in labels]]
    return wide.join(labels).dropna(subset=list(ROLES))


def own(table: pd.DataFrame, setting: str = "template") -> pd.DataFrame:
    """Rows in which a model is explained on its own response."""
    return table[(table["setting"] == setting) & (table["model"] == table["author"])]


def sides(
    table: pd.DataFrame, setting: str, response: str, column: str = "score", least: int = 1
) -> pd.DataFrame:
    """Both models on responses of `least` tokens or more: "own" ones, or one that both read, by its
    author."""
    written_by = table["model"] if response == "own" else response
    rows = table[(table["setting"] == setting) & (table["author"] == written_by)]
    return paired(rows[rows["response_tokens"] >= least], column=column)


def compare(wide: pd.DataFrame, label: str, what: str = "score") -> Comparison:
    null = f"the tuned model's mean {what} equals the base's"
    return compare_paired(
        *(wide[r].to_numpy(float) for r in ROLES), label=label, null_hypothesis=null
    )


def by_group(wide: pd.DataFrame, group: str, response: str, what: str) -> list[Comparison]:
    """One paired comparison a group, Holm-corrected together; `response` is a key of WHOSE."""
    parts = wide.groupby(group)
    return holm([compare(part, f"{name}, {WHOSE[response]}", what) for name, part in parts])


def length_controls(store: Store) -> list[Comparison]:
    """The score of own responses, and what is left of it with length held equal: one family."""
    table, k = scores(store), LEAST_RESPONSE
    long = sides(table, "template", "own", least=k)
    return holm(
        [
            compare(sides(table, "template", "own"), "own responses, whole"),
            compare(long, f"own responses, both ≥ {k} tokens"),
            compare(paired(matched_scores(store)), f"own responses, first k ≥ {k} tokens"),
            equal_length(table),
        ]
    )


def matched_scores(store: Store, least: int = LEAST_RESPONSE) -> pd.DataFrame:
    """Scores on the first k response tokens of both models, k the shorter length, `least` or more.

    Columns of S are normalised one by one, so leaving columns out is exact.
    """
    rows = []
    for pair in both(store):
        k = min(len(one.response) for one in pair)
        for role, one in zip(ROLES, pair, strict=True):
            labels = dict(id=one.id, kind=one.kind, place=one.place, model=role)
            rows.append(labels | score(one.importance[:, :k], one.roles))
    return pd.DataFrame(rows).query("response_tokens >= @least")


def followed_against_not(table: pd.DataFrame) -> list[Comparison]:
    """Within one model: prompts whose response followed its rule against those that did not, as they are
    and with the logarithm of the response's length held equal."""
    found, null = [], "followed and not followed prompts have the same mean score"
    for role in ROLES:
        rows = table[(table["model"] == role) & table["followed"].notna()].dropna(subset=["score"])
        kept = rows["followed"].astype(bool)
        samples = (rows.loc[kept == one, "score"].to_numpy(float) for one in (False, True))
        label = f"{role}, followed − not, own responses"
        found.append(compare_independent(*samples, label=label, null_hypothesis=null))
        label = f"{role}, equal length, own responses"
        values, length = (rows[name].astype(float) for name in ("score", "response_tokens"))
        found.append(adjusted(values, kept, [np.log(length)], label=label, null_hypothesis=null))
    return holm(found)


def quartiles(lengths: SeriesGroupBy) -> pd.DataFrame:
    """How many there are in each group, and their quartiles."""
    found = lengths.quantile([0.25, 0.5, 0.75]).unstack()
    found.columns = ["lower quartile", "median", "upper quartile"]
    return lengths.size().to_frame("n").join(found)


def lengths(table: pd.DataFrame) -> pd.DataFrame:
    """Response lengths in tokens: quartiles, empty and short ones, one row a setting and model."""
    rows = table[table["model"] == table["author"]]
    tokens = rows["response_tokens"].groupby(rows["model"] + ", " + rows["setting"], sort=False)
    counts = {"empty": tokens.agg(lambda one: (one == 0).sum())}
    counts[f"under {LEAST_RESPONSE}"] = tokens.agg(lambda one: (one < LEAST_RESPONSE).sum())
    return quartiles(tokens).assign(**counts)


def judged(table: pd.DataFrame) -> pd.DataFrame:
    """Whether each model followed, for prompts with a rule: index id, one column a model."""
    rows = own(table).dropna(subset=["followed"])
    return rows.pivot(index="id", columns="model", values="followed").astype(bool)


def following(table: pd.DataFrame) -> Comparison:
    """Share of prompts with a rule that each model followed (exact McNemar)."""
    wide, label = judged(table), "share that followed, own responses"
    null = "both models follow equally often"
    if wide.empty:
        why = "no prompt has a rule that tells what following it is"
        return untested(label, why, null_hypothesis=null)
    return mcnemar(wide["base"], wide["tuned"], label=label, null_hypothesis=null)


def own_lengths(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores of both models on their own responses, and the lengths of these."""
    wide = sides(table, "template", "own")
    return wide, sides(table, "template", "own", "response_tokens").loc[wide.index]


def near_equal(table: pd.DataFrame) -> tuple[int, int]:
    """How many prompts the covariate's intercept rests on: log lengths within NEAR, and of how many."""
    _, length = own_lengths(table)
    ratio = np.log(length["tuned"].astype(float) / length["base"].astype(float))
    return int((ratio.abs() <= NEAR).sum()), len(ratio)


def correlation(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float]:
    """Spearman's rho with a 95 % bootstrap interval over items, which keep the ranks that they have.

    NaN where one of both is the same everywhere, or of too few items.
    """
    if len(a) < LEAST or not (np.ptp(a) and np.ptp(b)):
        return np.nan, np.nan, np.nan
    found, rng = pearsonr(rankdata(a), rankdata(b)), np.random.default_rng(0)
    resampled = BootstrapMethod(n_resamples=RESAMPLES, method="percentile", rng=rng)
    return float(found.statistic), *map(float, found.confidence_interval(method=resampled))


def score_and_length(table: pd.DataFrame) -> pd.DataFrame:
    """How far the score goes with the length of a model's own response: rank correlation over prompts."""
    wide, length = own_lengths(table)
    rows = [correlation(wide[role], length[role]) for role in ROLES]
    found = pd.DataFrame(rows, index=list(ROLES), columns=["rho", "low", "high"])
    return found.assign(n=len(wide), response=WHOSE["own"])


def equal_length(table: pd.DataFrame) -> Comparison:
    """The paired difference that remains at equal response length (covariate analysis)."""
    wide, length = own_lengths(table)
    return at_equal_length(
        wide["base"], wide["tuned"], length["base"], length["tuned"],
        label="own responses, length as a covariate",
        null_hypothesis="no difference where both responses are equally long",
    )  # fmt: skip


def told(found: Iterable[Comparison], digits: int = 3) -> str:
    """Comparisons in one cell of a table: difference, interval and p of each; a dash for none."""
    p = lambda c: show_p(c.p_value if c.p_holm is None else c.p_holm)  # noqa: E731
    said = lambda c: f", p {p(c)}" if c.possible else ""  # noqa: E731
    return "; ".join(f"{c.label}: {show_difference(c, digits)}{said(c)}" for c in found) or "–"


Answers = dict[str, Sequence[Comparison]]


def paper_table(store: Store, store7: Store, ours: Answers, seven: Answers) -> pd.DataFrame:
    """The paper's claims beside the authors' data re-analysed and a pair of ours, and what differs.

    Comparisons come by question: own, matched, shared, followed (an absent one is a dash).
    """
    medians = [lengths(scores(one))["median"].filter(like="tuned") for one in (store, store7)]
    long = "{:g} tokens against {:g} (medians)".format(*(one.iloc[0] for one in medians))
    asked = {
        "own": "the tuned model's instruction score is higher",
        "matched": "(length is not controlled)",
        "shared": "(each model on its own response)",
        "share": "(scores alone)",
        "followed": "followed responses score higher than others",
    }
    why = (
        "size, tuning, prompts and length of responses: not told apart",
        "responses cut to the shorter one's length",
        "one response, two readers",
        "share of importance in place of the score; the released matrices hold S alone",
        f"rules that code checks instead of ratings; tuned responses of {long}",
    )
    columns = {"the authors' matrices": seven, named(store): ours}
    shown = {name: [told(found.get(key, ())) for key in asked] for name, found in columns.items()}
    return pd.DataFrame(shown | {"what differs and why": why}, index=list(asked.values()))
