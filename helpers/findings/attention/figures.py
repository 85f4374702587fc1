"""Figures of chapter 3: a head as lists of words, verb lift with its nulls, silenced heads."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from helpers.findings.attention.lift import TUNING, Counted, VerbComparison
from helpers.findings.attention.pairs import Dimension, Example
from helpers.pages.style import COLOURS, GREY, WIDTH, headline, legend_below

BAND = {"color": GREY, "alpha": 0.25, "lw": 0}
DOT = {"marker": "o", "color": GREY, "ls": "", "alpha": 0.6, "ms": 3.5, "mew": 0}
INTERVAL = {"color": "black", "capsize": 3, "lw": 1.2, "fmt": "D", "ms": 5}
SHOWN = 5  # words of a list that are drawn, besides those of the pair


def _jitter(n: int, width: float = 0.2) -> np.ndarray:
    return np.random.default_rng(0).uniform(-width, width, n)


# --- the idea


def _list(axis: Axes, words: list[tuple[str, int]], pair: Sequence[str], x: float) -> dict:
    """One side of a dimension: its strongest words and the pair's own, with ranks; their heights."""
    rows = words[:SHOWN] + [one for one in words[SHOWN:] if one[0] in pair][:1]
    heights = {word: y + 0.6 * (y == SHOWN) for y, (word, _) in enumerate(rows)}
    for word, rank in rows:
        own, left = word in pair, x < 0.5
        axis.text(x, heights[word], f"{word}  {rank}" if left else f"{rank}  {word}",
                  ha="right" if left else "left", va="center", fontsize=9,
                  weight="bold" if own else "normal",
                  color=COLOURS["tuned"] if own else "0.25")  # fmt: skip
    return heights


def _dimension(axis: Axes, one: Dimension, pair: Sequence[str]) -> None:
    """Two lists of words, and a line between the words of the pair."""
    left, right = (_list(axis, own, pair, x) for own, x in zip(one.words, (0.4, 0.6), strict=True))
    for q, k in one.links:
        if {q, k} == set(pair) and q in left and k in right:
            axis.plot([0.42, 0.58], [left[q], right[k]], color=COLOURS["tuned"], lw=2.2)
    for x, side in ((0.4, "queries"), (0.6, "keys")):
        axis.text(x, -0.9, side, ha="right" if x < 0.5 else "left", fontsize=9, style="italic")
    axis.set(xlim=(0, 1), ylim=(SHOWN + 1.3, -1.3), title=f"dimension {one.number}")
    axis.axis("off")


def two_lists(example: Example) -> Figure:
    """The dimensions that hold a pair, side by side, and what the head then knows."""
    n = len(example.dimensions)
    ratios = [1.0] * n + [0.62]
    figure, axes = plt.subplots(1, n + 1, figsize=(WIDTH, 2.4), width_ratios=ratios)
    for axis, one in zip(axes, example.dimensions, strict=False):
        _dimension(axis, one, example.pair)
    words = " – ".join(example.pair)
    text = f"{n} dimensions\nhold the pair:\nthe head knows\n\n"
    axes[-1].text(0.5, 0.55, text, ha="center", va="center", fontsize=10)
    axes[-1].text(0.5, 0.36, words, ha="center", va="center", fontsize=10, weight="bold",
                  color=COLOURS["tuned"])  # fmt: skip
    axes[-1].axis("off")
    where = f"Layer {example.layer}, head {example.head}, {example.role} model"
    headline(figure, f"{where}: two lists of words meet in a dimension")
    figure.tight_layout(w_pad=0)
    return figure


# --- the result


def _tick(one: VerbComparison) -> str:
    name = one.label.replace(" (", "\n(")
    return f"{name}\n{one.changed}"


def _differences(axis: Axes, compared: Sequence[VerbComparison], drawn: pd.DataFrame) -> None:
    """Difference of lift with its interval, over relabelled verbs and beside random updates."""
    for at, one in enumerate(compared):
        random = drawn[one.label].to_numpy(float)
        axis.plot(at + 0.27 + _jitter(len(random), 0.09), random, **DOT)
        if one.possible:
            axis.fill_between([at - 0.32, at + 0.15], *one.null, **BAND)
            ends = [[one.difference - one.low], [one.high - one.difference]]
            axis.errorbar(at - 0.08, one.difference, ends, **INTERVAL)
    axis.axhline(0, color=GREY, lw=0.8, ls=":")
    axis.set_xticks(range(len(compared)), [_tick(one) for one in compared], fontsize=9)


def lift_by_quarter(counted: Counted, drawn: pd.DataFrame, *, title: str = "") -> Figure:
    """Difference of lift by quarter of the layers beside both nulls; one panel a way of counting.

    The grey band holds 95 % of the differences between groups whose labels were permuted; a dot is a
    random update (`lift.against_random`).
    """
    size = (WIDTH, 0.6 + 1.9 * len(counted))
    figure, axes = plt.subplots(len(counted), 1, figsize=size, squeeze=False)
    for axis, (name, compared) in zip(axes[:, 0], counted.items(), strict=True):
        own = drawn[(drawn["pairs"] == name) & (drawn["update"] != TUNING)]
        _differences(axis, compared, own)
        axis.set_title(f"Pairs held by {name}", fontsize=10, weight="normal")
        axis.set_ylabel("difference of lift")
    axes[-1, 0].set_xlabel("layers; below, instruction / general verbs that changed")
    headline(figure, title)
    handles = [
        Line2D([], [], marker="D", color="black", ms=5, label="tuning, 95 % interval"),
        Patch(**BAND, label="95 % of relabelled verbs"),
        Line2D([], [], **DOT, label="one random update"),
    ]
    legend_below(figure, handles, 3)
    return figure


def silenced(table: pd.DataFrame, *, title: str = "") -> Figure:
    """Following and loss with heads silenced: chosen sets as marks, random draws as dots."""
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 2.7), sharey=True)
    rows = {"none": "nothing", "instruction": "instruction-verb heads",
            "general": "general-verb heads"}  # fmt: skip
    draws = table[table["random"]]
    labels = [*rows.values(), f"random heads ({len(draws)} sets)"]
    for axis, name in zip(axes, ("followed", "loss"), strict=True):
        for at, condition in enumerate(rows):
            colour = GREY if condition == "none" else COLOURS["tuned"]
            axis.plot(table.loc[condition, name], at, "D", color=colour, ms=7)
        at = len(rows) + _jitter(len(draws))
        axis.plot(draws[name].astype(float), at, **DOT | {"ms": 5})
        axis.axvline(table.loc["none", name], color=GREY, lw=0.8, ls=":")
    axes[0].set_yticks(range(len(labels)), labels)
    axes[0].invert_yaxis()
    axes[0].set(xlabel="share of prompts followed", ylabel="silenced")
    axes[1].set(xlabel="loss on plain text (nats a token)")
    headline(figure, title)
    figure.tight_layout()
    return figure
