"""One prompt recomputed beside its stored importance, and prompts of the reader's own."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.findings.recognition.read import explained, read_responses
from helpers.methods.density import score
from helpers.models.roles import ROLES
from helpers.pages import live
from helpers.prompts.prompt import read_prompts
from helpers.store.store import Store


def live_check(name: str, store: Store, prompt_id: str) -> pd.DataFrame | str:
    """Recompute one stored prompt with the models and show how far the results are apart."""
    from helpers.models.explain import explain

    held = store.read("recognition/prompts").query("setting == 'template'")["id"]
    prompt = live.one_of(prompt_id, held, {one.id: one for one in read_prompts()})
    if prompt is None:
        return f"The store {store.folder} holds none of the book's prompts to run again."
    pair = live.models(name, store)
    if isinstance(pair, str):
        return pair
    rows = []
    for role in ROLES:
        ids = read_responses(store, "template", role).set_index("id").loc[prompt.id, "ids"]
        fresh = explain(pair, prompt, role, response=list(ids))
        stored = next(e for e in explained(store, "template", role, role) if e.id == prompt.id)
        apart = relative_difference(fresh.importance, stored.importance)
        row = {"model": role, "largest difference of I, relative": apart}
        row |= {"score, stored": score(stored.importance, fresh.roles)["score"]}
        rows.append(row | {"score, now": fresh.score})
    return pd.DataFrame(rows)


def relative_difference(now: np.ndarray, stored: np.ndarray) -> float:
    """Largest difference over the largest value; 0 where both are empty."""
    return float(np.abs(now - stored).max() / np.abs(now).max()) if now.size else 0.0


def compute_own(name: str, store: Store):
    """A function that explains a reader's own prompt with both models (loaded on first use)."""
    loaded = []

    def compute(text: str, progress) -> dict:
        from helpers.models.explain import explain

        if not loaded:
            loaded.append(live.load(name, store))
        pair = loaded[0]
        progress(0.2)
        models = {}
        for done, role in enumerate(ROLES):
            one = explain(pair, text, role)
            if not one.response:
                raise ValueError(f"the {role} model gives an empty response: change the prompt")
            found = dict(tokens=list(one.response), importance=one.importance)
            models[role] = found | {"followed": None}
            progress(0.6 + 0.4 * done)
        labels = dict(id="own", kind="own", place="first")
        return labels | dict(tokens=list(one.tokens), roles=list(one.roles), models=models)

    return compute
