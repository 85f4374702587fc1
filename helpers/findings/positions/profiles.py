"""Position profiles of all prompts: made, as bands, as middle ratios, compared, and read otherwise.

method.md, section 2. A profile averages a_n / max a in equal bins by relative position; it needs a prompt
of 20 tokens or more and responses of 5 or more from both models. The middle ratio is taken of the
averaged profile, which no single prompt can sway: where its ends are nearly empty, a prompt's own ratio
explodes. Every table takes profiles (`released` or `ours`), in which `base` and `tuned` are LLaMA-7B and
Vicuna-7B or our own pair. Our prompts make three "data sets": in the template, in the template with its
tokens left out of the profile, and as plain text. Each is profiled for the models' own responses, for the
first tokens of them that both have, and for the response of either model as a shared one.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
from jaxtyping import Float

from helpers.findings.recognition.read import Explained, both, scores
from helpers.findings.recognition.tables import paired, told
from helpers.findings.release.read import KINDS
from helpers.methods.density import LEVELS, normalise
from helpers.methods.profiles import GRID, LEAST_PROMPT, LEAST_RESPONSE, profile_of
from helpers.methods.profiles import stretches as stretches_of
from helpers.methods.statistics import BadSample, Comparison, holm, shared_resamples, untested
from helpers.models.roles import ROLES
from helpers.pages.tables import show_difference, show_p
from helpers.store.store import Store

OURS = {"template": "ours, in the template", "plain": "ours, plain text"}
# The same responses, profiles without the template's tokens: what stands for the pair.
LEFT_OUT = "ours, template left out"
MAIN = dict(bins=10, threshold=7, p=4, response="own", tokens="all")
DATA_SETS = (*KINDS.values(), OURS["template"], LEFT_OUT, OURS["plain"])
PLACES = ("first", "middle", "last", "whole prompt", "unknown")  # of the instruction
VARIANTS = {
    "as in the text": {},
    **{f"{n} bins": {"bins": n} for n in (5, 20)},
    **{f"p = {p}": {"p": p} for p in (2, 8)},
    **{f"b = {b}": {"threshold": b} for b in (0, 5, 9)},
    "equal response length": {"response": "matched"},
    "on the base's responses": {"response": "base"},
    "on the tuned model's responses": {"response": "tuned"},
    "without labels": {"tokens": "no labels"},
}
Sums = Float[np.ndarray, "prompts 2"]  # mean relative density in the middle, and at the ends


def released(store: Store) -> pd.DataFrame:
    """Profiles of LLaMA-7B and Vicuna-7B."""
    return store.read("positions/profiles")


def _variants(setting: str, response: str) -> list[tuple[int, int, float, str]]:
    """(bins, b, p, data set): the whole grid on own responses, the main setting on the others."""
    grid = GRID if response == "own" else GRID[:1]
    kinds = (OURS[setting], LEFT_OUT) if setting == "template" else (OURS[setting],)
    return [(*one, kind) for kind in kinds for one in grid]


def _prompt_rows(pair: tuple[Explained, Explained], setting: str, response: str) -> list[dict]:
    rows, roles = [], np.array(pair[0].roles)
    shorter = min(len(one.response) for one in pair)
    if len(roles) < LEAST_PROMPT or shorter < LEAST_RESPONSE:
        return rows
    columns = slice(shorter) if response == "matched" else slice(None)
    levels = [normalise(one.importance, LEVELS)[:, columns] for one in pair]
    for bins, b, p, kind in _variants(setting, response):
        kept = np.ones(len(roles), bool) if kind != LEFT_OUT else roles != "template"
        if kept.sum() < LEAST_PROMPT:
            continue
        label = dict(id=pair[0].id, kind=kind, place=pair[0].place)
        label |= dict(bins=bins, threshold=b, p=p, response=response, tokens="all")
        for role, one in zip(ROLES, levels, strict=True):
            found = profile_of(one, kept, bins=bins, threshold=b, p=p)
            rows.append(label | dict(model=role) | found)
    return rows


def ours(store: Store) -> pd.DataFrame:
    """All profiles of our pair, from the stored matrices of chapter 1 (a few seconds)."""
    cells = product(OURS, ("own", "matched", *ROLES))
    return pd.DataFrame(
        row
        for setting, response in cells
        for pair in both(store, "own" if response == "matched" else response, setting)
        for row in _prompt_rows(pair, setting, response)
    )


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


def data_sets(table: pd.DataFrame) -> list[str]:
    """The data sets of a table, in the book's order."""
    return [kind for kind in DATA_SETS if (table["kind"] == kind).any()]


def used(store: Store, table: pd.DataFrame, setting: str = "template") -> pd.DataFrame:
    """How many prompts of each data set are compared, and why the others are not.

    A prompt's tokens are counted as its profile takes them, without a template that is left out.
    """
    lengths = scores(store)
    lengths = lengths[(lengths["model"] == lengths["author"]) & (lengths["setting"] == setting)]
    found, rows = select(table), []
    for kind in data_sets(found):
        part = lengths[lengths["kind"] == kind] if kind in KINDS.values() else lengths
        tokens = part.pivot(index="id", columns="model", values="response_tokens").dropna()
        brief = (tokens.min(axis=1) < LEAST_RESPONSE).sum()
        n, held = len(tokens), found[found["kind"] == kind]["id"].nunique()
        row = {
            "data set": kind,
            "prompts": n,
            f"a response under {LEAST_RESPONSE} tokens": int(brief),
        }
        row |= {f"else prompt under {LEAST_PROMPT} tokens": int(n - brief - held), "profiles": held}
        rows.append(row)
    return pd.DataFrame(rows)


def bands(table: pd.DataFrame, *, by: str = "kind", **setting) -> pd.DataFrame:
    """Mean profile by group, model and bin, with a 95 % bootstrap band over prompts."""
    rows, chosen = [], select(table, **setting)
    order = dict(zip((*DATA_SETS, *PLACES), range(99), strict=False))
    chosen = chosen.sort_values(by, key=lambda names: names.map(order), kind="stable")
    for (group, model), part in chosen.groupby([by, "model"], sort=False):
        values = np.stack(list(part["profile"])).astype(float)
        means = shared_resamples(len(values)) @ values / len(values)
        low, high = np.percentile(means, [2.5, 97.5], axis=0)
        numbers = np.arange(1, values.shape[1] + 1)
        found = dict(bin=numbers, n=len(values), mean=values.mean(0), low=low, high=high)
        rows.append(pd.DataFrame({by: group, "model": model} | found))
    return pd.concat(rows, ignore_index=True)


def sides(table: pd.DataFrame, **setting) -> dict[str, Sums]:
    """Density in the middle and at the ends of each prompt, by model; prompts in the same order.

    All data sets of the table together: their prompts must be different ones.
    """
    chosen = select(table, **setting)
    values = np.stack(list(chosen["profile"])).astype(float)
    inside, ends = stretches_of(values.shape[1])
    chosen = chosen.assign(middle=values[:, inside].mean(1), ends=values[:, ends].mean(1))
    wide = [paired(chosen, column=where) for where in ("middle", "ends")]
    return {role: np.column_stack([one[role] for one in wide]).astype(float) for role in ROLES}


def _ratio(sums: Float[np.ndarray, "*draws 2"]) -> Float[np.ndarray, "*draws"]:
    return sums[..., 0] / sums[..., 1]


def pooled(table: pd.DataFrame, label: str, **setting) -> Comparison:
    """Base against tuned: middle ratio of the profile averaged over all prompts of the table.

    The interval resamples prompts; the p-value swaps the two models within prompts at random.
    """
    base, tuned = sides(table, **setting).values()
    n, null = len(base), "the two models' profiles can be exchanged within a prompt"
    if n < 3:
        return untested(label, f"too few prompts: {n}, and 3 are needed", n=n, null_hypothesis=null)
    draws = shared_resamples(n)
    low, high = np.percentile(_ratio(draws @ tuned) - _ratio(draws @ base), [2.5, 97.5])
    swap = np.random.default_rng(0).integers(0, 2, draws.shape) @ (base - tuned)
    by_chance = _ratio(tuned.sum(0) + swap) - _ratio(base.sum(0) - swap)
    means = float(_ratio(base.sum(0))), float(_ratio(tuned.sum(0)))
    difference = means[1] - means[0]
    as_large = int((np.abs(by_chance) >= abs(difference) - 1e-12).sum())
    return Comparison(
        label, n, *means, difference, float("nan"), float(low), float(high),
        (as_large + 1) / (len(draws) + 1), "permutation within prompts, two-sided", null,
    )  # fmt: skip


def ratio_of_means(table: pd.DataFrame, **setting) -> list[Comparison]:
    """`pooled` of each data set, Holm-corrected together."""
    kinds = data_sets(select(table, **setting))
    return holm([pooled(table[table["kind"] == kind], kind, **setting) for kind in kinds])


def ratios(table: pd.DataFrame, **setting) -> pd.DataFrame:
    """Middle ratio of each data set's averaged profile, with its 95 % interval over prompts."""
    rows = []
    for kind in data_sets(select(table, **setting)):
        for role, sums in sides(table[table["kind"] == kind], **setting).items():
            low, high = np.percentile(_ratio(shared_resamples(len(sums)) @ sums), [2.5, 97.5])
            row = dict(kind=kind, model=role, n=len(sums), ratio=float(_ratio(sums.sum(0))))
            rows.append(row | dict(low=float(low), high=float(high)))
    return pd.DataFrame(rows)


def thresholds(table: pd.DataFrame) -> list[int]:
    """The values of b of which a table holds profiles in the main setting."""
    held = table[(table["bins"] == MAIN["bins"]) & (table["p"] == MAIN["p"])]["threshold"]
    return sorted(int(b) for b in held.unique())


def by_threshold(table: pd.DataFrame, label: str) -> list[Comparison]:
    """The pooled ratio for every threshold b that the table holds, one family: the dip rests on b."""
    return holm([pooled(table, f"{label}, b = {b}", threshold=b) for b in thresholds(table)])


def robustness(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Both ratios, n and their difference in each setting and pair; one Holm family a pair."""
    columns: dict[str, dict[str, str]] = {}
    for name, table in tables.items():
        ratio = columns.setdefault(f"{name}: base → tuned (n)", {})
        change = columns.setdefault(f"{name}: difference [95 % CI], p (Holm)", {})
        stored = set(zip(table["response"], table["tokens"], strict=True))
        held = {
            label: setting
            for label, setting in VARIANTS.items()
            if (setting.get("response", "own"), setting.get("tokens", "all")) in stored
        }
        found = [replace(pooled(table, name, **held[label]), label=label) for label in held]
        for one in holm(found):
            means = f"{one.mean_a:.2f} → {one.mean_b:.2f}" if one.possible else "–"
            ratio[one.label] = f"{means} ({one.n})"
            p = f", {show_p(one.p_holm)}" if one.possible else ""
            change[one.label] = f"{show_difference(one, 2)}{p}"
    return pd.DataFrame(columns).reindex(list(VARIANTS)).fillna("")


def paper_table(theirs: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """The paper's claims, with the sizes of its released matrices, beside our pair, and what differs."""

    def dips(table: pd.DataFrame, role: str) -> str:
        found = ratios(table).query("model == @role")
        return "; ".join(f"{one.kind} {one.ratio:.2f}" for one in found.itertuples())

    columns = ["the authors' matrices", LEFT_OUT]
    rows = {
        f"Is the middle read less than the ends ({role}; ratio under 1)?": [
            *(dips(table, role) for table in (theirs, own)), "no test in the paper; shorter prompts",
        ]
        for role in ROLES
    }  # fmt: skip
    rows["Is it less so after tuning?"] = [
        *(told(ratio_of_means(table)) for table in (theirs, own)),
        "size and tuning; the paper drew the profiles of both models without a test",
    ]
    rows["Is it the place, or what stands there?"] = [
        "not asked", "see the experiment above", "one instruction moved through one text",
    ]  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index", columns=[*columns, "what differs and why"])
