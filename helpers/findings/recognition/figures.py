"""Figures of chapter 1: the measure step by step, every prompt in both models, length, the grid."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from helpers.findings.recognition.read import WHOSE, Explained
from helpers.methods.density import LEVELS, TEMPLATE, THRESHOLD, P, density, normalise
from helpers.pages.style import COLOURS, GREY, LESS, MORE, WIDTH

SHADES = ("#1b6f5c", "#8a4f9e", "#8c6d1f")  # data sets: dark, and apart from both models' colours


def visible(token: str) -> str:
    return token.replace("\n", "⏎").replace("$", r"\$").strip() or "␣"


def steps(item: Explained) -> Figure:
    """The measure in four panels, on one prompt without its template's tokens.

    A column of gradients (that in which most is left), its ten levels, what is left above b, and all
    columns counted along each row.
    """
    inside = np.array(item.roles) != TEMPLATE
    found, tokens = item.importance[inside], np.array(item.tokens)[inside]
    levels, cut = normalise(found), normalise(found, threshold=THRESHOLD)
    rows, column = np.arange(len(tokens)), int((cut > 0).sum(axis=0).argmax())
    figure, axes = plt.subplots(
        1, 4, figsize=(WIDTH, 0.75 + 0.15 * len(rows)), sharey=True, width_ratios=[1.1, 1, 1, 2]
    )
    values = found[:, column] / np.abs(found[:, column]).max()
    for axis, bars in zip(axes, (values, levels[:, column], cut[:, column]), strict=False):
        axis.barh(rows, bars, color=np.where(np.asarray(bars) > 0, COLOURS["tuned"], GREY))
        axis.axvline(0, color="0.1", linewidth=0.8)
    axes[1].axvline(THRESHOLD + 0.5, color=GREY, linestyle=":")
    axes[3].imshow(cut > 0, aspect="auto", cmap="Oranges", vmax=1.6)
    axes[3].set_xticks(range(cut.shape[1]), map(visible, item.response), rotation=60, ha="right")
    counted = density(cut, P)
    for row, value in enumerate(counted):
        if value:
            axes[3].text(cut.shape[1], row, f"{value:.1f}", va="center", ha="center", fontsize=9)
    axes[3].set_xlim(-0.5, cut.shape[1] + 0.5)
    titles = "gradient", f"{LEVELS} levels", f"above {THRESHOLD}", "density of each row"
    for number, (axis, title) in enumerate(zip(axes, titles, strict=True), 1):
        axis.set_title(f"{number}. {title}", fontsize=10)
        axis.tick_params(left=False)
        axis.spines["left"].set_visible(False)
    axes[0].set_xlabel(f"for “{visible(item.response[column])}”")
    axes[0].set_yticks(rows, map(visible, tokens))
    for tick, role in zip(axes[0].get_yticklabels(), np.array(item.roles)[inside], strict=True):
        tick.set_fontweight("bold" if role == "instruction" else "normal")
    axes[0].set_ylim(len(rows) - 0.4, -0.6)
    figure.tight_layout(w_pad=0.4)
    return figure


def each_prompt(wides: dict[str, pd.DataFrame], *, label: str) -> Figure:
    """Every prompt a dot, base against tuned, a panel a response (a key of WHOSE)."""
    figure, axes = plt.subplots(1, len(wides), figsize=(WIDTH, 2.4), sharex=True, sharey=True)
    for axis, (name, wide) in zip(np.atleast_1d(axes), wides.items(), strict=True):
        above = (wide["tuned"] > wide["base"]).to_numpy()
        colours = np.where(above, MORE, LESS)
        axis.scatter(wide["base"], wide["tuned"], s=14, c=colours, alpha=0.65, linewidths=0)
        axis.plot(wide["base"].mean(), wide["tuned"].mean(), "+", color="0.1", ms=16, mew=2)
        axis.axline((0, 0), slope=1, color="0.1", linewidth=1)
        axis.set(
            title=f"{WHOSE[name]}:\ntuned higher in {above.sum()} of {len(wide)}",
            xlabel=f"{label}, base",
        )
        axis.set_aspect("equal")
    figure.axes[0].set_ylabel(f"{label}, tuned")
    figure.tight_layout()
    return figure


def by_length(wide: pd.DataFrame, lengths: pd.DataFrame) -> Figure:
    """Score against response length for both models: the confound made visible."""
    figure, axis = plt.subplots(figsize=(WIDTH, 3.4))
    for name, colour in COLOURS.items():
        axis.scatter(lengths[name], wide[name], s=12, color=colour, alpha=0.6, label=name)
    axis.set(xlabel="response length (tokens)", ylabel="instruction score")
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    return figure


def sensitivity(found: pd.DataFrame) -> Figure:
    """Difference tuned minus base over the grid of L, b and p, one panel a comparison."""
    names = list(found["comparison"].unique())
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 5.4), sharex=True)
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
