"""The figure that stands in place of tables: one line a comparison, under one heading a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from helpers.methods.statistics import Comparison
from helpers.pages.prose import clear
from helpers.pages.style import LESS, MORE, WIDTH

GREY, LINE = "0.55", 0.21  # of what is not told apart from nothing; height of one line in inches


def _named(one: Comparison) -> str:
    return f"{one.label} (n = {one.n}{'' if one.possible else ', not tested'})"


def forest(
    groups: Mapping[str, Sequence[Comparison]] | Sequence[Comparison],
    *,
    label: str,
    title: str = "",
) -> Figure:
    """Differences with 95 % intervals, tuned minus base unless `label` says otherwise.

    Coloured by sign where `clear`, grey where not; what could not be tested says so in its name.
    """
    groups = groups if isinstance(groups, Mapping) else {"": groups}
    lines = [line for heading, found in groups.items() for line in (heading, *found) if line]
    names = [fill(line if isinstance(line, str) else _named(line), 46) for line in lines]
    heights = np.array([1 + 0.7 * name.count("\n") for name in names])  # a folded name needs more
    places = np.cumsum(heights) - heights / 2
    figure, axis = plt.subplots(figsize=(WIDTH, max(1.9, 0.9 + LINE * heights.sum())))
    for place, line in zip(places, lines, strict=True):
        if not isinstance(line, str):
            colour = (MORE if line.difference > 0 else LESS) if clear(line) else GREY
            axis.plot([line.low, line.high], [place, place], color=colour, linewidth=2.5)
            axis.plot(line.difference, place, "o", color=colour)
    axis.set_yticks(places, names)
    for tick, line in zip(axis.get_yticklabels(), lines, strict=True):
        tick.set_fontweight("semibold" if isinstance(line, str) else "normal")
    axis.set_ylim(heights.sum() + 0.1, -0.1)
    axis.axvline(0, color="0.1", linewidth=1)
    axis.set(xlabel=f"{label}\ngrey: not told apart from zero (p after Holm 0.05 or more)")
    axis.set_title(title, loc="left")
    axis.locator_params(axis="x", nbins=6)
    figure.tight_layout()
    return figure
