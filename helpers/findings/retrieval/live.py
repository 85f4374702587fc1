"""The retrieval check outside the book's items: a document and a question of one's own."""

from __future__ import annotations

import pandas as pd

from helpers.findings.parts import encoded, responses
from helpers.findings.retrieval.compute import MAX_TOKENS, explain_document, one_line
from helpers.findings.retrieval.tables import SCORES, overlap, scores_of
from helpers.models.pair import Pair
from helpers.models.roles import ROLES
from helpers.pages import live
from helpers.prompts.prompt import Prompt, Segment
from helpers.store.store import open_store

SHOWN = ("score", "importance share", "gain", "overlap")


def read_document(
    pair: Pair, question: str, document: str, *, max_tokens: int = MAX_TOKENS
) -> pd.DataFrame:
    """Both models' response to a question under a document, and how much it rests on it."""
    asked = (Segment("instruction", question),)
    prompt = Prompt("own", "retrieval", (Segment("context", document), *asked))
    codes, rows = encoded((prompt, Prompt("own", "retrieval", asked)), pair), {}
    template = one_line(pair.template)
    for role in ROLES:
        [answer] = responses(pair, role, codes[:1], max_tokens=max_tokens, template=template)
        found = scores_of(explain_document(pair, role, *codes, answer["ids"]), codes[0].roles)
        found["overlap"] = overlap(answer["text"], question, document)
        rows[role] = {"response": answer["text"]} | {SCORES[key]: found[key] for key in SHOWN}
    return pd.DataFrame.from_dict(rows, orient="index")


def try_document(name: str, question: str, document: str) -> pd.DataFrame | str:
    """The same for a pair by name; a sentence where its weights cannot be had."""
    pair = live.models(name, open_store(name))
    return pair if isinstance(pair, str) else read_document(pair, question, document).round(2)
