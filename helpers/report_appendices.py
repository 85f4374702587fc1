"""What a report shows of the findings of the appendices: their own tables and figures."""

from __future__ import annotations

from functools import cache

from helpers import statistics
from helpers.figures import recognition as recognition_figures
from helpers.figures import retrieval as retrieval_figures
from helpers.findings import faithfulness_view, retrieval_view
from helpers.report_blocks import Block, Section
from helpers.results import Store


def faithfulness(store: Store) -> list[Block]:
    view, figures = faithfulness_view, recognition_figures
    curves = view.curves(store)
    scores = cache(lambda: view.instruction_scores(store))
    return [
        Block(
            "Agreement with the gradient, token by token",
            lambda: view.agreement_table(view.agreement(store)),
        ),
        Block(
            "The whole prompt shrinks",
            lambda: figures.shrinking(view.path(store)),
            "Probability of the response that is left while all prompt embeddings shrink from "
            "their full size to zero, both models with 95 % bands.",
        ),
        Block(
            "The most important tokens erased together",
            lambda: figures.deletion(curves),
            "Probability of the response that is left against the share of prompt tokens erased, a "
            "panel a model, a line an order of erasing.",
        ),
        Block(
            "The gradient's order against others: probability left",
            lambda: statistics.table(
                view.against_others(curves), names=("other order", "gradient")
            ),
        ),
        Block(
            "Both models on the tuned model's response, by gradient and by erasure",
            lambda: statistics.table(
                view.by_estimate(scores(), "score") + view.by_estimate(scores(), "share")
            ),
        ),
    ]


def retrieval(store: Store) -> list[Block]:
    view, figures = retrieval_view, retrieval_figures
    found = view.measures(store)
    return [
        Block("What responses say, by document", lambda: view.labels(found)),
        Block(
            "Does the score tell whether the document was used?",
            lambda: figures.curves(found),
            "ROC curves of the document score with a band and of three other scores, a panel a "
            "model.",
        ),
        Block("Area under the ROC curve [95 % CI]", lambda: view.area_table(found)),
        Block(
            "Areas against chance",
            lambda: statistics.table(view.against_chance(found), names=("chance", "area")),
        ),
        Block(
            "The document score against simpler ones",
            lambda: statistics.table(
                view.against_baselines(found), names=("other score", "document score")
            ),
        ),
        Block(
            "Scores under each document",
            lambda: figures.by_document(found),
            "Document score and share of importance on the document under each kind of document, "
            "one mark a response, both models.",
        ),
    ]


SECTIONS = (
    Section(
        "faithfulness",
        "Faithfulness of the linear approximation",
        "Does erasing the tokens that the gradient names take as much as the gradient says?",
        "Erasure sets a token's embedding to zero and runs the model again, which the "
        "gradient estimates to first order. Rho is the rank correlation of both over prompt "
        "tokens. Probability left: of the first response tokens, after the tokens that an "
        "estimate names first are erased together.",
        "faithfulness/path-tuned",
        faithfulness,
    ),
    Section(
        "retrieval",
        "Was the document used?",
        "Does density on a document tell whether a response rests on it?",
        "Each question is asked under a document with the true answer, with another answer, "
        "without one, and alone. A response used the document if it names the document's "
        "answer and the model alone does not. The area under the ROC curve is the chance that "
        "a response that did scores higher than one that did not.",
        "retrieval/items",
        retrieval,
    ),
)
