"""Tables as pages show them: intervals, p-values, captions that state the null hypothesis."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from helpers.methods.chance import Ranked
from helpers.methods.statistics import Comparison


def show_p(value: float | None) -> str:
    """A p-value for reading; never a bare 0."""
    if value is None or np.isnan(value):
        return ""
    return "<\u00a00.0001" if value < 1e-4 else f"{value:.4f}" if value < 0.1 else f"{value:.2f}"


def show_difference(found: Comparison, digits: int = 3) -> str:
    """Difference and interval, or why there is none."""
    if not found.possible:
        return f"not tested: {found.test}"
    return f"{found.difference:+.{digits}f} [{found.low:+.{digits}f}, {found.high:+.{digits}f}]"


NULL = "null hypothesis (test)"
_COLUMNS: dict[str, Callable[[Comparison], object]] = {
    "n": lambda c: " + ".join(map(str, c.sizes)) if c.sizes else c.n,
    "base": lambda c: "" if np.isnan(c.mean_a) else f"{c.mean_a:.3f}",
    "tuned": lambda c: "" if np.isnan(c.mean_b) else f"{c.mean_b:.3f}",
    "difference [95 % CI]": show_difference,
    "g": lambda c: "" if np.isnan(c.effect_size) else f"{c.effect_size:+.2f}",
    "p": lambda c: show_p(c.p_value),
    "p (Holm)": lambda c: show_p(c.p_holm),
    NULL: lambda c: f"{c.null_hypothesis} ({c.test})" if c.possible else "",
}


class Captioned(pd.DataFrame):
    """A table for display with a caption, where HTML is shown; `comparisons` are what it shows."""

    _metadata = ["caption", "comparisons"]
    caption = ""
    comparisons: Sequence[Comparison] = ()

    @property
    def _constructor(self):
        return Captioned

    def _repr_html_(self) -> str:
        words = html.escape(self.caption)
        opening = '<table border="1" class="dataframe">'
        return super()._repr_html_().replace(opening, f"{opening}<caption>{words}</caption>", 1)


def captioned(rows: object, caption: str, **options: object) -> Captioned:
    """What a DataFrame is made of, with a caption."""
    shown = Captioned(rows, **options)
    shown.caption = caption
    return shown


def comparison_table(
    comparisons: Sequence[Comparison], *, names: tuple[str, str] = ("base", "tuned")
) -> pd.DataFrame:
    """Comparisons as a table for display; `names` are the headings of the two means.

    A column that no comparison fills (no effect size, no correction) is left out, and a null
    hypothesis that all comparisons share becomes the caption.
    """
    rows = [{name: show(found) for name, show in _COLUMNS.items()} for found in comparisons]
    shown = Captioned(rows, index=[found.label for found in comparisons])
    shown = shown.loc[:, (shown != "").any()]
    shown = shown.rename(columns=dict(zip(("base", "tuned"), names, strict=True)))
    shown.comparisons = tuple(comparisons)
    said = set(shown.get(NULL, ())) - {""}
    if len(said) == 1:
        shown = shown.drop(columns=NULL)
        shown.caption = f"Null hypothesis and test: {said.pop()}."
    return shown


def ranked_table(
    found: Mapping[tuple[str, ...], Ranked], caption: str, *,
    names: Sequence[str] | None = None, forms: Mapping[str, str] = MappingProxyType({}),
) -> Captioned:  # fmt: skip
    """Values beside the random draws that they are ranked among; the keys, called `names`, are the rows.

    `forms`: how the numbers of rows are written, by a part of their key; "{:.3f}" else.
    """
    rows = []
    for key, one in found.items():
        show = next((forms[part] for part in key if part in forms), "{:.3f}").format
        draws = f"{show(one.mean)} ({show(one.low)} to {show(one.high)})"
        row = {"tuning": show(one.value), "random, mean (range)": draws, "draws": one.draws}
        row |= {"tuning is": one.said, "p": show_p(one.p_value)}
        rows.append(row | {"detectable": show(one.detectable).lstrip("+")})
    return captioned(rows, caption, index=pd.MultiIndex.from_tuples(list(found), names=names))
