"""Figures of the retrieval page: ROC curves of the scores, and the scores by kind of document."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from helpers.findings.retrieval.tables import MAIN, SCORES, cases, judged, show
from helpers.methods.roc import FALSE_RATES, band, curve, measured
from helpers.pages.style import COLOURS
from helpers.prompts.retrieval import DOCUMENTS

OTHERS = {"importance share": ("#1b6f5c", "-"), "gain": ("#8a4f9e", "--"), "overlap": ("0.35", ":")}
LABELS = {"used": "o", "not used": "X", "nobody can tell": "^"}


def curves(table: pd.DataFrame) -> Figure:
    """ROC curve of the document score with its band over items, and of other scores; both models."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 5.4), sharey=True)
    for axis, (model, colour) in zip(axes, COLOURS.items(), strict=True):
        rows = judged(table, model)
        known = cases(rows)
        axis.fill_between(FALSE_RATES, *band(rows[MAIN], known), color=colour, alpha=0.18, lw=0)
        for key, (shade, style) in ({MAIN: (colour, "-")} | OTHERS).items():
            label = f"{SCORES[key]}\n{show(measured(rows[key], known))}"
            axis.plot(*curve(rows[key], known), style, color=shade, label=label,
                      lw=2.6 if key == MAIN else 1.6)  # fmt: skip
        axis.plot([0, 1], [0, 1], color="0.75", lw=1)
        counts = f"{int(known.positive.sum())} used, {int((~known.positive).sum())} not"
        axis.set(title=f"{model} model ({counts})", xlabel="of those not used, share above")
        axis.set_aspect("equal")
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), fontsize=8)
    axes[0].set_ylabel("of responses that used it, share above")
    figure.tight_layout()
    return figure


def by_document(table: pd.DataFrame) -> Figure:
    """Importance share and document score under each kind of document, one mark a response."""
    shown = ("score", "importance share")
    figure, axes = plt.subplots(2, 2, figsize=(8.6, 5.8), sharex=True, sharey="row")
    names = {True: "used", False: "not used", None: "nobody can tell"}
    rng = np.random.default_rng(0)
    for column, (model, colour) in zip(axes.T, COLOURS.items(), strict=True):
        rows = table[table["model"] == model]
        for axis, key in zip(column, shown, strict=True):
            for (label, marker), shade in zip(LABELS.items(), (colour, "0.2", "0.65"), strict=True):
                part = rows[rows["used"].map(lambda one: names[one]) == label]
                at = np.array([DOCUMENTS.index(one) for one in part["condition"]], dtype=float)
                at += rng.uniform(-0.25, 0.25, len(part))
                axis.scatter(at, part[key], s=24, marker=marker, color=shade, alpha=0.7,
                             label=label, linewidth=0)  # fmt: skip
            axis.set_ylabel(SCORES[key] if model == "base" else "")
            axis.set_xticks(range(len(DOCUMENTS)), DOCUMENTS)
        column[0].set_title(f"{model} model")
        column[0].legend(fontsize=8, loc="best")
        column[1].set_xlabel("document: the answer in it is …")
    sns.despine(figure)
    figure.tight_layout()
    return figure
