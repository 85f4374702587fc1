"""What the faithfulness page shows: agreement of the estimates, and deletion curves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from helpers.attribution import METHODS
from helpers.findings.faithfulness import SHARES, chosen
from helpers.pairs import ROLES
from helpers.prompts import read_prompts
from helpers.results import Store
from helpers.statistics import Comparison, bootstrap_interval, compare_paired, holm

OTHERS = ("erasure", "integrated_gradients")
NAMES = {
    "gradient": "gradient",
    "erasure": "erasure",
    "integrated_gradients": "integrated gradients",
}


def explained(store: Store) -> Iterator[tuple[str, str, dict[str, np.ndarray]]]:
    """(prompt id, model, arrays) of every prompt whose response is not empty."""
    for prompt in chosen(read_prompts()):
        for role in ROLES:
            name = f"faithfulness/{role}/{prompt.id}"
            if name in store.manifest():
                yield prompt.id, role, store.read(name)


def agreement(store: Store) -> pd.DataFrame:
    """Per prompt and model: Spearman's rho with the gradient, and overlap of the top fifth."""
    rows = []
    for prompt, role, arrays in explained(store):
        gradient = arrays["gradient"]
        top = max(1, len(gradient) // 5)
        for other in OTHERS:
            pairs = list(zip(gradient.T, arrays[other].T, strict=True))
            rho = np.nanmean([spearmanr(a, b).statistic for a, b in pairs])
            same = [len({*np.argsort(-a)[:top]} & {*np.argsort(-b)[:top]}) / top for a, b in pairs]
            row = {"id": prompt, "model": role, "estimate": NAMES[other], "rho": rho}
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
        orders = {NAMES[method]: left[at] for at, method in enumerate(METHODS)}
        orders["random order"] = left[len(METHODS) :].mean(axis=0)
        for order, values in orders.items():
            for share, value in zip((0.0, *SHARES), (1.0, *values), strict=True):
                row = {"id": prompt, "model": role, "order": order}
                rows.append(row | {"share erased": share, "left": value})
    return pd.DataFrame(rows)


def against_random(found: pd.DataFrame) -> list[Comparison]:
    """Mean probability left over all shares: the gradient's order against random ones and erasure's."""
    means = found[found["share erased"] > 0].groupby(["id", "model", "order"])["left"].mean()
    wide = means.unstack("order")
    families = []
    for role in ROLES:
        part = wide.xs(role, level="model")
        for other in ("random order", "erasure", "integrated gradients"):
            families.append(
                compare_paired(
                    part[other].to_numpy(),
                    part["gradient"].to_numpy(),
                    label=f"{role}: gradient against {other}",
                    null_hypothesis="both orders leave the same share of the probability",
                )
            )
    return holm(families)
