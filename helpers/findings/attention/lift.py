"""What chapter 3 shows of verbs: their lift with its nulls, where verbs moved, silenced heads.

The verb is the unit. Its lift is the share of heads where its number of pairs rose, among heads
where it changed (method.md, section 3); a verb that changed in no head has none and is counted out.
Labels are permuted within strata of frequency: what would be seen if instruction verbs were any
verbs of their frequency. General verbs that are only another spelling of an instruction verb are no
part of any comparison (`Lexicon.is_general`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from helpers.findings.attention.pairs import n_layers
from helpers.findings.attention.readings import READINGS
from helpers.methods.chance import among
from helpers.methods.rotation import EQUAL, NULLS
from helpers.methods.statistics import (
    RESAMPLES,
    Comparison,
    compare_independent,
    holm,
    untested,
)
from helpers.methods.word_pairs import layer_groups, verb_lift
from helpers.pages.tables import Captioned, show_difference, show_p
from helpers.store.store import MissingResult, Store
from helpers.words.verbs import Lexicon

FEWEST = 5  # verbs with a lift that a group must have to be tested
QUARTERS = ("lowest", "second", "third", "highest")
# Pairs in two dimensions or more (the paper's knowledge), and in one or more.
COUNTED = {"two dimensions or more": "", "one dimension or more": "_any"}
NULL_HYPOTHESIS = "instruction verbs change as other verbs of their frequency do"
CAPTION = (
    f"Null hypothesis: {NULL_HYPOTHESIS}. p: two-sided, verbs relabelled within bands of frequency "
    f"({RESAMPLES:,} times); p (Holm): corrected over the rows; p (Welch): the paper's test, "
    "one-sided. Pairs of numbers: instruction / general verbs. g: standardised difference."
)


@dataclass(frozen=True)
class VerbComparison:
    """Instruction against general verbs; not tested where a group has too few verbs.

    `tested` holds general verbs as a and instruction verbs as b, with the permutation's p-value;
    `null` is the range of 95 % of relabelled differences.
    """

    label: str
    n_instruction: int
    n_general: int
    instruction: float
    general: float
    tested: Comparison
    null: tuple[float, float] = (np.nan, np.nan)
    welch_p: float = np.nan

    @property
    def detectable(self) -> float:
        """The difference that would be found with a power of 80 % at the 5 % level."""
        return self.tested.detectable()

    @property
    def even_odds(self) -> float:
        """The difference that would be found as often as missed."""
        return self.tested.detectable(0.5)


def relabelled(
    values: Float[ndarray, " verb"],
    member: Bool[ndarray, " verb"],
    strata: Int[ndarray, " verb"],
    *,
    draws: int = RESAMPLES,
    seed: int = 0,
) -> Float[ndarray, " draw"]:
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


def compare_verbs(
    values: Float[ndarray, " verb"], lexicon: Lexicon, label: str, *, seed: int = 0
) -> VerbComparison:
    """Instruction against general verbs, over the verbs that have a value (not NaN)."""
    kept = np.isfinite(values) & (lexicon.is_instruction | lexicon.is_general)
    member, strata = lexicon.is_instruction[kept], lexicon.verbs["stratum"].to_numpy()[kept]
    values = values[kept]
    groups = values[~member], values[member]
    means = [float(own.mean()) if len(own) else np.nan for own in groups]
    sizes = len(groups[1]), len(groups[0])
    none = untested(label, f"fewer than {FEWEST} verbs", n=sum(sizes))
    found = VerbComparison(label, *sizes, means[1], means[0], none)
    if min(sizes) < FEWEST:
        return found
    about = {"label": label, "null_hypothesis": NULL_HYPOTHESIS, "seed": seed}
    welch = compare_independent(*groups, alternative="greater", **about)
    if not welch.possible:
        return replace(found, tested=welch)
    drawn = relabelled(values, member, strata, seed=seed)
    p_value, test = permutation_p(welch.difference, drawn), "permutation within strata, two-sided"
    low, high = map(float, np.percentile(drawn, [2.5, 97.5]))
    tested = replace(welch, p_value=p_value, test=test)
    return replace(found, tested=tested, null=(low, high), welch_p=welch.p_value)


def corrected(compared: Sequence[VerbComparison]) -> list[VerbComparison]:
    """With Holm's correction over those that could be tested."""
    tested = holm([one.tested for one in compared])
    return [replace(one, tested=own) for one, own in zip(compared, tested, strict=True)]


def lifts(
    changes: pd.DataFrame, n_verbs: int, counted: str = "", layers: Sequence[int] | None = None
) -> Float[ndarray, " verb"]:
    """Lift of each verb over some layers; NaN where no head changed."""
    if layers is not None:
        changes = changes[changes["layer"].isin(layers)]
    columns = [f"rose{counted}", f"fell{counted}"]
    sums = changes.groupby("verb")[columns].sum().reindex(range(n_verbs), fill_value=0)
    return verb_lift(*sums.to_numpy(float).T)


def quarters(store: Store) -> dict[str, list[int]]:
    """Layers of each quarter, and all of them; as many parts as layers where there are fewer."""
    depth = n_layers(store)
    names = QUARTERS if depth >= len(QUARTERS) else (*QUARTERS[: depth - 1], QUARTERS[-1])
    group = layer_groups(depth, len(names))
    named = {name: np.flatnonzero(group == i) for i, name in enumerate(names)}
    parts = {f"{name} ({own[0]} to {own[-1]})": own.tolist() for name, own in named.items()}
    return parts | {"all layers": list(range(len(group)))}


def by_quarter(store: Store, lexicon: Lexicon, counted: str = "") -> list[VerbComparison]:
    """The paper's comparison: lift by quarter of the layers and over all, one family."""
    changes, n = store.read("attention/readings/main"), len(lexicon.verbs)
    parts = quarters(store).items()
    own = {label: lifts(changes, n, counted, layers) for label, layers in parts}
    return corrected([compare_verbs(values, lexicon, label) for label, values in own.items()])


def both_counts(store: Store, lexicon: Lexicon) -> dict[str, list[VerbComparison]]:
    """`by_quarter` for both ways to count pairs, by the way's name."""
    return {name: by_quarter(store, lexicon, counted) for name, counted in COUNTED.items()}


def robustness(store: Store, lexicon: Lexicon) -> list[VerbComparison]:
    """Lift over all layers for every reading and by frequency, and net change; one family."""
    n, found = len(lexicon.verbs), []
    main = store.read("attention/readings/main")
    rarer = lexicon.verbs["stratum"].to_numpy() >= lexicon.verbs["stratum"].nunique() / 2
    for name, counted in COUNTED.items():
        values = {
            reading.label: lifts(store.read(f"attention/readings/{key}"), n, counted)
            for key, reading in READINGS.items()
        }
        whole = lifts(main, n, counted)
        values["the more frequent half of the verbs"] = np.where(rarer, np.nan, whole)
        values["the rarer half"] = np.where(rarer, whole, np.nan)
        net = main.groupby("verb")[f"change{counted}"].sum().reindex(range(n), fill_value=0)
        values["pairs gained less lost, all verbs"] = net.to_numpy(float)
        found += [compare_verbs(own, lexicon, f"{label}; {name}") for label, own in values.items()]
    return corrected(found)


def _tested(one: VerbComparison) -> dict[str, str]:
    found, shown = one.tested, {"difference [95 % CI]": show_difference(one.tested)}
    if not found.possible:
        return shown
    return shown | {
        "g": f"{found.effect_size:+.2f}",
        "relabelled, 95 %": "{:+.2f} to {:+.2f}".format(*one.null),
        "p": show_p(found.p_value),
        "p (Holm)": show_p(found.p_holm),
        "p (Welch)": show_p(one.welch_p),
    }


def table(compared: Sequence[VerbComparison], *, unit: str = "lift") -> pd.DataFrame:
    """For reading: instruction / general verbs in the first columns; what was not tested says so."""
    rows = [
        {"verbs": f"{one.n_instruction} / {one.n_general}",
         unit: f"{one.instruction:.2f} / {one.general:.2f}"} | _tested(one)
        for one in compared
    ]  # fmt: skip
    shown = Captioned(rows, index=[one.label for one in compared]).fillna("")
    shown.caption = CAPTION
    return shown


# --- against random updates


def _summary(changes: pd.DataFrame, lexicon: Lexicon, counted: str) -> dict[str, float]:
    """Lift of both groups over all layers, and how many counts (verb in head) changed."""
    own = lifts(changes, len(lexicon.verbs), counted)
    parts = lexicon.is_instruction, lexicon.is_general
    groups = (own[part & np.isfinite(own)] for part in parts)
    means = [float(group.mean()) if len(group) else np.nan for group in groups]
    compared = changes[changes["verb"].isin(np.flatnonzero(parts[0] | parts[1]))]
    changed = int(compared[[f"rose{counted}", f"fell{counted}"]].to_numpy(int).sum())
    return {"instruction": means[0], "general": means[1], "difference": means[0] - means[1],
            "counts changed": changed}  # fmt: skip


def against_random(store: Store, lexicon: Lexicon) -> pd.DataFrame:
    """One row an update (tuning, and each random draw) and way of counting pairs."""
    main, rows = store.read("attention/readings/main"), []
    names = [name for name in store.manifest() if name.startswith("attention/null/")]
    if not names:
        raise MissingResult(
            f"The store {store.folder} holds no random update to compare with. Compute them with "
            f"`{store.command('attention')}`."
        )
    for label, counted in COUNTED.items():
        rows.append({"update": "tuning", "pairs": label} | _summary(main, lexicon, counted))
        for name in names:
            kind = next(null for null in NULLS if f"/{null}-" in name)
            for _, drawn in store.read(name).groupby("draw"):
                row = {"update": f"random, equal {EQUAL[kind]}", "pairs": label}
                rows.append(row | _summary(drawn, lexicon, counted))
    return pd.DataFrame(rows)


def among_draws(found: pd.DataFrame, name: str) -> pd.DataFrame:
    """Tuning's value of a quantity among random draws, by way of counting pairs and kind of draw."""
    rows, is_tuning = {}, found["update"] == "tuning"
    for (pairs, update), own in found[~is_tuning].groupby(["pairs", "update"], sort=False):
        tuning = found.loc[is_tuning & (found["pairs"] == pairs), name].iloc[0]
        one = among(tuning, own[name])
        rows[pairs, update] = asdict(one) | {"tuning": tuning, "p": one.p_value, "said": one.said}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis(["pairs", "update"])
    ends = dict.fromkeys(("low", "high"), found[name].dtype)  # counts stay whole numbers
    return table.drop(columns="value").astype(ends)


RANDOM_CAPTION = (
    "Null hypothesis: tuning is one more random update of the same size. p: two-sided, from the rank "
    "of tuning among the draws of one kind (it cannot fall below 2 / (draws + 1)), not corrected. "
    "In brackets: lowest to highest draw. Counts: verb-in-head places where the number of pairs "
    "changed. Lift: instruction less general verbs."
)


def random_table(found: pd.DataFrame) -> pd.DataFrame:
    """Tuning beside the mean and range of random draws, with the p-value of its rank among them."""
    parts, formats = {}, {"counts changed": "{:,.0f}", "difference": "{:+.3f}"}
    for (name, text), short in zip(formats.items(), ("counts", "lift"), strict=True):
        one = among_draws(found, name)
        shown = one[["tuning", "mean", "low", "high"]].map(text.format)
        parts[f"{short}: tuning"] = shown["tuning"]
        parts[f"{short}: random"] = (
            shown["mean"] + " (" + shown["low"] + " to " + shown["high"] + ")"
        )
        parts[f"{short}: draws as high"] = one["as_high"]
        parts[f"{short}: p"] = one["p"].map(show_p)
    shown = Captioned(parts)
    shown.index = pd.MultiIndex.from_tuples(
        [(pairs, f"{update} ({n})") for (pairs, update), n in one["draws"].items()],
        names=["pairs held by", "null (draws)"],
    )
    shown.caption = RANDOM_CAPTION
    return shown
