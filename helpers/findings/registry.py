"""One row a finding: what it is, what it needs, and where it is computed and reported.

`compute`, `estimate`, `report` and the book take from a row what they need. A new finding is one folder
beside this file and one row here. Modules are imported when a row is used, never before.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from helpers.pages.blocks import Block
from helpers.store.store import Store


@dataclass(frozen=True)
class Finding:
    """A finding by name; `needs` is the part of the store without which nothing of it can be shown.

    `terms` says what its measures are, for who has only the report. `reads_weights`: it needs the
    table of architectures. `takes_prompts`: prompts of one's own enter it. `on_cpu`: it reads weights
    as arrays. What it costs: for every `per`, so many of the units that `estimate` times (`work`), on
    responses of at most `tokens`.
    """

    name: str
    title: str
    question: str
    terms: str
    needs: str
    work: dict[str, int]
    per: Literal["item", "head", "layer"] = "item"
    tokens: int = 32
    reads_weights: bool = False
    takes_prompts: bool = False
    on_cpu: bool = False

    def compute(self) -> Callable[..., None]:
        return importlib.import_module(f"helpers.findings.{self.name}.compute").compute

    def blocks(self, store: Store) -> list[Block]:
        """What a report shows of it: the chapter's own tables, figures and explorers."""
        return importlib.import_module(f"helpers.findings.{self.name}.report").blocks(store)


FINDINGS = (
    Finding(
        "recognition",
        "Instruction recognition",
        "Do responses of the tuned model rest more on the words that carry the instruction?",
        "Importance is the gradient of a response token's probability times a prompt token's "
        "embedding. Density is high where a prompt token matters to many response tokens. The "
        "instruction score adds the densities of the instruction's tokens, relative to the "
        "largest, over the logarithm of their number. In the template: inside the words that "
        "the tuning had around each prompt.",
        "recognition/scores",
        {"respond": 4, "explain": 8, "read": 120},  # blanked: 8 conditions, 3 ways, 5 passes
        takes_prompts=True,
    ),
    Finding(
        "positions",
        "Lost in the middle",
        "Does what stands in the middle of a prompt count less, and does tuning change that?",
        "A position profile is the mean relative density in ten bins from the first prompt "
        "token to the last; a middle ratio under 1 is a dip. The experiment puts one "
        "instruction at five places of one context and asks for the share of importance on "
        "it, and whether the model follows.",
        "positions/items",
        {"respond": 10, "explain": 20, "read": 30},
        tokens=16,
    ),
    Finding(
        "attention",
        "Attention and word relations",
        "Did heads gain pairs of words with instruction verbs, more than by chance?",
        "A head knows a pair of words if two of its dimensions or more link them. The lift of "
        "a verb: among heads whose count of its pairs changed, the share where it rose (0.5 "
        "is no preference). Relabelled: the same with the verbs' labels dealt anew among "
        "verbs of the same frequency.",
        "attention/readings/main",
        {"head": 90},  # 2 models; 16 readings and 200 random updates at 0.4; silenced heads on top
        per="head",
        reads_weights=True,
    ),
    Finding(
        "ffn",
        "Feed-forward networks",
        "Did the concepts of feed-forward layers turn further than random updates turn them?",
        "Components are the principal directions of what a layer's neurons write, read by the "
        "words that lie nearest to them. Angles compare the components of both models; random "
        "updates have the size of the tuning. Coherent beyond random: more alike than 95 % of "
        "the lists that random directions give.",
        "ffn/annotations",
        {"layer": 406},  # components, rotation and update of 2 models, 400 random updates
        per="layer",
        reads_weights=True,
        on_cpu=True,
    ),
    Finding(
        "faithfulness",
        "Faithfulness of the linear approximation",
        "Does erasing the tokens that the gradient names take as much as the gradient says?",
        "Erasure sets a token's embedding to zero and runs the model again, which the "
        "gradient estimates to first order. Rho is the rank correlation of both over prompt "
        "tokens. Probability left: of the first response tokens, after the tokens that an "
        "estimate names first are erased together.",
        "faithfulness/path-tuned",
        {"explain": 4, "read": 4 * 40},
        tokens=6,
        takes_prompts=True,
    ),
    Finding(
        "retrieval",
        "Was the document used?",
        "Does density on a document tell whether a response rests on it?",
        "Each question is asked under a document with the true answer, with another answer, "
        "without one, and alone. A response used the document if it names the document's "
        "answer and the model alone does not. The area under the ROC curve is the chance that "
        "a response that did scores higher than one that did not.",
        "retrieval/items",
        {"respond": 8, "explain": 6, "read": 6},
        tokens=24,
    ),
    Finding(
        "course",
        "The course of training",
        "When does a model learn to follow, and what else moves then?",
        "A point is one checkpoint. Reliance is what blanking the instruction takes from a response "
        "token, in nats, on a response that is the same for all points. A change point is where two "
        "levels fit a curve best. Strength 0.5 is half of the way from the base to the tuned model.",
        "course/prompts",
        {"respond": 23, "explain": 2, "read": 60},  # 23 points; blanking on 48 of 216 prompts
        tokens=48,
    ),
)
BY_NAME = {finding.name: finding for finding in FINDINGS}
# What the authors released is read, not computed: `python -m helpers released`.
RELEASED = Finding(
    "release",
    "Instruction recognition at seven billion parameters",
    "Does Vicuna's response rest more on the instruction than LLaMA's?",
    "From the importance matrices that the paper's authors released, a prompt each: the instruction "
    "score adds the densities of the instruction's tokens, relative to the largest, over the "
    "logarithm of their number.",
    "recognition/first",
    {},
)


def shown(store: Store) -> tuple[Finding, ...]:
    """The findings that a report on this store speaks of."""
    return (RELEASED,) if store.has(RELEASED.needs) else FINDINGS
