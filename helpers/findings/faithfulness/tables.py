"""What the faithfulness page shows: agreement of the estimates, deletion curves, scores by erasure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from helpers.findings.faithfulness.compute import (
    RANDOM_ORDERS,
    READERS,
    SHARES,
    segment_masks,
)
from helpers.findings.recognition.lengths import correlation
from helpers.methods.density import score
from helpers.methods.statistics import (
    LEAST,
    Comparison,
    bootstrap_interval,
    compare_paired,
    holm,
)
from helpers.models.roles import ROLES
from helpers.store.store import Store

NAMES = {
    "gradient": "gradient",
    "erasure": "erasure",
    "fixed_norms": "norms held fixed",
    "integrated_gradients": "integrated gradients",
}  # in the order of the stored curves; what an older store lacks is left out


def explained(store: Store, readers=ROLES) -> Iterator[tuple[str, str, dict[str, np.ndarray]]]:
    """(prompt id, reader, arrays) of every prompt whose response is not empty."""
    held = store.manifest()
    prompts = [name.split("/", 2)[2] for name in held if name.startswith("faithfulness/tuned/")]
    if not prompts:
        store.read("faithfulness/tuned")  # says what is missing and which command computes it
    for prompt, reader in product(prompts, readers):
        name, more = (f"faithfulness/{kind}{reader}/{prompt}" for kind in ("", "integrated-"))
        if name in held:
            arrays = store.read(name)
            both = _with_integrated(arrays, store.read(more)) if more in held else arrays
            yield prompt, reader, both


def _with_integrated(arrays: dict[str, np.ndarray], more: dict[str, np.ndarray]) -> dict:
    """The arrays of a prompt with its integrated gradients and their curve, before random orders."""
    named, random = np.split(arrays["curves"], [-RANDOM_ORDERS])
    both = np.concatenate([named, more["curves"], random])
    method = "integrated_gradients"
    return arrays | {method: more[method], "curves": both}


def _estimates(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: arrays[method] for method, name in NAMES.items() if method in arrays}


def rho(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rho of each column, averaged over those that are not constant."""
    ranks = [rankdata(matrix, axis=0) for matrix in (a, b)]
    x, y = ((one - one.mean(0)) / np.where(np.ptp(one, 0) > 0, one.std(0), np.nan) for one in ranks)
    return float(np.nanmean((x * y).mean(0)))


def agreement(store: Store, against: str = "erasure") -> pd.DataFrame:
    """Per prompt and reader: Spearman's rho of each estimate with erasure (or another), the same of
    sizes without their signs, and overlap of the top fifth. `base-on-tuned`: on a shared response."""
    rows = []
    for prompt, reader, arrays in explained(store, READERS):
        estimates = _estimates(arrays)
        exact = estimates.pop(against)
        top = max(1, len(exact) // 5)
        for name, matrix in estimates.items():
            best = ((-one).argsort(0)[:top].T for one in (exact, matrix))
            same = [len({*a} & {*b}) / top for a, b in zip(*best, strict=True)]
            row = {"id": prompt, "model": reader, "estimate": name, "rho": rho(exact, matrix)}
            overlap = {"top fifth in common": np.mean(same), "by chance": top / len(exact)}
            rows.append(row | {"rho of sizes": rho(abs(exact), abs(matrix))} | overlap)
    return pd.DataFrame(rows)


def agreement_table(found: pd.DataFrame) -> pd.DataFrame:
    """Means over prompts with 95 % bootstrap intervals, one row an estimate and model."""
    rows = {}

    def with_interval(values: pd.Series) -> str:
        low, high = bootstrap_interval(values)
        return f"{values.mean():.2f} [{low:.2f}, {high:.2f}]"

    for (estimate, model), part in found.groupby(["estimate", "model"], sort=False):
        rows[f"{estimate}, {model}"] = {
            "n": len(part),
            "Spearman's rho [95 % CI]": with_interval(part["rho"]),
            "rho of sizes [95 % CI]": with_interval(part["rho of sizes"]),
            "top fifth in common": f"{part['top fifth in common'].mean():.2f}",
            "by chance": f"{part['by chance'].mean():.2f}",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def first_order(store: Store) -> pd.DataFrame:
    """Share of the response's probability that goes when the whole prompt does: estimated and real.

    The estimate sums the importance of all prompt tokens; of gradient times input the sum is the
    slope at which the probability falls while the prompt's embeddings begin to shrink together.
    """
    rows = []
    for prompt, role, arrays in explained(store):
        whole, nothing = arrays["whole"].mean(), arrays["nothing"].mean()
        row = {"id": prompt, "model": role, "real": 1 - nothing / whole}
        for name, matrix in _estimates(arrays).items():
            row[name] = matrix.sum(axis=0).mean() / whole
        rows.append(row | {"negative": (arrays["gradient"] < 0).mean()})
    return pd.DataFrame(rows)


def segments(store: Store) -> pd.DataFrame:
    """Per prompt, reader and segment: the share of the response's probability that goes when the segment
    is blanked, and what each estimate says of it (the sum over its tokens). Empty for older stores."""
    labels = store.read("recognition/prompts").query("setting == 'template'").set_index("id")
    rows = []
    for prompt, reader, arrays in explained(store, READERS):
        if "blanked" in arrays:
            roles, whole = labels.loc[prompt, "roles"], arrays["whole"].mean()
            lost = 1 - arrays["blanked"].mean(axis=1) / whole
            names = dict.fromkeys(roles)
            for segment, mask, taken in zip(names, segment_masks(roles), lost, strict=True):
                row = {"id": prompt, "model": reader, "segment": segment, "blanking": taken}
                said = {n: m[mask].sum(0).mean() / whole for n, m in _estimates(arrays).items()}
                rows.append(row | said)
    return pd.DataFrame(rows, columns=["id", "model", "segment", "blanking", *NAMES.values()])


def blanking_table(found: pd.DataFrame) -> pd.DataFrame:
    """Each estimate summed over a segment against blanking it: rank correlation over prompts with its
    95 % bootstrap interval, and the mean of both. One row a reader, segment and estimate."""
    rows = {}
    for (model, segment), part in found.groupby(["model", "segment"], sort=False):
        for name in NAMES.values():
            both = part[["blanking", name]].dropna()
            if len(both) < LEAST:
                continue
            rho_ci = correlation(both["blanking"], both[name])
            rows[f"{segment}, {model}: {name}"] = {
                "n": len(both),
                "rho over prompts [95 % CI]": "{:.2f} [{:.2f}, {:.2f}]".format(*rho_ci),
                "estimated, of the probability": f"{both[name].mean():.2f}",
                "blanked": f"{both['blanking'].mean():.2f}",
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def completeness(store: Store) -> pd.DataFrame:
    """Integrated gradients should sum to p(response) less p without the prompt: how far they are off."""
    rows = []
    for prompt, role, arrays in explained(store):
        if "integrated_gradients" not in arrays:
            continue
        wanted = arrays["whole"] - arrays["nothing"]
        off = np.abs(arrays["integrated_gradients"].sum(axis=0) - wanted)
        rows.append(
            {"id": prompt, "model": role, "off": off.mean(), "range": np.abs(wanted).mean()}
        )
    return pd.DataFrame(rows)


def curves(store: Store) -> pd.DataFrame:
    """Share of the response's probability that is left, by prompt, model, order and share erased."""
    rows = []
    for prompt, role, arrays in explained(store):
        left = arrays["curves"].mean(axis=-1) / arrays["whole"].mean()
        orders = dict(zip(_estimates(arrays), left[:-RANDOM_ORDERS], strict=True))
        orders["random order"] = left[-RANDOM_ORDERS:].mean(axis=0)
        for order, values in orders.items():
            for share, value in zip((0.0, *SHARES), (1.0, *values), strict=True):
                row = {"id": prompt, "model": role, "order": order}
                rows.append(row | {"share erased": share, "left": value})
    return pd.DataFrame(rows)


def against_others(found: pd.DataFrame) -> list[Comparison]:
    """Mean probability left over all shares: the gradient's order against every other."""
    means = found[found["share erased"] > 0].groupby(["id", "model", "order"])["left"].mean()
    wide = means.unstack("order")
    others = [one for one in ("random order", *NAMES.values()) if one in wide and one != "gradient"]
    compared = []
    for role in ROLES:
        for other in others:
            part = wide.xs(role, level="model")[[other, "gradient"]].dropna()
            compared.append(
                compare_paired(
                    part[other].to_numpy(),
                    part["gradient"].to_numpy(),
                    label=f"{role}: gradient against {other}",
                    null_hypothesis="both orders leave the same share of the probability",
                )
            )
    return holm(compared)


def path(store: Store) -> pd.DataFrame:
    """What is left of the response's probability while all prompt embeddings shrink, both models."""
    held = [role for role in ROLES if f"faithfulness/path-{role}" in store.manifest()]
    tables = [store.read(f"faithfulness/path-{role}").assign(model=role) for role in held]
    return pd.concat(tables, ignore_index=True)


def instruction_scores(store: Store) -> pd.DataFrame:
    """Instruction score, and share of positive importance on the instruction, by reader and estimate."""
    labels = store.read("recognition/prompts").query("setting == 'template'").set_index("id")
    rows = []
    for prompt, reader, arrays in explained(store, READERS):
        roles = np.array(labels.loc[prompt, "roles"])
        for estimate, matrix in _estimates(arrays).items():
            positive = matrix.clip(min=0)
            row = {"id": prompt, "reader": reader, "estimate": estimate}
            row["score"] = score(matrix, roles)["score"]
            row["share"] = positive[roles == "instruction"].sum() / positive.sum()
            rows.append(row)
    return pd.DataFrame(rows)


def by_estimate(
    found: pd.DataFrame, column: str, before: str = "base-on-tuned"
) -> list[Comparison]:
    """Base against tuned by each estimate that both have, the gradient and erasure first: on the tuned
    model's response, or on their own."""
    compared = []
    response = "own responses" if before == "base" else "the tuned model's response"
    for estimate, part in found.groupby("estimate", sort=False):
        wide = part.pivot(index="id", columns="reader", values=column)
        if not {before, "tuned"} <= {*wide.columns}:
            continue
        wide = wide[[before, "tuned"]].dropna()
        compared.append(
            compare_paired(
                *wide.to_numpy(float).T,
                label=f"{column}, by {estimate}, {response}",
                null_hypothesis="the tuned model's mean equals the base's",
            )
        )
    return holm(compared)
