"""Make data/words/paper_verbs.csv: the verbs that the paper's authors compared, by their rule.

    NLTK_DATA=... python scripts/build_paper_verbs.py

Needs NLTK's `wordnet` and `stopwords` data and the package wordfreq; readers need none of them.
Instruction verbs are the union of the authors' two lists; general verbs the first lemma of every
verb synset of WordNet that has an example, without instruction verbs and stop words, the 3,000 most
frequent by wordfreq (ties in alphabetical order). Of these the file leaves out a few that are
offensive. Our own verbs are others: see build_words.py.
"""

from __future__ import annotations

import argparse

import pandas as pd
from build_words import OFFENSIVE
from nltk.corpus import stopwords
from nltk.corpus import wordnet as wn
from wordfreq import word_frequency

from helpers.paths import words_folder

INSTRUCTION = """
translate explain summarize retrieve revise generate describe classify create evaluate correct develop
identify analyze compose demonstrate interpret design solve follow clarify say help act recommend
estimate edit format repeat write give find make have tell output predict detect
""".split()
MOST = 3000
LEFT_OUT = OFFENSIVE | {"gang-rape", "masturbate", "whore"}


def general() -> list[str]:
    left_out = set(INSTRUCTION) | set(stopwords.words("english"))
    synsets = (one for one in wn.all_synsets(pos=wn.VERB) if one.examples())
    words = {one.lemmas()[0].name().lower() for one in synsets} - left_out
    most = sorted(words, key=lambda word: (-word_frequency(word, "en"), word))[:MOST]
    return [word for word in most if word not in LEFT_OUT]


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()  # --help does no more
    groups = {"instruction": sorted(INSTRUCTION), "general": general()}
    rows = [(word, group) for group, words in groups.items() for word in words]
    path = words_folder() / "paper_verbs.csv"
    pd.DataFrame(rows, columns=["word", "group"]).to_csv(path, index=False)
