"""The book's look: one palette, quiet axes, figures that can be read alone."""

from __future__ import annotations

import matplotlib
import pandas as pd
import seaborn as sns

# Blue and orange of about equal lightness: told apart with every common colour blindness.
COLOURS = {"base": "#4c6f94", "tuned": "#c1622d"}


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
            "xtick.labelsize": 9,
            "ytick.labelsize": 9,
            "legend.frameon": False,
            "figure.dpi": 110,
            "savefig.bbox": "tight",
        },
    )
    matplotlib.rcParams["font.family"] = "DejaVu Sans"
