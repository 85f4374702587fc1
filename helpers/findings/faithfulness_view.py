"""What the faithfulness page shows: agreement of the estimates, deletion curves, scores by erasure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from helpers.density import normalise
from helpers.findings.faithfulness import RANDOM_ORDERS, READERS, SHARES, chosen
from helpers.findings.recognition import score
from helpers.pairs import ROLES
from helpers.prompts import read_prompts
from helpers.results import Store
from helpers.statistics import Comparison, bootstrap_interval, compare_paired, holm

NAMES = {
    "gradient": "gradient",
    "erasure": "erasure",
    "integrated_gradients": "integrated gradients",
}


def explained(store: Store, readers=ROLES) -> Iterator[tuple[str, str, dict[str, np.ndarray]]]:
    """(prompt id, reader, arrays) of every prompt whose response is not empty."""
    held = store.manifest()
    for prompt in chosen(read_prompts()):
        for reader in readers:
            name = f"faithfulness/{reader}/{prompt.id}"
            if name not in held:
                continue
            arrays, more = store.read(name), f"faithfulness/integrated-{reader}/{prompt.id}"
            if more in held:
                arrays = _with_integrated(arrays, store.read(more))
            yield prompt.id, reader, arrays


def _with_integrated(arrays: dict[str, np.ndarray], more: dict[str, np.ndarray]) -> dict:
    """The arrays of a prompt with its integrated gradients and their curve, before random orders."""
    named, random = np.split(arrays["curves"], [-RANDOM_ORDERS])
    both = np.concatenate([named, more["curves"], random])
    method = "integrated_gradients"
    return arrays | {method: more[method], "curves": both}


def _estimates(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: arrays[method] for method, name in NAMES.items() if method in arrays}


def agreement(store: Store) -> pd.DataFrame:
    """Per prompt and model: Spearman's rho with the gradient, and overlap of the top fifth."""
    rows = []
    for prompt, role, arrays in explained(store):
        gradient = arrays["gradient"]
        top = max(1, len(gradient) // 5)
        for other, matrix in _estimates(arrays).items():
            if other == "gradient":
                continue
            pairs = list(zip(gradient.T, matrix.T, strict=True))
            rho = np.nanmean([spearmanr(a, b).statistic for a, b in pairs])
            same = [len({*np.argsort(-a)[:top]} & {*np.argsort(-b)[:top]}) / top for a, b in pairs]
            row = {"id": prompt, "model": role, "estimate": other, "rho": rho}
            rows.append(
                row | {"top fifth in common": np.mean(same), "by chance": top / len(gradient)}
            )
    return pd.DataFrame(rows)


def agreement_table(found: pd.DataFrame) -> pd.DataFrame:
    """Means over prompts with 95 % bootstrap intervals, one row an estimate and model."""
    rows = {}
    for (estimate, model), part in found.groupby(["estimate", "model"], sort=False):
        low, high = bootstrap_interval(part["rho"])
        rows[f"{estimate}, {model}"] = {
            "n": len(part),
            "Spearman's rho [95 % CI]": f"{part['rho'].mean():.2f} [{low:.2f}, {high:.2f}]",
            "top fifth in common": f"{part['top fifth in common'].mean():.2f}",
            "by chance": f"{part['by chance'].mean():.2f}",
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
