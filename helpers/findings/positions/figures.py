"""Figures of chapter 2: the idea on one prompt, the moved instruction, profiles, and the threshold."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.findings.positions.profiles import DATA_SETS, ratios, thresholds
from helpers.methods.density import relative_density
from helpers.methods.profiles import middle_ratio, position_profile, stretches
from helpers.pages.style import COLOURS, GREY, WIDTH
from helpers.prompts.placement import PLACES, SHARES

LINES = {"base": "o-", "tuned": "s--"}


def _heads(figure: Figure, axis: Axes, title: str, below: str = "") -> None:
    """The finding above all panels, and what they share below: the axis, and one legend."""
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower right", ncols=2, fontsize=9, frameon=False)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    figure.supxlabel(below, x=0.01, ha="left", fontsize=10)


def _name_highest(axis: Axes, values: Float[np.ndarray, " prompt"], words: Sequence[str]) -> None:
    """The words under the highest bars, as many as do not run into each other."""
    kept: list[int] = []
    for at in np.argsort(-values, kind="stable"):
        if values[at] > 0 and words[at].strip().isalpha():
            near = [abs(at - other) < len(values) / 4 for other in kept]
            kept += [] if any(near) else [int(at)]
    axis.set_xticks(kept, [words[at].strip() for at in kept], fontsize=8)


def idea(
    density: Float[np.ndarray, " prompt"],
    instruction: Bool[np.ndarray, " prompt"],
    words: Sequence[str],
) -> Figure:
    """The profile on one prompt in three steps, and what an experiment moves instead."""
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 3.1), layout="constrained")
    (tokens, bins), (ratio, moving) = axes
    values, profile = relative_density(density), position_profile(density)
    colours = np.where(instruction, COLOURS["tuned"], GREY)
    tokens.bar(range(len(values)), values, color=colours, width=0.85)
    tokens.set(title="1  density of each token", xlabel="token (orange: instruction)")
    _name_highest(tokens, values, words)
    inside, ends = stretches(len(profile))
    shade = np.select([inside, ends], ["0.25", "0.6"], "0.88")
    bins.bar(range(1, 11), profile, color=shade, width=0.9)
    bins.set(title="2  mean in ten equal bins", xlabel="bin, start to end", xticks=[1, 4, 7, 10])
    heights = [profile[ends].mean(), profile[inside].mean()]
    ratio.bar(["ends", "middle"], heights, color=["0.6", "0.25"], width=0.55)
    found = middle_ratio(profile)
    said = f"= {found:.2f}" if np.isfinite(found) else "(no ratio: empty ends)"
    ratio.set(title=f"3  middle / ends {said}", ylim=(0, None))
    for row, share in enumerate(SHARES.values()):
        moving.barh(row, 1, color="0.88", height=0.55)
        moving.barh(row, 0.16, left=0.84 * share, color=COLOURS["tuned"], height=0.55)
    moving.set(title="4  or: move one instruction", xlabel="the same text, start to end", xticks=[])
    moving.set_yticks(range(len(PLACES)), PLACES)
    moving.invert_yaxis()
    for axis in (tokens, bins, ratio):
        axis.set_ylabel("relative density")
    return figure


def _places(axis: Axes, table: pd.DataFrame, label: str, low: float | None = 0) -> None:
    """One measure by place: both models side by side, with intervals."""
    for shift, model in ((-0.08, "base"), (0.08, "tuned")):
        part = table[table["model"] == model].set_index("place").loc[list(PLACES)]
        at = np.arange(len(PLACES)) + shift
        error = [part["mean"] - part["low"], part["high"] - part["mean"]]
        axis.errorbar(at, part["mean"], error, fmt=LINES[model], color=COLOURS[model],
                      label=model, ms=5, capsize=2.5, lw=1.6)  # fmt: skip
    axis.set_xticks(range(len(PLACES)), [textwrap.fill(place, 8) for place in PLACES], fontsize=9)
    axis.set_ylabel(label, fontsize=9)
    if low == 0:
        axis.set_ylim(0, None)
    axis.axvspan(0.5, 3.5, color="0.5", alpha=0.1, linewidth=0)


def placement(panels: dict[str, pd.DataFrame], *, title: str = "") -> Figure:
    """Measures of the same instruction by its place in the same text, with 95 % intervals.

    A panel `(with, without)` of two tables draws both: the lower, without markers, is without it.
    """
    rows = -(-len(panels) // 2)
    figure, axes = plt.subplots(
        rows, 2, figsize=(WIDTH, 1.9 * rows + 0.5), squeeze=False, layout="constrained"
    )
    for axis, (label, table) in zip(axes.ravel(), panels.items(), strict=True):
        whole, without = table if isinstance(table, tuple) else (table, None)
        _places(axis, whole, label, 0 if without is None else None)
        for model in COLOURS if without is not None else ():
            part = without[without["model"] == model].set_index("place").loc[list(PLACES)]
            axis.plot(range(len(PLACES)), part["mean"], ":", color=COLOURS[model], lw=2)
    below = f"place of the instruction in the text (n = {whole['n'].iloc[0]}; grey: the middle)"
    _heads(figure, axes[0, 0], title, below)
    return figure


def _band(axis: Axes, part: pd.DataFrame, model: str) -> None:
    at = (part["bin"] - 0.5) * 100 / part["bin"].max()
    axis.fill_between(at, part["low"], part["high"], color=COLOURS[model], alpha=0.2, linewidth=0)
    axis.plot(at, part["mean"], LINES[model], color=COLOURS[model], label=model, ms=4)


def profiles(bands: pd.DataFrame, *, by: str = "kind", title: str = "") -> Figure:
    """Mean profiles with 95 % bands, a panel a data set (or other group), both models in each.

    Grey is the middle of the middle ratio; its ends are the first and the last 20 %.
    """
    groups = list(bands[by].unique())
    rows = -(-len(groups) // 3)
    figure, axes = plt.subplots(
        rows, min(3, len(groups)), figsize=(WIDTH, 1.8 * rows + 0.5), sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for axis in axes.ravel()[len(groups) :]:
        axis.remove()
    for axis, group in zip(axes.ravel(), groups, strict=False):
        part = bands[bands[by] == group]
        for model in COLOURS:
            _band(axis, part[part["model"] == model], model)
        axis.axvspan(30, 70, color="0.5", alpha=0.1, linewidth=0)
        axis.set_title(f"{group}\n(n = {part['n'].iloc[0]})", fontsize=10, fontweight="normal")
        axis.set(xlim=(0, 100), xticks=[5, 50, 95])
        axis.set_xticklabels(["start", "middle", "end"])
    axes[0, 0].set_ylim(0, 1.05 * bands["high"].max())
    for axis in axes[:, 0]:
        axis.set_ylabel("relative density")
    _heads(figure, axes[0, 0], title, "place in the prompt")
    return figure


def threshold(tables: dict[str, pd.DataFrame], *, title: str = "") -> Figure:
    """The middle ratio of all prompts together for every threshold b that a table holds, with intervals."""
    figure, axes = plt.subplots(
        1, len(tables), figsize=(WIDTH, 2.2), sharey=True, squeeze=False, layout="constrained"
    )
    for axis, (name, table) in zip(axes[0], tables.items(), strict=True):
        kept, together = thresholds(table), table.assign(kind=DATA_SETS[0])
        found = pd.concat(ratios(together, threshold=b) for b in kept)
        for model in COLOURS:
            part = found[found["model"] == model]
            colour = {"color": COLOURS[model]}
            axis.fill_between(kept, part["low"], part["high"], **colour, alpha=0.2, lw=0)
            axis.plot(kept, part["ratio"], LINES[model], **colour, label=model)
        axis.axhline(1, color="0.1", linewidth=1)
        axis.set_xticks(range(10))
        axis.set_title(f"{name} (n = {part['n'].iloc[0]})", fontsize=10, fontweight="normal")
    axes[0, 0].set_ylabel("middle / ends (1: level)")
    axes[0, 0].set_ylim(0, None)
    _heads(figure, axes[0, 0], title, "threshold b: only levels of importance above it count")
    return figure
