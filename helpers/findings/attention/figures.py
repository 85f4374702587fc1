"""Figures of chapter 3: verb lift with its nulls, the map of heads, silenced heads."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from helpers.findings.attention.lift import VerbComparison
from helpers.pages.style import COLOURS, GREY, legend_below

BAND = {"color": GREY, "alpha": 0.25, "lw": 0}
INTERVAL = {"color": "black", "capsize": 3, "lw": 1.2, "fmt": "D", "ms": 5}
# Less and more, in the colours of base and tuned, through white.
LESS_MORE = LinearSegmentedColormap.from_list("less-more", [COLOURS["base"], "w", COLOURS["tuned"]])


def _jitter(n: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.2, 0.2, n)


def _tick(one: VerbComparison) -> str:
    name = one.label.replace(" (", "\n(")
    return f"{name}\n{one.n_instruction} / {one.n_general}"


def _marks(axis: Axes, compared: Sequence[VerbComparison]) -> None:
    """Lift of both groups, side by side."""
    for at, one in enumerate(compared):
        axis.plot(at - 0.1, one.general, "s", color="white", mec=GREY, mew=1.5, ms=7)
        axis.plot(at + 0.1, one.instruction, "o", color="black", ms=6)
    axis.axhline(0.5, color=GREY, lw=0.8, ls=":")
    axis.set_ylim(0, 1)


def _differences(axis: Axes, compared: Sequence[VerbComparison]) -> None:
    """Difference of lift with its interval, over the range of relabelled verbs."""
    for at, one in enumerate(compared):
        found = one.tested
        if found.possible:
            axis.fill_between([at - 0.3, at + 0.3], *one.null, **BAND)
            ends = [[found.difference - found.low], [found.high - found.difference]]
            axis.errorbar(at, found.difference, ends, **INTERVAL)
    axis.axhline(0, color=GREY, lw=0.8, ls=":")
    axis.set_xticks(range(len(compared)), [_tick(one) for one in compared], fontsize=8)


def lift_by_quarter(counted: dict[str, Sequence[VerbComparison]]) -> Figure:
    """Lift of both groups (top), and its difference beside chance (below), by quarter of the layers.

    One column a way of counting pairs. The grey band holds 95 % of the differences between groups
    whose labels were permuted.
    """
    size = {"figsize": (10, 6.4), "squeeze": False, "height_ratios": (1, 1.1)}
    figure, axes = plt.subplots(2, len(counted), sharex="col", sharey="row", **size)
    for column, (title, compared) in zip(axes.T, counted.items(), strict=True):
        _marks(column[0], compared)
        _differences(column[1], compared)
        column[0].set_title(f"Pairs held by {title}")
        column[1].set_xlabel("layers; below, instruction / general verbs that changed", fontsize=8)
    axes[0, 0].set_ylabel("verb lift")
    axes[1, 0].set_ylabel("difference of lift\n(instruction less general verbs)")
    handles = [
        Line2D([], [], marker="o", color="black", ls="", label="instruction verbs"),
        Line2D([], [], marker="s", color="white", mec=GREY, mew=1.5, ls="", label="general verbs"),
        Line2D([], [], marker="D", color="black", ms=5, label="difference, 95 % interval"),
        Patch(**BAND, label="95 % of differences with labels swapped at random"),
    ]
    legend_below(figure, handles, 4)
    return figure


def verb_map(changes: dict[str, np.ndarray]) -> Figure:
    """Pairs gained less lost per 100 verbs of a group, by layer and head, on one scale."""
    figure, axes = plt.subplots(1, len(changes), figsize=(8.4, 4.6), sharey=True, squeeze=False)
    most = max(np.abs(values).max() for values in changes.values()) or 1
    for axis, (group, values) in zip(axes[0], changes.items(), strict=True):
        sns.heatmap(values, ax=axis, cmap=LESS_MORE, vmin=-most, vmax=most, linewidths=0.5,
                    linecolor="#d8d8d8", cbar=axis is axes[0, -1],
                    cbar_kws={"label": "pairs gained less lost,\nper 100 verbs"})  # fmt: skip
        axis.set(title=f"Pairs with {group} verbs", xlabel="head")
        axis.tick_params(length=0)
    axes[0, 0].set_ylabel("layer")
    axes[0, 0].tick_params(axis="y", rotation=0)
    figure.tight_layout()
    return figure


def random_updates(found: pd.DataFrame) -> Figure:
    """What tuning changed among random updates: number of changed counts, and difference of lift."""
    kinds = list(found["pairs"].unique())
    quantities = {"counts changed": "counts of verbs changed (verb in head)",
                  "difference": "lift, instruction less general verbs"}  # fmt: skip
    figure, axes = plt.subplots(2, len(kinds), figsize=(10, 4), squeeze=False)
    nulls = [name for name in found["update"].unique() if name != "tuning"]
    for row, (name, label) in zip(axes, quantities.items(), strict=True):
        for axis, kind in zip(row, kinds, strict=True):
            own = found[found["pairs"] == kind]
            for at, null in enumerate(nulls):
                values = own.loc[own["update"] == null, name]
                axis.plot(values, at + _jitter(len(values)), "o", color=GREY, alpha=0.7, ms=5)
            tuning = own.loc[own["update"] == "tuning", name].iloc[0]
            axis.axvline(tuning, color=COLOURS["tuned"], lw=2)
            axis.set(xlabel=label, ylim=(len(nulls) - 0.5, -0.5))
            axis.set_yticks(range(len(nulls)), nulls if axis is row[0] else [""] * len(nulls))
    for axis, kind in zip(axes[0], kinds, strict=True):
        axis.set_title(f"Pairs held by {kind}")
    handles = [
        Line2D([], [], color=COLOURS["tuned"], lw=2, label="tuning"),
        Line2D([], [], marker="o", color=GREY, alpha=0.7, ls="", label="one random update"),
    ]
    legend_below(figure, handles, 2)
    return figure


def silenced(table: pd.DataFrame) -> Figure:
    """Following and loss with heads silenced: chosen sets as marks, random draws as dots."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 2.9), sharey=True)
    rows = {"none": "nothing", "instruction": "gained instruction-verb pairs",
            "general": "gained general-verb pairs"}  # fmt: skip
    labels = [*rows.values(), "random, same layers"]
    draws = table[table["random"]]
    for axis, name in zip(axes, ("followed", "loss"), strict=True):
        for at, condition in enumerate(rows):
            colour = GREY if condition == "none" else COLOURS["tuned"]
            axis.plot(table.loc[condition, name], at, "D", color=colour, ms=8)
        at = len(rows) + _jitter(len(draws))
        axis.plot(draws[name].astype(float), at, "o", color=GREY, alpha=0.6, ms=5)
        axis.axvline(table.loc["none", name], color=GREY, lw=0.8, ls=":")
    axes[0].set_yticks(range(len(labels)), labels)
    axes[0].invert_yaxis()
    axes[0].set(xlabel="share of prompts followed", ylabel="heads silenced")
    axes[1].set(xlabel="loss on plain text (nats a token)")
    handles = [
        Line2D([], [], marker="D", color=COLOURS["tuned"], ms=8, ls="", label="a chosen set"),
        Line2D([], [], marker="o", color=GREY, alpha=0.6, ls="", label="a random set"),
        Line2D([], [], marker="D", color=GREY, ms=8, lw=0.8, ls=":", label="nothing silenced"),
    ]
    legend_below(figure, handles, 3, 0.08)
    return figure


def differences(compared: Sequence[VerbComparison]) -> Figure:
    """Difference of lift with its interval, one line a choice, one panel a way of counting."""
    shown = [one for one in compared if "less lost" not in one.label]  # of another unit
    names, kinds = (list(dict.fromkeys(one.label.split("; ")[i] for one in shown)) for i in (0, 1))
    size = (10, 0.32 * len(names) + 1.2)
    figure, axes = plt.subplots(1, len(kinds), figsize=size, sharey=True, squeeze=False)
    for axis, kind in zip(axes[0], kinds, strict=True):
        for one in shown:
            name, own = one.label.split("; ")
            if own == kind and one.tested.possible:
                at, found = names.index(name), one.tested
                axis.plot([found.low, found.high], [at, at], color="black", lw=1.2)
                axis.plot(found.difference, at, "o", color="black", ms=5)
        axis.axvline(0, color=GREY, lw=0.8, ls=":")
        axis.set_title(f"Pairs held by {kind}", fontsize=9)
        axis.set_xlabel("lift, instruction less general verbs")
    axes[0, 0].set_yticks(range(len(names)), names)
    axes[0, 0].invert_yaxis()
    name = "difference, 95 % interval"
    handle = Line2D([], [], marker="o", ms=5, color="black", lw=1.2, label=name)
    legend_below(figure, [handle], 1)
    return figure
