"""Annotators of concepts: two of them behind one interface, chosen by name.

    annotator("wordnet", words=..., vectors=...)      # rules, no network, the default
    annotator("chat", model=..., cache=...)           # any OpenAI-compatible endpoint

Both have `.name` and `.annotate(lists) -> list[Annotation]`.
"""

from __future__ import annotations

from helpers.words.annotation import Annotator


def annotator(name: str = "wordnet", **options) -> Annotator:
    """The annotator called `name`; `options` are those of its class.

    "wordnet" takes the book's vocabulary and word vectors unless `words` and `vectors` are given.
    """
    if name == "wordnet":
        from helpers.words.classes import vocabulary, word_vectors
        from helpers.words.rules import WordNetAnnotator

        if not {"words", "vectors"} & options.keys():
            options |= {"words": vocabulary(), "vectors": word_vectors()}
        return WordNetAnnotator(**options)
    if name == "chat":
        from helpers.words.chat import ChatAnnotator

        return ChatAnnotator(**options)
    raise ValueError(f"name={name!r} is not an annotator: use 'wordnet' or 'chat'.")
