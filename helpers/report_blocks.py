"""What a report is made of: findings, and the tables, figures and explorers of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from anywidget import AnyWidget
from matplotlib.figure import Figure

from helpers.results import Store

Shown = pd.DataFrame | Figure | AnyWidget


@dataclass(frozen=True)
class Block:
    """A table, a figure (`alt` describes it) or an explorer, made when it is asked for."""

    title: str
    make: Callable[[], Shown]
    alt: str = ""


@dataclass(frozen=True)
class Section:
    """One finding: `needs` is the part of the store without which nothing of it can be shown.

    `terms` says what its measures are, for who has only the report.
    """

    finding: str
    title: str
    question: str
    terms: str
    needs: str
    blocks: Callable[[Store], list[Block]]
