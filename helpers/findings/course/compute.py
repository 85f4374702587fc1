"""Every point of a course of training, asked the same questions; parts `course/RUN/STEP[/sSTRENGTH]/...`.

`responses`: all prompts answered and judged. On 48 of them (`fixed_set`): `blanked`, what is lost without a
segment, on the point's own response and on one that is the same for all points (the finished main
run's); `gradient`, shares of importance of its first tokens. `placed`: 16 placement items at three
places. `verbs`, `update`, `turned`: word pairs, size and direction of the update in the weights.

Left out for time: other ways to blank, plain text, the gradient on own responses, two places, and the
word pairs of every second step.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from helpers.findings.attention.readings import READINGS, count_verbs, prepare, verb_changes
from helpers.findings.course.points import (
    MAIN,
    START,
    Point,
    fingerprint,
    how_of,
    loader,
    read_points,
)
from helpers.findings.parts import encoded, responses
from helpers.findings.positions.read import expected_ids
from helpers.findings.recognition.blanked import make_block
from helpers.methods.components import MAX_COMPONENTS, components, layer_value_vectors
from helpers.methods.density import shares
from helpers.methods.erasure import blanking
from helpers.methods.importance import importance
from helpers.methods.rotation import match, principal_angles, random_updates
from helpers.methods.weights import weights
from helpers.models.pair import Pair
from helpers.pages.example import RUNNING
from helpers.paths import data_folder
from helpers.prompts.placement import Item, read_items
from helpers.prompts.prompt import Prompt, few, read_prompts
from helpers.prompts.rules import follows
from helpers.store.origin import inputs_hash, rank
from helpers.store.store import Part, Store
from helpers.words.verbs import Lexicon, lexicon_of

PER_KIND, ITEMS, DRAWS = 4, 16, 4  # prompts of a kind, placement items, random updates a layer
PLACES = ("before", "half", "after")
TOKENS, FIRST, ANSWER = 48, 8, 16  # of a response, of it by gradient, of an answer to an item
SPAN = 60  # components whose span is compared
MATRIX = re.compile(r"\.(\d+)\.(.+)\.weight$")


def fixed_set(prompts: Sequence[Prompt], per_kind: int = PER_KIND) -> list[Prompt]:
    """As many prompts of each kind: the running example, then any that a rule can judge; seeded."""
    draw = random.Random(0)
    order = sorted(prompts, key=lambda p: (p.id != RUNNING, p.rule is None, draw.random()))
    kinds = dict.fromkeys(one.kind for one in prompts)
    kept = {p.id for kind in kinds for p in [p for p in order if p.kind == kind][:per_kind]}
    return [prompt for prompt in prompts if prompt.id in kept]


def group_of(prompt: Prompt) -> str:
    """Whether the book's tuning rows left out the prompt's kind, or the verb that it begins with."""
    unseen = json.loads((data_folder() / "tuning" / "held_out.json").read_text(encoding="utf-8"))
    if prompt.kind in unseen["kinds"]:
        return "unseen kinds"
    text = next(one.text for one in prompt.segments if one.role == "instruction")
    first = re.match(r"\w+", text.lower())
    return "unseen verbs" if first and first[0] in unseen["verbs"] else "seen"


@dataclass
class Asked:
    """What every point is asked, and what of the base is made once for all points."""

    pair: Pair
    store: Store
    prompts: list[Prompt]
    items: list[Item]
    lexicon: Lexicon
    groups: dict[str, str]
    last: Point

    @cached_property
    def chosen(self) -> list[Prompt]:
        return fixed_set(self.prompts)

    @cached_property
    def shared(self) -> list[list[int]]:
        return self.answers(self.last)

    def answers(self, point: Point) -> list[list[int]]:
        held = self.store.read(f"{point.folder}/responses").set_index("id")["ids"]
        return [[int(token) for token in held[prompt.id]] for prompt in self.chosen]

    @cached_property
    def verbs(self) -> tuple:
        prepared = prepare(self.pair, self.lexicon, READINGS["main"])
        return prepared, count_verbs(self.pair, "base", prepared, READINGS["main"])

    @cached_property
    def start(self) -> dict[str, Tensor]:
        """The base's matrices by name, on the CPU."""
        named = self.pair.model("base").named_parameters()
        return {name: own.detach().cpu() for name, own in named if MATRIX.search(name)}

    @cached_property
    def layers(self) -> list[tuple[Tensor, Float[np.ndarray, "component hidden"]]]:
        """Value vectors of every layer of the base, and their components."""
        of_base = weights(self.pair.model("base"))
        rows = [layer_value_vectors(of_base, layer).cpu() for layer in range(of_base.n_layers)]
        n = min(MAX_COMPONENTS, rows[0].shape[1], rows[0].shape[0] - 1)
        return [(one, components(one, n).directions) for one in rows]


def make_prompts(asked: Asked) -> pd.DataFrame:
    """All prompts: kind, group, whether they are among the fixed ones, and their segments."""
    fixed = {prompt.id for prompt in asked.chosen}
    return pd.DataFrame(
        dict(id=p.id, kind=p.kind, group=asked.groups[p.id], fixed=p.id in fixed)
        | dict(roles=[s.role for s in p.segments], texts=[s.text for s in p.segments])
        for p in asked.prompts
    )


def make_responses(asked: Asked) -> pd.DataFrame:
    codes = encoded(asked.prompts, asked.pair)
    found = responses(asked.pair, "tuned", codes, max_tokens=TOKENS)
    return pd.DataFrame(
        dict(id=prompt.id, text=one["text"], ids=one["ids"], ended=one["ended"])
        | dict(followed=follows(prompt.rule, one["text"]) if prompt.rule else None)
        for prompt, one in zip(asked.prompts, found, strict=True)
    )


def make_blanked(asked: Asked, point: Point) -> pd.DataFrame:
    codes = encoded(asked.chosen, asked.pair)
    read = {"own": asked.answers(point), "shared": asked.shared}
    return pd.concat(
        make_block(asked.pair, "tuned", asked.chosen, codes, ids, ways=("zero",)).assign(on=on)
        for on, ids in read.items()
    )[["id", "on", "segment", "loss", "response_tokens"]]


def make_gradient(asked: Asked) -> pd.DataFrame:
    rows, model = [], asked.pair.model("tuned")
    codes = encoded(asked.chosen, asked.pair)
    for prompt, code, ids in zip(asked.chosen, codes, asked.shared, strict=True):
        if ids:
            found = importance(model, code.ids, ids[:FIRST]).numpy()
            own = shares(found, code.roles).items()
            rows += [dict(id=prompt.id, segment=role, share=share) for role, share in own]
    return pd.DataFrame(rows, columns=["id", "segment", "share"])


def make_placed(asked: Asked) -> pd.DataFrame:
    """One row an item and place: followed or not, and the loss of the expected answer."""
    cells = [(item, place) for item in asked.items for place in PLACES]
    codes = encoded((item.at(place) for item, place in cells), asked.pair)
    found = responses(asked.pair, "tuned", codes, max_tokens=ANSWER)
    rows, model = [], asked.pair.model("tuned")
    for (item, place), code, one in zip(cells, codes, found, strict=True):
        mask = torch.from_numpy(code.mask("instruction"))[None]
        lost = blanking(model, code.ids, expected_ids(asked.pair, item), mask).mean().item()
        row = dict(id=item.id, place=place, followed=follows(item.rule, one["text"]), loss=lost)
        rows.append(row)
    return pd.DataFrame(rows)


def make_verbs(asked: Asked) -> pd.DataFrame:
    """One row a verb: in how many heads its number of pairs rose and fell since the base."""
    prepared, before = asked.verbs
    after = count_verbs(asked.pair, "tuned", prepared, READINGS["main"])
    changes = verb_changes(before, after, weights(asked.pair.model("tuned")).n_layers)
    return changes.drop(columns="layer").groupby("verb", as_index=False).sum()


def make_update(asked: Asked) -> pd.DataFrame:
    """One row a matrix: norm of what was added to it, and of the base's matrix."""
    rows, start = [], asked.start
    for name, own in asked.pair.model("tuned").named_parameters():
        if name in start and own.ndim == 2:
            layer, matrix = MATRIX.search(name).groups()
            change = torch.linalg.norm(own.detach().cpu().float() - start[name].float()).item()
            row = dict(layer=int(layer), matrix=matrix, update=change)
            rows.append(row | dict(base=torch.linalg.norm(start[name].float()).item()))
    return pd.DataFrame(rows)


def make_turned(asked: Asked) -> pd.DataFrame:
    """One row a layer and update (0: tuning, others random of its norm and rank): degrees turned."""
    rows, layers = [], asked.layers
    of_model = weights(asked.pair.model("tuned"))
    for layer, (before, directions) in enumerate(layers):
        update = layer_value_vectors(of_model, layer).cpu() - before
        drawn = random_updates(update, draws=DRAWS, seed=layer)
        for number, one in enumerate((update, *drawn)):
            after = components(before + one, len(directions)).directions
            mean = principal_angles(directions, after, [min(SPAN, len(directions))]).mean[0]
            matched = np.median(match(directions, after).angle)
            rows.append(dict(layer=layer, draw=number, angle=mean, matched=matched))
    return pd.DataFrame(rows)


def parts_of(asked: Asked, point: Point, verbs: bool) -> list[Part]:
    """The parts of one point after its responses; the base has no update."""
    texts = [asdict(one) for one in (*asked.chosen, *asked.items)]
    read = inputs_hash([texts, asked.answers(point), asked.shared])
    makers = {
        "blanked": partial(make_blanked, asked, point),
        "gradient": partial(make_gradient, asked),
        "placed": partial(make_placed, asked),
    }
    if point != START:
        makers |= {"update": partial(make_update, asked), "turned": partial(make_turned, asked)}
    made_from = dict.fromkeys(makers, {"inputs": read})
    if verbs and point != START:
        makers["verbs"] = partial(make_verbs, asked)
        made_from["verbs"] = {"words": asked.lexicon.hash}
    of = {"point": fingerprint(point)}
    return [Part(f"{point.folder}/{n}", make, of | made_from[n]) for n, make in makers.items()]


def with_verbs(points: Sequence[Point]) -> set[Point]:
    """Word pairs are counted at every second step from the last one back, and once between 0 and 1."""
    main = [point for point in points if point.run == MAIN and point.strength == 1]
    others = {p for p in points if p.run != MAIN or p.strength == 0.5}
    return {*main[::-2], *others}


def compute(
    pair: Pair, store: Store, *, course: str | None = None, prompts: list[Prompt] | None = None,
    items: list[Item] | None = None, lexicon: Lexicon | None = None, progress: bool = True,
) -> None:  # fmt: skip
    """Fill the store with every point of the course; what is there already is kept."""
    points = read_points(course, pair.name)
    if pair.alone:
        points = [point for point in points if point.strength == 1]
        print("course: no strengths below 1, which need two models in memory", file=sys.stderr)
    prompts, items = prompts or read_prompts(), items or few(read_items(), ITEMS)
    groups = {one.id: "seen" if course else group_of(one) for one in prompts}
    last = [point for point in points if point.run == MAIN and point.strength == 1][-1]
    asked = Asked(pair, store, prompts, items, lexicon or lexicon_of(store), groups, last)
    source = {"inputs": inputs_hash([asdict(one) for one in prompts])}
    store.fill([Part("course/prompts", partial(make_prompts, asked), source)])
    counted, how = with_verbs(points), how_of(pair)
    (number, processes), others = rank(), [point for point in points if point != last]
    start = len(others) * number // processes  # each process begins elsewhere
    for point in (last, *others[start:], *others[:start]):
        with pair.tuned_as(loader(pair, point, how)):
            made_from, name = source | {"point": fingerprint(point)}, f"{point.folder}/responses"
            part = Part(name, partial(make_responses, asked), made_from, {"max_tokens": TOKENS})
            store.fill([part], desc=name, progress=progress)
            rest = parts_of(asked, point, point in counted)
            store.fill(rest, desc=point.folder, progress=progress)
