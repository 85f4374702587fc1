"""What chapter 2 reads from the store `llama-vicuna-7b`: position profiles and the middle ratio.

method.md, section 2. `base` is LLaMA-7B, `tuned` Vicuna-7B; prompts of 20 tokens or more and
responses of 5 or more. A profile averages a_n / max a in equal bins by relative position; the middle
ratio is that of one prompt (`middle_ratios`) or of the averaged profile (`ratio_of_means`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.findings.recognition_view import paired, scores
from helpers.findings.release import KINDS, LEAST_PROMPT, LEAST_RESPONSE
from helpers.findings.release_view import by_kind, numbers
from helpers.pairs import ROLES
from helpers.results import Store
from helpers.statistics import RESAMPLES, Comparison, bootstrap_interval, compare_paired, holm

MAIN = dict(bins=10, threshold=7, p=4, response="own", tokens="all")


def profile_table(store: Store, **setting) -> pd.DataFrame:
    """Profiles in one setting (`MAIN` unless said otherwise), of prompts that have both models'."""
    chosen, table = MAIN | setting, store.read("positions/profiles")
    for name, value in chosen.items():
        table = table[table[name] == value]
    if table.empty:
        raise ValueError(f"The store holds no profile in the setting {chosen}.")
    return table[table.groupby("id")["model"].transform("size") == len(ROLES)]


def used(store: Store, **setting) -> pd.DataFrame:
    """How many prompts of each data set enter the comparison, and why the others do not."""
    labels, rows = paired(scores(store), column="response_tokens"), []
    prompt_tokens = scores(store).drop_duplicates("id").set_index("id")["prompt_tokens"]
    table = profile_table(store, **setting)
    for kind, part in labels.groupby("kind", sort=False):
        short = prompt_tokens.loc[part.index] < LEAST_PROMPT
        brief = ~short & (part[list(ROLES)].min(axis=1) < LEAST_RESPONSE)
        profiles = table[table["kind"] == kind]
        row = {"data set": kind, "prompts": len(part)}
        row |= {f"prompt under {LEAST_PROMPT} tokens": int(short.sum())}
        row |= {f"a response under {LEAST_RESPONSE} tokens": int(brief.sum())}
        row |= {"profiles": profiles["id"].nunique()}
        no_ratio = profiles.loc[profiles["middle_ratio"].isna(), "id"].nunique()
        rows.append(row | {"no ratio (ends are zero)": no_ratio})
    return pd.DataFrame(rows)


def profiles(store: Store, **setting) -> pd.DataFrame:
    """Mean profile by data set, model and bin, with a 95 % bootstrap band over prompts."""
    rows = []
    for (kind, model), part in profile_table(store, **setting).groupby(["kind", "model"]):
        values = np.stack(list(part["profile"])).astype(float)
        for number, column in enumerate(values.T, 1):
            low, high = bootstrap_interval(column, seed=number)
            row = dict(kind=kind, model=model, bin=number, n=len(values), mean=column.mean())
            rows.append(row | dict(low=low, high=high))
    return pd.DataFrame(rows)


def middle_ratios(store: Store, **setting) -> list[Comparison]:
    """LLaMA against Vicuna: the middle ratio of each prompt, paired.

    Prompts with a profile that is zero at both ends have no ratio and are left out: `n` shows it.
    """
    wide = paired(profile_table(store, **setting), column="middle_ratio")
    return by_kind(wide, lambda part, kind: _compare_ratio(part, kind))


def _compare_ratio(part: pd.DataFrame, label: str) -> Comparison:
    return compare_paired(
        *(numbers(part[role]) for role in ROLES),
        label=label,
        null_hypothesis="both models have the same mean middle ratio",
    )


def _stretches(store: Store, **setting) -> pd.DataFrame:
    """Mean relative density in the middle (30 to 70 %) and at the ends, a row a prompt and model."""
    table = profile_table(store, **(setting | {"bins": 10}))
    values = np.stack(list(table["profile"])).astype(float)
    return table.assign(middle=values[:, 3:7].mean(1), ends=values[:, [0, 1, 8, 9]].mean(1))


def stretches(store: Store, **setting) -> list[Comparison]:
    """LLaMA against Vicuna, the parts of the ratio one by one: density in the middle, at the ends."""
    table, found = _stretches(store, **setting), []
    for kind in (kind for kind in KINDS.values() if (table["kind"] == kind).any()):
        for where, name in (("middle", "in the middle"), ("ends", "at the ends")):
            wide = paired(table[table["kind"] == kind], column=where)
            values = [numbers(wide[role]) for role in ROLES]
            null = f"both models have the same mean relative density {name}"
            found.append(compare_paired(*values, label=f"{kind}: {name}", null_hypothesis=null))
    return holm(found)


def ratio_of_means(store: Store, *, seed: int = 0, **setting) -> list[Comparison]:
    """LLaMA against Vicuna: middle ratio of the averaged profile, which no single prompt can sway.

    The interval resamples prompts; the p-value swaps the two models within prompts at random.
    """
    table = _stretches(store, **setting)
    return by_kind(table, lambda part, kind: _ratio_of_means(part, kind, seed))


def _ratio_of_means(part: pd.DataFrame, label: str, seed: int) -> Comparison:
    generator = np.random.default_rng(seed)
    wide = {where: paired(part, column=where) for where in ("middle", "ends")}
    base, tuned = (
        np.column_stack([wide[where][role] for where in ("middle", "ends")]).astype(float)
        for role in ROLES
    )
    n, ratio = len(base), lambda sums: sums[..., 0] / sums[..., 1]
    draws = generator.multinomial(n, np.full(n, 1 / n), RESAMPLES)
    low, high = np.percentile(ratio(draws @ tuned) - ratio(draws @ base), [2.5, 97.5])
    swap = generator.integers(0, 2, (RESAMPLES, n)) @ (base - tuned)
    by_chance = ratio(tuned.sum(0) + swap) - ratio(base.sum(0) - swap)
    means = ratio(base.sum(0)), ratio(tuned.sum(0))
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
        null_hypothesis="the two models' profiles can be exchanged within a prompt",
    )


def ratio_sensitivity(store: Store) -> list[Comparison]:
    """Does the middle ratio's difference survive other settings? All data sets together."""
    stored = store.read("positions/profiles")[list(MAIN)].drop_duplicates()
    found = []
    for setting in stored.to_dict("records"):
        changed = [f"{name}={value}" for name, value in setting.items() if value != MAIN[name]]
        wide = paired(profile_table(store, **setting), column="middle_ratio")
        found.append(_compare_ratio(wide, ", ".join(changed) or "as in the text"))
    return holm(found)
