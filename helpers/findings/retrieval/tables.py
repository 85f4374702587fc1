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
from helpers.methods.roc import Area, Cases, compare_areas, measured
from helpers.methods.statistics import BadSample, Comparison, holm
from helpers.models.roles import ROLES
from helpers.pages.tables import show_p
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
OURS = ("score", "density share", "importance share")
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
        for number, block in enumerate(RETRIEVAL.blocks(ids)):
            explained = RETRIEVAL.read_block(store, role, number)
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
        said = part["says"].value_counts()
        rows[f"{model}, {condition}"] = {
            "n": len(part),
            "says true": said.get("true", 0),
            "says other": said.get("contradicting", 0),
            "says both": said.get("both", 0),
            "says neither": said.get("neither", 0),
            "used": int((part["used"] == True).sum()),  # noqa: E712
            "not used": int((part["used"] == False).sum()),  # noqa: E712
            "can't tell": int(part["used"].isna().sum()),
            "empty": int((part["response tokens"] == 0).sum()),
            "cut off": int((part["ended"] == "length").sum()),
            "median tokens": float(part["response tokens"].median()),
        }
    found = pd.DataFrame.from_dict(rows, orient="index")
    return found.loc[:, (found != 0).any()]


def known(table: pd.DataFrame) -> dict[str, int]:
    """How many questions each model answers rightly without a document."""
    once = table[table["condition"] == "true"]
    return {role: int((once.query("model == @role")["says_alone"] == "true").sum())
            for role in ROLES}  # fmt: skip


def areas(table: pd.DataFrame, subset: str = "all documents") -> dict[tuple[str, str], Area]:
    """Area under the curve of every score, by score and model."""
    found = {}
    for key, model in product(SCORES, ROLES):
        rows = judged(table, model, subset)
        found[key, model] = measured(rows[key], cases(rows))
    return found


def show(one: Area) -> str:
    return f"{one.area:.2f} [{one.low:.2f}, {one.high:.2f}]"


def area_table(table: pd.DataFrame) -> pd.DataFrame:
    """Every score's area with its interval, one column a model."""
    found = areas(table)
    rows = {SCORES[key]: {role: show(found[key, role]) for role in ROLES} for key in SCORES}
    counts = {r: f"{found[MAIN, r].positive}\u00a0+\u00a0{found[MAIN, r].negative}" for r in ROLES}
    return pd.DataFrame.from_dict({"n, used + not used": counts} | rows, orient="index")


def _area_or_why(rows: pd.DataFrame, key: str, within: str | None = None) -> str:
    try:
        return show(measured(rows[key], cases(rows, within)))
    except BadSample:
        return "one kind only"


def subset_table(table: pd.DataFrame) -> pd.DataFrame:
    """The areas of our scores where only some of the cases are taken, or only like pairs compared."""
    rows = []
    settings = [(name, name, None) for name in SUBSETS]
    settings.append(("pairs of equal response length", "all documents", "response tokens"))
    settings.append(("pairs under the same kind of document", "all documents", "condition"))
    for (name, subset, within), model in product(settings, ROLES):
        part = judged(table, model, subset)
        positive = int(part["used"].astype(bool).sum())
        row = {"cases": name, "model": model, "n": f"{positive}\u00a0+\u00a0{len(part) - positive}"}
        compared = ("score", "importance share", "gain")
        rows.append(row | {SCORES[key]: _area_or_why(part, key, within) for key in compared})
    return pd.DataFrame(rows).set_index(["cases", "model"])


def against_chance(table: pd.DataFrame) -> list[Comparison]:
    """The areas of our three scores against a half (Holm over scores and models)."""
    found = []
    for model, key in product(ROLES, OURS):
        rows = judged(table, model)
        null = "a used response scores higher than one not used half of the time"
        label = f"{model}: {SCORES[key]}"
        found.append(compare_areas(None, rows[key], cases(rows), label=label, null_hypothesis=null))
    return holm(found)


def against_baselines(table: pd.DataFrame, key: str = MAIN) -> list[Comparison]:
    """One score against the other ones, in each model (Holm over all)."""
    found = []
    for model, other in product(ROLES, [name for name in SCORES if name != key]):
        rows = judged(table, model)
        found.append(
            compare_areas(
                rows[other],
                rows[key],
                cases(rows),
                label=f"{model}: against {SCORES[other]}",
                null_hypothesis="both scores have the same area under the curve",
            )  # fmt: skip
        )
    return holm(found)


def copied(table: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Of the responses not used: how many consist of words of the document, and how many there are."""
    found = {}
    for role in ROLES:
        rows = judged(table, role).query("used == False")
        found[role] = (int((rows["overlap"] == 1).sum()), len(rows))
    return found


def numbers(table: pd.DataFrame) -> dict[str, object]:
    """What the page's sentences say, by name: areas, their intervals and p-values, counts."""
    found, said = areas(table), {"n_items": table["id"].nunique()}
    tests = {one.label: one for one in against_chance(table)}
    for role in ROLES:
        rows, main = judged(table, role), found[MAIN, role]
        said |= {
            f"{key}_{role}": f"{found[key, role].area:.2f}" for key in (MAIN, "gain", "overlap")
        }
        said[f"interval_{role}"] = f"{main.low:.2f} to {main.high:.2f}"
        said[f"p_{role}"] = show_p(tests[f"{role}: {SCORES[MAIN]}"].p_holm)
        for name, within in (("kind", "condition"), ("equal", "response tokens")):
            said[f"{name}_{role}"] = show(measured(rows[MAIN], cases(rows, within)))
        said[f"copied_{role}"], said[f"unused_{role}"] = copied(table)[role]
        said[f"known_{role}"] = known(table)[role]
        said[f"length_{role}"] = int(rows["response tokens"].median())
    return said
