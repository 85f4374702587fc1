"""Claims of chapter 3: on pairs of words that attention heads know."""

from __future__ import annotations

from functools import partial

from helpers.findings.attention.heads import (
    among_sets,
    compare_silenced,
    read_silenced,
    silenced_table,
)
from helpers.findings.attention.lift import (
    COUNTED,
    TUNING,
    against_random,
    compare_verbs,
    layer_parts,
    lifts,
)
from helpers.findings.attention.pairs import n_layers
from helpers.findings.attention.readings import READINGS
from helpers.findings.survived.claims import Claim, beyond_shuffled, of_weights
from helpers.findings.survived.verdicts import from_rank
from helpers.methods.chance import among
from helpers.methods.statistics import Comparison
from helpers.store.store import Store
from helpers.words.verbs import lexicon_of

LOWER = 3 / 4  # of the layers: the paper's lower and middle ones
SINGLE = "one dimension or more"
NEVER = of_weights("pairs")


def gain(
    store: Store, *, part: str = "attention/readings/main", counted: str = "", below: float = 1.0,
    label: str = "",
) -> Comparison:  # fmt: skip
    """Lift of general verbs (a) against instruction verbs (b), over the first layers of a model."""
    lexicon, changes = lexicon_of(store), store.read(part)
    depth = int(changes["layer"].max()) + 1
    values = lifts(changes, len(lexicon.verbs), counted, range(round(below * depth)))
    return compare_verbs(values, lexicon, label)


def beyond_draws(store: Store, *, parts: int | None = None, label: str = "") -> Comparison:
    """The difference in lift among those of random updates: over all layers, or their first parts."""
    found = against_random(store, lexicon_of(store))
    found = found[found["pairs"] == next(iter(COUNTED))]
    columns = list(layer_parts(range(n_layers(store))))[:parts] if parts else ["difference"]
    values, is_tuning = found[columns].mean(axis=1), found["update"] == TUNING
    ranked = among(values[is_tuning].iloc[0], values[~is_tuning].to_numpy(float))
    return from_rank(ranked, label, "tuning is one more random update")


def controls(parts: int | None = None, **layers) -> dict:
    """The controls of both claims on verbs."""
    readings = {
        SINGLE: {"counted": COUNTED[SINGLE]},
        READINGS["own-vectors"].label: {"part": "attention/readings/own-vectors"},
        READINGS["bilinear"].label: {"part": "attention/readings/bilinear"},
    }
    return NEVER | {
        "placebo": [partial(beyond_draws, parts=parts, label="beside random updates")],
        "blanking": "what a head knows can be silenced, not blanked: see the claim on silenced heads",
        "other estimate": [
            partial(gain, label=label, **reading, **layers) for label, reading in readings.items()
        ],
        "7B": [partial(gain, part="attention/released/verbs", label="LLaMA and Vicuna", **layers)],
    }


def silenced(store: Store) -> Comparison:
    """Following without the chosen heads, among random sets of heads of the same layers."""
    one = next(iter(among_sets(silenced_table(read_silenced(store))).values()))
    return from_rank(one, "random heads", "the chosen heads are as any others of their layers")


def beside_general(store: Store) -> Comparison:
    """Following without the heads of general verbs (a), and without those of instruction verbs (b)."""
    return next(
        one for one in compare_silenced(read_silenced(store))
        if one.label.startswith("following") and "against general" in one.label
    )  # fmt: skip


VERBS = "pairs with instruction verbs than with other verbs"
GAINED = "{gained more/gained fewer/did not clearly gain more} " + VERBS
CLAIMS = (
    Claim(
        chapter=3, key="verbs", whose="paper", sign=1, unit="lift", lead=True, course="lift",
        compare=partial(gain, label="all layers"),
        text="Heads gain pairs with instruction verbs rather than with other verbs",
        said=f"Attention heads {GAINED}",
        checks=controls() | {"shuffled tuning": [partial(beyond_shuffled, "lift")]},
    ),
    Claim(
        chapter=3, key="lower", whose="paper", sign=1, unit="lift",
        compare=partial(gain, label="lower and middle layers", below=LOWER),
        text="They do so in the lower and middle layers",
        said=f"Heads of lower and middle layers {GAINED}",
        checks=controls(parts=3, below=LOWER) | {
            "shuffled tuning": "of the control tuning, pairs are kept for all layers together"
        },
    ),
    Claim(
        chapter=3, key="silenced", whose="this book", sign=-1, unit="share of prompts followed",
        compare=silenced,
        text="Without the heads that gained most such pairs, the tuned model follows less",
        said="Silencing the heads that gained most such pairs {costs less/costs more/"
        "does not clearly cost more} than silencing random heads",
        checks=NEVER | {
            "placebo": [beside_general],
            "blanking": "the claim itself silences heads",
            "other estimate": "following is judged by code: there is one way to count it",
            "shuffled tuning": "no heads of the control tuning were silenced",
            "7B": "following was not tried with heads of the authors' models silenced",
        },
    ),
)  # fmt: skip
