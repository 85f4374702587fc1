"""What the page "What survived" shows, and a chapter's finding in words for every page that repeats it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from helpers.findings.release.read import open_store as open_seven
from helpers.findings.survived import chapter1, chapter2, chapter3, chapter4
from helpers.findings.survived.claims import Claim
from helpers.findings.survived.verdicts import GONE, HOLDS, MAIN, REVERSED, WEAKER, Cell, seen
from helpers.pages import prose
from helpers.pages.tables import show_difference, show_p
from helpers.store.store import Store, open_store

CLAIMS = (*chapter1.CLAIMS, *chapter2.CLAIMS, *chapter3.CLAIMS, *chapter4.CLAIMS)
# What a control says that agrees with the claim's own comparison, by the verdict on that.
ALIKE = {HOLDS: (HOLDS, WEAKER), GONE: (GONE, REVERSED), REVERSED: (REVERSED,)}
FEW = 3  # controls that a chapter needs before it is called sure


@dataclass(frozen=True)
class Row:
    """A claim with its verdicts, by control."""

    claim: Claim
    cells: dict[str, Cell]

    @property
    def checks(self) -> list[Cell]:
        """The controls that allowed a verdict."""
        return [cell for name, cell in self.cells.items() if name != MAIN and cell.judged]

    @property
    def agreeing(self) -> int:
        """How many of them say what the claim's own comparison says."""
        alike = ALIKE.get(self.cells[MAIN].verdict, ())
        return sum(cell.verdict in alike for cell in self.checks)


def rows(store: Store | None = None, seven: Store | None = None, claims=CLAIMS) -> list[Row]:
    """All claims judged on a pair's store (the book's own unless one is given)."""
    store, seven = store or open_store(), seven or open_seven()
    return [Row(claim, claim.cells(store, seven)) for claim in claims]


def lead(chapter: int, store: Store | None = None) -> Row:
    """The claim whose sentence stands for a chapter."""
    own = [one for one in CLAIMS if one.chapter == int(chapter) and one.lead]
    if not own:
        known = sorted({one.chapter for one in CLAIMS})
        raise ValueError(f"chapter={chapter}: claims are made in chapters {known}.")
    return rows(store, claims=own)[0]


def said(row: Row) -> str:
    """A claim's own finding in words, whatever its sign; controls are another matter."""
    own = row.cells[MAIN]
    if not own.judged:
        return f"{row.claim.text}: {own.verdict}"
    before, up, down, none, after = re.split("[{/}]", row.claim.said)
    return before + prose.direction(own.found[0], up=up, down=down, none=none) + after


def agreement(row: Row) -> str:
    """How many controls agree with what the claim's own comparison found, in words."""
    n, k = len(row.checks), row.agreeing
    if n < 2:
        return ("the one control " + ("agrees" if k else "disagrees")) if n else "not checked"
    if k == n:
        return "both controls agree" if n == 2 else f"all {prose.number(n)} controls agree"
    return f"{prose.number(k)} of {prose.number(n)} controls agree{'s' if k < 2 else ''}"


def worded(row: Row) -> str:
    """A claim's finding and how many controls agree, as one sentence."""
    return f"{said(row)}; {agreement(row)}."


def sureness(row: Row) -> str:
    """A few words on how sure a claim's finding is: how many of its controls agree with it."""
    own, n, k = row.cells[MAIN], len(row.checks), row.agreeing
    if not own.judged:
        return own.verdict
    if n < FEW:
        return "hardly checked"
    word = "sure" if k == n else "fairly sure" if k >= 2 * n / 3 else "unsure"
    return f"{word}; a small effect could hide" if own.verdict == GONE else word


@cache
def _of_the_book(chapter: int) -> Row:
    return lead(chapter)


def sentence(chapter: int, store: Store | None = None) -> str:
    """What a chapter found in the book's own pair, or in a store's, as one plain sentence."""
    return worded(lead(chapter, store) if store else _of_the_book(chapter))


def sure(chapter: int, store: Store | None = None) -> str:
    """A few words on how sure a chapter's finding is."""
    return sureness(lead(chapter, store) if store else _of_the_book(chapter))


# --- for reading


def by_claim(found: list[Row]) -> pd.DataFrame:
    """One row a claim, in words: what was found, how sure, and whose claim it is."""
    return pd.DataFrame(
        {
            "chapter": row.claim.chapter,
            "what was found": worded(row),
            "how sure": sureness(row),
            "whose claim": row.claim.whose,
        }
        for row in found
    ).set_index("chapter")


def in_words(found: list[Row]) -> str:
    """How many claims hold as claimed, and how many of these under every control that was tried."""
    holding = [row for row in found if row.cells[MAIN].verdict == HOLDS]
    whole = [row for row in holding if row.checks and row.agreeing == len(row.checks)]
    return (
        f"Of {prose.number(len(found))} claims {prose.number(len(holding))} hold as claimed in this "
        f"pair, and {prose.number(len(whole))} of these under every control that could be tried."
    )


def readings(cell: Cell) -> list[dict[str, object]]:
    """The comparisons behind a cell; `seen` is what a test that found nothing would have seen."""
    return [
        {
            "reading": one.label,
            "verdict": verdict,
            "n": one.n,
            "difference": show_difference(one) if one.possible else "",
            "p": show_p(one.p_holm if one.p_holm is not None else one.p_value),
            "seen": f"{seen(one):.3f}" if one.possible and np.isfinite(seen(one)) else "",
        }
        for one, verdict in zip(cell.found, cell.verdicts, strict=True)
    ]


def details(found: list[Row]) -> pd.DataFrame:
    """Everything behind the verdicts, one row a reading; cells without one have their reason."""
    table = []
    for row in found:
        for control, cell in row.cells.items():
            about = {"chapter": row.claim.chapter, "claim": row.claim.text, "control": control}
            about |= {"cell": cell.verdict, "unit": row.claim.unit}
            for one in readings(cell) or [{}]:
                table.append(about | one | {"why": cell.why})
    return pd.DataFrame(table).fillna("")
