"""Figures of chapter 3: verb lift with its nulls, the map of heads, silenced heads."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from helpers.figures import COLOURS
from helpers.findings.attention_view import VerbComparison

GREY = "#7a7a7a"
# Less and more, in the colours of base and tuned, through white.
LESS_MORE = LinearSegmentedColormap.from_list("less-more", [COLOURS["base"], "w", COLOURS["tuned"]])


def _jitter(n: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.2, 0.2, n)


def _tick(one: VerbComparison) -> str:
    name = one.label.replace(" (", "\n(")
    return f"{name}\n{one.n_instruction} / {one.n_general}"


def lift_by_quarter(counted: dict[str, Sequence[VerbComparison]]) -> Figure:
    """Lift of both groups of verbs, one panel a way of counting pairs.

    The grey band is where 95 % of relabelled groups would lie: the general verbs' mean plus the
    permuted difference. The interval is that of the difference, drawn at the instruction verbs.
    """
    figure, axes = plt.subplots(1, len(counted), figsize=(10, 3.8), sharey=True, squeeze=False)
    for axis, (title, compared) in zip(axes[0], counted.items(), strict=True):
        for at, one in enumerate(compared):
            if one.tested.possible:
                low, high = (one.general + edge for edge in one.null)
                axis.fill_between([at - 0.3, at + 0.3], low, high, color=GREY, alpha=0.25, lw=0)
                ends = np.array([[one.instruction - one.general - one.tested.low],
                                 [one.tested.high - one.instruction + one.general]])  # fmt: skip
                axis.errorbar(at, one.instruction, ends, color="black", capsize=3, lw=1.2)
            axis.plot(at, one.general, "s", color="white", mec=GREY, mew=1.5, label="general")
            axis.plot(at, one.instruction, "o", color="black", label="instruction")
        axis.axhline(0.5, color=GREY, lw=0.8, ls=":")
        axis.set_xticks(range(len(compared)), [_tick(one) for one in compared], fontsize=8)
        axis.set_title(f"Pairs held by {title}")
        axis.set_ylim(0, 1)
    axes[0, 0].set_ylabel("verb lift")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    found = dict(zip(labels, handles, strict=True))
    axes[0, -1].legend(found.values(), [f"{name} verbs" for name in found], loc="upper right")
    figure.tight_layout()
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
            axis.axvline(tuning, color=COLOURS["tuned"], lw=2, label="tuning")
            axis.set(xlabel=label, ylim=(len(nulls) - 0.5, -0.5))
            axis.set_yticks(range(len(nulls)), nulls if axis is row[0] else [""] * len(nulls))
    for axis, kind in zip(axes[0], kinds, strict=True):
        axis.set_title(f"Pairs held by {kind}")
    axes[0, 0].legend(fontsize=8)
    figure.tight_layout()
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
        axis.plot(
            draws[name].astype(float),
            len(rows) + _jitter(len(draws)),
            "o",
            color=GREY,
            alpha=0.6,
            ms=5,
        )
        axis.axvline(table.loc["none", name], color=GREY, lw=0.8, ls=":")
    axes[0].set_yticks(range(len(labels)), labels)
    axes[0].invert_yaxis()
    axes[0].set(xlabel="share of prompts followed", ylabel="heads silenced")
    axes[1].set(xlabel="loss on plain text (nats a token)")
    figure.tight_layout()
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
        axis.set(title=kind, xlabel="lift, instruction less general verbs")
    axes[0, 0].set_yticks(range(len(names)), names)
    axes[0, 0].invert_yaxis()
    figure.tight_layout()
    return figure
