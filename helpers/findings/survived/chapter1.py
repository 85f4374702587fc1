"""Claims of chapter 1: on the words that carry the instruction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pandas as pd

from helpers.findings.faithfulness.tables import instruction_scores
from helpers.findings.recognition import blanked, segments, tables
from helpers.findings.recognition.read import WHERE, WHOSE, scores
from helpers.findings.release import tables as release
from helpers.findings.survived.claims import (
    SEVEN,
    Claim,
    Sides,
    Wide,
    beyond_shuffled,
    cached,
    paired,
)
from helpers.methods.erasure import WAYS
from helpers.methods.profiles import LEAST_RESPONSE
from helpers.methods.statistics import Comparison, compare_independent
from helpers.models.roles import ROLES
from helpers.store.store import MissingResult, Store

SHARE, SCORE, ALONE = "share", "all rows", "segments alone"  # readings of `segments`
LONG = f"responses of {LEAST_RESPONSE} tokens or more"
PLACEBO = "the instruction less the mean of the other segments"


def _of_instruction(sides: Callable[..., Wide], placebo: bool) -> Wide:
    """What `sides` gives for the instruction; less the mean of the other segments (`placebo`)."""
    own, *others = (sides(segment=name)[list(ROLES)].astype(float) for name in segments.SEGMENTS)
    return (own - pd.concat(others).groupby(level=0).mean()).dropna() if placebo else own


def on_instruction(
    column: str, response: str, store: Store, *, setting: str = "template", least: int = 1,
    placebo: bool = False,
) -> Wide:  # fmt: skip
    """A reading of the instruction; less the mean of the prompt's other segments (`placebo`)."""
    table = cached(segments.read_segments, store.folder)
    return _of_instruction(
        partial(segments.sides, table, setting, response, column=column, least=least), placebo
    )


def blanked_by(way: str, response: str, store: Store, *, placebo: bool = False) -> Wide:
    """Nats lost without the instruction; less the mean of what the other segments cost (`placebo`)."""
    table = blanked.read_blanking(store)
    sides = partial(segments.sides, table[table["way"] == way], "template", response, column="loss")
    return _of_instruction(sides, placebo)


def by_estimate(column: str, estimate: str, before: str, store: Store) -> Wide:
    """Score or share by another estimate than the gradient, on the first response tokens."""
    found = instruction_scores(store).query("estimate == @estimate")
    if found.empty:
        raise MissingResult(f"The store holds no importance by {estimate}.")
    wide = found.pivot(index="id", columns="reader", values=column)
    return wide.reindex(columns=[before, "tuned"]).set_axis(list(ROLES), axis=1).dropna()


def readings(column: str, responses: Sequence[str], **options) -> list:
    """The same reading on several responses, named by response and by what else is asked."""
    said = {"setting": lambda x: WHERE[x], "least": lambda _: LONG, "placebo": lambda _: PLACEBO}
    more = [said[name](value) for name, value in options.items()]
    return [
        partial(paired, partial(on_instruction, column, r, **options), ", ".join([WHOSE[r], *more]))
        for r in responses
    ]


def blankings(*responses: str, ways: Sequence[str] = WAYS, placebo: bool = False) -> list:
    more = f", {PLACEBO}" if placebo else ""
    return [
        partial(
            paired, partial(blanked_by, way, response, placebo=placebo),
            f"nats a token, {WHOSE[response]}, blanked by {way}{more}",
        )
        for response in responses
        for way in ways
    ]  # fmt: skip


def estimates(column: str, before: str) -> list:
    names = ("erasure", "norms held fixed")
    return [partial(paired, partial(by_estimate, column, n, before), f"by {n}") for n in names]


# --- responses that follow against those that do not


def follow(sides: Sides, label: str, store: Store, *, setting: str = "template") -> Comparison:
    """Tuned model: prompts that it did not follow (a) against those that it followed (b)."""
    table = tables.own(scores(store), setting).query("model == 'tuned'").set_index("id")
    values, null = sides(store)["tuned"], "followed and not followed prompts have the same mean"
    kept = table["followed"].reindex(values.index).dropna().astype(bool)
    values = values[kept.index].astype(float)
    return compare_independent(values[~kept], values[kept], label=label, null_hypothesis=null)


def rated_seven(store: Store) -> pd.DataFrame:
    return release.rated(scores(store)).set_index("id").rename(columns={"score": "tuned"})


OWN = partial(on_instruction, SCORE, "own")
MATCHED = f"first k tokens of both, k of {LEAST_RESPONSE} or more"

CLAIMS = (
    Claim(
        chapter=1, key="share", whose="this book", sign=1, unit="share of importance",
        lead=True, course="share",
        compare=partial(paired, partial(on_instruction, SHARE, "tuned"), WHOSE["tuned"]),
        text="On one and the same response, more of the importance lies on the instruction",
        said="When both models read the same response, the tuned one {rests more/rests less/"
        "does not clearly rest more} on the instruction",
        checks={
            "other response": readings(SHARE, ("base",)),
            "no template": readings(SHARE, ROLES[::-1], setting="plain"),
            # Not of the share itself: shares add up to one, so that placebos lose what it gains.
            "placebo": [
                *readings(SCORE, ROLES[::-1], placebo=True),
                *blankings(*ROLES[::-1], ways=WAYS[:1], placebo=True),
            ],
            "blanking": blankings(*ROLES[::-1]),
            "other estimate": estimates("share", "base-on-tuned"),
            "length": readings(SHARE, ("tuned",), least=LEAST_RESPONSE),
            "shuffled tuning": [partial(beyond_shuffled, "share")],
            "7B": "the released matrices hold each model's own response alone",
        },
    ),
    Claim(
        chapter=1, key="score", whose="paper", sign=1, unit="instruction score",
        compare=partial(paired, OWN, WHOSE["own"]),
        text="Each on its own response, the tuned model's instruction score is higher",
        said="Each on its own response, the tuned model has {a higher/a lower/no clearly higher} "
        "instruction score",
        checks={
            "other response": readings(SCORE, ROLES),
            "no template": [
                *readings(SCORE, ("own",), setting="plain"),
                partial(paired, partial(on_instruction, ALONE, "own"), "template rows left out"),
            ],
            "placebo": readings(SCORE, ("own",), placebo=True),
            "blanking": blankings("own"),
            "other estimate": estimates("score", "base"),
            "length": [
                partial(paired, lambda store: tables.paired(tables.matched_scores(store)), MATCHED),
                lambda store: tables.equal_length(scores(store)),
                *readings(SCORE, ("own",), least=LEAST_RESPONSE),
            ],
            "shuffled tuning": [partial(beyond_shuffled, "instruction, own")],
            "7B": [partial(paired, lambda s: tables.paired(release.both_kept(scores(s))), SEVEN)],
        },
    ),
    Claim(
        chapter=1, key="followed", whose="paper", sign=1, unit="instruction score",
        compare=partial(follow, OWN, "tuned model, own responses"),
        text="Responses that follow their instruction have a higher score than those that do not",
        said="Responses that follow have {a higher/a lower/no clearly higher} instruction score "
        "than those that do not",
        checks={
            "other response": "whether it follows is a property of the response itself",
            "no template": [
                partial(follow, partial(OWN, setting="plain"), WHERE["plain"], setting="plain")
            ],
            "placebo": [partial(follow, partial(OWN, placebo=True), PLACEBO)],
            "blanking": [
                partial(follow, partial(blanked_by, way, "own"), f"nats a token, blanked by {way}")
                for way in WAYS
            ],
            "other estimate": [
                partial(follow, partial(on_instruction, SHARE, "own"), "share of importance")
            ],
            "length": [
                lambda store: tables.followed_against_not(tables.own(scores(store)))[-1],
                partial(follow, partial(OWN, least=LEAST_RESPONSE), LONG),
            ],
            "shuffled tuning": "no scores are kept of the control tuning",
            "7B": [partial(follow, rated_seven, "Vicuna, all data sets", setting="plain")],
        },
    ),
)  # fmt: skip
