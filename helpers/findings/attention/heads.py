"""What chapter 3 shows of single heads: how many pairs changed, silenced heads, the paper's table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from helpers.findings.attention.lift import COUNTED, VerbComparison, among_draws
from helpers.findings.attention.pairs import CHANGES, n_layers, read_pairs
from helpers.findings.parts import read_all
from helpers.findings.release.read import unread
from helpers.methods.chance import Ranked, among
from helpers.methods.statistics import Comparison, compare_paired, holm, mcnemar
from helpers.pages.tables import captioned, show_difference, show_p
from helpers.store.store import MissingResult, Store
from helpers.words.vocabulary import INSTRUCTION


def totals(store: Store) -> dict[str, int]:
    """Pairs gained, lost and kept, over all heads; and those that single dimensions hold (tuned)."""
    layers = [store.read(f"attention/pairs/{layer:02d}") for layer in range(n_layers(store))]
    single = sum(int(part["n_pairs"][1].sum(dtype=int)) for part in layers)
    sums = read_pairs(store)["change"].value_counts().reindex(list(CHANGES), fill_value=0)
    return {name: int(n) for name, n in sums.items()} | {"in single dimensions": single}


# --- silenced heads


def read_silenced(store: Store) -> dict[str, dict[str, np.ndarray]]:
    """Following by prompt, loss by text and silenced heads of every condition."""
    found = read_all(store, "attention/silenced/")
    if missing := {"none", "instruction", "general"} - found.keys():
        raise MissingResult(
            f"The store {store.folder} holds no run with these heads silenced: "
            f"{', '.join(sorted(missing))}. Compute them with `{store.command('attention')}`."
        )
    return found


def silenced_table(found: dict[str, dict[str, np.ndarray]]) -> pd.DataFrame:
    """Following rate and loss of every condition, the random draws as one row."""
    rows = {
        name: {"followed": one["followed"].mean(), "loss": one["loss"].mean(),
               "heads": ", ".join(f"{layer}.{head}" for layer, head in one["heads"])}
        for name, one in found.items()
    }  # fmt: skip
    table = pd.DataFrame(rows).T.infer_objects()
    return table.assign(random=table.index.str.startswith("random-"))


def compare_silenced(found: dict[str, dict[str, np.ndarray]]) -> list[Comparison]:
    """Each chosen set against nothing silenced, and against each other; one family."""
    compared, null = [], "silencing these heads changes nothing"
    for before, after in (("none", "instruction"), ("none", "general"), ("general", "instruction")):
        sets = f"{after} set" if before == "none" else f"{after} against {before} set"
        measured = ("followed", "following", mcnemar), ("loss", "loss", compare_paired)
        for name, what, test in measured:
            sides, label = (found[before][name], found[after][name]), f"{what}, {sets}"
            compared.append(test(*sides, label=label, null_hypothesis=null))
    return holm(compared)


def among_sets(table: pd.DataFrame, condition: str = INSTRUCTION) -> dict[str, Ranked]:
    """Following and loss without the chosen heads, among the random sets of heads."""
    drawn, chosen = table[table["random"]], table.loc[condition]
    names = {"followed": "share of prompts followed", "loss": "loss (nats a token)"}
    return {text: among(chosen[name], drawn[name].astype(float)) for name, text in names.items()}


def rank_among_draws(table: pd.DataFrame, condition: str = INSTRUCTION) -> pd.DataFrame:
    """How many random draws harm as much as the chosen heads, and the p-value of that rank."""
    rows = {}
    for quantity, one in among_sets(table, condition).items():
        harm = one.as_low if "followed" in quantity else one.as_high
        draws = f"{one.mean:.3f} ({one.low:.3f} to {one.high:.3f})"
        row = {f"{condition} set": f"{one.value:.3f}", "random sets, mean (range)": draws}
        row |= {"draws": one.draws, "draws that harm as much": harm}
        rows[quantity] = row | {"p": show_p((1 + harm) / (1 + one.draws))}
    return captioned(
        pd.DataFrame(rows).T,
        "Null hypothesis: the chosen heads are one more random set of heads of the same layers. p: "
        "one-sided, (1 + draws that harm as much) / (1 + draws), not corrected.",
    )


# --- beside the paper


def paper_table(
    quarters: Sequence[VerbComparison], single: Sequence[VerbComparison], drawn: pd.DataFrame,
    paper: Sequence[Comparison] = (),
) -> pd.DataFrame:  # fmt: skip
    """The paper, our run, what differs; `paper`: its own comparison, from the heads it released."""
    lacking = unread("heads")
    lift = lambda one: f"{one.mean_b:.2f} against {one.mean_a:.2f}"  # noqa: E731
    part = lambda one: f"{one.label.split(' (')[0]} {lift(one)}"  # noqa: E731
    theirs = [f"{part(one)}, p {show_p(one.p_value)}" for one in paper]
    rows = {
        "Do heads gain pairs with instruction verbs more than with others?": (
            f"yes: lift of instruction verbs higher (Welch); {theirs[-1] if theirs else lacking}",
            f"{lift(quarters[-1])}, difference {_verbs(quarters[-1])}; with pairs of single "
            f"dimensions {lift(single[-1])}, difference {_verbs(single[-1])}",
            "another pair, tuned in another way; verbs matched in frequency, labels permuted",
        ),
        "Most in the lower and middle layers?": (
            f"yes; {'; '.join(theirs[:-1]) or lacking}",
            "; ".join(map(part, quarters[:-1])),
            "quarters of the layers instead of groups of 8",
        ),
        "More than a random update would?": (
            "not asked",
            "; ".join(_beside_draws(drawn)),
            "random updates of equal size as a baseline",
        ),
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["paper", "ours", "what differs"])


def _verbs(one: VerbComparison) -> str:
    return f"{show_difference(one)} ({one.changed} verbs; detectable {one.detectable():.2f})"


def _beside_draws(drawn: pd.DataFrame) -> list[str]:
    """Places changed by tuning and by random updates, for both ways of counting pairs."""
    found, parts = among_draws(drawn, "counts changed"), []
    for pairs in COUNTED:
        own = {update: one for (name, update), one in found.items() if name == pairs}
        ranges = " and ".join(
            f"{one.low:,.0f} to {one.high:,.0f} ({update.removeprefix('random, ')})"
            for update, one in own.items()
        )
        value = next(iter(own.values())).value
        parts.append(f"pairs of {pairs}: {value:,.0f} places changed; random updates {ranges}")
    return parts
