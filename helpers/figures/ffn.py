"""Figures of chapter 4: rotation against its nulls, shares against theirs, variance, ranks."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from helpers.annotate import LEVELS, TASKS
from helpers.figures import COLOURS
from helpers.findings.ffn import read_concepts
from helpers.findings.ffn_view import Rotation, n_layers, shares
from helpers.results import Store

GREY = "#7a7a7a"
NULL_STYLE = {"norm": ("--", "equal norm and rank"), "spectrum": (":", "equal singular values")}


def rotation_curves(found: Rotation) -> Figure:
    """Mean principal angle over the first k components: the pair's layers and the nulls."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6))
    left.plot(found.k, found.angle.T, color=COLOURS["tuned"], alpha=0.25, lw=1)
    left.plot(found.k, found.angle.mean(axis=0), color=COLOURS["tuned"], lw=2.5, label="tuning")
    for null, (line, label) in NULL_STYLE.items():
        draws = found.null[null].mean(axis=0)
        left.fill_between(found.k, draws.min(axis=0), draws.max(axis=0), color=GREY, alpha=0.25)
        left.plot(found.k, draws.mean(axis=0), line, color=GREY, label=f"random, {label}")
    left.set(xscale="log", xlabel="first k components", ylabel="mean principal angle (degrees)")
    left.set_title("All layers")
    left.legend()
    layers, at = np.arange(len(found.angle)), len(found.k) - 1
    right.plot(layers, found.angle[:, at], "o-", color=COLOURS["tuned"], label="tuning")
    for null, (line, label) in NULL_STYLE.items():
        draws = found.null[null][:, :, at]
        right.plot(layers, draws.mean(axis=1), line, marker="x", color=GREY, label=label)
        right.fill_between(layers, draws.min(axis=1), draws.max(axis=1), color=GREY, alpha=0.25)
    right.set(xlabel="layer", ylabel="mean principal angle (degrees)")
    right.set_title(f"First {found.k[-1]} components, by layer")
    return figure


def share_bars(annotations: pd.DataFrame, baseline: pd.DataFrame) -> Figure:
    """Share of lists by level and task, both models and random directions; dots are layers."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.4))
    by_layer = shares(annotations, "role", "layer")
    for axis, questions in zip(axes, (LEVELS, TASKS), strict=True):
        for offset, role in ((-0.2, "base"), (0.2, "tuned")):
            values = by_layer.loc[role][list(questions)]
            at = np.arange(len(questions)) + offset
            axis.bar(at, values.mean(), 0.38, color=COLOURS[role], label=role, alpha=0.75)
            for x, question in zip(at, questions, strict=True):
                axis.plot(np.full(len(values), x), values[question], ".", color="black", ms=3)
        chance = baseline[list(questions)].mean()
        axis.hlines(chance, np.arange(len(questions)) - 0.42, np.arange(len(questions)) + 0.42,
                    color="black", ls="--", lw=1.2, label="random directions")  # fmt: skip
        axis.set_xticks(range(len(questions)), questions)
        axis.set_ylabel("share of lists")
    axes[0].set_title("Linguistic level")
    axes[1].set_title("Task")
    axes[0].legend()
    return figure


def interpretable_by_rank(annotations: pd.DataFrame, baseline: pd.DataFrame) -> Figure:
    """Both readings of 'interpretable' by rank (left) and by layer (right)."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.4), sharey=True)
    binned = annotations.assign(rank=annotations["component"] // 20 * 20 + 10)
    styles = {"interpretable": "-", "beyond_random": ":"}
    for axis, key in zip(axes, ("rank", "layer"), strict=True):
        table = shares(binned, "role", key)
        for question, line in styles.items():
            for role, colour in COLOURS.items():
                values = table.loc[role][question]
                axis.plot(values.index, values, line, color=colour, label=f"{role}, {question}")
            axis.axhline(baseline[question].mean(), color=GREY, ls=line, lw=1)
        axis.set(xlabel=key, ylim=(0, 1))
    axes[0].set_ylabel("share of lists")
    axes[0].legend(fontsize=7, title="grey: random directions", title_fontsize=7)
    return figure


def cumulative_variance(store: Store) -> Figure:
    """Variance that the first k components explain, one line a layer."""
    figure, axis = plt.subplots(figsize=(5.4, 3.4))
    for role, colour in COLOURS.items():
        for layer in range(n_layers(store)):
            ratio = read_concepts(store, layer, role).explained_variance_ratio
            label = role if layer == 0 else None
            line = "-" if role == "base" else "--"
            axis.plot(np.arange(1, len(ratio) + 1), np.cumsum(ratio), line, color=colour,
                      alpha=0.5, lw=1, label=label)  # fmt: skip
    axis.set(xlabel="first k components", ylabel="explained variance", ylim=(0, 1))
    axis.legend()
    return figure
