"""Figures of chapter 4: rotation against its nulls, shares against theirs, variance, ranks."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from helpers.findings.ffn.compute import read_concepts
from helpers.findings.ffn.tables import NAMES, Rotation, n_layers, shares
from helpers.methods.rotation import EQUAL
from helpers.pages.style import COLOURS, GREY, legend_below
from helpers.store.store import Store
from helpers.words.annotation import LINGUISTIC_LEVELS, TASKS

NULL_STYLE = {"norm": "--", "spectrum": ":"}
READING_STYLE = {"interpretable": "-", "beyond_random": ":"}
BIN = 20  # ranks in a point


def _whole_ticks(axis: Axes) -> None:
    """Layers and ranks are whole numbers."""
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def rotation_curves(found: Rotation) -> Figure:
    """Mean principal angle over the first k components: the pair's layers and the nulls."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2))
    left.plot(found.k, found.angle.T, color=COLOURS["tuned"], alpha=0.25, lw=1)
    left.plot(found.k, found.angle.mean(axis=0), color=COLOURS["tuned"], lw=2.5)
    layers, at = np.arange(len(found.angle)), len(found.k) - 1
    right.plot(layers, found.angle[:, at], "o-", color=COLOURS["tuned"])
    for null, line in NULL_STYLE.items():
        draws = found.null[null].mean(axis=0)
        left.fill_between(found.k, draws.min(axis=0), draws.max(axis=0), color=GREY, alpha=0.25)
        left.plot(found.k, draws.mean(axis=0), line, color=GREY)
        draws = found.null[null][:, :, at]
        right.plot(layers, draws.mean(axis=1), line, marker="x", color=GREY)
        right.fill_between(layers, draws.min(axis=1), draws.max(axis=1), color=GREY, alpha=0.25)
    label = "mean principal angle (degrees)"
    left.set(xscale="log", xlabel="first k components", ylabel=label, title="By k, all layers")
    shown = [k for k in found.k if k in (1, 3, 12, 60, found.k[-1])]
    left.set_xticks(shown, [str(k) for k in shown])
    left.minorticks_off()
    right.set(xlabel="layer", ylabel=label, title=f"First {found.k[-1]} components, by layer")
    _whole_ticks(right)
    handles = [
        Line2D([], [], color=COLOURS["tuned"], lw=2.5, label="tuning (left: mean of layers)"),
        Line2D([], [], color=COLOURS["tuned"], lw=1, alpha=0.4, label="one layer"),
        *(Line2D([], [], color=GREY, ls=line, label=f"random updates, equal {EQUAL[null]} (mean)")
          for null, line in NULL_STYLE.items()),
        Patch(color=GREY, alpha=0.25, lw=0, label="lowest to highest random update"),
    ]  # fmt: skip
    legend_below(figure, handles, 3, 0.13)
    return figure


def share_bars(annotations: pd.DataFrame, baseline: pd.DataFrame) -> Figure:
    """Share of lists by level and task, both models and random directions; dots are layers."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.9))
    by_layer = shares(annotations, "role", "layer")
    for axis, questions in zip(axes, (LINGUISTIC_LEVELS, TASKS), strict=True):
        for offset, role in ((-0.2, "base"), (0.2, "tuned")):
            values = by_layer.loc[role][list(questions)]
            at = np.arange(len(questions)) + offset
            axis.bar(at, values.mean(), 0.38, color=COLOURS[role], alpha=0.75)
            for x, question in zip(at, questions, strict=True):
                axis.plot(np.full(len(values), x), values[question], ".", color="black", ms=3)
        chance = baseline[list(questions)].mean()
        axis.hlines(chance, np.arange(len(questions)) - 0.42, np.arange(len(questions)) + 0.42,
                    color="black", ls="--", lw=1.2)  # fmt: skip
        axis.set_xticks(range(len(questions)), questions)
        axis.set_ylabel("share of lists")
    axes[0].set_title("Linguistic level")
    axes[1].set_title("Task")
    handles = [
        *(Patch(color=colour, alpha=0.75, label=role) for role, colour in COLOURS.items()),
        Line2D([], [], marker=".", color="black", ls="", label="one layer"),
        Line2D([], [], color="black", ls="--", lw=1.2, label="random directions"),
    ]
    legend_below(figure, handles, 4, 0.09)
    return figure


def interpretable_by_rank(annotations: pd.DataFrame, baseline: pd.DataFrame) -> Figure:
    """Both readings of 'interpretable' by rank (left) and by layer (right)."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), sharey=True)
    binned = annotations.assign(rank=annotations["component"] // BIN * BIN + BIN / 2)
    for axis, key in zip(axes, ("rank", "layer"), strict=True):
        table = shares(binned, "role", key)
        for question, line in READING_STYLE.items():
            for role, colour in COLOURS.items():
                values = table.loc[role][question]
                axis.plot(values.index, values, line, color=colour)
            axis.axhline(baseline[question].mean(), color=GREY, ls=line, lw=1)
        axis.set(ylim=(0, 1))
        _whole_ticks(axis)
    axes[0].set(
        xlabel=f"rank of the component ({BIN} in a point)", ylabel="share of lists", title="By rank"
    )
    axes[1].set(xlabel="layer", title="By layer")
    colours = COLOURS | {"random directions": GREY}
    handles = [
        *(Line2D([], [], color=colour, label=name) for name, colour in colours.items()),
        *(Line2D([], [], color="black", ls=line, label=NAMES[question])
          for question, line in READING_STYLE.items()),
    ]  # fmt: skip
    legend_below(figure, handles, 3, 0.13)
    return figure


def cumulative_variance(store: Store) -> Figure:
    """Variance that the first k components explain (left), and what tuning changes of it (right)."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8))
    layers = range(n_layers(store))
    curves = {
        role: np.stack(
            [np.cumsum(read_concepts(store, layer, role).explained_variance_ratio, dtype=float)
             for layer in layers]
        )
        for role in COLOURS
    }  # fmt: skip
    k = np.arange(1, curves["base"].shape[1] + 1)
    left.plot(k, 100 * curves["base"].T, color=COLOURS["base"], alpha=0.5, lw=1)
    left.set(xlabel="first k components", ylabel="explained variance (%)", ylim=(0, 100),
             title="Base")  # fmt: skip
    change = 100 * (curves["tuned"] - curves["base"])
    right.plot(k, change.T, color=COLOURS["tuned"], alpha=0.4, lw=1)
    right.plot(k, change.mean(axis=0), color="black", lw=2)
    right.axhline(0, color=GREY, lw=0.8, ls=":")
    right.set(xlabel="first k components", ylabel="percentage points", title="Tuned less base")
    handles = [
        Line2D([], [], color=COLOURS["base"], lw=1, label="one layer, base"),
        Line2D([], [], color=COLOURS["tuned"], lw=1, label="one layer, tuned less base"),
        Line2D([], [], color="black", lw=2, label="mean of the layers"),
    ]
    legend_below(figure, handles, 3, 0.09)
    return figure
