"""What the page "What survived" shows, and a chapter's finding in words for every page that repeats it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from helpers.findings.release.read import open_store as open_seven
from helpers.findings.survived import chapter1, chapter2, chapter3, chapter4
from helpers.findings.survived.claims import SEEDS, Claim
from helpers.findings.survived.verdicts import (
    GONE,
    HOLDS,
    JUDGED,
    MAIN,
    MISSING,
    REVERSED,
    WEAKER,
    Cell,
    could_tell,
)
from helpers.pages import prose
from helpers.pages.tables import show_difference, show_p
from helpers.store.store import Store, open_store

CLAIMS = (*chapter1.CLAIMS, *chapter2.CLAIMS, *chapter3.CLAIMS, *chapter4.CLAIMS)
# What a control says that agrees with the claim's own comparison, by the verdict on that.
ALIKE = {HOLDS: {HOLDS, WEAKER}, GONE: {GONE}, REVERSED: {REVERSED}}
FEW = 3  # controls that a chapter needs before it is called sure


@dataclass(frozen=True)
class Row:
    """A claim with its verdicts, by control."""

    claim: Claim
    cells: dict[str, Cell]

    @property
    def checks(self) -> dict[str, Cell]:
        """The controls that allowed a verdict; beside a null, those nulls that could have told."""
        null = self.cells[MAIN].verdict == GONE
        blind = lambda cell: {*cell.verdicts} == {GONE} and not any(map(could_tell, cell.found))  # noqa: E731
        judged = {k: cell for k, cell in self.cells.items() if k != MAIN and cell.judged}
        return {k: cell for k, cell in judged.items() if not (null and blind(cell))}

    @property
    def against(self) -> list[str]:
        """Those of them of which a reading does not say what the claim's own comparison says."""
        alike = ALIKE.get(self.cells[MAIN].verdict, set())
        said = {name: {*cell.verdicts} & {*JUDGED} for name, cell in self.checks.items()}
        return [name for name, verdicts in said.items() if not verdicts <= alike]


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
    """How many controls agree with what the claim's own comparison found, and which do not."""
    n, k = len(row.checks), len(row.checks) - len(row.against)
    if k == n:
        few = ("no control could tell", "the one control agrees", "both controls agree")
        return few[n] if n < len(few) else f"all {prose.number(n)} controls agree"
    names = ", ".join(row.against)
    if n == 1:
        return f"the one control disagrees ({names})"
    return f"{prose.number(k)} of {prose.number(n)} controls agree{'s' if k < 2 else ''} (not: {names})"


def worded(row: Row) -> str:
    """A claim's finding and how many controls agree, as one sentence."""
    return f"{said(row)}; {agreement(row)}." if row.cells[MAIN].judged else f"{said(row)}."


def sureness(row: Row) -> str:
    """A few words on how sure a claim's finding is: how many of its controls agree with it."""
    own, n, k = row.cells[MAIN], len(row.checks), len(row.checks) - len(row.against)
    if not own.judged:
        return own.verdict
    whole = k == n and all(cell.verdict != MISSING for cell in row.cells.values())
    word = "sure" if whole else "fairly sure" if k >= 2 * n / 3 else "unsure"
    word = "hardly checked" if n < FEW else word
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
    """One row a claim, in words: what is claimed and by whom, what was found, how sure."""
    return pd.DataFrame(
        {
            "chapter": row.claim.chapter,
            "claim": f"{row.claim.text} ({row.claim.whose})",
            "what was found": worded(row),
            "how sure": sureness(row),
        }
        for row in found
    ).set_index("chapter")


def by_seed(found: list[Row]) -> pd.DataFrame:
    """One row a claim: its own comparison, and the same of the tuning repeated from every other seed."""

    def told(cell: Cell, seed: str = "") -> str:
        one = next((x for x in cell.found if x.label.startswith(seed)), None)
        if one is None:
            return MISSING if seed else cell.why
        how = one.label.removeprefix(seed) if seed else ""
        return f"{show_difference(one)}, n = {one.n}{how}"

    seeds = [f"seed {n}" for n in SEEDS]
    return pd.DataFrame(
        {"chapter": row.claim.chapter, "claim": row.claim.text, "unit": row.claim.unit}
        | {"main run": told(row.cells[MAIN])}
        | {seed: told(row.cells["other seed"], seed) for seed in seeds}
        for row in found
    ).set_index("chapter")


def in_words(found: list[Row]) -> str:
    """How many claims hold as claimed, and how many of these under every control that was tried."""
    holding = [row for row in found if row.cells[MAIN].verdict == HOLDS]
    whole = [row for row in holding if row.checks and not row.against]
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
            "seen": f"{one.detectable():.3f}" if np.isfinite(one.detectable()) else "",
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
