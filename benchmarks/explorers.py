"""How fast the explorers answer, in the browser that the tests use: milliseconds a moved control.

    python benchmarks/explorers.py

The page of each explorer holds the stored results of the embedded pair, as the book's does.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "explorers"))

from harness import browser, widget_page

from helpers.findings.attention import explorer as heads
from helpers.findings.ffn import explorer as components
from helpers.findings.positions import explorer as positions
from helpers.findings.recognition import read
from helpers.findings.recognition.explorer import SaliencyExplorer
from helpers.store.store import open_store

LIMIT = 50  # milliseconds
MOVE = """(input) => Array.from({length: 12}, (_, k) => {
  const start = performance.now();
  if (input.options) input.selectedIndex = k % input.options.length;
  else input.value = Number(input.min) + (k % (Number(input.max) - Number(input.min) + 1));
  input.dispatchEvent(new Event(input.options ? "change" : "input", {bubbles: true}));
  return performance.now() - start;
})"""


def measure(widget) -> dict[str, list[float]]:
    """Time of each of twelve moves of every slider and list."""
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        page = chromium.new_page(viewport={"width": 1300, "height": 900})
        page.goto(widget_page(Path(folder), widget).as_uri())
        page.wait_for_selector(".explorer[data-mounted]")
        sliders = page.locator(".ex :is(input[type=range], select)").all()
        names = [slider.evaluate("e => e.labels[0]?.textContent ?? e.id") for slider in sliders]
        return {name: slider.evaluate(MOVE) for name, slider in zip(names, sliders, strict=True)}


def main() -> None:
    store = open_store()
    explorers = {
        "saliency": SaliencyExplorer(read.explorer_items(store)),
        "positions": positions.from_store(store, open_store("llama-vicuna-7b")),
        "heads": heads.HeadExplorer([heads.from_store(store)]),
        "components": components.ComponentExplorer(components.from_store(store)),
    }
    for name, widget in explorers.items():
        for slider, times in measure(widget).items():
            middle = statistics.median(times)
            verdict = "within" if middle < LIMIT else "OVER"
            print(f"{name:11s} {slider:14s} median {middle:5.1f} ms, slowest {max(times):5.1f} ms: "
                  f"{verdict} {LIMIT} ms")  # fmt: skip


if __name__ == "__main__":
    main()
