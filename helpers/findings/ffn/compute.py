"""Feed-forward knowledge: components, concepts and rotation of a pair.

Per layer and model the store holds `ffn/components/LL-ROLE` (words, scores, variance) and
`ffn/rotation/LL` (angles, matches, nulls); over all layers `ffn/annotations`, `ffn/baseline`
(random directions), `ffn/folding` (what norms would change), `ffn/update` (where the update points)
and `ffn/picture` (one layer's value vectors in a plane). Each part is written as soon as it is there, so
an interrupted run loses one layer at most.
Words are places in the words of the store (`listed_of`); scores are kept as bytes on a scale
per list. One model is asked for at a time: a pair may hold no more than one (`Pair.alone`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from tqdm.auto import tqdm

from helpers.findings.ffn.labelled import annotate_words
from helpers.methods.components import (
    MAX_COMPONENTS,
    ConceptWords,
    components,
    concept_words,
    layer_value_vectors,
    word_outputs,
)
from helpers.methods.rotation import (
    NULLS,
    match,
    principal_angles,
    random_factors,
    share_in_span,
    turned_components,
    update_rank,
    update_size,
)
from helpers.methods.weights import Weights, weights
from helpers.models.pair import Pair
from helpers.models.roles import ROLES
from helpers.store.origin import inputs_hash
from helpers.store.store import Part, Store
from helpers.words.classes import ListedWords, listed_of, listed_words
from helpers.words.vocabulary import word_embeddings

TOP_K = 15
DRAWS = 200  # random updates of each kind, a layer: fewer cannot give p under 2 / (draws + 1)
# Number of components whose span is compared with the null; the pair itself is measured at all k.
KS = (1, 2, 3, 5, 8, 12, 18, 27, 40, 60, 90, 130, 180, 240, 300)
TESTED = (12, 60, 300)  # of KS: where spans, shares by rank and the update are tested


@dataclass(frozen=True)
class LayerConcepts:
    """What the store holds of one layer of one model."""

    words: Int[np.ndarray, "component pole top_k"]
    scores: Float[np.ndarray, "component pole top_k"]
    explained_variance_ratio: Float[np.ndarray, " component"]


def embedded_words(
    pair: Pair, role: str, listed: ListedWords | None = None
) -> Float[np.ndarray, "word hidden"]:
    """Output embeddings of the words (the book's unless others are given), in double precision."""
    of_model, double = weights(pair.model(role)), {"output": True, "dtype": torch.float64}
    words = (listed or listed_words()).words
    return word_embeddings(of_model, pair.tokenizer, words, **double).numpy(force=True)


def n_components(model_weights: Weights) -> int:
    rows, hidden = model_weights.value_vectors(0).shape
    return min(MAX_COMPONENTS, hidden, rows - 1)


def pack(found: ConceptWords, variance: np.ndarray) -> dict[str, np.ndarray]:
    """Words as 16-bit indices, scores as bytes relative to the highest of each list."""
    scale = np.abs(found.scores).max(axis=-1, keepdims=True)
    return {
        "words": found.words.astype(np.uint16),
        "scores": np.round(255 * np.abs(found.scores) / scale).astype(np.uint8),
        "scale": scale[..., 0].astype(np.float16),
        "variance": variance.astype(np.float32),
    }


def read_concepts(store: Store, layer: int, role: str) -> LayerConcepts:
    arrays = store.read(f"ffn/components/{layer:02d}-{role}")
    size = arrays["scores"] / 255 * arrays["scale"].astype(float)[..., None]
    size[:, 1] *= -1  # the negative pole
    return LayerConcepts(arrays["words"].astype(int), size, arrays["variance"])


def _angles_of(base: np.ndarray, changed: np.ndarray, ks) -> np.ndarray:
    angles = principal_angles(base, changed, ks)
    return np.stack([angles.mean, angles.largest])


def rotation(base: torch.Tensor, tuned: torch.Tensor, n: int, *, seed: int) -> dict:
    """Angles, matches and their nulls for one layer's value vectors (float64).

    Of a random update only what is compared is kept: angles at KS, the median angle and the mean
    change of rank of its matched components.
    """
    update = tuned - base
    before, after = components(base, n).directions, components(tuned, n).directions
    matching, ks = match(before, after), [k for k in KS if k <= n]
    found = {
        "k": np.array(ks, dtype=np.int16),
        "angles": _angles_of(before, after, None).astype(np.float32),
        "partner": matching.partner.astype(np.int16),
        "cosine": matching.cosine.astype(np.float32),
        "update": np.array([update_size(base, tuned), update_rank(update)]),
    }
    for null in NULLS:
        angles, matched = [], []
        drawn = random_factors(update, draws=DRAWS, seed=seed, null=null)
        for other in turned_components(base, drawn, n):
            chance = match(before, other)
            angles.append(_angles_of(before, other, ks))
            matched.append([np.median(chance.angle), np.abs(chance.rank_change).mean()])
        found[f"{null}_angles"] = np.stack(angles).astype(np.float32)
        found[f"{null}_median_angle"], found[f"{null}_mean_rank_change"] = np.transpose(matched)
    return found


def random_directions(hidden: int, n: int, seed: int = 0) -> np.ndarray:
    """Unit rows without any meaning: the baseline of what looks interpretable."""
    rows = np.random.default_rng(seed).standard_normal((n, hidden))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def make_components(pair: Pair, store: Store, role: str, progress: bool) -> None:
    @cache  # only if some layer is left to make
    def units() -> np.ndarray:
        return word_outputs(embedded_words(pair, role, listed_of(store)))

    def make(layer: int) -> dict:
        of_model = weights(pair.model(role))
        found = components(layer_value_vectors(of_model, layer), n_components(of_model))
        listed = concept_words(found.directions, units(), top_k=TOP_K)
        return pack(listed, found.explained_variance_ratio)

    of_model = weights(pair.model(role))
    about = {"top_k": TOP_K, "n": n_components(of_model)}
    parts = [
        Part(f"ffn/components/{layer:02d}-{role}", partial(make, layer), about=about)
        for layer in range(of_model.n_layers)
    ]
    store.fill(parts, desc=f"components {role}", progress=progress)


def _value_vectors(pair: Pair, role: str) -> list[torch.Tensor]:
    """All layers' value vectors, copied: they stay when the model goes."""
    of_model = weights(pair.model(role))
    return [of_model.value_vectors(layer).clone() for layer in range(of_model.n_layers)]


def make_rotation(pair: Pair, store: Store, progress: bool) -> None:
    @cache  # only if some layer is left to make
    def tuned() -> list[torch.Tensor]:
        return _value_vectors(pair, "tuned")

    def make(layer: int) -> dict:
        after = tuned()[layer].double()
        of_model = weights(pair.model("base"))
        before = layer_value_vectors(of_model, layer)
        return rotation(before, after, n_components(of_model), seed=layer)

    made_from = {"inputs": inputs_hash([DRAWS, KS])}
    parts = [
        Part(f"ffn/rotation/{layer:02d}", partial(make, layer), made_from,
             {"draws": DRAWS, "seed": layer})
        for layer in range(weights(pair.model("base")).n_layers)
    ]  # fmt: skip
    store.fill(parts, desc="rotation", progress=progress)


def make_update(pair: Pair, listed: ListedWords | None = None) -> dict[str, np.ndarray]:
    """Where the update points: its share in two spans, (layer, k); random updates', (layer, draw, k).

    For k of TESTED, and all components of a layer that has fewer. The spans are those of the base's
    components and of the principal directions of its vocabulary's output embeddings; the random updates
    have the singular values of the real one.
    """
    tuned, of_model = _value_vectors(pair, "tuned"), weights(pair.model("base"))
    n = n_components(of_model)
    ks = np.unique(np.minimum(TESTED, n))
    words = components(torch.from_numpy(embedded_words(pair, "base", listed)), n).directions
    found = {name: [] for name in ("components", "embeddings")}
    for layer, after in enumerate(tuned):
        before = layer_value_vectors(of_model, layer)
        # Shares are those of a triangular factor: of the update, and of a random one's left side.
        real = torch.linalg.qr(after.double() - before, mode="r").R
        drawn = random_factors(real, draws=DRAWS, seed=layer, null="spectrum")
        sides = ((np.linalg.qr(left, mode="r"), right) for left, right in drawn)
        updates = [real, *(torch.from_numpy(triangle @ right) for triangle, right in sides)]
        for span, directions in zip(found, (components(before, n).directions, words), strict=True):
            found[span].append([share_in_span(one, directions)[ks - 1] for one in updates])
    shares = {span: np.array(own, dtype=np.float32) for span, own in found.items()}
    real = {span: own[:, 0] for span, own in shares.items()}
    return {"k": ks} | real | {f"{span}_null": own[:, 1:] for span, own in shares.items()}


def make_picture(pair: Pair, store: Store) -> dict[str, np.ndarray]:
    """Value vectors in the plane of the base's first two components, (row, 2), where these explain most.

    Centred as components are.
    """
    layers = range(weights(pair.model("base")).n_layers)
    explained = [read_concepts(store, i, "base").explained_variance_ratio[:2].sum() for i in layers]
    layer = int(np.argmax(explained))
    rows = layer_value_vectors(weights(pair.model("base")), layer)
    plane = components(rows, 2)
    points = (rows.numpy(force=True) - plane.mean) @ plane.directions.T
    return {"layer": np.array([layer]), "base": points.astype(np.float32)}


def make_annotations(pair: Pair, store: Store, progress: bool) -> pd.DataFrame:
    layers = range(weights(pair.model("base")).n_layers)
    todo, listed = [(layer, role) for role in ROLES for layer in layers], listed_of(store)
    return pd.concat(
        [
            annotate_words(read_concepts(store, layer, role).words, listed, layer=layer, role=role)
            for layer, role in tqdm(todo, desc="annotations", disable=not progress)
        ],
        ignore_index=True,
    )


def make_baseline(pair: Pair, listed: ListedWords | None = None) -> pd.DataFrame:
    """Annotations of as many random directions as ten layers have components."""
    units = word_outputs(embedded_words(pair, "base", listed))
    rows = random_directions(units.shape[1], 10 * n_components(weights(pair.model("base"))))
    return annotate_words(concept_words(rows, units, top_k=TOP_K).words, listed, role="random")


def make_folding(
    pair: Pair, layers: tuple[int, ...], listed: ListedWords | None = None, per_layer: int = 100
) -> pd.DataFrame:
    """Share of lists that cohere, and of words kept, with either norm folded in (base model)."""
    of_model, rows = weights(pair.model("base")), embedded_words(pair, "base", listed)
    raw, folded = (
        word_outputs(rows),
        word_outputs(rows, final_norm=of_model.final_norm_scale.float().cpu().numpy()),
    )
    found, per_layer = [], min(per_layer, n_components(of_model))
    for layer in layers:
        plain = components(layer_value_vectors(of_model, layer), per_layer)
        usual = concept_words(plain.directions, raw, top_k=TOP_K).words
        for post in (False, True):
            own = components(layer_value_vectors(of_model, layer, fold_post_norm=post), per_layer)
            for final, units in ((False, raw), (True, folded)):
                words = concept_words(own.directions, units, top_k=TOP_K).words
                labels = dict(layer=layer, post_norm=post, final_norm=final)
                table = annotate_words(words, listed, **labels)
                shares = {"interpretable": table["interpretable"].mean(), "n": len(table)}
                found.append(
                    {"layer": layer, "post_norm": post, "final_norm": final, **shares}
                    | {"first_variance": own.explained_variance_ratio[0],
                       "words_kept": _overlap(usual, words)}
                )  # fmt: skip
    return pd.DataFrame(found)


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Mean share of a component's words (both poles) that another reading of it keeps."""
    pairs = zip(first.reshape(len(first), -1), second.reshape(len(second), -1), strict=True)
    return float(np.mean([np.isin(a, b).mean() for a, b in pairs]))


def compute(pair: Pair, store: Store, *, nulls: bool = True, progress: bool = True) -> None:
    """Fill the store with everything chapter 4 shows; what is there already is kept.

    Without `nulls` no random updates, and so neither rotation nor where the update points.
    """
    listed = listed_of(store)
    for role in ROLES:
        make_components(pair, store, role, progress)
    annotations = partial(make_annotations, pair, store, progress)
    store.fill([
        Part("ffn/annotations", annotations, about={"annotator": "wordnet"}),
        Part("ffn/baseline", partial(make_baseline, pair, listed), about={"seed": 0}),
    ])  # fmt: skip
    if not nulls:
        return
    make_rotation(pair, store, progress)
    made_from = {"inputs": inputs_hash([DRAWS, TESTED])}
    store.fill([
        Part("ffn/update", partial(make_update, pair, listed), made_from, {"draws": DRAWS}),
        Part("ffn/picture", partial(make_picture, pair, store)),
    ])  # fmt: skip
    depth = weights(pair.model("base")).n_layers
    layers = tuple(sorted({0, depth // 4, depth // 2, 3 * depth // 4, depth - 1}))
    store.get("ffn/folding", lambda: make_folding(pair, layers, listed), layers=layers)
