"""What chapter 1 reads from the store: score tables, comparisons, heat maps, explorer items."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import product

import numpy as np
import pandas as pd
from pandas.core.groupby import SeriesGroupBy

from helpers.findings.parts import named
from helpers.findings.recognition.read import WHERE, WHOSE, Explained, explained, scores
from helpers.methods.density import (
    TEMPLATE,
    THRESHOLD,
    P,
    density,
    normalise,
    relative_density,
    score,
    share_on,
)
from helpers.methods.profiles import LEAST_RESPONSE
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


def by_group(wide: pd.DataFrame, group: str, response: str) -> list[Comparison]:
    """One paired comparison a group, Holm-corrected together; `response` is a key of WHOSE."""
    parts = wide.groupby(group)
    return holm([compare(part, f"{group}: {name}, {WHOSE[response]}") for name, part in parts])


def shared_response(table: pd.DataFrame, setting: str = "template") -> list[Comparison]:
    """Both models explained on one and the same response."""
    return holm([compare(sides(table, setting, a), f"on {WHOSE[a]}") for a in ROLES])


def shared_family(table: pd.DataFrame, least: int = LEAST_RESPONSE) -> list[Comparison]:
    """Both models on one response: in the template, on responses of some length, and in plain text."""
    found = []
    for setting, author, length in product(WHERE, ROLES, (1, least)):
        if (table["setting"] == setting).any():  # a store need not hold plain text
            more = f", {length} tokens or more" if length > 1 else ""
            label = f"{WHERE[setting]}, on {WHOSE[author]}{more}"
            found.append(compare(sides(table, setting, author, least=length), label))
    return holm(found)


def alternatives(store: Store) -> list[Comparison]:
    """Score of own responses: the main comparison, and what might explain it; one family."""
    table = scores(store)
    long = sides(table, "template", "own", least=LEAST_RESPONSE)
    first = f"own responses, first k tokens of both, k of {LEAST_RESPONSE} or more"
    return holm(
        [
            compare(sides(table, "template", "own"), "own responses, in the template"),
            *in_plain_text(table),
            compare(paired(matched_scores(store)), first),
            equal_length(table),
            compare(long, f"own responses, both {LEAST_RESPONSE} tokens or more"),
        ]
    )


def matched_scores(
    store: Store, setting: str = "template", least: int = LEAST_RESPONSE
) -> pd.DataFrame:
    """Scores on the first k response tokens of both models, k the shorter length, `least` or more.

    Columns of S are normalised one by one, so leaving columns out is exact.
    """
    rows = []
    for both in zip(*(explained(store, setting, role, role) for role in ROLES), strict=True):
        k = min(len(one.response) for one in both)
        for role, one in zip(ROLES, both, strict=True):
            labels = dict(id=one.id, kind=one.kind, place=one.place, model=role)
            rows.append(labels | score(one.importance[:, :k], one.roles))
    return pd.DataFrame(rows).query("response_tokens >= @least")


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
                label=f"{role}: not followed against followed, own responses",
                null_hypothesis="followed and not followed prompts have the same mean score",
            )
        )
    return holm(found)


STEPS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "importance": lambda found: found,
    "normalised importance": normalise,
    "density": lambda found: density(normalise(found), P, threshold=THRESHOLD)[:, None],
}


def instruction_share(item: Explained, step: str) -> float:
    """Share of a measure on instruction tokens, of that on all segments: the template is left out."""
    if not item.importance.size:
        return float("nan")
    inside = np.array(item.roles) != TEMPLATE
    return share_on(STEPS[step](item.importance)[inside], item.mask[inside])


def measures(store: Store, setting: str = "template") -> list[Comparison]:
    """The same question asked of I, S and a, on own and on shared responses: what share of it lies on
    the instruction?"""
    items = {(m, a): explained(store, setting, m, a) for m, a in product(ROLES, ROLES)}
    found = []
    for response, step in product(WHOSE, STEPS):
        authors = {role: role if response == "own" else response for role in ROLES}
        shares = {
            role: [instruction_share(item, step) for item in items[role, author]]
            for role, author in authors.items()
        }
        label = f"share of {step} on the instruction, {WHOSE[response]}"
        found.append(compare(pd.DataFrame(shares).dropna(), label, "share"))
    return holm(found)


def token_density(item: Explained) -> np.ndarray:
    """Relative density a_n / max a of every prompt token."""
    return relative_density(STEPS["density"](item.importance)[:, 0])


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


def median_lengths(table: pd.DataFrame, setting: str = "template") -> dict[str, str]:
    """Median response length of each model on its own responses, in tokens."""
    found = own(table, setting).groupby("model")["response_tokens"].median()
    return {role: f"{value:g}" for role, value in found.items()}


def judged(table: pd.DataFrame, setting: str = "template") -> pd.DataFrame:
    """Whether each model followed, for prompts with a rule: index id, one column a model."""
    rows = own(table, setting).dropna(subset=["followed"])
    return rows.pivot(index="id", columns="model", values="followed").astype(bool)


def following(table: pd.DataFrame, setting: str = "template") -> Comparison:
    """Share of prompts with a rule that each model followed (exact McNemar)."""
    wide, label = judged(table, setting), "share that followed, own responses"
    null = "both models follow equally often"
    if wide.empty:
        why = "no prompt has a rule that tells what following it is"
        return untested(label, why, null_hypothesis=null)
    return mcnemar(wide["base"], wide["tuned"], label=label, null_hypothesis=null)


def own_lengths(
    table: pd.DataFrame, setting: str = "template"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores of both models on their own responses, and the lengths of these."""
    wide = sides(table, setting, "own")
    return wide, sides(table, setting, "own", "response_tokens").loc[wide.index]


def equal_length(table: pd.DataFrame, setting: str = "template") -> Comparison:
    """The paired difference that remains at equal response length (covariate analysis)."""
    wide, length = own_lengths(table, setting)
    return at_equal_length(
        wide["base"], wide["tuned"], length["base"], length["tuned"],
        label="own responses, at equal length (covariate)",
        null_hypothesis="no difference where both responses are equally long",
    )  # fmt: skip


def in_plain_text(table: pd.DataFrame) -> list[Comparison]:
    """The main comparison without the template; empty while the store does not hold it."""
    wide = sides(table, "plain", "own")
    return [compare(wide, "own responses, plain text")] if len(wide) else []


def told(found: Iterable[Comparison], digits: int = 3) -> str:
    """Comparisons in one cell of a table: difference, interval and p of each; a dash for none."""
    p = lambda c: show_p(c.p_value if c.p_holm is None else c.p_holm)  # noqa: E731
    said = lambda c: f", p {p(c)}" if c.possible else ""  # noqa: E731
    return "; ".join(f"{c.label}: {show_difference(c, digits)}{said(c)}" for c in found) or "–"


def paper_table(
    store: Store,
    store7: Store,
    ours: dict[str, Sequence[Comparison]],
    seven: dict[str, Sequence[Comparison]],
) -> pd.DataFrame:
    """The paper's claims beside the authors' data re-analysed and a pair of ours, and what differs.

    Comparisons come by question: own, matched, shared, followed (an absent one is a dash).
    """
    mine, theirs = median_lengths(scores(store)), median_lengths(scores(store7), "plain")
    lengths = f"{mine['tuned']} tokens against {theirs['tuned']} (medians)"
    asked = {
        "own": "the tuned model's instruction score is higher",
        "matched": "(length is not controlled)",
        "shared": "(each model on its own response)",
        "followed": "followed responses score higher than others",
    }
    why = (
        "size, tuning, prompts and length of responses: not told apart",
        "responses cut to the shorter one's length",
        "one response, two readers",
        f"rules that code checks instead of ratings; tuned responses of {lengths}",
    )
    columns = {"the authors' matrices": seven, named(store): ours}
    shown = {name: [told(found.get(key, ())) for key in asked] for name, found in columns.items()}
    return pd.DataFrame(shown | {"what differs and why": why}, index=list(asked.values()))
