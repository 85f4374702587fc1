"""Figures of chapter 4: rotation against its nulls, shares against theirs, variance, ranks."""

from __future__ import annotations

from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from helpers.findings.ffn.compute import read_concepts
from helpers.findings.ffn.tables import (
    MATCHED,
    NAMES,
    Rotation,
    among_random,
    n_layers,
    read_rotation,
    shares,
)
from helpers.methods.chance import Ranked
from helpers.methods.rotation import EQUAL
from helpers.pages.style import COLOURS, GREY, WIDTH, headline, legend_below
from helpers.store.store import Store
from helpers.words.annotation import LINGUISTIC_LEVELS, TASKS
from helpers.words.classes import listed_of

NULL_STYLE = {"norm": "--", "spectrum": ":"}
READING_STYLE = {"interpretable": "-", "beyond_random": ":"}
BIN = 20  # ranks in a point


def _whole_ticks(axis: Axes) -> None:
    """Layers and ranks are whole numbers."""
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def _turning(axis: Axes, one: Ranked, draws: np.ndarray) -> None:
    """An axis before and after tuning, and magnified where random updates turn it to."""
    turned, steep = np.radians(one.value), one.value > 25
    end = min(1, 0.5 / np.sin(turned)) * np.array(
        [np.cos(turned), np.sin(turned)]
    )  # below the rest
    for tip, role in (((1, 0), "base"), (end, "tuned")):
        arrow = {"arrowstyle": "-|>", "color": COLOURS[role], "lw": 2}
        axis.annotate("", tip, (0, 0), arrowprops=arrow)
    axis.text(1, -0.1, "an axis of the base", color=COLOURS["base"], fontsize=9, ha="right")
    said = f"its partner in the{chr(10) if steep else ' '}tuned model: {one.value:.1f}°"
    axis.text(
        *(end - (-0.05, 0.2) if steep else (0, 0.36)), said, color=COLOURS["tuned"], fontsize=9
    )
    near = axis.inset_axes((0.06, 0.72, 0.86, 0.18))
    near.plot(draws, np.linspace(-0.4, 0.4, len(draws)), "o", color=GREY, ms=3.5, alpha=0.6)
    near.plot(one.value, 0, "D", color=COLOURS["tuned"], ms=8)
    near.set(ylim=(-1, 1), yticks=[])
    near.set_xlabel("median angle, degrees", fontsize=8)
    near.set_title(f"magnified; grey: {one.draws} random updates", fontsize=9, weight="normal")
    near.spines["left"].set_visible(False)
    near.tick_params(labelsize=8)
    axis.set(xlim=(-0.05, 1.45), ylim=(-0.2, 1.15), xticks=[], yticks=[], aspect="equal")
    axis.set_title("How far does an axis turn?\n(median of single components)")


def picture(store: Store, words: int = 4) -> Figure:
    """The idea: value vectors with their first two components and words, and a component that turns."""
    part, found = store.read("ffn/picture"), read_rotation(store)
    layer, points = int(part["layer"][0]), part["base"].astype(float)
    listed, named = read_concepts(store, layer, "base").words, np.array(listed_of(store).words)
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.2))
    reach = 1.25 * np.abs(points).max()
    left.plot(*points.T, ".", color=GREY, ms=1.5, alpha=0.4)
    for axis, (x, y) in enumerate(((1, 0), (0, 1))):
        left.plot([-reach * x, reach * x], [-reach * y, reach * y], color=COLOURS["base"], lw=1.5)
        for pole, sign in enumerate((1, -1)):
            text = "\n".join(named[listed[axis, pole, :words]])
            across, along = ("left", "bottom") if sign > 0 else ("right", "top")
            go = {"ha": "center", "va": along} if y else {"ha": across, "va": "center"}
            left.text(sign * reach * x, sign * reach * y, text, **go, fontsize=8)
    left.set(xlim=(-2 * reach, 2 * reach), ylim=(-1.9 * reach, 1.9 * reach), xticks=[], yticks=[])
    left.set_title(f"Layer {layer}'s value vectors,\nfirst two components, words")
    draws = found.null_median_angle["norm"].mean(axis=0)
    _turning(right, among_random(found)[MATCHED, "norm"], draws)
    for axis in (left, right):
        axis.spines[:].set_visible(False)
    figure.tight_layout()
    return figure


def turned(found: Rotation, title: str = "") -> Figure:
    """Angles of tuning and of random updates: of the first k components, and of single ones."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 2.8))
    left.plot(found.k, found.angle.mean(axis=0), color=COLOURS["tuned"], lw=2.5)
    for null, line in NULL_STYLE.items():
        draws = found.null[null].mean(axis=0)
        left.fill_between(found.k, draws.min(axis=0), draws.max(axis=0), color=GREY, alpha=0.25)
        left.plot(found.k, draws.mean(axis=0), line, color=GREY)
        one = among_random(found)[MATCHED, null]
        draws, row = found.null_median_angle[null].mean(axis=0), list(NULL_STYLE).index(null)
        heights = row + 0.3 * (np.arange(len(draws)) / len(draws) - 0.5)
        right.plot(draws, heights, ".", color=GREY, alpha=0.6)
        right.plot(one.value, row, "D", color=COLOURS["tuned"], ms=8)
    left.set(xscale="log", xlabel="first k components", ylabel="mean angle (degrees)")
    left.set_title("Spans")
    shown = [k for k in found.k if k in (1, 3, 12, 60, found.k[-1])]
    left.set_xticks(shown, [str(k) for k in shown])
    left.minorticks_off()
    right.set(xlabel="median angle (degrees)", title="Single components", ylim=(1.6, -0.6))
    right.set_yticks([0, 1], [f"equal\n{fill(EQUAL[null], 9)}" for null in NULL_STYLE], fontsize=8)
    handles = [
        Line2D([], [], color=COLOURS["tuned"], lw=2.5, marker="D", label="tuning, mean of layers"),
        *(Line2D([], [], color=GREY, ls=line, label=f"random, equal {EQUAL[null]}")
          for null, line in NULL_STYLE.items()),
        Patch(color=GREY, alpha=0.25, lw=0, label="all random updates"),
    ]  # fmt: skip
    headline(figure, title)
    legend_below(figure, handles, 2, 0.14)
    return figure


def by_layer(found: Rotation) -> Figure:
    """Mean angle of all components' spans, layer by layer."""
    figure, axis = plt.subplots(figsize=(WIDTH, 3.2))
    layers = np.arange(len(found.angle))
    axis.plot(layers, found.angle[:, -1], "o-", color=COLOURS["tuned"], label="tuning")
    for null, line in NULL_STYLE.items():
        draws = found.null[null][:, :, -1]
        name = f"random, equal {EQUAL[null]}"
        axis.plot(layers, draws.mean(axis=1), line, color=GREY, label=name)
        axis.fill_between(layers, draws.min(axis=1), draws.max(axis=1), color=GREY, alpha=0.25)
    title = f"First {found.k[-1]} components, by layer"
    axis.set(xlabel="layer", ylabel="mean angle (degrees)", title=title)
    _whole_ticks(axis)
    legend_below(figure, axis.get_legend_handles_labels()[0], 3)
    return figure


def share_bars(annotations: pd.DataFrame, baseline: pd.DataFrame) -> Figure:
    """Share of lists by level and task, both models and random directions; dots are layers."""
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.6))
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
        axis.set_xticks(range(len(questions)), questions, rotation=20)
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
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.8), sharey=True)
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
    axes[0].set(xlabel=f"rank of the component ({BIN} in a point)", title="By rank")
    axes[0].set_ylabel("share of lists")
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
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.4))
    curves = {}
    for role in COLOURS:
        read = [read_concepts(store, layer, role) for layer in range(n_layers(store))]
        explained = [one.explained_variance_ratio for one in read]
        curves[role] = np.cumsum(explained, axis=1, dtype=float)
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
