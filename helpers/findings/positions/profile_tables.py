"""What chapter 2 reads of position profiles: bands, middle ratios, comparisons, robustness.

method.md, section 2. Every function takes a table of profiles (`released` or `ours`), in which
`base` and `tuned` are LLaMA-7B and Vicuna-7B or our own pair. A profile averages a_n / max a in equal
bins by relative position; the middle ratio is that of one prompt (`middle_ratios`) or of the averaged
profile (`ratio_of_means`), which no single prompt can sway.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from jaxtyping import Float

from helpers.findings.positions.profiles import LEFT_OUT, OURS, make_profiles
from helpers.findings.recognition.read import scores
from helpers.findings.recognition.tables import paired
from helpers.findings.release.read import KINDS
from helpers.findings.release.tables import numbers
from helpers.methods.profiles import LEAST_PROMPT, LEAST_RESPONSE
from helpers.methods.profiles import stretches as stretches_of
from helpers.methods.statistics import (
    RESAMPLES,
    BadSample,
    Comparison,
    compare_paired,
    holm,
    resamples,
    untested,
)
from helpers.models.roles import ROLES
from helpers.pages.tables import show_difference, show_p
from helpers.store.store import Store

MAIN = dict(bins=10, threshold=7, p=4, response="own", tokens="all")
DATA_SETS = (*KINDS.values(), OURS["template"], LEFT_OUT, OURS["plain"])
PLACES = ("first", "middle", "last", "whole prompt", "unknown")  # of the instruction
VARIANTS = {
    "as in the text": {},
    "5 bins": {"bins": 5},
    "20 bins": {"bins": 20},
    "p = 2": {"p": 2},
    "p = 8": {"p": 8},
    "b = 0": {"threshold": 0},
    "b = 5": {"threshold": 5},
    "b = 9": {"threshold": 9},
    "equal response length": {"response": "matched"},
    "on the base's responses": {"response": "base"},
    "on the tuned model's responses": {"response": "tuned"},
    "without labels": {"tokens": "no labels"},
}


def released(store: Store) -> pd.DataFrame:
    """Profiles of LLaMA-7B and Vicuna-7B."""
    return store.read("positions/profiles")


def ours(store: Store) -> pd.DataFrame:
    """Profiles of our own pair (a second or two)."""
    return make_profiles(store)


def select(table: pd.DataFrame, **setting) -> pd.DataFrame:
    """Profiles in one setting (`MAIN` unless said otherwise), of prompts that have both models'."""
    chosen, left = MAIN | setting, table
    if table.empty:
        raise BadSample(
            f"table holds no profile: no prompt of {LEAST_PROMPT} tokens or more has responses of "
            f"{LEAST_RESPONSE} or more from both models."
        )
    for name, value in chosen.items():
        left = left[left[name] == value]
    if left.empty:
        raise BadSample(f"The table holds no profile in the setting {chosen}.")
    return left[left.groupby(["kind", "id"])["model"].transform("size") == len(ROLES)]


def by_data_set(table: pd.DataFrame, make: Callable[[pd.DataFrame, str], Comparison]) -> list:
    """One comparison a data set, Holm-corrected together."""
    parts = ((kind, table[table["kind"] == kind]) for kind in DATA_SETS)
    return holm([make(part, kind) for kind, part in parts if len(part)])


def score_rows(store: Store) -> pd.DataFrame:
    """The score table on own responses, our settings as data sets."""
    table = scores(store)
    table = table[table["model"] == table["author"]]
    if table["kind"].isin(KINDS.values()).all():
        return table
    labels = store.read("recognition/prompts").query("setting == 'template'").set_index("id")
    kept = labels["roles"].map(lambda roles: sum(role != "template" for role in roles))
    left_out = table[table["setting"] == "template"]
    left_out = left_out.assign(kind=LEFT_OUT, prompt_tokens=left_out["id"].map(kept))
    return pd.concat([table.assign(kind=table["setting"].map(OURS)), left_out])


def used(table: pd.DataFrame, lengths: pd.DataFrame, **setting) -> pd.DataFrame:
    """How many prompts of each data set enter the comparison, and why the others do not.

    `lengths` has a row a prompt and model (see `score_rows`).
    """
    chosen, rows = select(table, **setting), []
    for kind in (kind for kind in DATA_SETS if (lengths["kind"] == kind).any()):
        part = lengths[lengths["kind"] == kind]
        tokens = paired(part, column="response_tokens")
        short = part.drop_duplicates("id").set_index("id")["prompt_tokens"] < LEAST_PROMPT
        short = short.loc[tokens.index]
        brief = ~short & (tokens[list(ROLES)].min(axis=1) < LEAST_RESPONSE)
        profiles = chosen[chosen["kind"] == kind]
        row = {"data set": kind, "prompts": len(tokens)}
        row |= {f"prompt under {LEAST_PROMPT} tokens": int(short.sum())}
        row |= {f"a response under {LEAST_RESPONSE} tokens": int(brief.sum())}
        row |= {"profiles": profiles["id"].nunique()}
        no_ratio = profiles.loc[profiles["middle_ratio"].isna(), "id"].nunique()
        rows.append(row | {"no ratio (ends are zero)": no_ratio})
    return pd.DataFrame(rows)


@functools.lru_cache(maxsize=2)
def _weights(n: int, seed: int = 0) -> Float[np.ndarray, "draws n"]:
    """Weights of n prompts in 10,000 resamples: the same for all bins and settings."""
    return resamples(n, np.random.default_rng(seed)) / n


def bands(table: pd.DataFrame, *, by: str = "kind", **setting) -> pd.DataFrame:
    """Mean profile by group, model and bin, with a 95 % bootstrap band over prompts."""
    rows, chosen = [], select(table, **setting)
    order = dict(zip((*DATA_SETS, *PLACES), range(99), strict=False))
    chosen = chosen.sort_values(by, key=lambda names: names.map(order), kind="stable")
    for (group, model), part in chosen.groupby([by, "model"], sort=False):
        values = np.stack(list(part["profile"])).astype(float)
        low, high = np.percentile(_weights(len(values)) @ values, [2.5, 97.5], axis=0)
        numbers = np.arange(1, values.shape[1] + 1)
        found = dict(bin=numbers, n=len(values), mean=values.mean(0), low=low, high=high)
        rows.append(pd.DataFrame({by: group, "model": model} | found))
    return pd.concat(rows, ignore_index=True)


def middle_ratios(table: pd.DataFrame, **setting) -> list[Comparison]:
    """Base against tuned: the middle ratio of each prompt, paired.

    Prompts with a profile that is zero at both ends have no ratio and are left out: `n` shows it.
    """

    def make(part: pd.DataFrame, kind: str) -> Comparison:
        wide = paired(part, column="middle_ratio")
        return compare_paired(
            *(numbers(wide[role]) for role in ROLES),
            label=kind,
            null_hypothesis="both models have the same mean middle ratio",
        )

    return by_data_set(select(table, **setting), make)


def _stretches(table: pd.DataFrame) -> pd.DataFrame:
    """Mean relative density in the middle and at the ends, a row a prompt and model."""
    values = np.stack(list(table["profile"])).astype(float)
    middle, ends = stretches_of(values.shape[1])
    return table.assign(middle=values[:, middle].mean(1), ends=values[:, ends].mean(1))


def stretches(table: pd.DataFrame, **setting) -> list[Comparison]:
    """Base against tuned, the parts of the ratio one by one: density in the middle, at the ends."""
    parts, found = _stretches(select(table, **setting)), []
    for kind in (kind for kind in DATA_SETS if (parts["kind"] == kind).any()):
        for where, name in (("middle", "in the middle"), ("ends", "at the ends")):
            wide = paired(parts[parts["kind"] == kind], column=where)
            values = [numbers(wide[role]) for role in ROLES]
            null = f"both models have the same mean relative density {name}"
            found.append(compare_paired(*values, label=f"{kind}: {name}", null_hypothesis=null))
    return holm(found)


def ratio_of_means(table: pd.DataFrame, *, seed: int = 0, **setting) -> list[Comparison]:
    """Base against tuned: middle ratio of the averaged profile.

    The interval resamples prompts; the p-value swaps the two models within prompts at random.
    """
    parts = _stretches(select(table, **setting))
    return by_data_set(parts, lambda part, kind: _ratio_of_means(part, kind, seed))


def _sums(part: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """(prompts, 2) of middle and ends, for base and tuned."""
    wide = {where: paired(part, column=where) for where in ("middle", "ends")}
    return tuple(np.column_stack([wide[w][role] for w in wide]).astype(float) for role in ROLES)


def _ratio(sums: np.ndarray) -> np.ndarray:
    return sums[..., 0] / sums[..., 1]


def _ratio_of_means(part: pd.DataFrame, label: str, seed: int) -> Comparison:
    generator = np.random.default_rng(seed)
    base, tuned = _sums(part)
    n = len(base)
    null = "the two models' profiles can be exchanged within a prompt"
    if n < 3:
        why = f"too few prompts: {n}, and 3 are needed"
        return untested(label, why, n=n, null_hypothesis=null)
    draws = _weights(n)
    low, high = np.percentile(_ratio(draws @ tuned) - _ratio(draws @ base), [2.5, 97.5])
    swap = generator.integers(0, 2, (RESAMPLES, n)) @ (base - tuned)
    by_chance = _ratio(tuned.sum(0) + swap) - _ratio(base.sum(0) - swap)
    means = _ratio(base.sum(0)), _ratio(tuned.sum(0))
    difference = float(means[1] - means[0])
    as_large = int((np.abs(by_chance) >= abs(difference) - 1e-12).sum())
    return Comparison(
        label=label,
        n=n,
        mean_a=float(means[0]),
        mean_b=float(means[1]),
        difference=difference,
        effect_size=float("nan"),
        low=float(low),
        high=float(high),
        p_value=(as_large + 1) / (RESAMPLES + 1),
        test="permutation within prompts, two-sided",
        null_hypothesis=null,
    )


def pooled(table: pd.DataFrame, label: str, **setting) -> Comparison:
    """The same over all data sets of the table as one; their prompts must be different ones."""
    parts = _stretches(select(table, **setting).assign(kind=label))
    return _ratio_of_means(parts, label, seed=0)


def ratios(table: pd.DataFrame, **setting) -> pd.DataFrame:
    """Middle ratio of each averaged profile, with its own 95 % bootstrap interval over prompts."""
    parts, rows = _stretches(select(table, **setting)), []
    for kind in (kind for kind in DATA_SETS if (parts["kind"] == kind).any()):
        for role, sums in zip(ROLES, _sums(parts[parts["kind"] == kind]), strict=True):
            low, high = np.percentile(_ratio(_weights(len(sums)) @ sums), [2.5, 97.5])
            row = dict(kind=kind, model=role, n=len(sums), ratio=float(_ratio(sums.sum(0))))
            rows.append(row | dict(low=float(low), high=float(high)))
    return pd.DataFrame(rows)


def sensitivity(table: pd.DataFrame, label: str) -> list[Comparison]:
    """The pooled ratio in every setting that the table holds, as one family."""
    found, stored = [], set(zip(table["response"], table["tokens"], strict=True))
    for name, setting in VARIANTS.items():
        if (setting.get("response", "own"), setting.get("tokens", "all")) in stored:
            found.append(replace(pooled(table, label, **setting), label=name))
    return holm(found)


def by_threshold(table: pd.DataFrame, label: str) -> list[Comparison]:
    """The pooled ratio for every threshold b that the table holds, one family: the dip rests on b."""
    held = table[(table["bins"] == MAIN["bins"]) & (table["p"] == MAIN["p"])]["threshold"]
    cells = {f"{label}, b = {b}": b for b in sorted(held.unique())}
    return holm([pooled(table, name, threshold=b) for name, b in cells.items()])


def robustness(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One small table: both ratios and n, and their difference, in each setting and pair."""
    columns: dict[str, dict[str, str]] = {}
    for name, table in tables.items():
        ratio = columns.setdefault(f"{name}: base → tuned (n)", {})
        change = columns.setdefault(f"{name}: difference [95 % CI], p (Holm)", {})
        for one in sensitivity(table, name):
            means = f"{one.mean_a:.2f} → {one.mean_b:.2f}" if one.possible else "–"
            ratio[one.label] = f"{means} ({one.n})"
            p = f", {show_p(one.p_holm)}" if one.possible else ""
            change[one.label] = f"{show_difference(one, 2)}{p}"
    return pd.DataFrame(columns).reindex(list(VARIANTS)).fillna("")
