"""The table of what survived, each verdict a button that opens what it rests on."""

from __future__ import annotations

from collections.abc import Sequence

from helpers.findings.survived.claims import CONTROLS
from helpers.findings.survived.tables import Row, readings, said
from helpers.findings.survived.verdicts import RULE
from helpers.pages.explorer import BookWidget, module, squeeze_json, style


def pack(rows: Sequence[Row]) -> str:
    """Claims, their cells and what stands behind them, as deflated JSON; no column without a verdict."""
    kept = [name for name in CONTROLS if any(row.cells[name].judged for row in rows)]
    claims = [
        {name: getattr(row.claim, name) for name in ("chapter", "key", "whose", "text", "unit")}
        | {
            "said": said(row),
            "cells": [
                {"verdict": cell.verdict, "why": cell.why, "readings": readings(cell)}
                for cell in map(row.cells.get, kept)
            ],
        }
        for row in rows
    ]
    controls = [{"name": name, "asks": CONTROLS[name]} for name in kept]
    left = [name for name in CONTROLS if name not in kept]
    return squeeze_json({"claims": claims, "controls": controls, "left": left, "rule": RULE})


class VerdictTable(BookWidget):
    """Claims by controls; a click, Enter or a tap opens what a verdict rests on."""

    _esm = module(__file__)
    _css = style(__file__)

    def __init__(self, rows: Sequence[Row], **options) -> None:
        super().__init__(data=pack(rows), **options)
