"""One prompt's words erased again, beside what the store holds."""

from __future__ import annotations

import pandas as pd

from helpers.findings.faithfulness.compute import TOKENS
from helpers.findings.faithfulness.read import SHARED
from helpers.findings.recognition.live import relative_difference
from helpers.findings.recognition.read import read_responses
from helpers.methods.importance import importance
from helpers.pages import live
from helpers.prompts.prompt import encode, read_prompts
from helpers.store.store import Store


def check(name: str, store: Store, prompt_id: str) -> pd.DataFrame | str:
    """Gradient and erasure of one stored prompt and the tuned model's response, recomputed: how far the
    results are apart."""
    prompt = {one.id: one for one in read_prompts()}.get(prompt_id)
    if prompt is None:
        return f"{prompt_id} is a prompt of your own, none of the book's to run again."
    pair = live.models(name, store)
    if isinstance(pair, str):
        return pair
    code, rows = encode(prompt, pair.tokenizer, pair.template), {}
    answers = read_responses(store, "template", "tuned").set_index("id")["ids"]
    ids = list(answers[prompt.id])[:TOKENS]
    for role, reader in SHARED.items():
        stored = store.read(f"faithfulness/{reader}/{prompt.id}")
        for method in ("gradient", "erasure"):
            now = importance(pair.model(role), code.ids, ids, method=method).numpy()
            rows[f"{method}, {role}"] = relative_difference(now, stored[method])
    return pd.DataFrame({"largest difference, relative": rows})
