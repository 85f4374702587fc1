"""Fill the store `llama-vicuna-7b` with what the authors released of feed-forward components.

`python -m helpers released --components`. Words are places in the book's vocabulary, or below 0 hashes
of words outside it; of what ChatGPT said only which of the foreseen answers it holds is kept.

ffn/released/components   a row a component of rank 300 or less: variance explained, its words
ffn/released/votes        a row a component and seed: interpretable, tasks, levels (NaN: not asked,
                          since ChatGPT saw no concept)
ffn/released/survival     a row a component: how many of its first 15 words the other model's component
                          of its rank has, the best of its layer, and the best of another layer
ffn/released/refused      what was refused, by file, line and reason
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Int
from numpy import ndarray
from scipy import sparse
from tqdm.auto import tqdm

from helpers.findings.release.fill_heads import MODELS, refused_table, source
from helpers.methods.components import MAX_COMPONENTS
from helpers.models.roles import ROLES
from helpers.store.origin import inputs_hash
from helpers.store.release import RefusedFile
from helpers.store.released_files import COMPONENTS, parts_of, said_table
from helpers.store.released_rows import Refusals
from helpers.store.released_tables import (
    SAID,
    SEEDS,
    Codes,
    ReleasedComponent,
    read_components,
    word_codes,
)
from helpers.store.store import Store
from helpers.words.vocabulary import Vocabulary

# What an answer must hold to count as naming a task or level, as the authors count it.
TASKS = {"writing": "writing", "mathematics": "math", "coding": "coding",
         "translation": "translation", "no task": "none"}  # fmt: skip
LEVELS = {"phonology": "phonology", "morphology": "morphology", "syntax": "syntax",
          "semantics": "semantic"}  # fmt: skip
ASKED = {"task_": ("Task", TASKS), "concept_": ("Concept", LEVELS)}
NO_CONCEPT = "cannot tell"
WORDS = 15  # of a component, that were shown to ChatGPT
KEYS = ["role", "layer", "rank"]
Key = tuple[str, int, int]


def _key(one: ReleasedComponent) -> Key:
    return one.model, one.layer, one.rank


def _fault(
    one: ReleasedComponent, words: dict[Key, tuple[int, ...]], summarised: set[Key] | None
) -> str:
    """Why an annotated row cannot be used; `summarised`: components of its seed with a concept."""
    explainable = one.said["Explainable"]
    if explainable not in ("0", "1"):
        return "Explainable is neither 0 nor 1"
    if (explainable == "0") != (NO_CONCEPT in one.said["Summary"].lower()):
        return "Explainable contradicts the Summary"
    if words.get(_key(one)) != one.words:
        return f"its words are not those of {Path(COMPONENTS).name}"
    if summarised is not None and _key(one) not in summarised:
        return "the seed's own file has no concept for it"
    return ""


def _seed(
    folder: Path, seed: int, models: Sequence[str], codes: Codes, refused: Refusals,
    words: dict[Key, tuple[int, ...]],
) -> list[dict[str, object]]:  # fmt: skip
    """One row a component that this seed's files judge: the answers, NaN where it was not asked."""
    rows: dict[Key, dict[str, object]] = {}
    for kind in SAID:
        file = Path(said_table(kind, seed)).name
        summarised = {key for key, row in rows.items() if row["interpretable"]} if kind else None
        given = (folder, models, codes, refused)
        for one in read_components(*given, said=(kind, seed), most=MAX_COMPONENTS):
            if fault := _fault(one, words, summarised):
                refused.read[file] -= 1
                refused.add(file, one.line, fault)
            elif kind:
                column, needles = ASKED[kind]
                said = one.said[column].lower()
                rows[_key(one)] |= {name: float(text in said) for name, text in needles.items()}
            else:
                rows[_key(one)] = {"interpretable": one.said["Explainable"] == "1"}
        refused.check(file)
    roles = dict(zip(models, ROLES, strict=True))
    empty = dict.fromkeys([*TASKS, *LEVELS], np.nan)
    return [
        {"role": roles[model], "layer": layer, "rank": rank, "seed": seed} | empty | row
        for (model, layer, rank), row in rows.items()
    ]


def shared_words(own: pd.Series, theirs: pd.Series) -> Int[ndarray, "own theirs"]:
    """How many of their first 15 words each two lists share."""
    lists = [np.unique(words[:WORDS]) for words in (*own, *theirs)]
    word, column = np.unique(np.concatenate(lists), return_inverse=True)
    row = np.repeat(np.arange(len(lists)), [len(one) for one in lists])
    held = sparse.csr_array((np.ones(len(row), int), (row, column)), (len(lists), len(word)))
    return (held[: len(own)] @ held[len(own) :].T).toarray()


def survival(components: pd.DataFrame) -> pd.DataFrame:
    """How many of each component's first 15 words the other model's components have (-1: there is none).

    `same`: the one of its rank; `best`: the one of its layer that has most, with its `best_rank`;
    `elsewhere`: the best of the next layer (of the first, for the last), which is chance.
    """
    groups = components.groupby(["role", "layer"])
    lists = {place: own.set_index("rank")["words"] for place, own in groups}
    layers, found = sorted(components["layer"].unique()), []
    for (role, layer), own in lists.items():
        partner = ROLES[1 - ROLES.index(role)]
        following = layers[(layers.index(layer) + 1) % len(layers)]
        theirs, further = (lists.get((partner, one)) for one in (layer, following))
        if theirs is None:
            continue
        shared, at = shared_words(own, theirs), theirs.index.get_indexer(own.index)
        alone = further is None or following == layer
        columns = {
            "layer": layer, "rank": own.index,
            "words": own.map(lambda words: len(set(words[:WORDS]))).to_numpy(),
            "same": np.where(at < 0, -1, shared[np.arange(len(own)), at]),
            "best": shared.max(axis=1), "best_rank": theirs.index[shared.argmax(axis=1)],
            "elsewhere": -1 if alone else shared_words(own, further).max(axis=1),
        }  # fmt: skip
        found.append(pd.DataFrame(columns).astype(np.int16).assign(role=role))
    if not found:
        raise RefusedFile(f"{COMPONENTS}: no layer has components of both models.")
    return pd.concat(found, ignore_index=True)


def compute_concepts(
    folder: Path, store: Store, vocabulary: Vocabulary, *, models: Sequence[str] = MODELS,
    progress: bool = True,
) -> Refusals:  # fmt: skip
    """Read the released components and their annotations below `folder` into the store."""
    refused, codes = Refusals(), word_codes(vocabulary.words)
    names = (COMPONENTS, *(said_table(kind, seed) for seed in SEEDS for kind in SAID))
    paths = [path for name in names for path in parts_of(folder, name)]
    own = list(read_components(folder, models, codes, refused, most=MAX_COMPONENTS))
    words, roles = {_key(one): one.words for one in own}, dict(zip(models, ROLES, strict=True))
    rows = [(roles[x.model], x.layer, x.rank, x.score, np.array(x.words, int)) for x in own]
    components = pd.DataFrame(rows, columns=[*KEYS, "variance", "words"])
    votes = [
        row
        for seed in tqdm(SEEDS, desc="released annotations", disable=not progress)
        for row in _seed(folder, seed, models, codes, refused, words)
    ]
    tables = {"components": components, "votes": pd.DataFrame(votes),
              "survival": survival(components), "refused": refused_table(refused)}  # fmt: skip
    about = source(paths, models) | {"passed_over": dict(refused.passed_over)}
    made_from = {"inputs": inputs_hash(about["blobs"])}
    for name, table in tables.items():
        store.write(f"ffn/released/{name}", table, made_from=made_from, **about)
    return refused
