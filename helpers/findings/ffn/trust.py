"""How far labels of word lists can be trusted: rules, a reader by hand and a blind reader compared.

`data/annotations` holds what both readers answered, list by list with its words, and `readers.json` who
they were. Both poles of a component, or of a random direction, may be read, so intervals resample
components and directions, not lists.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from jaxtyping import Int
from numpy import ndarray
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa

from helpers.findings.ffn.labelled import annotation_table, rules
from helpers.findings.ffn.tables import limit, with_readings
from helpers.methods.statistics import Comparison, from_draws, holm, resamples
from helpers.pages.tables import captioned
from helpers.paths import DEFAULT_PAIR, data_folder
from helpers.store.store import Store, open_store
from helpers.words.annotation import LINGUISTIC_LEVELS, NO_LEVEL, TASKS

UNIT = ["role", "layer", "component"]
KEYS = [*UNIT, "pole"]
RANDOM = "random"
# What each reading of the rules asks, in words: its column, the reader's column, a name.
WORDS, DIRECTIONS = "more alike than random words", "more alike than random directions' words"
READINGS = (
    ("interpretable", "interpretable", f"interpretable ({WORDS})"),
    ("beyond_random", "interpretable", f"interpretable ({DIRECTIONS})"),
    ("level", "level", "level"),
    ("some_task", "some_task", "some task"),
)
SHARED = tuple((one, one, one.replace("_", " ")) for one in ("interpretable", "level", "some_task"))


@dataclass(frozen=True)
class Trust:
    """How two readers agree on one question; the first reader's answers are the confusion's rows.

    `low` to `high` is a 95 % bootstrap interval of kappa. `precision` and `recall` take the first
    reader as the truth; they are NaN where there is no yes, and where the question has more answers.
    """

    question: str
    n: int
    kappa: float
    low: float
    high: float
    agreement: float
    precision: float
    recall: float
    confusion: pd.DataFrame

    def yes(self, reader: int) -> int:
        """How many lists the first (0) or second (1) reader says yes to."""
        return int(self.confusion.to_numpy().sum(axis=1 - reader)[0])


# --- who read what


def read_labels(reader: str) -> pd.DataFrame:
    """A reader's answers: KEYS, words, interpretable, level, tasks, some_task.

    `reader` is "hand", "blind", or "again", a second blind reader of the same lists.
    """
    table = pd.read_csv(
        data_folder() / "annotations" / f"{reader}_labels.csv", keep_default_na=False
    )
    interpretable = table["interpretable"].astype(bool)
    return table.assign(interpretable=interpretable, some_task=table["tasks"] != "")


@cache
def readers() -> dict[str, dict[str, str]]:
    """Who read the lists, in which version, with which words, and when, by name."""
    return json.loads((data_folder() / "annotations" / "readers.json").read_text("utf-8"))


def read_rules(labels: pd.DataFrame, store: Store | None = None) -> pd.DataFrame:
    """What the rules say of the same lists; `store` gives the limit of *beyond random*."""
    found = rules().annotate([text.split() for text in labels["words"]])
    table = annotation_table(found, labels[KEYS].reset_index(drop=True))
    table = with_readings(table, limit(store or open_store(DEFAULT_PAIR)))
    return table.assign(level=table["level"].astype(str), some_task=table[list(TASKS)].any(axis=1))


# --- agreement


def kappa(confusion: Int[ndarray, "answer answer"]) -> float:
    """Cohen's kappa of a confusion matrix; NaN where chance agreement is complete."""
    with np.errstate(invalid="ignore"):
        return float(cohens_kappa(confusion, return_results=False))


def compare_readers(
    first: pd.DataFrame, second: pd.DataFrame, readings=SHARED, *, seed: int = 0
) -> dict[str, Trust]:
    """Both readers on the lists that they share; `readings` names (second's, first's) columns."""
    merged = first.merge(second, on=KEYS, suffixes=("_first", ""), validate="one_to_one")
    if merged.empty:
        raise ValueError("The two readers share no list: nothing can be compared.")
    unit, found = merged.groupby(UNIT).ngroup().to_numpy(), {}
    for own, theirs, name in readings:
        truth = merged[f"{theirs}_first" if f"{theirs}_first" in merged else theirs]
        answer, labels = merged[own], [*LINGUISTIC_LEVELS, NO_LEVEL]
        if own != "level":
            labels = ["yes", "no"]
            truth, answer = (x.map({True: "yes", False: "no"}) for x in (truth, answer))
        codes = [pd.Categorical(x, labels).codes for x in (truth, answer)]
        by_unit = np.zeros((unit.max() + 1, len(labels), len(labels)), dtype=int)
        np.add.at(by_unit, (unit, *codes), 1)
        drawn = resamples(len(by_unit), np.random.default_rng(seed))
        kappas = [kappa(one) for one in np.tensordot(drawn, by_unit, 1)]
        whole = by_unit.sum(axis=0)
        ends = (float(x) for x in np.nanpercentile(kappas, [2.5, 97.5]))
        of_yes = [
            whole[0, 0] / said if said and own != "level" else np.nan
            for said in (whole[:, 0].sum(), whole[0].sum())
        ]
        agreed, table = np.trace(whole) / len(merged), pd.DataFrame(whole, labels, labels)
        found[name] = Trust(name, len(merged), kappa(whole), *ends, agreed, *of_yes, table)
    return found


def annotator_error(store: Store | None = None) -> dict[str, Trust]:
    """Hand labels (rows) against the rules (columns)."""
    hand = read_labels("hand")
    return compare_readers(hand, read_rules(hand, store), READINGS)


def by_task(labels: pd.DataFrame, said: pd.DataFrame) -> pd.DataFrame:
    """How many lists get each task from the reader, from the rules (`read_rules`), and from both."""
    given = pd.DataFrame(
        {t: labels["tasks"].str.split().map(lambda own, t=t: t in own) for t in TASKS}
    )
    counts = {"reader": given, "rules": said[list(TASKS)], "both": given & said[list(TASKS)]}
    return pd.DataFrame({name: own.sum() for name, own in counts.items()})


def trust_table(
    found: Mapping[str, Trust], names: tuple[str, str] = ("reader by hand", "rules")
) -> pd.DataFrame:
    """For reading: who said yes how often, agreement, kappa with its interval, precision, recall."""
    share = lambda value: "" if np.isnan(value) else f"{value:.2f}"  # noqa: E731
    rows = {}
    for name, one in found.items():
        says = ["" if name == "level" else f"{one.yes(i)}" for i in (0, 1)]
        rows[name] = {"lists": one.n, f"yes: {names[0]}": says[0], f"yes: {names[1]}": says[1],
                      "agreement": f"{one.agreement:.2f}",
                      "kappa [95 % CI]": f"{one.kappa:.2f} [{one.low:.2f}, {one.high:.2f}]",
                      "precision": share(one.precision), "recall": share(one.recall)}  # fmt: skip
    return captioned(
        pd.DataFrame(rows).T,
        f"Precision: of the yes of the {names[1]}, the share that the {names[0]} says yes to too; recall: "
        f"of the yes of the {names[0]}, the share that the {names[1]} finds. Intervals resample components "
        "and random directions, with both their poles.",
    )


# --- components against random directions, as a blind reader saw them


def blind_shares(blind: pd.DataFrame, *, seed: int = 0) -> list[Comparison]:
    """Share of lists answered yes, components less random directions: Fisher's exact tests."""
    asked = {"interpretable": blind["interpretable"]}
    asked |= {level: blind["level"] == level for level in LINGUISTIC_LEVELS}
    asked["some task"] = blind["some_task"]
    return holm([_fisher(blind, answer, name, seed) for name, answer in asked.items()])


def _fisher(table: pd.DataFrame, answer: pd.Series, label: str, seed: int) -> Comparison:
    rng, means, drawn, counts = np.random.default_rng(seed), [], [], []
    for _, own in table.assign(yes=answer.astype(float)).groupby(table["role"] != RANDOM):
        by_unit = own.groupby(UNIT)["yes"].agg(["sum", "size"]).to_numpy()
        yes, size = (resamples(len(by_unit), rng) @ by_unit).T
        drawn.append(yes / size)
        means.append(own["yes"].mean())
        counts.append([int(own["yes"].sum()), int((1 - own["yes"]).sum())])
    return from_draws(
        *means, drawn[1] - drawn[0], p_value=stats.fisher_exact(counts).pvalue, label=label,
        n=len(table), test="Fisher's exact, two-sided",
        null_hypothesis="components and random directions are answered yes equally often",
    )  # fmt: skip
