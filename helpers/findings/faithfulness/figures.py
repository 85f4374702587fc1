"""Figures of how far the gradient can be believed."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from helpers.findings.recognition.figures import SHADES
from helpers.pages.style import COLOURS


def deletion(found: pd.DataFrame) -> Figure:
    """Probability left when the most important tokens are erased, one panel a model."""
    figure, axes = plt.subplots(1, 2, figsize=(8.2, 3.4), sharey=True)
    colours = dict(zip(found["order"].unique(), (*SHADES, "0.55"), strict=True))
    for axis, (model, part) in zip(axes, found.groupby("model"), strict=True):
        sns.lineplot(
            part, x="share erased", y="left", hue="order", style="order", palette=colours,
            errorbar=("ci", 95), seed=0, markers=True, ax=axis, legend=model == "base",
        )  # fmt: skip
        axis.set(title=f"{model} model", xlabel="share of prompt tokens erased")
    axes[0].set_ylabel("probability left (1 = all)")
    axes[0].legend(title=None)
    figure.tight_layout()
    return figure


def shrinking(found: pd.DataFrame) -> Figure:
    """Probability left while the embeddings of the whole prompt shrink, one line a model."""
    figure, axis = plt.subplots(figsize=(6.4, 3.2))
    smallest = found.loc[found["factor"] > 0, "factor"].min()
    at = found["factor"].where(found["factor"] > 0, smallest / 3)  # zero has no place on the scale
    sns.lineplot(
        found.assign(at=at), x="at", y="left", hue="model", style="model", markers=True,
        palette=COLOURS, errorbar=("ci", 95), seed=0, ax=axis,
    )  # fmt: skip
    ticks = [smallest / 3, *(one for one in sorted(found["factor"].unique()) if one > 0)][::2]
    axis.set(
        xscale="log", xlabel="factor on every prompt embedding", ylabel="probability left (1 = all)"
    )
    axis.set_xticks(ticks, ["0", *(f"{tick:g}" for tick in ticks[1:])])
    axis.minorticks_off()
    axis.invert_xaxis()
    axis.set_ylim(bottom=0)
    figure.tight_layout()
    return figure
