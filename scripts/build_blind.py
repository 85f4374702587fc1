"""Lists for a blind reading: half components, half random directions, in random order, without labels.

    python scripts/build_blind.py lists LISTS.txt      # what the reader gets
    python scripts/build_blind.py join ANSWERS.csv     # writes blind_labels.csv

The component lists are 160 of those that were labelled by hand; the random directions are the first 160
lists of the chapter's baseline. `ANSWERS.csv` has the columns number, interpretable (0 or 1), level and
tasks, as in hand_labels.csv. Needs the base model and the stored results of the embedded pair.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.findings.ffn.compute import (
    TOP_K,
    embedded_words,
    n_components,
    random_directions,
    read_concepts,
)
from helpers.findings.ffn.tables import read_hand_labels
from helpers.methods.components import concept_words, word_outputs
from helpers.methods.weights import weights
from helpers.models.pair import load
from helpers.paths import blind_path
from helpers.store.store import open_store
from helpers.words.classes import vocabulary

EACH, FOLDER = 160, blind_path().parent
KEYS = ["role", "layer", "component", "pole"]


def sample() -> pd.DataFrame:
    """One row a list: where it comes from, and its words."""
    store, words, pair = open_store(), np.array(vocabulary()), load()
    chosen = read_hand_labels().sample(EACH, random_state=0)[KEYS]
    listed = [
        read_concepts(store, row.layer, row.role).words[row.component, row.pole]
        for row in chosen.itertuples()
    ]
    units = word_outputs(embedded_words(pair, "base"))
    rows = random_directions(units.shape[1], 10 * n_components(weights(pair.model("base"))))[
        : EACH // 2
    ]
    drawn = concept_words(rows, units, top_k=TOP_K).words
    random = pd.DataFrame(
        [("random", -1, at, pole) for at in range(EACH // 2) for pole in (0, 1)], columns=KEYS
    )
    both = pd.concat([chosen, random], ignore_index=True)
    lists = [*listed, *(drawn[row.component][row.pole] for row in random.itertuples())]
    both["words"] = [" ".join(words[np.asarray(one)]) for one in lists]
    return both.sample(frac=1, random_state=1, ignore_index=True)


def main() -> None:
    what, file = sys.argv[1], Path(sys.argv[2])
    found = sample()
    if what == "lists":
        lines = [f"{number}: {text}" for number, text in enumerate(found["words"], 1)]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return
    answers = pd.read_csv(file, dtype={"tasks": str}).set_index("number").sort_index().fillna("")
    if list(answers.index) != list(range(1, len(found) + 1)):
        raise SystemExit(f"{file}: give one row for each of {len(found)} lists.")
    joined = found[KEYS].join(answers.reset_index()[["interpretable", "level", "tasks"]])
    joined.to_csv(FOLDER / "blind_labels.csv", index=False, quoting=csv.QUOTE_MINIMAL)


if __name__ == "__main__":
    main()
