"""The chapters' notebooks as they are committed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_PROSE = re.compile(r"\$\$.*?\$\$|\$[^$]*\$|```.*?```|`[^`]*`|\{[^}]*\}", re.S)
NOTEBOOKS = sorted((ROOT / "book").glob("*/*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def cells(request):
    return json.loads(request.param.read_text(encoding="utf-8"))["cells"]


def test_no_outputs_are_committed(cells):
    assert [c["id"] for c in cells if c.get("outputs") or c.get("execution_count")] == []


def test_code_cells_are_short(cells):
    lengths = {
        c["id"]: len("".join(c["source"]).splitlines()) for c in cells if c["cell_type"] == "code"
    }
    assert {name: lines for name, lines in lengths.items() if lines > 16} == {}


def test_prose_holds_no_typed_result(cells):
    """Decimal numbers and percentages in prose come from cells; 95 % names an interval or a quantile."""
    for cell in cells:
        if cell["cell_type"] == "markdown":
            prose = NOT_PROSE.sub("", "".join(cell["source"])).replace("95 %", "")
            assert re.findall(r"\b0\.\d+|\d+(?:\.\d+)? %", prose) == []
