"""What a report on a finding is made of: tables, figures and explorers, each made on its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
from anywidget import AnyWidget
from matplotlib.figure import Figure

from helpers.methods.statistics import Comparison
from helpers.pages.tables import comparison_table

Shown = pd.DataFrame | Figure | AnyWidget


@dataclass(frozen=True)
class Block:
    """A table, a figure (`alt` describes it) or an explorer (`widget`), made when it is asked for."""

    title: str
    make: Callable[[], Shown]
    alt: str = ""
    widget: bool = False


def compared(title: str, make: Callable[[], Sequence[Comparison]], **names: tuple) -> Block:
    """A table of comparisons, with the `names` that `comparison_table` takes."""
    return Block(title, lambda: comparison_table(make(), **names))
