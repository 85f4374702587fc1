"""The table of what survived, each verdict a button that opens what it rests on."""

from __future__ import annotations

from collections.abc import Sequence

import traitlets

from helpers.findings.survived.claims import CONTROLS
from helpers.findings.survived.tables import Row, readings, said
from helpers.findings.survived.verdicts import RULE
from helpers.pages.explorer import BookWidget, module, squeeze_json, style

STYLE = """
.ex .ex-verdicts { display: table; table-layout: fixed; width: 100%; overflow: visible; font-size: 0.82em; }
.ex .ex-verdicts > thead th { vertical-align: bottom; text-align: center; padding: 2px; font-size: 0.93em; }
.ex .ex-verdicts > tbody > tr > th { vertical-align: middle; text-align: left; font-weight: 400; }
.ex .ex-verdicts > thead > tr > :first-child { width: 24%; }
.ex .ex-verdicts > tbody > tr > td { padding: 2px; text-align: center; }
.ex .ex-verdicts button { width: 100%; min-height: 2.6rem; padding: 2px; line-height: 1.1; border: 0; }
.ex .ex-verdicts button > span { display: none; }
.ex .ex-verdicts button[aria-expanded="true"] { outline: 2px solid currentColor; }
.ex .ex-verdicts > tbody > tr > .ex-behind { text-align: left; padding: 0.5em 0.7em; }
.ex .ex-behind table { font-size: 1em; }
.ex .ex-behind :is(th, td) { text-align: left; }
@container (max-width: 780px) {
  .ex .ex-verdicts, .ex .ex-verdicts > tbody { display: block; font-size: 0.95em; }
  .ex .ex-verdicts > thead { display: none; }
  .ex .ex-verdicts > tbody > tr:not([hidden]) { display: grid; gap: 3px; margin-bottom: 0.9em;
    grid-template-columns: repeat(auto-fill, minmax(5.4rem, 1fr)); }
  .ex .ex-verdicts > tbody > tr > :is(th, td) { display: block; width: auto; border: 0; min-width: 0; }
  .ex .ex-verdicts > tbody > tr > :is(th, .ex-behind) { width: auto; grid-column: 1 / -1; }
  .ex .ex-verdicts button > span { display: block; font-size: 0.85em; }
}
"""


def pack(rows: Sequence[Row]) -> str:
    """Claims, their cells and what stands behind them, as deflated JSON."""
    claims = [
        {
            "chapter": row.claim.chapter,
            "key": row.claim.key,
            "whose": row.claim.whose,
            "text": row.claim.text,
            "said": said(row),
            "unit": row.claim.unit,
            "cells": [
                {"verdict": cell.verdict, "why": cell.why, "readings": readings(cell)}
                for cell in row.cells.values()
            ],
        }
        for row in rows
    ]
    controls = [{"name": name, "asks": asks} for name, asks in CONTROLS.items()]
    return squeeze_json({"claims": claims, "controls": controls, "rule": RULE})


class VerdictTable(BookWidget):
    """Claims by controls; a click, Enter or a tap opens what a verdict rests on."""

    _esm, _css = module(__file__), style() + STYLE
    data = traitlets.Unicode().tag(sync=True)

    def __init__(self, rows: Sequence[Row], **options) -> None:
        super().__init__(data=pack(rows), **options)
