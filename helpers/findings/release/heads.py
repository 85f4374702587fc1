"""What tuning changed in the heads of LLaMA-7B, from the authors' released pairs (method.md, section 3).

Reads what `fill_heads` stored. Verbs are compared in three ways: as the authors did (their verbs,
layer groups and counting, Welch's t), and ours (`lift.compare_verbs`: verbs matched by frequency,
relabelled within bands of it) with the layers' own variation beside it (layers resampled, the verbs as
they are). The null of random updates needs the models' weights, which these files do not hold.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from helpers.findings.attention.lift import (
    QUARTERS,
    VerbComparison,
    compare_verbs,
    corrected,
    lifts,
)
from helpers.findings.attention.lift import table as lift_table
from helpers.findings.release.fill_heads import WAYS, read_paper_verbs
from helpers.methods.statistics import (
    Comparison,
    compare_independent,
    compare_paired,
    from_draws,
    holm,
    resamples,
    untested,
)
from helpers.methods.word_pairs import layer_groups, verb_lift
from helpers.pages.tables import Captioned, comparison_table
from helpers.store.store import Store
from helpers.words.verbs import Lexicon
from helpers.words.vocabulary import INSTRUCTION

COMMAND = "python -m helpers released --heads --components"
NOT_HERE = (
    "The authors released what their methods found in LLaMA-7B and Vicuna-7B. Those files could not be "
    f"had where this copy was built; `{COMMAND}` fetches and analyses them."
)
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
    layers = np.unique(read_heads(store)["layer"])
    groups = layer_groups(len(layers), min(len(QUARTERS), len(layers)))
    named = {QUARTERS[i]: layers[groups == i].tolist() for i in range(groups.max() + 1)}
    parts = {f"{name} ({own[0]} to {own[-1]})": own for name, own in named.items()}
    return parts | {"all layers": layers.tolist()}


# --- verbs


def parity(store: Store) -> list[Comparison]:
    """The authors' analysis: general (a) against instruction verbs (b), Welch's t, not corrected.

    Two-sided, as their program prints it.
    """
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
    return corrected(
        [
            compare_verbs(lifts(changes, n, way, layers), lexicon, label)
            for label, layers in layer_parts(store).items()
        ]
    )


def _by_layer(
    changes: pd.DataFrame, n: int, column: str, layers: list[int]
) -> Float[ndarray, "layer verb"]:
    table = changes.pivot_table(index="layer", columns="verb", values=column, aggfunc="sum")
    return table.reindex(index=layers, columns=range(n)).fillna(0).to_numpy(float)


def over_layers(
    store: Store, lexicon: Lexicon, way: str = "", *, seed: int = 0
) -> list[Comparison]:
    """General (a) against instruction verbs (b), layers resampled; one family.

    What the layers' own variation allows: how far the difference would move, had tuning reached other
    layers of the same kind.
    """
    changes, n, found = store.read("attention/released/verbs"), len(lexicon.verbs), []
    groups = lexicon.is_general, lexicon.is_instruction
    for label, layers in layer_parts(store).items():
        parts = [_by_layer(changes, n, f"{name}{way}", layers) for name in ("rose", "fell")]
        drawn = resamples(len(layers), np.random.default_rng(seed))
        means = []
        for counts in (np.ones((1, len(layers))), drawn):
            own = verb_lift(*(counts @ part for part in parts))
            with np.errstate(invalid="ignore"):
                means.append(
                    [np.nansum(own[:, g], 1) / np.isfinite(own[:, g]).sum(1) for g in groups]
                )
        (a,), (b,) = means[0]
        draws = means[1][1] - means[1][0]
        draws = draws[np.isfinite(draws)]
        about = {"label": label, "n": len(layers), "null_hypothesis": OVER_LAYERS}
        if len(layers) < 3 or not len(draws):
            found.append(
                untested(label, "fewer than 3 layers, or no verb that changed", n=len(layers))
            )
        else:
            found.append(from_draws(a, b, draws, test="layers resampled", **about))
    return holm(found)


# --- heads


def compare_heads(store: Store) -> list[Comparison]:
    """Pairs that a head knows, base (a) against tuned (b), paired by layer; both ways of counting."""
    by_layer = read_heads(store).groupby("layer").mean()
    return holm(
        [
            compare_paired(by_layer[f"base{way}"], by_layer[f"tuned{way}"], label=f"pairs a head, {name}",
                           null_hypothesis=UNCHANGED)
            for name, way in WAYS.items()
        ]
    )  # fmt: skip


def totals(store: Store, way: str = "") -> pd.DataFrame:
    """By group of layers: heads, pairs of both models, gained, lost, and heads that changed at all."""
    heads, rows = read_heads(store), {}
    for label, layers in layer_parts(store).items():
        own = heads[heads["layer"].isin(layers)]
        sums = {
            name: int(own[f"{name}{way}"].sum())
            for name in ("base", "tuned", "gained", "lost", "kept")
        }
        changed = (own[[f"gained{way}", f"lost{way}"]] > 0).any(axis=1)
        rows[label] = {"heads": len(own)} | sums | {"heads changed": float(changed.mean())}
    shown = Captioned(pd.DataFrame(rows).T.astype({name: int for name in ("heads", *sums)}))
    shown.caption = (
        "Pairs are counted once a head. A head changed where it gained or lost a pair. "
        + NOT_AVAILABLE
    )
    return shown


def shown(store: Store, lexicon: Lexicon) -> list[pd.DataFrame | str]:
    """What chapter 3 shows at 7B, or one line on how to get it."""
    if not is_there(store):
        return [NOT_HERE]
    return [
        totals(store),
        lift_table(by_group(store, lexicon)),
        comparison_table(over_layers(store, lexicon), names=("general", "instruction")),
        comparison_table(parity(store), names=("general", "instruction")),
        comparison_table(compare_heads(store)),
    ]
