"""The faithfulness finding as it lies in the store."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd

from helpers.findings.faithfulness.compute import RANDOM_ORDERS
from helpers.models.roles import ROLES
from helpers.store.store import Store

NAMES = {
    "gradient": "gradient",
    "erasure": "erasure",
    "mean_erasure": "erasure to the mean",
    "fixed_norms": "norms held fixed",
    "integrated_gradients": "integrated gradients",
}  # in the order of the stored curves; some are stored of a few prompts alone
RANDOM, WHOLE = "random order", "whole prompt"
SHARED = {"base": "base-on-tuned", "tuned": "tuned"}  # both models on the tuned one's response
Arrays = dict[str, np.ndarray]


def explained(store: Store, readers=ROLES) -> Iterator[tuple[str, str, Arrays]]:
    """(prompt id, reader, arrays) of every prompt whose response is not empty."""
    held = store.manifest()
    prompts = [name.split("/", 2)[2] for name in held if name.startswith("faithfulness/tuned/")]
    if not prompts:
        store.read("faithfulness/tuned")  # says what is missing and which command computes it
    for prompt, reader in product(prompts, readers):
        name, more = (f"faithfulness/{kind}{reader}/{prompt}" for kind in ("", "integrated-"))
        if name in held:
            arrays = store.read(name)
            yield prompt, reader, _integrated(arrays, store.read(more)) if more in held else arrays


def _integrated(arrays: Arrays, more: Arrays) -> Arrays:
    """With integrated gradients, whose curve goes in front of those of random orders."""
    named, random = np.split(arrays["curves"], [-RANDOM_ORDERS])
    both = np.concatenate([named, more["curves"], random])
    return arrays | {"integrated_gradients": more["integrated_gradients"], "curves": both}


def estimates(arrays: Arrays) -> Arrays:
    """Importance (prompt, response) by each estimate that is stored, by its name."""
    return {name: arrays[method] for method, name in NAMES.items() if method in arrays}


def labels(store: Store) -> pd.DataFrame:
    """Tokens and roles of every prompt in the template."""
    return store.read("recognition/prompts").query("setting == 'template'").set_index("id")


def path(store: Store) -> pd.DataFrame:
    """What is left of the response's probability while all prompt embeddings shrink, both models."""
    held = [role for role in ROLES if f"faithfulness/path-{role}" in store.manifest()]
    tables = [store.read(f"faithfulness/path-{role}").assign(model=role) for role in held]
    return pd.concat(tables, ignore_index=True)
