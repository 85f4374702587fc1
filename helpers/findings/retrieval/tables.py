"""What the retrieval page shows: labels of use, scores of every response, ROC of each score.

One case is an item under one document, read and answered by one model. The item is the unit: it has
three cases in each model (method.md, sections 1 and 5; the labels are `helpers.prompts.retrieval.used`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd

from helpers.findings.retrieval.compute import RETRIEVAL
from helpers.methods.density import THRESHOLD, P, density, instruction_score, share_on
from helpers.methods.roc import Cases, compare_areas
from helpers.methods.statistics import BadSample, Comparison, holm
from helpers.models.roles import ROLES
from helpers.pages.forest import clear
from helpers.pages.prose import direction, number
from helpers.prompts.retrieval import DOCUMENTS, used
from helpers.prompts.rules import words
from helpers.store.store import Store

MAIN = "score"
SCORES = {
    "score": "document score (density)",
    "density share": "share of density on the document",
    "importance share": "share of importance on the document",
    "gain": "log-probability gained by the document",
    "overlap": "response words found in the document",
    "response tokens": "length of the response",
    "document share": "document's share of the prompt",
}
SAYS = {"true": "true", "contradicting": "other", "both": "both", "neither": "neither"}
USED = {True: "used", False: "not used"}
SUBSETS = {
    "all documents": "condition == condition",
    "document names an answer": "condition != 'absent'",
    "document contradicts": "condition == 'contradicting'",
    "contradicts; answer of document or memory": "condition == 'contradicting' and says != 'neither'",
    "no unused response copied": "used == True or overlap < 1",
    "response of 4 tokens or more": "`response tokens` >= 4",
}  # fmt: skip


def overlap(response: str, question: str, document: str) -> float:
    """Share of the response's words, those of the question left out, that stand in the document."""
    said = set(words(response)) - set(words(question))
    return len(said & set(words(document))) / len(said) if said else 0.0


def scores_of(
    found: dict, roles: Sequence[str], *, threshold: int = THRESHOLD, p: float = P
) -> dict[str, float]:
    """Scores of one stored explanation; NaN for an empty response."""
    mask, levels = np.array([role == "context" for role in roles]), found["normalised"]
    row = {"response tokens": levels.shape[1], "document share": float(mask.mean())}
    row |= {"importance share": found["share"], "gain": found["with_document"] - found["alone"]}
    if not levels.size:
        return row | {"score": np.nan, "density share": np.nan}
    values = density(levels, p, threshold=threshold)
    share = share_on(values[:, None], mask)
    # No token above the threshold: nothing lies on the document.
    return row | {"score": instruction_score(values, mask), "density share": np.nan_to_num(share)}


def measures(store: Store, *, threshold: int = THRESHOLD, p: float = P) -> pd.DataFrame:
    """One row an item, document and model: labels, response and all scores.

    `used` is True, False, or None where nobody can tell. `threshold` and `p` are b and p of density.
    """
    items = store.read("retrieval/items").set_index(["id", "condition"])
    ids, rows = list(dict.fromkeys(items.index.get_level_values("id"))), []
    for role in ROLES:
        answers = RETRIEVAL.answers(store, role)
        for at, block in enumerate(RETRIEVAL.blocks(ids)):
            explained = RETRIEVAL.read_block(store, role, at)
            for cell, found in zip(product(block, DOCUMENTS), explained, strict=True):
                answer, item = answers.loc[cell], items.loc[cell]
                alone = answers.loc[(cell[0], "none")]
                row = dict(id=cell[0], condition=cell[1], model=role)
                row |= dict(text=answer["text"], says=answer["says"], ended=answer["ended"])
                row |= dict(alone=alone["text"], says_alone=alone["says"])
                row |= scores_of(found, item["roles"], threshold=threshold, p=p)
                row["overlap"] = overlap(answer["text"], item["question"], item["document"])
                rows.append(row | {"used": used(cell[1], answer["says"], alone["says"])})
    return pd.DataFrame(rows).astype({"used": object})


def judged(table: pd.DataFrame, model: str, subset: str = "all documents") -> pd.DataFrame:
    """Cases of one model with a label and a response, those of a subset alone."""
    rows = table[(table["model"] == model) & table["used"].notna() & (table["response tokens"] > 0)]
    return rows.query(SUBSETS[subset])


def cases(rows: pd.DataFrame, within: str | None = None) -> Cases:
    """Labels and items of judged cases; `within`: a column of which only equal values are compared."""
    strata = None if within is None else list(rows[within])
    return Cases(rows["used"].to_numpy(bool), list(rows["id"]), strata)


def labels(table: pd.DataFrame) -> pd.DataFrame:
    """How many responses under each document name which answer, and how they are labelled.

    Columns of zeros (no response is empty, say) are left out.
    """
    rows = {}
    for model, condition in product(ROLES, DOCUMENTS):
        part = table[(table["model"] == model) & (table["condition"] == condition)]
        said = {f"says {name}": int((part["says"] == key).sum()) for key, name in SAYS.items()}
        marked = {name: int((part["used"] == key).sum()) for key, name in USED.items()}
        rows[f"{model}, {condition}"] = {"n": len(part), **said, **marked} | {
            "can't tell": int(part["used"].isna().sum()),
            "empty": int((part["response tokens"] == 0).sum()),
            "cut off": int((part["ended"] == "length").sum()),
            "median tokens": float(part["response tokens"].median()),
        }
    found = pd.DataFrame.from_dict(rows, orient="index")
    return found.loc[:, (found != 0).any()]


def against_chance(table: pd.DataFrame) -> dict[str, list[Comparison]]:
    """The area of every score against a half, by model: one Holm family over scores and models."""
    null, found = "a used response scores higher than one not used half of the time", []
    for model, key in product(ROLES, SCORES):
        rows = judged(table, model)
        about = dict(label=SCORES[key], null_hypothesis=null)
        found.append(compare_areas(None, rows[key], cases(rows), **about))
    corrected = holm(found)
    return {model: corrected[n * len(SCORES) :][: len(SCORES)] for n, model in enumerate(ROLES)}


def against_baselines(table: pd.DataFrame) -> list[Comparison]:
    """The document score against the other ones, in each model (Holm over all)."""
    null, found = "both scores have the same area under the curve", []
    for model, other in product(ROLES, [name for name in SCORES if name != MAIN]):
        rows = judged(table, model)
        about = dict(label=f"{model}: against {SCORES[other]}", null_hypothesis=null)
        found.append(compare_areas(rows[other], rows[MAIN], cases(rows), **about))
    return holm(found)


def _area(rows: pd.DataFrame, key: str, within: str | None = None) -> str:
    try:
        one = compare_areas(None, rows[key], cases(rows, within), label=key, null_hypothesis="")
    except BadSample:
        return "one kind only"
    return f"{one.mean_b:.2f} [{0.5 + one.low:.2f}, {0.5 + one.high:.2f}]"


def subset_table(table: pd.DataFrame) -> pd.DataFrame:
    """The areas of three scores where only some of the cases are taken, or only like pairs compared."""
    settings, rows = [(name, name, None) for name in SUBSETS], []
    settings.append(("pairs of equal response length", "all documents", "response tokens"))
    settings.append(("pairs under the same kind of document", "all documents", "condition"))
    for (name, subset, within), model in product(settings, ROLES):
        part = judged(table, model, subset)
        positive = int(part["used"].astype(bool).sum())
        row = {"cases": name, "model": model, "n": f"{positive}\u00a0+\u00a0{len(part) - positive}"}
        compared = ("score", "importance share", "gain")
        rows.append(row | {SCORES[key]: _area(part, key, within) for key in compared})
    return pd.DataFrame(rows).set_index(["cases", "model"])


def told(found: Comparison) -> str:
    """Whether a score tells used documents apart, in words; a null says what would have been seen."""
    seen = f"(an area of {0.5 + found.detectable():.2f} would have been seen)"
    words = dict(up="better than chance", down="worse than chance")
    return direction(found, **words, none=f"not clearly better than chance {seen}")


def numbers(table: pd.DataFrame) -> dict[str, object]:
    """What the page's sentences say, by name: areas, counts, and the words that comparisons choose."""
    tests, versus = against_chance(table), against_baselines(table)
    said = {"n_items": table["id"].nunique()}
    for at, role in enumerate(ROLES):
        rows, found = judged(table, role), dict(zip(SCORES, tests[role], strict=True))
        areas = {key: f"{found[key].mean_b:.2f}" for key in (MAIN, "gain", "overlap")}
        said |= {f"{key}_{role}": area for key, area in areas.items()}
        said[f"told_{role}"] = told(found[MAIN])
        rivals = versus[at * (len(SCORES) - 1) :][: len(SCORES) - 1]
        ahead = [one for one in rivals if clear(one) and one.difference < 0]
        said[f"behind_{role}"] = number(len(ahead))
        for name, within in (("kind", "condition"), ("equal", "response tokens")):
            said[f"{name}_{role}"] = _area(rows, MAIN, within)
        unused = rows.query("used == False")
        said[f"copied_{role}"] = int((unused["overlap"] == 1).sum())
        said[f"unused_{role}"] = len(unused)
        once = table.query("condition == 'true' and model == @role")
        said[f"known_{role}"] = int((once["says_alone"] == "true").sum())
        said[f"length_{role}"] = int(rows["response tokens"].median())
    return said | {"rivals": number(len(SCORES) - 1)}
