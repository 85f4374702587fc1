"""Annotators of concepts: two of them behind one interface, chosen by name.

    annotator("wordnet")                              # rules, no network, the default
    annotator("chat", model=..., cache=...)           # any OpenAI-compatible endpoint

Both have `.name` and `.annotate(lists) -> list[Annotation]`.
"""

from __future__ import annotations

from helpers.words.chat import ChatAnnotator
from helpers.words.rules import WordNetAnnotator

ANNOTATORS = {"wordnet": WordNetAnnotator, "chat": ChatAnnotator}


def annotator(name: str = "wordnet", **options) -> WordNetAnnotator | ChatAnnotator:
    """The annotator called `name`; `options` are those of its class."""
    if name not in ANNOTATORS:
        raise ValueError(f"name={name!r} is not an annotator: use 'wordnet' or 'chat'.")
    return ANNOTATORS[name](**options)
