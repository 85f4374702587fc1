"""Chapter 5's pictures: a response as it changes, curves along the training, runs side by side, dose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from textwrap import fill, shorten

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.findings.course import read
from helpers.findings.course.change import Change
from helpers.findings.course.tables import Effects
from helpers.methods.statistics import Comparison, bootstrap_interval
from helpers.pages.prose import clear
from helpers.pages.style import COLOURS, GREY, WIDTH
from helpers.store.store import MissingResult, Store

SEGMENTS = ("instruction", "input", "context", "template")
TINTS = dict(zip(SEGMENTS, (COLOURS["tuned"], COLOURS["base"], "#8a9a5b", "0.75"), strict=True))


def _panels(n: int, columns: int, height: Callable[[int], float], **options):
    """A figure of `n` panels, whose height is that of so many rows, and their axes."""
    rows = -(-n // columns)
    options |= {"figsize": (WIDTH, height(rows)), "squeeze": False}
    figure, axes = plt.subplots(rows, columns, **options)
    for axis in axes.flat[n:]:
        axis.set_visible(False)
    return figure, axes.flat[:n]


def _finished(figure: Figure, title: str) -> Figure:
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, weight="semibold")
    figure.tight_layout()
    return figure


def _along(axis: Axes, wide: pd.DataFrame, colour: str, style: str = "o-", **options) -> None:
    """Means of points by step, with 95 % bands."""
    steps = [point.step for point in wide]
    low, high = np.transpose([bootstrap_interval(own) for _, own in wide.items()])
    axis.fill_between(steps, low, high, color=colour, alpha=0.2, linewidth=0)
    axis.plot(steps, wide.mean(), style, color=colour, **options)


def _steps(axis: Axes, steps: Sequence[int]) -> None:
    """Steps on a log axis that begins with the base."""
    axis.set_xscale("symlog", linthresh=2, linscale=0.4)
    axis.set_xticks(steps, [str(step) for step in steps], rotation=45)
    axis.minorticks_off()
    axis.set_xlabel("step of the training (0: base)")


def strip(store: Store, id: str) -> Figure:
    """One prompt at a few points: what it answers, and what blanking each segment takes from that."""
    held = read.along(store, "blanked")
    at = [held[i] for i in np.unique(np.linspace(0, len(held) - 1, 5).round().astype(int))]
    figure, axes = plt.subplots(len(at), figsize=(WIDTH, 0.62 * len(at) + 0.9), sharex=True)
    for axis, point in zip(np.atleast_1d(axes), at, strict=True):
        said = store.read(f"{point.folder}/responses").set_index("id").loc[id]
        lost = store.read(f"{point.folder}/blanked").query("on == 'own' and id == @id")
        lost, left = lost.set_index("segment")["loss"].clip(lower=0), 0.0
        for segment in (one for one in SEGMENTS if one in lost.index):
            axis.barh(0, lost[segment], left=left, color=TINTS[segment], height=0.5)
            left += lost[segment]
        mark = {True: "\u2713 ", False: "\u2717 "}.get(said["followed"], "")
        text = shorten(" ".join(said["text"].split()) or "(empty)", 78, placeholder=" …")
        axis.set_title(f"step {point.step}: {mark}{text}", fontsize=10, weight="normal")
        axis.set_yticks([])
        axis.spines["left"].set_visible(False)
    axis.set_xlabel(
        "nats that a token of this response loses when a segment is blanked, side by side"
    )
    keys = [plt.Rectangle((0, 0), 1, 1, color=TINTS[one]) for one in SEGMENTS]
    figure.legend(keys, SEGMENTS, loc="outside lower center", ncols=4)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    return figure


def curves(store: Store, found: Mapping[str, Change], title: str = "") -> Figure:
    """Each measure along the training with 95 % bands; grey: where half of the way lies, in resamples."""
    at = read.along(store)
    figure, axes = _panels(len(found), 1, lambda rows: 1.25 * rows + 0.9, sharex=True)
    for axis, (key, one) in zip(axes, found.items(), strict=True):
        wide = read.values(store, key, at)
        _along(axis, wide, COLOURS["tuned"])
        if one.found:
            axis.axvspan(one.early, one.late, color=GREY, alpha=0.15, linewidth=0)
            axis.axvspan(one.before, one.after, color=GREY, alpha=0.3, linewidth=0)
        measure = read.EVERY[key]
        when = f"half by step {one.after}" if one.found else "no change told apart"
        axis.set_title(f"{measure.label} ({measure.unit}, n = {len(wide)}): {when}", fontsize=10)
    _steps(axes[-1], [point.step for point in at])
    return _finished(figure, title)


def runs(found: Effects, title: str = "", columns: int = 2) -> Figure:
    """Runs side by side in several measures: change since the base, grey where not told apart from 0."""
    found = {key: own for key, own in found.items() if own}
    if not found:
        raise MissingResult("none of these runs")
    most = max(map(len, found.values()))
    figure, axes = _panels(len(found), columns, lambda rows: rows * (0.24 * most + 1.1) + 0.3)
    for number, (axis, (key, own)) in enumerate(zip(axes, found.items(), strict=True)):
        for row, one in enumerate(own):
            colour = COLOURS["tuned" if one.difference > 0 else "base"] if clear(one) else "0.55"
            axis.plot([one.low, one.high], [row, row], color=colour, linewidth=2.5)
            axis.plot(one.difference, row, "o", color=colour)
        axis.axvline(0, color="0.1", linewidth=1)
        named = number % columns == 0 or len(own) < most
        axis.set_yticks(range(len(own)), _names(own) if named else [])
        axis.set_ylim(len(own) - 0.4, -0.6)
        measure = read.EVERY[key]
        axis.set_title(fill(f"{measure.label} (n = {own[0].n})", 32), fontsize=10)
        axis.set_xlabel(measure.unit)
    said = "change since the base, 95 % intervals; grey: not told apart from 0"
    figure.supxlabel(said, fontsize=9)
    return _finished(figure, title)


def _names(found: Sequence[Comparison]) -> list[str]:
    """Rows are named by their run, those of one run by their step."""
    runs, _, steps = zip(*(one.label.partition(", ") for one in found), strict=True)
    alone = len({*runs}) == 1 < len(runs)
    return [*steps] if alone else [one.label.split(", step")[0] for one in found]


def where(table: pd.DataFrame, title: str = "") -> Figure:
    """The update of each layer over the base's weights, attention and feed-forward."""
    figure, axis = plt.subplots(figsize=(WIDTH, 2.6))
    for (kind, own), style in zip(table.items(), ("o-", "s--"), strict=False):
        axis.plot(table.index, own, style, label=kind)
    axis.set(xlabel="layer", ylabel="norm of update / norm of base", ylim=(0, None))
    axis.set_title(title, loc="left")
    axis.legend(ncols=2)
    figure.tight_layout()
    return figure


def doses(table: pd.DataFrame, title: str = "") -> Figure:
    """Share of the finished effect against share of the finished update: on the line is proportional."""
    measures = table.groupby("measure", sort=False)
    figure, axes = _panels(len(measures), 3, lambda rows: 1.75 * rows + 0.6, sharex=True)
    for axis, (name, own) in zip(axes, measures, strict=True):
        axis.plot([0, 1], [0, 1], color="0.6", linewidth=1)
        for (path, part), style in zip(own.groupby("path"), ("s--", "o-"), strict=False):
            part = part.sort_values("dose")
            colour = COLOURS["base" if path == "strength" else "tuned"]
            axis.fill_between(part["dose"], part["low"], part["high"], alpha=0.15, color=colour)
            axis.plot(part["dose"], part["share"], style, color=colour, label=path, markersize=4)
        axis.set_title(fill(f"{name} (n = {int(own['n'].max())})", 26), fontsize=9)
        axis.set_ylim(min(-0.3, own["share"].min()), max(1.3, own["share"].max()))
    axes[0].legend(fontsize=8)
    figure.supxlabel("norm of the update, share of the finished run's", fontsize=10)
    figure.supylabel("effect, share of the finished run's", fontsize=10)
    return _finished(figure, title)


def placebos(store: Store, title: str = "") -> Figure:
    """What blanking each segment takes from one and the same response, along the training."""
    at = read.along(store, "blanked")
    figure, axis = plt.subplots(figsize=(WIDTH, 3.2))
    for segment, style in zip(SEGMENTS, ("o-", "s--", "^:", "v-."), strict=True):
        wide = read.values(store, f"{segment}, shared", at)
        _along(axis, wide, TINTS[segment], style, label=f"{segment} ({len(wide)})")
    _steps(axis, [point.step for point in at])
    axis.set(ylabel="lost when blanked, nats a token")
    axis.set_title(title, loc="left")
    axis.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.35), fontsize=9)
    figure.tight_layout()
    return figure


def drawn(store: Store, make: Callable[[], Figure]) -> Figure | None:
    """A figure of a page; None without a course, and one line for runs that are not computed yet."""
    if not read.is_there(store):
        return None
    try:
        return make()
    except (MissingResult, KeyError) as error:
        print(store.lacks("course", str(error)))
        return None
