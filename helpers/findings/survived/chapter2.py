"""Claims of chapter 2: on the middle of a prompt, and on the place of an instruction."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from helpers.findings.positions import profiles
from helpers.findings.positions.placed import ENDS, MATCHED, MIDDLE, grid, measures
from helpers.findings.positions.profiles import LEFT_OUT, OURS
from helpers.findings.positions.read import losses
from helpers.findings.recognition.read import WHOSE
from helpers.findings.survived.claims import SEVEN, Claim, Wide, beyond_shuffled, cached, paired
from helpers.methods.statistics import Comparison, compare_paired
from helpers.models.roles import ROLES
from helpers.store.store import Store

# --- the middle of a prompt


def dips(table: pd.DataFrame, **setting) -> Wide:
    """Relative density in the middle of a prompt less that at its ends."""
    found = profiles.sides(table, **setting)
    return pd.DataFrame({role: sums[:, 0] - sums[:, 1] for role, sums in found.items()})


def our_dips(store: Store, *, kind: str = LEFT_OUT, **setting) -> Wide:
    table = cached(profiles.ours, store.folder)
    return dips(table[table["kind"] == kind] if len(table) else table, **setting)


def moved_dips(store: Store, *, of: Callable = losses, column: str = "instruction") -> Wide:
    """A measure of an instruction in the middle of a text less at its ends; what blanking it takes from
    the expected answer (nats a token) unless another `column` is asked `of` the store."""
    wide = grid(cached(of, store.folder), column)
    mean = lambda role, places: wide[[(role, one) for one in places]].mean(axis=1)  # noqa: E731
    return pd.DataFrame({role: mean(role, MIDDLE) - mean(role, ENDS) for role in ROLES})


def below_ends(sides: Callable[[Store], Wide], label: str, store: Store) -> Comparison:
    """The tuned model's middle (b) against its ends, as differences from zero (a)."""
    values = sides(store)["tuned"].to_numpy(float)
    return compare_paired(
        np.zeros(len(values)), values, label=label,
        null_hypothesis="the mean is the same in the middle as at the ends",
    )  # fmt: skip


def controls(ask: Callable[..., Comparison]) -> dict:
    """The controls of a claim on the middle; `ask` says what is compared."""
    return {
        "other response": [partial(ask, partial(our_dips, response=r), WHOSE[r]) for r in ROLES],
        "no template": [partial(ask, partial(our_dips, kind=OURS["plain"]), "in plain text")],
        "placebo": "a profile runs over all words of a prompt: there are no others",
        "blanking": [partial(ask, moved_dips, "an instruction moved through a text, blanked")],
        "other estimate": [
            partial(ask, partial(our_dips, threshold=0), "all levels of S (b = 0)"),
            partial(
                ask, partial(our_dips, kind=OURS["template"]), "the template's words counted too"
            ),
            partial(
                ask,
                partial(moved_dips, of=measures, column="share"),
                "share of importance on an instruction moved through a text",
            ),
        ],  # fmt: skip
        "length": [partial(ask, partial(our_dips, response=MATCHED), "cut to the shorter length")],
        "7B": [partial(ask, lambda store: dips(profiles.released(store)), SEVEN)],
    }


# --- an instruction moved through a text


def placed(column: str, store: Store, *, of: Callable = measures, response="expected") -> Wide:
    """A measure of the instruction, mean over the places where it stood."""
    return grid(cached(of, store.folder), column, response).T.groupby(level="model").mean().T


CLAIMS = (
    Claim(
        chapter=2, key="middle", whose="paper", sign=-1, unit="relative density", lead=True,
        compare=partial(below_ends, our_dips, "tuned model, own responses"),
        text="For the tuned model the middle of a prompt counts less than its ends",
        said="For the tuned model the middle of a prompt {counts more/counts less/"
        "does not clearly count less} than its ends",
        checks=controls(below_ends) | {"shuffled tuning": "the claim is on one model"},
    ),
    Claim(
        compare=partial(paired, our_dips, "own responses"),
        chapter=2, key="shallower", whose="paper, first version", sign=1, unit="relative density",
        text="Tuning lessens what the middle of a prompt lacks",
        said="Tuning {lets the middle of a prompt count more/lets the middle of a prompt count less/"
        "does not clearly change how the middle of a prompt counts}, next to its ends",
        checks=controls(paired) | {"shuffled tuning": [partial(beyond_shuffled, "dip")]},
    ),
    Claim(
        compare=partial(paired, partial(placed, "share"), "expected response"),
        chapter=2, key="placed", whose="this book", sign=1, unit="share of importance", course="moved",
        text="Wherever one instruction stands in a text, more importance lies on it after tuning",
        said="An instruction moved through a text {draws more/draws less/"
        "does not clearly draw more} importance after tuning",
        checks={
            "other response": [partial(paired, partial(placed, "share", response="own"), WHOSE["own"])],
            "no template": "the experiment is made in the template alone",
            "placebo": [
                partial(paired, partial(placed, "difference", of=losses),
                        "blanked, less as many other words")
            ],
            "blanking": [partial(paired, partial(placed, "instruction", of=losses), "nats a token")],
            "other estimate": [
                partial(paired, partial(placed, name), name) for name in ("density", "score")
            ],
            "length": "both models read one expected answer: it has one length",
            "shuffled tuning": [partial(beyond_shuffled, "moved")],
            "7B": "the released matrices hold no such experiment",
        },
    ),
)  # fmt: skip
