"""What the faithfulness page shows: agreement of the estimates, deletion curves, scores by erasure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from helpers.findings.faithfulness.compute import RANDOM_ORDERS, READERS, SHARES
from helpers.methods.density import normalise, score
from helpers.methods.statistics import Comparison, bootstrap_interval, compare_paired, holm
from helpers.models.roles import ROLES
from helpers.store.store import Store

NAMES = {
    "gradient": "gradient",
    "erasure": "erasure",
    "integrated_gradients": "integrated gradients",
}


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
            yield (
                prompt,
                reader,
                _with_integrated(arrays, store.read(more)) if more in held else arrays,
            )


def _with_integrated(arrays: dict[str, np.ndarray], more: dict[str, np.ndarray]) -> dict:
    """The arrays of a prompt with its integrated gradients and their curve, before random orders."""
    named, random = np.split(arrays["curves"], [-RANDOM_ORDERS])
    both = np.concatenate([named, more["curves"], random])
    method = "integrated_gradients"
    return arrays | {method: more[method], "curves": both}


def _estimates(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: arrays[method] for method, name in NAMES.items() if method in arrays}


def agreement(store: Store) -> pd.DataFrame:
    """Per prompt and model: Spearman's rho with the gradient, the same of sizes without their signs,
    and overlap of the top fifth."""
    rows = []
    for prompt, role, arrays in explained(store):
        gradient = arrays["gradient"]
        top = max(1, len(gradient) // 5)
        for other, matrix in _estimates(arrays).items():
            if other == "gradient":
                continue
            pairs = list(zip(gradient.T, matrix.T, strict=True))
            rho = np.nanmean([spearmanr(a, b).statistic for a, b in pairs])
            sizes = np.nanmean([spearmanr(abs(a), abs(b)).statistic for a, b in pairs])
            same = [len({*np.argsort(-a)[:top]} & {*np.argsort(-b)[:top]}) / top for a, b in pairs]
            row = {"id": prompt, "model": role, "estimate": other, "rho": rho}
            overlap = {"top fifth in common": np.mean(same), "by chance": top / len(gradient)}
            rows.append(row | {"rho of sizes": sizes} | overlap)
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
            row["score"] = score(normalise(matrix), roles)["score"]
            row["share"] = positive[roles == "instruction"].sum() / positive.sum()
            rows.append(row)
    return pd.DataFrame(rows)


def by_estimate(
    found: pd.DataFrame, column: str, before: str = "base-on-tuned"
) -> list[Comparison]:
    """Base against tuned by each estimate: on the tuned model's response, or on their own."""
    compared = []
    for estimate in ("gradient", "erasure"):
        part = found[found["estimate"] == estimate]
        wide = part.pivot(index="id", columns="reader", values=column)[[before, "tuned"]].dropna()
        compared.append(
            compare_paired(
                wide[before].to_numpy(),
                wide["tuned"].to_numpy(),
                label=f"{column}, by {estimate}",
                null_hypothesis="the tuned model's mean equals the base's",
            )
        )
    return holm(compared)
