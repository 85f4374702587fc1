"""Draw the card of shared links: `python docs/card.py` writes book/_static/social-card.png.

One prompt of the store, each token tinted by its relative density in the tuned model and its base.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.colors import LinearSegmentedColormap

from helpers.findings.recognition.read import explained
from helpers.methods import density as measure
from helpers.pages.style import COLOURS
from helpers.store.store import open_store

PROMPT, SIZE = "short-writing-10", (1200, 630)
OUTPUT = Path(__file__).resolve().parent.parent / "book" / "_static" / "social-card.png"


def write_tokens(figure, item, top: float, colour: str) -> None:
    """The prompt without the template's tokens, line by line, with boxes behind the tokens."""
    shades = LinearSegmentedColormap.from_list("", ["white", colour])
    levels = measure.normalise(item.importance, threshold=measure.THRESHOLD)
    densities = measure.relative_density(measure.density(levels))
    kept = [role != "template" for role in item.roles]
    highest = max(density for density, own in zip(densities, kept, strict=True) if own) or 1
    x, y = 0.05, top
    renderer = figure.canvas.get_renderer()
    for token, density, own in zip(item.tokens, densities, kept, strict=True):
        if not own:
            continue
        if text := token.strip("\n"):
            face = shades(0.85 * density / highest)
            style = dict(facecolor=face, edgecolor="none", pad=2.5)
            drawn = figure.text(x, y, text, fontsize=19, family="DejaVu Sans", bbox=style)
            x += drawn.get_window_extent(renderer).width / SIZE[0] + 0.004
        if "\n" in token:
            x, y = 0.05, y - 0.085


def main() -> None:
    store = open_store("gemma-3-270m")
    figure = plt.figure(figsize=(SIZE[0] / 100, SIZE[1] / 100), dpi=100, facecolor="white")
    figure.text(0.05, 0.83, "What Instruction Tuning Changes", fontsize=38, weight="bold")
    told = "inside a language model: on which words of a prompt does the response rest?"
    figure.text(0.05, 0.745, told, fontsize=18.5, color="0.3")
    for role, top in (("base", 0.60), ("tuned", 0.26)):
        sides = {one.id: one for one in explained(store, "template", role, role)}
        figure.text(
            0.05, top + 0.075, f"{role} model", fontsize=15, weight="bold", color=COLOURS[role]
        )
        write_tokens(figure, sides[PROMPT], top, COLOURS[role])
    figure.savefig(OUTPUT, metadata={"Software": None})


if __name__ == "__main__":
    main()
