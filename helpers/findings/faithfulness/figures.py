"""Figures of how far the gradient can be believed."""

from __future__ import annotations

from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from helpers.findings.faithfulness.tables import rhos
from helpers.findings.recognition.figures import SHADES, visible
from helpers.methods.density import TEMPLATE
from helpers.pages.style import COLOURS, GREY, WIDTH, headline, legend_below


def answers(item: dict, role: str = "tuned") -> Figure:
    """One response token, and what each estimate says of every prompt token (`explorer.items`).

    The token whose column erasure changes most; the template's tokens are left out of the picture.
    """
    found = dict(item["models"][role])
    exact = found.pop("erasure")
    column, inside = int(np.abs(exact).max(axis=0).argmax()), np.array(item["roles"]) != TEMPLATE
    columns = {
        f"{fill(name, 12)}\nrho {rhos(own, exact)[column]:+.2f}": own for name, own in found.items()
    } | {"erasure\nexact": exact}
    rows = np.arange(inside.sum())
    size = (WIDTH, 1.3 + 0.17 * len(rows))
    figure, axes = plt.subplots(1, len(columns), figsize=size, sharey=True)
    for axis, (name, matrix) in zip(axes, columns.items(), strict=True):
        values = matrix[inside, column] / np.abs(matrix[inside, column]).max()
        axis.barh(rows, values, color=np.where(values > 0, COLOURS[role], GREY))
        axis.axvline(0, color="0.1", linewidth=0.8)
        axis.set_xlim(-1.05, 1.05)
        axis.set_title(name.replace("-", "−"), fontsize=10)
        axis.tick_params(left=False)
    axes[0].set_yticks(rows, [visible(t) for t, i in zip(item["tokens"], inside, strict=True) if i])
    bold = np.array(item["roles"])[inside] == "instruction"
    for tick, heavy in zip(axes[0].get_yticklabels(), bold, strict=True):
        tick.set_fontweight("bold" if heavy else "normal")
    axes[0].set_ylim(len(rows) - 0.4, -0.6)
    figure.suptitle(f"for “{visible(item['response'][column])}”", fontsize=10, x=0.02, ha="left")
    figure.supxlabel("share of the largest bar", fontsize=10)
    figure.tight_layout(w_pad=0.4)
    return figure


def deletion(found: pd.DataFrame, title: str = "") -> Figure:
    """Probability left when the most important tokens are erased, one panel a model; n: prompts, of a
    panel or of an order that both models have for as many."""
    n = found.groupby(["order", "model"])["id"].nunique().unstack()
    alike = n.nunique(axis=1) == 1
    named = {o: f"{o} (n = {n.loc[o].iloc[0]})" if alike[o] else o for o in n.index}
    found = found.assign(order=found["order"].map(named))
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.5), sharey=True)
    colours = dict(
        zip(found["order"].unique(), (*SHADES, "#2c6fbb", "#8c6bb1", "0.55"), strict=False)
    )
    for axis, (model, part) in zip(axes, found.groupby("model"), strict=True):
        sns.lineplot(
            part, x="share erased", y="left", hue="order", style="order", palette=colours,
            errorbar=("ci", 95), seed=0, markers=True, ax=axis, legend=model == "tuned",
        )  # fmt: skip
        title_of = f"{model} model (n = {n[model].max()})"
        axis.set(title=title_of, xlabel="share of prompt tokens erased")
    axes[0].set_ylabel("probability left (1 = all)")
    handles, _ = axes[1].get_legend_handles_labels()
    axes[1].get_legend().remove()
    headline(figure, title)
    legend_below(figure, handles, 3, 0.13)
    return figure


def shrinking(found: pd.DataFrame) -> Figure:
    """Probability left while the embeddings of the whole prompt shrink, one line a model."""
    figure, axis = plt.subplots(figsize=(WIDTH, 3.2))
    smallest = found.loc[found["factor"] > 0, "factor"].min()
    at = found["factor"].where(found["factor"] > 0, smallest / 3)  # zero has no place on the scale
    sns.lineplot(
        found.assign(at=at), x="at", y="left", hue="model", style="model", markers=True,
        palette=COLOURS, errorbar=("ci", 95), seed=0, ax=axis,
    )  # fmt: skip
    ticks = [smallest / 3, *(one for one in sorted(found["factor"].unique()) if one > 0)][::2]
    axis.set(xscale="log", xlabel="factor on every prompt embedding")
    axis.set_ylabel("probability left (1 = all)")
    axis.set_xticks(ticks, ["0", *(f"{tick:g}" for tick in ticks[1:])])
    axis.minorticks_off()
    axis.invert_xaxis()
    axis.set_ylim(bottom=0)
    figure.tight_layout()
    return figure
