"""Verb lift with its nulls: verbs relabelled within bands of frequency, and random updates.

The verb is the unit. Its lift is the share of heads where its number of pairs rose, among heads
where it changed (method.md, section 3); a verb that changed in no head has none and is counted out.
Labels are permuted within strata of frequency: what would be seen if instruction verbs were any
verbs of their frequency. General verbs that are only another spelling of an instruction verb are no
part of any comparison (`Lexicon.is_general`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from helpers.findings.attention.pairs import n_layers
from helpers.findings.attention.readings import READINGS
from helpers.findings.parts import read_all
from helpers.methods.chance import Ranked, among
from helpers.methods.rotation import EQUAL, NULLS
from helpers.methods.statistics import RESAMPLES, Comparison, compare_independent, holm, untested
from helpers.methods.word_pairs import layer_groups, verb_lift
from helpers.pages.tables import captioned, ranked_table, show_difference, show_p
from helpers.store.store import Store
from helpers.words.verbs import Lexicon

FEWEST = 5  # verbs with a lift that a group must have to be tested
QUARTERS = ("lowest", "second", "third", "highest")
WHOLE, TUNING = "all layers", "tuning"
# Pairs in two dimensions or more (the paper's knowledge), and in one or more.
COUNTED = {"two dimensions or more": "", "one dimension or more": "_any"}
Counted = Mapping[str, Sequence["VerbComparison"]]  # comparisons by the way of counting pairs
NULL_HYPOTHESIS = "instruction verbs change as other verbs of their frequency do"
CAPTION = (
    f"Null hypothesis: {NULL_HYPOTHESIS}. p: two-sided, verbs relabelled within bands of frequency "
    f"({RESAMPLES:,} times); p (Holm): corrected over the rows; p (Welch): the paper's test, "
    "one-sided. Pairs of numbers: instruction / general verbs. g: standardised difference."
)
RANDOM_CAPTION = (
    "Null hypothesis: tuning is one more random update of the same size. p: two-sided, from the rank "
    "of tuning among the draws of one kind (it cannot fall below 2 / (draws + 1)), not corrected. "
    "Places: verbs in heads whose number of pairs changed. Lift: instruction less general verbs. "
    "Detectable: the shift of one draw that would have been seen in four of five cases."
)


@dataclass(frozen=True)
class VerbComparison(Comparison):
    """General verbs (a) against instruction verbs (b), with the permutation's p-value.

    `null` is the range of 95 % of relabelled differences. Where a group has too few verbs to be tested,
    means and sizes are given all the same.
    """

    null: tuple[float, float] = (np.nan, np.nan)
    welch_p: float = np.nan

    @property
    def changed(self) -> str:
        """How many verbs there are: instruction / general."""
        return "{1} / {0}".format(*self.sizes)


def relabelled(
    values: Float[ndarray, " verb"], member: Bool[ndarray, " verb"], strata: Int[ndarray, " verb"],
    *, draws: int = RESAMPLES, seed: int = 0,
) -> Float[ndarray, " draw"]:  # fmt: skip
    """Differences of means (members less others) with labels permuted inside each stratum."""
    rng, inside, n_members = np.random.default_rng(seed), np.zeros(draws), int(member.sum())
    for stratum in np.unique(strata):
        own = strata == stratum
        labels = rng.permuted(np.tile(member[own], (draws, 1)), axis=1)
        inside += labels @ values[own]
    return inside / n_members - (values.sum() - inside) / (len(values) - n_members)


def permutation_p(observed: float, drawn: Float[ndarray, " draw"]) -> float:
    """Two-sided, around the mean of the null, which strata can move away from 0; never 0."""
    centre = drawn.mean()
    as_far = np.abs(drawn - centre) >= abs(observed - centre) - 1e-12
    return float((1 + as_far.sum()) / (1 + len(drawn)))


def compare_verbs(values: Float[ndarray, " verb"], lexicon: Lexicon, label: str) -> VerbComparison:
    """Instruction against general verbs, over the verbs that have a value (not NaN)."""
    kept = np.isfinite(values) & (lexicon.is_instruction | lexicon.is_general)
    member, strata = lexicon.is_instruction[kept], lexicon.verbs["stratum"].to_numpy()[kept]
    values = values[kept]
    groups = values[~member], values[member]
    means = [float(own.mean()) if len(own) else np.nan for own in groups]
    known = dict(sizes=tuple(map(len, groups)), mean_a=means[0], mean_b=means[1])
    about = {"label": label, "null_hypothesis": NULL_HYPOTHESIS}
    if min(known["sizes"]) < FEWEST:
        none = untested(label, f"fewer than {FEWEST} verbs", n=len(values))
        return VerbComparison(**vars(none) | known)
    welch = compare_independent(*groups, alternative="greater", **about)
    if not welch.possible:
        return VerbComparison(**vars(welch) | known)
    drawn = relabelled(values, member, strata)
    changed = {"p_value": permutation_p(welch.difference, drawn), "welch_p": welch.p_value}
    changed |= {"test": "permutation within strata, two-sided"}
    changed["null"] = tuple(map(float, np.percentile(drawn, [2.5, 97.5])))
    return VerbComparison(**vars(welch) | changed)


def compare_all(
    values: Mapping[str, Float[ndarray, " verb"]], lexicon: Lexicon
) -> list[VerbComparison]:
    """One comparison a label, one family for Holm's correction over those that could be tested."""
    return holm([compare_verbs(own, lexicon, label) for label, own in values.items()])


def lifts(
    changes: pd.DataFrame, n_verbs: int, counted: str = "", layers: Sequence[int] | None = None
) -> Float[ndarray, " verb"]:
    """Lift of each verb over some layers; NaN where no head changed."""
    if layers is not None:
        changes = changes[changes["layer"].isin(layers)]
    columns = [f"rose{counted}", f"fell{counted}"]
    sums = changes.groupby("verb")[columns].sum().reindex(range(n_verbs), fill_value=0)
    return verb_lift(*sums.to_numpy(float).T)


def layer_parts(layers: Sequence[int]) -> dict[str, list[int]]:
    """Quarters of some layers, and all of them; as many parts as layers where there are fewer."""
    layers, depth = np.asarray(layers), len(layers)
    names = QUARTERS if depth >= len(QUARTERS) else (*QUARTERS[: depth - 1], QUARTERS[-1])
    group = layer_groups(depth, len(names))
    named = {name: layers[group == i] for i, name in enumerate(names)}
    parts = {f"{name} ({own[0]} to {own[-1]})": own.tolist() for name, own in named.items()}
    return parts | {WHOLE: layers.tolist()}


def quarters(store: Store) -> dict[str, list[int]]:
    return layer_parts(range(n_layers(store)))


def by_quarter(store: Store, lexicon: Lexicon, counted: str = "") -> list[VerbComparison]:
    """The paper's comparison: lift by quarter of the layers and over all, one family."""
    changes, n = store.read("attention/readings/main"), len(lexicon.verbs)
    parts = quarters(store).items()
    return compare_all({name: lifts(changes, n, counted, own) for name, own in parts}, lexicon)


def both_counts(store: Store, lexicon: Lexicon) -> dict[str, list[VerbComparison]]:
    """`by_quarter` for both ways to count pairs, by the way's name."""
    return {name: by_quarter(store, lexicon, counted) for name, counted in COUNTED.items()}


def robustness(store: Store, lexicon: Lexicon) -> list[VerbComparison]:
    """Lift over all layers for every reading and by frequency, and net change; one family."""
    n, values = len(lexicon.verbs), {}
    main = store.read("attention/readings/main")
    rarer = lexicon.verbs["stratum"].to_numpy() >= lexicon.verbs["stratum"].nunique() / 2
    for name, counted in COUNTED.items():
        own = {
            reading.label: lifts(store.read(f"attention/readings/{key}"), n, counted)
            for key, reading in READINGS.items()
        }
        whole = lifts(main, n, counted)
        own["the more frequent half of the verbs"] = np.where(rarer, np.nan, whole)
        own["the rarer half"] = np.where(rarer, whole, np.nan)
        net = main.groupby("verb")[f"change{counted}"].sum().reindex(range(n), fill_value=0)
        own["pairs gained less lost, all verbs"] = net.to_numpy(float)
        values |= {f"{label}; {name}": one for label, one in own.items()}
    return compare_all(values, lexicon)


def table(compared: Sequence[VerbComparison]) -> pd.DataFrame:
    """For reading: instruction / general verbs in the first columns; what was not tested says so."""
    rows = []
    for one in compared:
        row = {"verbs": one.changed, "lift": f"{one.mean_b:.2f} / {one.mean_a:.2f}"}
        row["difference [95 % CI]"] = show_difference(one)
        if one.possible:
            row["detectable"], row["g"] = f"{one.detectable():.2f}", f"{one.effect_size:+.2f}"
            row["relabelled, 95 %"] = "{:+.2f} to {:+.2f}".format(*one.null)
            p_values = one.p_value, one.p_holm, one.welch_p
            row |= dict(zip(("p", "p (Holm)", "p (Welch)"), map(show_p, p_values), strict=True))
        rows.append(row)
    index = [one.label for one in compared]
    return captioned(pd.DataFrame(rows, index).fillna(""), CAPTION)


# --- against random updates


def counts(changes: pd.DataFrame, n_verbs: int, counted: str) -> Int[ndarray, "draw layer verb 2"]:
    """In how many heads the number of each verb's pairs rose and fell; without draws, one draw."""
    depth = int(changes["layer"].max()) + 1
    columns = changes[[f"rose{counted}", f"fell{counted}"]].to_numpy(int)
    return columns.reshape(-1, depth, n_verbs, 2)


def updates(
    store: Store, lexicon: Lexicon, counted: str = ""
) -> dict[str, Int[ndarray, "draw layer verb 2"]]:
    """`counts` of tuning (one draw) and of each kind of random update. MissingResult without draws."""
    n, main = len(lexicon.verbs), store.read("attention/readings/main")
    found = {TUNING: counts(main, n, counted)}
    what = "random update to compare with"
    drawn = read_all(store, "attention/null/", finding="attention", what=what)
    for null in NULLS:
        blocks = [
            counts(one, n, counted) for name, one in drawn.items() if name.startswith(f"{null}-")
        ]
        if blocks:
            found[f"random, equal {EQUAL[null]}"] = np.concatenate(blocks)
    return found


def mean_lift(
    found: Int[ndarray, "draw verb 2"], member: Bool[ndarray, " verb"]
) -> Float[ndarray, " draw"]:
    """Mean lift of some verbs, over those that changed; NaN where none did."""
    own = verb_lift(*np.moveaxis(found[:, member], -1, 0))
    n = np.isfinite(own).sum(axis=1)
    return np.divide(np.nansum(own, axis=1), n, out=np.full(len(own), np.nan), where=n > 0)


def against_random(store: Store, lexicon: Lexicon) -> pd.DataFrame:
    """One row an update (tuning, and each random draw) and way of counting pairs.

    `counts changed`: verbs in heads whose number of pairs changed; `difference`: lift of instruction
    less that of general verbs over all layers, and under each part's name over these layers.
    """
    groups, tables = (lexicon.is_instruction, lexicon.is_general), []
    either = groups[0] | groups[1]
    for label, counted in COUNTED.items():
        for update, found in updates(store, lexicon, counted).items():
            columns = {"update": update, "pairs": label}
            columns["counts changed"] = found[:, :, either].sum(axis=(1, 2, 3))
            for part, layers in layer_parts(range(found.shape[1])).items():
                own = found[:, layers].sum(axis=1)
                columns[part] = np.subtract(*(mean_lift(own, group) for group in groups))
            tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True).assign(difference=lambda own: own[WHOLE])


def among_draws(found: pd.DataFrame, name: str) -> dict[tuple[str, str], Ranked]:
    """Tuning's value of a quantity among random draws, by way of counting pairs and kind of draw."""
    ranked, is_tuning = {}, found["update"] == TUNING
    for (pairs, update), own in found[~is_tuning].groupby(["pairs", "update"], sort=False):
        tuning = found.loc[is_tuning & (found["pairs"] == pairs), name].iloc[0]
        ranked[pairs, update] = among(tuning, own[name])
    return ranked


def random_table(found: pd.DataFrame) -> pd.DataFrame:
    """Tuning beside the mean and range of random draws, with the p-value of its rank among them."""
    forms = {"places changed": "{:,.0f}", "lift": "{:+.3f}"}
    ranked = {
        (pairs, quantity, update): one
        for quantity, name in zip(forms, ("counts changed", "difference"), strict=True)
        for (pairs, update), one in among_draws(found, name).items()
    }
    names = ["pairs held by", "quantity", "null"]
    return ranked_table(ranked, RANDOM_CAPTION, names=names, forms=forms)
