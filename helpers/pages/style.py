"""The book's look: one palette, quiet axes, figures that can be read alone."""

from __future__ import annotations

import matplotlib
import pandas as pd
import seaborn as sns
from IPython import get_ipython
from matplotlib.figure import Figure

# Blue and orange of about equal lightness: told apart with every common colour blindness.
COLOURS = {"base": "#4c6f94", "tuned": "#c1622d"}
GREY = "#7a7a7a"
MORE, LESS = "#166e3c", "#702a82"  # of a sign, as in the explorers
WIDTH = 7.0  # of a figure, in inches


def use_book_style() -> None:
    """Set seaborn's, matplotlib's and pandas' defaults for a chapter."""
    pd.set_option("display.max_colwidth", None)
    sns.set_theme(
        context="notebook",
        style="ticks",
        palette=list(COLOURS.values()),
        rc={
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlelocation": "left",
            "axes.titleweight": "semibold",
            "axes.titlesize": 11,
            "axes.labelsize": 10,
            "xtick.labelsize": 10,
            "ytick.labelsize": 10,
            "legend.frameon": False,
            "figure.dpi": 110,
            "savefig.bbox": "tight",
        },
    )
    matplotlib.rcParams["font.family"] = "DejaVu Sans"
    if shell := get_ipython():
        # Twice the pixels.
        shell.run_line_magic("config", "InlineBackend.figure_formats = ['retina']")


def headline(figure: Figure, title: str) -> None:
    """The finding, above all panels."""
    figure.suptitle(title, x=0.02, ha="left", fontsize=11, fontweight="semibold")


def legend_below(figure: Figure, handles: list, columns: int, height: float = 0.06) -> None:
    """One legend for all panels, in the part of the figure's height that is left for it."""
    figure.tight_layout(rect=(0, height, 1, 1))
    figure.legend(handles=handles, loc="lower center", ncols=columns, fontsize=8, frameon=False)
