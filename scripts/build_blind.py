"""Lists for a blind reading: half components, half random directions, in random order, without labels.

    python scripts/build_blind.py lists LISTS.txt      # what the reader gets
    python scripts/build_blind.py join ANSWERS.csv READER.json blind      # or: again, a second reader

The component lists are a third each of the first 12, the next 48 and the other ranks. Those of the embedded
pair that were labelled by hand come first, as far as its store still holds them, and then others drawn at
random; the random directions are the first lists of the chapter's baseline. `ANSWERS.csv` has the columns
number, interpretable (0 or 1), level and tasks, as in hand_labels.csv; `READER.json` says who, version,
when, lists, told and asked, as readers.json does. `join` writes blind_labels.csv (again_labels.csv) and the
reader's part of readers.json. What a reader is told and asked is blind_prompt.txt, word for word.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.findings.ffn import trust
from helpers.findings.ffn.compute import (
    TESTED,
    TOP_K,
    embedded_words,
    n_components,
    random_directions,
    read_concepts,
)
from helpers.methods.components import concept_words, word_outputs
from helpers.methods.weights import weights
from helpers.models.pair import load
from helpers.paths import data_folder
from helpers.store.store import open_store
from helpers.words.classes import vocabulary

EACH, FOLDER = 160, data_folder() / "annotations"
SAYS = ("who", "version", "when", "lists", "told", "asked")


def share(n: int, part: int) -> int:
    """How many of `n` lists one of the parts of the ranks gives."""
    return n * (part + 1) // len(TESTED) - n * part // len(TESTED)


def of_components(store, words: np.ndarray, n: int) -> pd.DataFrame:
    """Lists of the store: those that were labelled by hand first, then any."""
    roles, layers = ("base", "tuned"), store.read("ffn/annotations")["layer"].max() + 1
    held = {
        (role, layer): read_concepts(store, layer, role).words
        for role in roles
        for layer in range(layers)
    }
    text = lambda key: " ".join(words[held[key[:2]][key[2:]]])  # noqa: E731
    every = [(*place, *at) for place, own in held.items() for at in np.ndindex(own.shape[:2])]
    labels = trust.read_labels("hand").sample(frac=1, random_state=0)
    known = [tuple(row) for row in labels[trust.KEYS].to_numpy() if tuple(row) in set(every)]
    still = [key for key in known if text(key) in set(labels["words"])]
    others = [every[at] for at in np.random.default_rng(0).permutation(len(every))]
    ordered = list(dict.fromkeys([*still, *others]))
    part = np.searchsorted(TESTED, [key[2] for key in ordered], side="right")
    at = [np.flatnonzero(part == i)[: share(n, i)] for i in range(len(TESTED))]
    chosen = [ordered[i] for i in np.concatenate(at)]
    return pd.DataFrame(chosen, columns=trust.KEYS).assign(words=[text(key) for key in chosen])


def sample() -> pd.DataFrame:
    """One row a list: where it comes from, and its words."""
    words, pair = np.array(vocabulary()), load()
    units = word_outputs(embedded_words(pair, "base"))
    rows = random_directions(units.shape[1], 10 * n_components(weights(pair.model("base"))))
    drawn = concept_words(rows[: EACH // 2], units, top_k=TOP_K).words.reshape(EACH, -1)
    index = [(trust.RANDOM, -1, at, pole) for at in range(EACH // 2) for pole in (0, 1)]
    random = pd.DataFrame(index, columns=trust.KEYS).assign(
        words=[" ".join(words[one]) for one in drawn]
    )
    both = pd.concat([of_components(open_store(), words, EACH), random], ignore_index=True)
    return both.sample(frac=1, random_state=1, ignore_index=True)


def main() -> None:
    what, file = sys.argv[1], Path(sys.argv[2])
    found = sample()
    if what == "lists":
        lines = [f"{number}: {text}" for number, text in enumerate(found["words"], 1)]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return
    reader, name = json.loads(Path(sys.argv[3]).read_text(encoding="utf-8")), sys.argv[4]
    if set(reader) != set(SAYS):
        raise SystemExit(f"{sys.argv[3]}: give {', '.join(SAYS)}, and nothing else.")
    answers = pd.read_csv(file, dtype={"tasks": str}).set_index("number").sort_index().fillna("")
    if list(answers.index) != list(range(1, len(found) + 1)):
        raise SystemExit(f"{file}: give one row for each of {len(found)} lists.")
    joined = found.join(answers.reset_index()[["interpretable", "level", "tasks"]])
    joined.to_csv(FOLDER / f"{name}_labels.csv", index=False, quoting=csv.QUOTE_MINIMAL)
    both = trust.readers() | {name: {key: reader[key] for key in SAYS}}
    (FOLDER / "readers.json").write_text(json.dumps(both, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
