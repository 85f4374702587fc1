"""Figures of chapter 2: position profiles of both pairs, and the placement experiment."""

from __future__ import annotations

import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.pages.style import COLOURS
from helpers.prompts.placement import PLACES

NAMES = {"base": "base model", "tuned": "tuned model"}
LINES = {"base": "o-", "tuned": "s--"}


def _band(axis: Axes, part: pd.DataFrame, model: str) -> None:
    bins = part["bin"].max()
    at = (part["bin"] - 0.5) * 100 / bins
    axis.fill_between(at, part["low"], part["high"], color=COLOURS[model], alpha=0.2, linewidth=0)
    axis.plot(at, part["mean"], LINES[model], color=COLOURS[model], label=NAMES[model], ms=3.5)


def _legend(figure: Figure, axis: Axes) -> None:
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)


def profiles(bands: pd.DataFrame, *, by: str = "kind") -> Figure:
    """Mean profiles with 95 % bands, a panel a data set (or other group), both models in each.

    Grey is the middle of the middle ratio; its ends are the first and the last 20 %.
    """
    groups = list(bands[by].unique())
    rows = -(-len(groups) // 3)
    columns = -(-len(groups) // rows)
    figure, axes = plt.subplots(
        rows, columns, figsize=(8.4, 2.6 * rows + 0.6), sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for axis in axes.ravel()[len(groups) :]:
        axis.remove()
    for axis, group in zip(axes.ravel(), groups, strict=False):
        part = bands[bands[by] == group]
        for model in COLOURS:
            _band(axis, part[part["model"] == model], model)
        axis.axvspan(30, 70, color="0.5", alpha=0.1, linewidth=0)
        axis.set_title(f"{group}\n(n = {part['n'].iloc[0]})", fontsize=9.5)
        axis.set(xlim=(0, 100), xticks=[0, 20, 30, 70, 80, 100])
        axis.set_xticklabels(["start", "20", "30", "70", "80", "end"], fontsize=8)
    axes[0, 0].set_ylim(0, 1.05 * bands["high"].max())
    for axis in axes[:, 0]:
        axis.set_ylabel("relative density")
    figure.supxlabel("place in the prompt (%)", fontsize=10)
    _legend(figure, axes[0, 0])
    return figure


def _places(axis: Axes, table: pd.DataFrame, label: str) -> None:
    """One measure by place: both models side by side, with intervals."""
    for shift, model in ((-0.08, "base"), (0.08, "tuned")):
        part = table[table["model"] == model].set_index("place").loc[list(PLACES)]
        at = np.arange(len(PLACES)) + shift
        error = [part["mean"] - part["low"], part["high"] - part["mean"]]
        axis.errorbar(at, part["mean"], error, fmt=LINES[model], color=COLOURS[model],
                      label=NAMES[model], ms=4.5, capsize=2.5, lw=1.4)  # fmt: skip
    names = [textwrap.fill(place, 8) for place in PLACES]
    axis.set_xticks(range(len(PLACES)), names, fontsize=8)
    axis.set_title(label, fontsize=9.5)
    axis.set_ylim(0, None)
    axis.axvspan(0.5, 3.5, color="0.5", alpha=0.1, linewidth=0)


def placement(panels: dict[str, pd.DataFrame]) -> Figure:
    """Measures of the same instruction by its place in the same context, with 95 % intervals."""
    size = (8.4, 3.3)
    figure, axes = plt.subplots(1, len(panels), figsize=size, squeeze=False, layout="constrained")
    for axis, (label, table) in zip(axes[0], panels.items(), strict=True):
        _places(axis, table, f"{textwrap.fill(label, 28)}\n(n = {table['n'].iloc[0]})")
    figure.supxlabel("place of the instruction in the context", fontsize=10)
    _legend(figure, axes[0, 0])
    return figure
