"""What tuning changed in the heads of LLaMA-7B, from what `fill_heads` stored (method.md, section 3).

Verbs are compared as the authors did (their verbs, layer groups and counting, Welch's t), and ours
(`lift.compare_verbs`), with the layers' own variation beside it (layers resampled).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.figure import Figure
from numpy import ndarray

from helpers.findings.attention import lift
from helpers.findings.attention.explorer import Explorable, explorable
from helpers.findings.attention.lift import VerbComparison, lifts
from helpers.findings.attention.said import gain
from helpers.findings.release.fill_heads import WAYS
from helpers.findings.release.read import NOT_HERE, unread
from helpers.methods.statistics import (
    Comparison,
    compare_independent,
    compare_paired,
    from_draws,
    holm,
    resamples,
    untested,
)
from helpers.methods.word_pairs import LEAST
from helpers.pages.forest import forest
from helpers.pages.tables import captioned, comparison_table
from helpers.store.store import Store
from helpers.words.verbs import Lexicon, read_paper_verbs
from helpers.words.vocabulary import INSTRUCTION

NOT_AVAILABLE = "Random updates of equal size need the models' weights: not available at 7B."
PARITY = "instruction and general verbs have the same mean lift"
OVER_LAYERS = "in layers drawn anew, both groups of verbs have the same mean lift"
UNCHANGED = "tuning leaves the mean of a layer's heads unchanged"


def is_there(store: Store) -> bool:
    """Whether the store holds the released heads; pages show NOT_HERE where it does not."""
    return store.has("attention/released/heads") and store.has("attention/released/verbs")


def read_heads(store: Store) -> pd.DataFrame:
    """A row a head: pairs of each model, gained, lost and kept; `_authors` as they count."""
    return store.read("attention/released/heads")


def layer_parts(store: Store) -> dict[str, list[int]]:
    """Layers of each of four groups (eight layers each, of 32), and all of them."""
    return lift.layer_parts(np.unique(read_heads(store)["layer"]).tolist())


# --- verbs


def parity(store: Store) -> list[Comparison]:
    """The authors' analysis: general (a) against instruction verbs (b), Welch's t, two-sided as their
    program prints it, not corrected."""
    verbs, changes = read_paper_verbs(), store.read("attention/released/paper-verbs")
    member, found = (verbs["group"] == INSTRUCTION).to_numpy(), []
    for label, layers in layer_parts(store).items():
        own = lifts(changes, len(verbs), "_authors", layers)
        sides = (own[part & np.isfinite(own)] for part in (~member, member))
        found.append(compare_independent(*sides, label=label, null_hypothesis=PARITY))
    return found


def by_group(store: Store, lexicon: Lexicon, way: str = "") -> list[VerbComparison]:
    """Ours, one family: verbs of equal frequency, relabelled; for display `lift.table`."""
    changes, n = store.read("attention/released/verbs"), len(lexicon.verbs)
    parts = layer_parts(store).items()
    return lift.compare_all({name: lifts(changes, n, way, own) for name, own in parts}, lexicon)


def _by_layer(
    changes: pd.DataFrame, n: int, column: str, layers: list[int]
) -> Float[ndarray, "layer verb"]:
    table = changes.pivot_table(index="layer", columns="verb", values=column, aggfunc="sum")
    return table.reindex(index=layers, columns=range(n)).fillna(0).to_numpy(float)


def over_layers(store: Store, lexicon: Lexicon) -> list[Comparison]:
    """General (a) against instruction verbs (b), layers resampled; one family."""
    changes, n, found = store.read("attention/released/verbs"), len(lexicon.verbs), []
    groups = lexicon.is_general, lexicon.is_instruction
    for label, layers in layer_parts(store).items():
        parts = [_by_layer(changes, n, name, layers) for name in ("rose", "fell")]
        drawn = resamples(len(layers), np.random.default_rng(0))
        counts = np.vstack([np.ones(len(layers)), drawn])  # all layers as they are come first
        sums = np.stack([counts @ part for part in parts], axis=-1)
        general, instruction = (lift.mean_lift(sums, group) for group in groups)
        draws = (instruction - general)[1:]
        draws = draws[np.isfinite(draws)]
        about = {"label": label, "n": len(layers)}
        if len(layers) < 3 or not len(draws):
            found.append(untested(why="fewer than 3 layers, or no verb that changed", **about))
        else:
            about |= {"test": "layers resampled", "null_hypothesis": OVER_LAYERS}
            found.append(from_draws(general[0], instruction[0], draws, **about))
    return holm(found)


# --- heads


def compare_heads(store: Store) -> list[Comparison]:
    """Pairs that a head knows, base (a) against tuned (b), paired by layer; both ways of counting."""
    by_layer = read_heads(store).groupby("layer").mean()
    return holm([
        compare_paired(by_layer[f"base{way}"], by_layer[f"tuned{way}"], label=f"pairs a head, {name}",
                       null_hypothesis=UNCHANGED)
        for name, way in WAYS.items()
    ])  # fmt: skip


def totals(store: Store) -> pd.DataFrame:
    """By group of layers: heads, pairs of both models, gained, lost, and heads that changed at all."""
    heads, rows = read_heads(store), {}
    for label, layers in layer_parts(store).items():
        own = heads[heads["layer"].isin(layers)]
        sums = own[["base", "tuned", "gained", "lost", "kept"]].sum()
        changed = (own[["gained", "lost"]] > 0).any(axis=1)
        rows[label] = {"heads": len(own), **sums, "heads changed": float(changed.mean())}
    whole = dict.fromkeys(["heads", *sums.index], int)
    said = "Pairs are counted once a head. A head changed where it gained or lost a pair."
    return captioned(pd.DataFrame(rows).T.astype(whole), f"{said} {NOT_AVAILABLE}")


def explorable_heads(store: Store, lexicon: Lexicon) -> Explorable:
    """For the explorer: pairs with an instruction verb whose words are both in the vocabulary."""
    heads, parts = read_heads(store), []
    verbs, unit = lexicon.places[lexicon.is_instruction], lexicon.vectors.astype(np.float32)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    for layer in heads["layer"].unique():
        own = store.read(f"attention/released/pairs/{layer:02d}").assign(layer=layer)
        own = own.rename(columns={"dimensions_base": "base", "dimensions_tuned": "tuned"})
        ends = own[["first", "second"]]
        known = own[["base", "tuned"]].max(axis=1) >= LEAST
        parts.append(own[ends.isin(verbs).any(axis=1) & (ends >= 0).all(axis=1) & known])
    pairs = pd.concat(parts, ignore_index=True)
    first, second = np.sort(pairs[["first", "second"]].to_numpy(), axis=1).T
    similarity = np.clip((unit[first] * unit[second]).sum(axis=1), 0, 1)
    pairs = pairs.assign(first=first, second=second, similarity=similarity)
    shape = int(heads["layer"].max()) + 1, int(heads["head"].max()) + 1
    note = "Of this pair only word pairs with an instruction verb are listed."
    return explorable("LLaMA-7B and Vicuna-7B", pairs, shape, lexicon, note=note)


def effect(store: Store) -> str:
    """The paper's own effect, by its own way of counting, where its released heads are there."""
    if not is_there(store):
        return unread("heads")
    one = parity(store)[-1]
    return (
        f"{one.difference:+.2f} by the authors' own counting of their released heads "
        f"({one.mean_b:.2f} against {one.mean_a:.2f})"
    ).replace("-", "\u2212")


def said(store: Store, lexicon: Lexicon) -> str:
    """What the released heads say, or one line on how to get them."""
    if not is_there(store):
        return NOT_HERE
    whole, theirs = by_group(store, lexicon)[-1], parity(store)[-1]
    changed = totals(store).loc[lift.WHOLE, "heads changed"]
    return (
        f"In LLaMA-7B and Vicuna-7B, {100 * changed:.0f} % of the heads changed at all. Where a verb's "
        f"number of pairs changed, {gain(whole)} (lift {whole.mean_b:.2f} against "
        f"{whole.mean_a:.2f}). Counted and compared as the authors did it is {theirs.mean_b:.2f} "
        f"against {theirs.mean_a:.2f}. {NOT_AVAILABLE}"
    )


def figure(store: Store, lexicon: Lexicon) -> Figure:
    """Both ways of counting, ours and the authors' analysis, by group of layers."""
    groups = {
        f"Verbs of equal frequency, {name}": by_group(store, lexicon, way)
        for name, way in WAYS.items()
    }
    groups["The authors' verbs and test"] = parity(store)
    said = "lift, instruction less general verbs"
    return forest(groups, label=said, title="LLaMA-7B to Vicuna-7B")


def shown(store: Store, lexicon: Lexicon) -> list[pd.DataFrame | str]:
    """The tables at 7B, or one line on how to get them."""
    if not is_there(store):
        return [NOT_HERE]
    return [
        totals(store),
        lift.table(by_group(store, lexicon)),
        comparison_table(over_layers(store, lexicon), names=("general", "instruction")),
        comparison_table(parity(store), names=("general", "instruction")),
        comparison_table(compare_heads(store)),
    ]
