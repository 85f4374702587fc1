"""How far the annotator of concepts can be trusted: beside hand labels, and beside a blind reading.

Readers are compared list by list. Both poles of a component, or of a random direction, may be read, so
intervals resample components and directions, not lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import stats

from helpers.findings.ffn.tables import read_annotations, read_baseline, read_hand_labels
from helpers.methods.statistics import Comparison, holm
from helpers.pages.tables import Captioned
from helpers.paths import blind_path, data_folder
from helpers.store.store import Store
from helpers.words.annotation import LINGUISTIC_LEVELS, NO_LEVEL, TASKS

RESAMPLES = 2_000
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
    answers = {
        "interpretable": table["interpretable"].astype(bool),
        "some_task": table["tasks"] != "",
    }
    return table[[*KEYS, "level"]].assign(**answers)


def read_hand() -> pd.DataFrame:
    return _labels(read_hand_labels())


def read_blind() -> pd.DataFrame:
    """Labels of lists read without knowing whether they come from a component or at random."""
    return _labels(pd.read_csv(blind_path(), keep_default_na=False))


# --- agreement


def kappa(confusion: Int[ndarray, "... answer answer"]) -> Float[ndarray, "..."]:
    """Cohen's kappa of confusion matrices; NaN where chance agreement is complete."""
    total = confusion.sum(axis=(-2, -1))
    seen = np.trace(confusion, axis1=-2, axis2=-1) / total
    rows, columns = (
        confusion.sum(axis=-1) / total[..., None],
        confusion.sum(axis=-2) / total[..., None],
    )
    chance = (rows * columns).sum(axis=-1)
    possible = chance < 1 - 1e-12
    return np.where(possible, (seen - chance) / np.where(possible, 1 - chance, 1), np.nan)


def _weights(n: int, rng: np.random.Generator) -> Int[ndarray, "draw unit"]:
    return rng.multinomial(n, np.full(n, 1 / n), RESAMPLES)


def compare_readers(
    first: pd.DataFrame, second: pd.DataFrame, readings=SHARED, *, seed: int = 0
) -> dict[str, Trust]:
    """Both readers on the lists that they share; `readings` names (second's, first's) columns."""
    merged = first.merge(second, on=KEYS, suffixes=("_first", ""), validate="one_to_one")
    if merged.empty:
        raise ValueError("The two readers share no list: nothing can be compared.")
    unit = merged.groupby(UNIT).ngroup().to_numpy()
    found = {}
    for own, theirs, name in readings:
        truth = merged[f"{theirs}_first" if f"{theirs}_first" in merged else theirs]
        answer, labels = merged[own], [*LINGUISTIC_LEVELS, NO_LEVEL]
        if own != "level":
            labels = ["yes", "no"]
            truth, answer = (x.map({True: "yes", False: "no"}) for x in (truth, answer))
        codes = [pd.Categorical(x, labels).codes for x in (truth, answer)]
        by_unit = np.zeros((unit.max() + 1, len(labels), len(labels)), dtype=int)
        np.add.at(by_unit, (unit, *codes), 1)
        drawn = np.tensordot(_weights(len(by_unit), np.random.default_rng(seed)), by_unit, 1)
        low, high = np.nanpercentile(kappa(drawn), [2.5, 97.5])
        whole = by_unit.sum(axis=0)
        table = pd.DataFrame(whole, labels, labels)
        found[name] = Trust(name, len(merged), float(kappa(whole)), float(low), float(high), table)
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
            "reader by hand": int(own.sum()),
            "rules": int(both[task].sum()),
            "both": int((own & both[task]).sum()),
        }
        for task, own in given.items()
    }
    return pd.DataFrame(rows).T


def trust_table(
    found: Mapping[str, Trust], names: tuple[str, str] = ("reader by hand", "rules")
) -> pd.DataFrame:
    """For reading: who said yes how often, agreement, kappa with its interval, precision, recall."""
    share = lambda value: "" if np.isnan(value) else f"{value:.2f}"  # noqa: E731
    rows = {
        name: {
            "lists": one.n,
            **{
                f"yes: {reader}": "" if name == "level" else f"{one.yes(i)}"
                for i, reader in enumerate(names)
            },
            "agreement": f"{one.agreement:.2f}",
            "kappa [95 % CI]": f"{one.kappa:.2f} [{one.low:.2f}, {one.high:.2f}]",
            "precision": share(one.precision),
            "recall": share(one.recall),
        }
        for name, one in found.items()
    }
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
    is_random = (blind["role"] == RANDOM).to_numpy()
    asked = {"interpretable": blind["interpretable"]}
    asked |= {level: blind["level"] == level for level in LINGUISTIC_LEVELS}
    asked["some task"] = blind["some_task"]
    return holm(
        [
            _fisher(blind, answer.to_numpy(float), is_random, name, seed)
            for name, answer in asked.items()
        ]
    )


def _fisher(
    table: pd.DataFrame, answer: ndarray, is_random: ndarray, label: str, seed: int
) -> Comparison:
    rng, means, drawn, counts = np.random.default_rng(seed), [], [], []
    for own in (is_random, ~is_random):
        unit = table[own].groupby(UNIT).ngroup().to_numpy()
        yes, size = np.bincount(unit, weights=answer[own]), np.bincount(unit)
        weights = _weights(len(size), rng)
        drawn.append((weights @ yes) / (weights @ size))
        means.append(float(answer[own].mean()))
        counts.append([int(yes.sum()), int(size.sum() - yes.sum())])
    low, high = np.percentile(drawn[1] - drawn[0], [2.5, 97.5])
    return Comparison(
        label=label,
        n=len(table),
        mean_a=means[0],
        mean_b=means[1],
        difference=means[1] - means[0],
        effect_size=float("nan"),
        low=float(low),
        high=float(high),
        p_value=float(stats.fisher_exact(counts).pvalue),
        test="Fisher's exact, two-sided",
        null_hypothesis="components and random directions are answered yes equally often",
    )
