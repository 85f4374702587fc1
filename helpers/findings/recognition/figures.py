"""Figures of chapter 1: heat maps of one prompt, distributions over all prompts, intervals."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from helpers.findings.recognition.read import Explained
from helpers.methods.density import normalise
from helpers.methods.statistics import Comparison
from helpers.pages.style import COLOURS

SHADES = ("#1b6f5c", "#8a4f9e", "#8c6d1f")  # data sets: dark, and apart from both models' colours


def _visible(token: str) -> str:
    return token.replace("\n", "⏎").replace("$", r"\$").strip() or "␣"


def heat_maps(base: Explained, tuned: Explained) -> Figure:
    """Normalised importance of one prompt for both models, instruction tokens in bold."""
    widths = [max(4, len(base.response)), max(4, len(tuned.response))]
    size = (min(9, 2.6 + 0.2 * sum(widths)), 1.0 + 0.2 * len(base.tokens))
    figure, axes = plt.subplots(1, 2, figsize=size, width_ratios=widths, sharey=True)
    for axis, name, item in zip(axes, COLOURS, (base, tuned), strict=True):
        sns.heatmap(
            normalise(item.importance), ax=axis, vmin=0, vmax=10, cmap="cividis", cbar=name == "tuned",
            cbar_kws={"label": "S, normalised importance (0 to 10)"},
        )  # fmt: skip
        axis.set_xticks(
            np.arange(len(item.response)) + 0.5, map(_visible, item.response), rotation=90
        )
        axis.set_title(f"{name} model", color=COLOURS[name])
        axis.set_xlabel("response tokens")
    axes[0].set_yticks(np.arange(len(base.tokens)) + 0.5, map(_visible, base.tokens), rotation=0)
    for label, role in zip(axes[0].get_yticklabels(), base.roles, strict=True):
        label.set_fontweight("bold" if role == "instruction" else "normal")
        label.set_color("0.1" if role == "instruction" else "0.45")
    axes[0].set_ylabel("prompt tokens (instruction in bold)")
    return figure


def distributions(wide: pd.DataFrame, *, label: str = "instruction score") -> Figure:
    """Both models' scores, every prompt a dot, and the paired differences beside them."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.4), width_ratios=[1.5, 1])
    long = wide[["base", "tuned"]].melt(var_name="model", value_name="score")
    sns.violinplot(
        long, x="score", y="model", hue="model", palette=COLOURS, inner=None, cut=0, ax=left,
        linewidth=0, alpha=0.3,
    )  # fmt: skip
    sns.stripplot(long, x="score", y="model", hue="model", palette=COLOURS, size=2.5, ax=left)
    sns.boxplot(
        long, x="score", y="model", ax=left, width=0.18, showfliers=False, fill=False, color="0.15"
    )
    left.set(xlabel=label, ylabel="", title=f"{len(wide)} prompts, both models")
    sns.histplot(wide["tuned"] - wide["base"], ax=right, color="0.55", bins=24)
    right.axvline(0, color="0.1", linewidth=1)
    right.set(xlabel="tuned minus base", ylabel="prompts", title="paired differences")
    figure.tight_layout()
    return figure


def intervals(comparisons: Sequence[Comparison], *, label: str) -> Figure:
    """Mean differences tuned minus base with 95 % bootstrap intervals, one line a comparison.

    Coloured where the corrected p-value is below 0.05.
    """
    figure, axis = plt.subplots(figsize=(5.2, 0.9 + 0.36 * len(comparisons)))
    rows = np.arange(len(comparisons))[::-1]
    for row, found in zip(rows, comparisons, strict=True):
        clear = (found.p_value if found.p_holm is None else found.p_holm) < 0.05
        colour = COLOURS["tuned" if found.difference > 0 else "base"] if clear else "0.55"
        axis.plot([found.low, found.high], [row, row], color=colour, linewidth=2.5)
        axis.plot(found.difference, row, "o", color=colour)
    said = ["" if c.possible else ", not tested" for c in comparisons]
    names = [f"{c.label} (n = {c.n}{why})" for c, why in zip(comparisons, said, strict=True)]
    axis.set_yticks(rows, names)
    axis.axvline(0, color="0.1", linewidth=1)
    axis.set_xlabel(f"{label}; grey: p (Holm) 0.05 or more")
    return figure


def by_length(wide: pd.DataFrame, lengths: pd.DataFrame) -> Figure:
    """Score against response length for both models: the confound made visible."""
    figure, axis = plt.subplots(figsize=(7.2, 3.6))
    for name, colour in COLOURS.items():
        axis.scatter(lengths[name], wide[name], s=12, color=colour, alpha=0.6, label=name)
    axis.set(xlabel="response length (tokens)", ylabel="instruction score")
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    return figure


def sensitivity(found: pd.DataFrame) -> Figure:
    """Difference tuned minus base over the grid of L, b and p, one panel a comparison."""
    names = list(found["comparison"].unique())
    figure, axes = plt.subplots(2, 2, figsize=(8.2, 6), sharex=True)
    for axis, name in zip(axes.flat, names, strict=True):
        part = found[found["comparison"] == name]
        for (p, part_p), colour in zip(part.groupby("p"), SHADES, strict=True):
            for (_, line), style in zip(part_p.groupby("L"), (":", "-", "--"), strict=True):
                label = f"p = {p}" if style == "-" else None
                axis.plot(line["b / L"], line["difference"], style, color=colour, label=label)
                if style == "-":
                    axis.fill_between(
                        line["b / L"], line["low"], line["high"], color=colour, alpha=0.12
                    )
        axis.axhline(0, color="0.1", linewidth=1)
        axis.axvline(0.7, color="0.75", linewidth=1)
        axis.set(title=name, xlabel="threshold b / L", ylabel="score, tuned minus base")
    axes.flat[0].legend()
    figure.tight_layout()
    return figure
