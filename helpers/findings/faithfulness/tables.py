"""What the faithfulness chapter shows: agreement of the estimates, deletion curves, shares by each."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
from scipy.stats import rankdata, spearmanr

from helpers.findings.faithfulness.compute import (
    RANDOM_ORDERS,
    READERS,
    SHARES,
    STEPS,
    TOKENS,
    segment_masks,
)
from helpers.findings.faithfulness.read import NAMES, RANDOM, WHOLE, estimates, explained, labels
from helpers.findings.recognition.tables import correlation
from helpers.methods.density import score, shares
from helpers.methods.statistics import LEAST, Comparison, compare_paired, holm
from helpers.models.roles import ROLES
from helpers.store.store import Store

# --- token by token


def rhos(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Spearman's rho of each column; NaN where one of both is constant."""
    ranks = [rankdata(matrix, axis=0) for matrix in (a, b)]
    x, y = ((one - one.mean(0)) / np.where(np.ptp(one, 0) > 0, one.std(0), np.nan) for one in ranks)
    return (x * y).mean(0)


def agreement(store: Store) -> pd.DataFrame:
    """Per prompt and reader: Spearman's rho of each estimate with erasure, the same of sizes without
    their signs, and overlap of the top fifth; `negative`: share of entries below zero."""
    rows = []
    for prompt, reader, arrays in explained(store, READERS):
        found = estimates(arrays)
        exact = found.pop("erasure")
        top = max(1, len(exact) // 5)
        for name, matrix in found.items():
            best = ((-one).argsort(0)[:top].T for one in (exact, matrix))
            same = [len({*a} & {*b}) / top for a, b in zip(*best, strict=True)]
            rows.append({
                "id": prompt, "model": reader, "estimate": name,
                "rho": np.nanmean(rhos(exact, matrix)),
                "rho of sizes": np.nanmean(rhos(abs(exact), abs(matrix))),
                "top fifth in common": np.mean(same), "by chance": top / len(exact),
                "negative": (matrix < 0).mean(),
            })  # fmt: skip
    return pd.DataFrame(rows)


def single_tokens(found: pd.DataFrame, column: str = "rho") -> list[Comparison]:
    """Mean rho with erasure (b) against none (a), by estimate and reader."""
    parts = found.groupby(["estimate", "model"], sort=False)
    return holm([
        compare_paired(
            np.zeros(len(part)), part[column].to_numpy(), label=f"{estimate}, {model}",
            null_hypothesis="the estimate ranks tokens in no relation to erasure",
        )
        for (estimate, model), part in parts
    ])  # fmt: skip


# --- added up


def taken(store: Store) -> pd.DataFrame:
    """Per prompt, reader and segment (the whole prompt is one more): the share of the response's
    probability that goes when it is blanked, and what each estimate says of it, summed over its tokens."""
    known, rows = labels(store)["roles"], []
    for prompt, reader, arrays in explained(store, READERS):
        roles, whole = known.loc[prompt], arrays["whole"].mean()
        masks = {WHOLE: np.ones(len(roles), bool)}
        masks |= zip(dict.fromkeys(roles), segment_masks(roles), strict=True)
        left = [arrays["nothing"].mean(), *arrays["blanked"].mean(axis=1)]
        for (segment, mask), rest in zip(masks.items(), left, strict=True):
            row = {"id": prompt, "model": reader, "segment": segment, "blanking": 1 - rest / whole}
            said = {n: m[mask].sum(0).mean() / whole for n, m in estimates(arrays).items()}
            rows.append(row | said)
    return pd.DataFrame(rows)


def taken_over_prompts(found: pd.DataFrame) -> list[Comparison]:
    """Each estimate summed over a segment (b) beside what blanking it takes (a): rank correlation over
    prompts, by segment, model and estimate."""
    compared = []
    for (segment, model), part in found.groupby(["segment", "model"], sort=False):
        for name in (name for name in NAMES.values() if name in part):
            both = part[["blanking", name]].dropna()
            if len(both) < LEAST or not np.ptp(both.to_numpy(), axis=0).all():
                continue
            rho, low, high = correlation(both["blanking"], both[name])
            compared.append(Comparison(
                f"{segment}, {model}: {name}", len(both), *both.mean(), rho, np.nan, low, high,
                float(spearmanr(both).pvalue), "Spearman's rho over prompts, two-sided",
                "estimate and blanking have no relation",
            ))  # fmt: skip
    return holm(compared)


# --- erased together


def curves(store: Store) -> pd.DataFrame:
    """Share of the response's probability that is left, by prompt, model, order and share erased."""
    rows = []
    for prompt, role, arrays in explained(store):
        left = arrays["curves"].mean(axis=-1) / arrays["whole"].mean()
        orders = dict(zip(estimates(arrays), left[:-RANDOM_ORDERS], strict=True))
        orders[RANDOM] = left[-RANDOM_ORDERS:].mean(axis=0)
        for order, values in orders.items():
            for share, value in zip((0.0, *SHARES), (1.0, *values), strict=True):
                row = {"id": prompt, "model": role, "order": order}
                rows.append(row | {"share erased": share, "left": value})
    return pd.DataFrame(rows)


def against_others(found: pd.DataFrame) -> list[Comparison]:
    """Mean probability left over all shares: the gradient's order (b) against every other (a)."""
    means = found[found["share erased"] > 0].groupby(["id", "model", "order"])["left"].mean()
    wide, compared = means.unstack("order"), []
    others = [one for one in (RANDOM, *NAMES.values()) if one in wide and one != "gradient"]
    for role, other in product(ROLES, others):
        part = wide.xs(role, level="model")[[other, "gradient"]].dropna()
        null = "both orders leave the same share of the probability"
        label = f"{role}: gradient against {other}"
        compared.append(compare_paired(*part.to_numpy().T, label=label, null_hypothesis=null))
    return holm(compared)


# --- chapter 1 by each estimate


def instruction_scores(store: Store) -> pd.DataFrame:
    """Instruction score, and share of importance on the instruction (the template left out), by reader
    and estimate."""
    known, rows = labels(store)["roles"], []
    for prompt, reader, arrays in explained(store, READERS):
        for estimate, matrix in estimates(arrays).items():
            row = {"id": prompt, "reader": reader, "estimate": estimate}
            row["score"] = score(matrix, known.loc[prompt])["score"]
            rows.append(row | {"share": shares(matrix, known.loc[prompt])["instruction"]})
    return pd.DataFrame(rows)


def by_estimate(
    found: pd.DataFrame, column: str, before: str = "base-on-tuned"
) -> list[Comparison]:
    """Base against tuned by each estimate that both have, the gradient and erasure first: on the tuned
    model's response, or on their own (`before="base"`)."""
    compared, null = [], "the tuned model's mean equals the base's"
    response = "own responses" if before == "base" else "the tuned model's response"
    for estimate, part in found.groupby("estimate", sort=False):
        wide = part.pivot(index="id", columns="reader", values=column)
        if {before, "tuned"} <= {*wide.columns}:
            both, label = wide[[before, "tuned"]].dropna(), f"{column}, by {estimate}, {response}"
            compared.append(
                compare_paired(*both.to_numpy(float).T, label=label, null_hypothesis=null)
            )
    return holm(compared)


# --- cost


def cost(store: Store) -> pd.DataFrame:
    """Passes through the model for one prompt and the first response tokens, by estimate: medians."""
    roles = labels(store)["roles"]
    n = [len(roles[prompt]) for prompt, *_ in explained(store, ROLES[1:])]
    rows = {
        "gradient": (1, TOKENS),
        "norms held fixed": (1, TOKENS),
        "integrated gradients": (STEPS, STEPS * TOKENS),
        "erasure, to zero or to the mean": (int(np.median(n)) + 1, 0),
        "blanking, a pass a segment": (int(roles.map(lambda one: len(set(one))).median()) + 1, 0),
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["forward", "rows backward"])
