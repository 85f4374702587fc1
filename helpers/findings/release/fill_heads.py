"""Fill the store `llama-vicuna-7b` with what the authors released of their models' heads.

`python -m helpers released --heads`. Every quantity is counted twice: our way, a pair once a dimension
whichever of its words is the query, and the authors' (`_authors`), where both directions inside one
dimension make two. Words are places in the book's vocabulary, or below 0 hashes of words outside it.

attention/released/pairs/LL     a row a pair that some head of a layer holds twice in either model:
                                dimensions and occurrences in each
attention/released/heads        a row a head: pairs of each model, gained, lost, kept
attention/released/verbs        a row a layer and verb of ours: heads where its count rose and fell
attention/released/paper-verbs  the same for the authors' verbs, by number in `read_paper_verbs`
attention/released/refused      what was refused, by file, line and reason

A head counts where both models have all of its dimensions; the others are counted out. A pair of a
word with `=` is refused, which the authors' program counts for the word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Int
from numpy import ndarray
from tqdm.auto import tqdm

from helpers.findings.release.read import SOURCE
from helpers.methods.word_pairs import LEAST, head_knowledge
from helpers.models.roles import ROLES
from helpers.store.origin import inputs_hash
from helpers.store.release import RefusedFile
from helpers.store.released_files import HEADS, PINNED, blob_hash, parts_of
from helpers.store.released_rows import Refusals
from helpers.store.released_tables import Codes, ReleasedHead, read_heads, word_codes
from helpers.store.store import Store
from helpers.words.verbs import Lexicon, read_paper_verbs

MODELS = ("llama", "vicuna")  # base and tuned, as the files name them
WAYS = {"once a dimension": "", "as the authors count": "_authors"}
CODES = ["first", "second"]
COUNTS = [f"{name}_{role}" for name in ("dimensions", "times") for role in ROLES]


def source(paths: Sequence[Path], models: Sequence[str]) -> dict[str, object]:
    """What results of released files say of their origin: hashes, and which are the authors' own."""
    blobs = {path.name: blob_hash(path) for path in paths}
    return {
        "source": SOURCE,
        "models": dict(zip(ROLES, models, strict=True)),
        "blobs": blobs,
        "as_released": sum(blob in PINNED.values() for blob in blobs.values()),
    }


def refused_table(refused: Refusals) -> pd.DataFrame:
    """A row a refusal with its line, then (line 0) a row for all of one file, kind and reason."""
    whole = [(file, 0, what, why, n) for (file, what, why), n in sorted(refused.counts.items())]
    columns = ["file", "line", "what", "reason", "n"]
    return pd.DataFrame([*sorted(refused.listed), *whole], columns=columns)


# --- one head


@dataclass(frozen=True)
class _Held:
    """Pairs that a head holds twice or more in one model: codes, dimensions, occurrences."""

    of_head: frozenset[int]  # its dimensions
    pairs: pd.DataFrame


def _held(found: ReleasedHead) -> _Held:
    """`times` counts as the authors do, both directions of a pair inside one dimension apart."""
    pairs, once = found.pairs, head_knowledge(found.pairs, least=1)
    first, second = np.minimum(pairs.query, pairs.key), np.maximum(pairs.query, pairs.key)
    _, times = np.unique(first * pairs.n_words + second, return_counts=True)  # rises as once.code
    columns = dict(zip(CODES, (found.words[once.first], found.words[once.second]), strict=True))
    columns |= {"dimensions": once.n_dimensions.astype(np.int16), "times": times.astype(np.int16)}
    held = pd.DataFrame(columns)[times >= LEAST].reset_index(drop=True)
    return _Held(frozenset(pairs.dimensions.tolist()), held)


def _is_whole(sides: dict[str, _Held]) -> bool:
    """Whether both models have a head, with the same dimensions."""
    return len(sides) == 2 and len({held.of_head for held in sides.values()}) == 1


def _both(sides: dict[str, _Held]) -> pd.DataFrame:
    base, tuned = (sides[role].pairs for role in ROLES)
    both = base.merge(tuned, on=CODES, how="outer", suffixes=("_base", "_tuned"))
    return both.fillna(0).astype(dict.fromkeys(COUNTS, np.int16))


def _known(pairs: pd.DataFrame, way: str, role: str) -> pd.Series:
    return pairs[f"{'times' if way else 'dimensions'}_{role}"] >= LEAST


def _head_counts(pairs: pd.DataFrame) -> dict[str, int]:
    row = {}
    for way in WAYS.values():
        base, tuned = (_known(pairs, way, role) for role in ROLES)
        found = {"base": base, "tuned": tuned, "gained": tuned & ~base, "lost": base & ~tuned,
                 "kept": base & tuned}  # fmt: skip
        row |= {name + way: int(own.sum()) for name, own in found.items()}
    return row


def _verb_changes(pairs: pd.DataFrame, verbs: Int[ndarray, " verb"]) -> pd.DataFrame:
    """Heads of a layer where each verb is in more, or fewer, pairs; codes name the verbs."""
    number = pd.Index(verbs)
    known = {f"{role}{way}": _known(pairs, way, role) for way in WAYS.values() for role in ROLES}
    sides = [
        pd.DataFrame({"head": pairs["head"], "verb": number.get_indexer(pairs[side])} | known)
        for side in ("first", "second")
    ]
    counts = pd.concat(sides).query("verb >= 0").groupby(["verb", "head"]).sum()
    changes = {}
    for way in WAYS.values():
        less = counts[f"tuned{way}"].astype(int) - counts[f"base{way}"].astype(int)
        changes |= {f"rose{way}": less > 0, f"fell{way}": less < 0, f"change{way}": less}
    return pd.DataFrame(changes).groupby("verb").sum().astype(np.int32).reset_index()


def _read(folder: Path, models: Sequence[str], codes: Codes, refused: Refusals, progress: bool):
    """Held pairs of each head by layer, head and role."""
    found: dict[tuple[int, int], dict[str, _Held]] = {}
    roles = dict(zip(models, ROLES, strict=True))
    heads = read_heads(folder, models, codes, refused)
    for one in tqdm(heads, desc="released heads", disable=not progress):
        found.setdefault((one.layer, one.head), {})[roles[one.model]] = _held(one)
    return found


def compute_heads(
    folder: Path, store: Store, lexicon: Lexicon, *, models: Sequence[str] = MODELS,
    progress: bool = True,
) -> Refusals:  # fmt: skip
    """Read the released heads below `folder` into the store; nothing is written if they are refused."""
    paths, refused = parts_of(folder, HEADS), Refusals()
    codes = word_codes(lexicon.vocabulary.words)
    found = _read(folder, models, codes, refused, progress)
    whole = [key for key in sorted(found) if _is_whole(found[key])]
    if not whole:
        raise RefusedFile(f"{paths[0]}: no head is there whole for both of {' and '.join(models)}.")
    if lacking := len(found) - len(whole):
        refused.passed_over["heads that one model lacks, whole or in part"] = lacking
    about = source(paths, models) | {"passed_over": dict(refused.passed_over)}
    made_from = {"inputs": inputs_hash(about["blobs"]), "words": lexicon.hash}
    verbs = {"verbs": lexicon.places, "paper-verbs": codes(read_paper_verbs()["word"])}
    tables: dict[str, list[pd.DataFrame]] = {name: [] for name in ("heads", *verbs)}
    for layer in dict.fromkeys(layer for layer, _ in whole):
        heads = {head: _both(found.pop((x, head))) for x, head in whole if x == layer}
        rows = [{"layer": layer, "head": head} | _head_counts(own) for head, own in heads.items()]
        pairs = pd.concat([own.assign(head=np.int16(head)) for head, own in heads.items()])
        tables["heads"].append(pd.DataFrame(rows))
        for name, own in verbs.items():
            tables[name].append(_verb_changes(pairs, own).assign(layer=layer))
        store.write(f"attention/released/pairs/{layer:02d}", pairs, made_from=made_from, **about)
    tables["refused"] = [refused_table(refused)]
    for name, parts in tables.items():
        table = pd.concat(parts, ignore_index=True)
        store.write(f"attention/released/{name}", table, made_from=made_from, **about)
    return refused
