"""How far the annotator of concepts can be trusted: beside hand labels, and beside a blind reading.

Readers are compared list by list. Both poles of a component, or of a random direction, may be read, so
intervals resample components and directions, not lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Int
from numpy import ndarray
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa

from helpers.findings.ffn.tables import read_annotations, read_baseline, read_hand_labels
from helpers.methods.statistics import Comparison, from_draws, holm, resamples
from helpers.pages.tables import Captioned
from helpers.paths import blind_path, data_folder
from helpers.store.store import Store
from helpers.words.annotation import LINGUISTIC_LEVELS, NO_LEVEL, TASKS

LABELLED = "gemma-3-270m"  # the pair whose lists were read
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
    confusion: pd.DataFrame

    @property
    def agreement(self) -> float:
        return float(np.trace(self.confusion.to_numpy()) / self.n)

    def _of_yes(self, axis: int) -> float:
        if list(self.confusion.index) != ["yes", "no"]:
            return np.nan
        total = self.confusion.to_numpy().sum(axis=axis)[0]
        return float(self.confusion.loc["yes", "yes"] / total) if total else np.nan

    @property
    def precision(self) -> float:
        return self._of_yes(0)

    @property
    def recall(self) -> float:
        return self._of_yes(1)

    def yes(self, reader: int) -> int:
        """How many lists the first (0) or second (1) reader says yes to."""
        return int(self.confusion.to_numpy().sum(axis=1 - reader)[0])


# --- who read what


def labelled_store() -> Store:
    """The book's pair as it came with the book: its lists are the ones that readers labelled."""
    return Store(data_folder() / "results" / LABELLED)


def read_rules(store: Store | None = None) -> pd.DataFrame:
    """What the rules say of every list of both models and of the random directions."""
    store = store or labelled_store()
    random = read_baseline(store).assign(role=RANDOM, layer=-1)
    table = pd.concat([read_annotations(store), random], ignore_index=True)
    columns = ["interpretable", "beyond_random", "level"]
    table["level"] = table["level"].astype(str)
    return table[KEYS + columns].assign(some_task=table[list(TASKS)].any(axis=1))


def _labels(table: pd.DataFrame) -> pd.DataFrame:
    answers = {"interpretable": table["interpretable"].astype(bool)}
    return table[[*KEYS, "level"]].assign(**answers, some_task=table["tasks"] != "")


def read_hand() -> pd.DataFrame:
    return _labels(read_hand_labels())


def read_blind() -> pd.DataFrame:
    """Labels of lists read without knowing whether they come from a component or at random."""
    return _labels(pd.read_csv(blind_path(), keep_default_na=False))


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
        table = pd.DataFrame(whole, labels, labels)
        found[name] = Trust(name, len(merged), kappa(whole), *ends, table)
    return found


def annotator_error(store: Store | None = None) -> dict[str, Trust]:
    """Hand labels (rows) against the rules (columns), on the lists of the book's pair."""
    return compare_readers(read_hand(), read_rules(store), READINGS)


def by_task(store: Store | None = None) -> pd.DataFrame:
    """How many of the lists labelled by hand get each task, from the reader, the rules, and both."""
    both = read_hand_labels().merge(read_annotations(store or labelled_store()), on=KEYS)
    given = {task: both["tasks"].str.split().map(lambda own, x=task: x in own) for task in TASKS}
    rows = {
        task: {
            "reader by hand": own.sum(),
            "rules": both[task].sum(),
            "both": (own & both[task]).sum(),
        }
        for task, own in given.items()
    }
    return pd.DataFrame(rows).T.astype(int)


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
    shown = Captioned(pd.DataFrame(rows).T)
    shown.caption = (
        f"Precision: lists that both answer yes to, of those that the {names[1]} answer{{s}} yes to; "
        f"recall: of those that the {names[0]} answers yes to. Intervals resample components and "
        "random directions, with both their poles."
    ).format(s="" if names[1].endswith("s") else "s")
    return shown


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
