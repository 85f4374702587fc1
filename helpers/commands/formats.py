"""A report as numbers: the comparisons of every finding as a data frame, JSON, Markdown or a screen.

The schema of the JSON, and of the data frame's columns, is said at `comparisons`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import pandas as pd

from helpers.findings.registry import shown
from helpers.methods.statistics import Comparison
from helpers.pages.tables import comparison_table
from helpers.store.conditions import told
from helpers.store.store import Store

SCHEMA = 1
ALPHA = 0.05
SHOWN = 3  # comparisons of a finding that a screen shows


def tables(store: Store) -> Iterator[tuple[str, str, tuple[Comparison, ...]]]:
    """(finding, title of the table, its comparisons) of every table that the store can fill."""
    for finding in shown(store):
        if not store.has(finding.needs):
            continue
        try:
            blocks = finding.blocks(store)
        except ValueError:
            continue  # the HTML report says why
        for block in blocks:
            if block.alt or block.widget:
                continue
            try:
                compared = getattr(block.make(), "comparisons", ())
            except ValueError:
                continue
            if compared:
                yield finding.name, block.title, tuple(compared)


def comparisons(store: Store) -> pd.DataFrame:
    """Every comparison that a store's tables hold, one row each.

    Columns: `finding`, `table` and `label` say what is compared; `n` items (or `sizes` of both groups);
    `mean_a` (base, or the null) and `mean_b` (tuned); `difference` b - a with its 95 % interval `low` to
    `high`; `effect_size` (Hedges' g); `p_value`, `p_holm` after Holm's correction over its table; `test`
    and `null_hypothesis`. Numbers that do not exist are NaN (null in `report --format json`), and where a
    test was impossible `test` says why.
    """
    rows = [
        {"finding": finding, "table": title, **asdict(one)}
        for finding, title, compared in tables(store)
        for one in compared
    ]
    return pd.DataFrame(rows)


def as_json(store: Store) -> str:
    frame = comparisons(store).replace([np.inf, -np.inf], np.nan)
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    content = {"schema": SCHEMA, "pair": store.folder.name, "comparisons": rows}
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False, default=float) + "\n"


def as_markdown(store: Store) -> str:
    lines = [f"# {store.folder.name}: what instruction tuning changed", ""]
    titles = {one.name: one for one in shown(store)}
    last = None
    for finding, title, compared in tables(store):
        if finding != last:
            lines += [f"## {titles[finding].title}", "", titles[finding].question, ""]
        last, made = finding, comparison_table(compared)
        heads = ["", *made.columns]
        rows = [[label, *values] for label, values in zip(made.index, made.values, strict=True)]
        lines += [f"**{title}**", "", "| " + " | ".join(heads) + " |", "| --- " * len(heads) + "|"]
        lines += ["| " + " | ".join(str(x).replace("|", "\\|") for x in row) + " |" for row in rows]
        lines += ["", made.caption, ""]
    return "\n".join(lines)


def verdict(one: Comparison) -> str:
    """A comparison in a line: what it says first, its numbers after."""
    if not one.possible:
        return f"{one.label}: not tested ({one.test})"
    p = one.p_value if one.p_holm is None else one.p_holm
    word = "not told apart" if p >= ALPHA else "higher" if one.difference > 0 else "lower"
    numbers = f"{one.difference:+.3f} [{one.low:+.3f}, {one.high:+.3f}]"
    return f"{word:14}  {one.label}: {numbers}, p {p:.2g}, n {one.n}"


def as_screen(store: Store) -> str:
    """One screen for a terminal: each finding's question and its first verdicts."""
    from helpers.prompts.prompt import read_prompts

    lines, said = [f"{store.folder.name}: {told(store, len(read_prompts()))}"], set()
    for name, _, compared in tables(store):
        if name not in said:
            said.add(name)
            question = next(one.question for one in shown(store) if one.name == name)
            lines += ["", question, *(f"  {verdict(one)}" for one in compared[:SHOWN])]
    return "\n".join([*lines, "", "Tuned minus base; p after Holm's correction over its table."])


FORMATS = {"json": as_json, "markdown": as_markdown, "terminal": as_screen}
