"""Figures of the authors' release."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from helpers.findings.recognition.figures import SHADES
from helpers.methods.statistics import Comparison


def by_first_tokens(found: dict[int, list[Comparison]]) -> Figure:
    """Difference tuned minus base on the first k response tokens, one line a data set."""
    figure, axis = plt.subplots(figsize=(6.4, 3.4))
    labels = [one.label for one in next(iter(found.values()))]
    for number, (label, marker) in enumerate(zip(labels, "os^", strict=False)):
        ones = {k: one for k, family in found.items() for one in family if one.label == label}
        places = np.arange(len(found)) + 0.12 * (number - 1)
        middle = [one.difference for one in ones.values()]
        reach = np.abs([[one.low, one.high] for one in ones.values()] - np.array(middle)[:, None])
        axis.errorbar(
            places, middle, reach.T, marker=marker, capsize=2, label=label, color=SHADES[number]
        )
    axis.axhline(0, color="0.1", linewidth=1)
    axis.set_xticks(range(len(found)), [str(k) for k in found])
    axis.set(xlabel="first k response tokens", ylabel="score, Vicuna minus LLaMA")
    axis.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
    return figure
