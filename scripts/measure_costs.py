"""Measure what computing each finding of the book's own pair anew costs: writes data/costs.json.

What `python -m helpers compute --dry-run` says, kept for the heads of the chapters
(book/_ext/chapter_head.py). Run it while nothing else does: `python scripts/measure_costs.py`.
"""

from __future__ import annotations

import argparse
import json
import os

from helpers.commands.estimate import costs
from helpers.findings.registry import FINDINGS
from helpers.models import pair as pairs
from helpers.models import registry
from helpers.models.devices import choose_threads
from helpers.paths import DEFAULT_PAIR, data_folder

if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()  # --help does no more
    load = os.getloadavg()[1]
    choose_threads()
    pair = pairs.load(registry.find(DEFAULT_PAIR))
    found = {one.finding: round(one.seconds) for one in costs(pair, [f.name for f in FINDINGS])}
    busy = " that did other work as well" if load > 1 else ""
    machine = f"{os.cpu_count()} cores without an accelerator{busy}"
    text = json.dumps({"pair": DEFAULT_PAIR, "machine": machine, "seconds": found}, indent=1)
    (data_folder() / "costs.json").write_text(text + "\n", encoding="utf-8")
