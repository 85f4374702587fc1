"""Skills of rewriting: degrees, letter case, single words, two sentences, reported speech."""

from __future__ import annotations

import re

from tuning_clauses import clause, possessive, subject
from tuning_english import comparative, superlative
from tuning_lists import Filler, capital, cut, load, lower_first
from tuning_rows import Answer, Task, Unfit, skill
from tuning_tasks import literal, rewrite

CONTEXTS = "school desk"


@skill("comparative", "grammar", "school", 45)
def comparative_sentence(filler: Filler) -> Task:
    """The bus is (slow) than the train."""
    frame, adjectives = cut(filler.pick(load("adjectives")["frame"]))
    adjective = filler.pick(adjectives.split())
    after = frame.replace("({})", comparative(adjective))
    others = [frame.replace("({})", "quieter")] if adjective == "quiet" else []
    return rewrite(filler, "comparative", frame.format(adjective), after, others=others)


@skill("comparative_word", "grammar", "school", 45)
def comparative_word(filler: Filler) -> Task:
    """big: bigger, or the biggest."""
    adjective = filler.pick(load("adjectives")["comparable"])
    degree, form = filler.draw.choice([("comparative", comparative), ("superlative", superlative)])
    after = form(adjective)
    full = f'The {degree} of "{adjective}" is "{after}".'
    return rewrite(
        filler,
        "comparative_word",
        adjective,
        after,
        fields={"degree": degree},
        only=None if " " not in after else "text",
        full=Answer(full, {"type": "contains", "words": [after], "longest": 9}),
    )


@skill("case", "formatting", "lists data", 60)
def letter_case(filler: Filler) -> Task:
    """Capitals, small letters, title case."""
    style = filler.draw.choice(
        ["capital letters", "lower case", "title case", "upper case", "small letters only"]
    )
    templates = load("templates")
    if style == "title case":
        text = filler.fill(filler.pick(templates["title"])).lower()
        after = " ".join(capital(word) for word in text.split())
        after = after.replace(" And ", " and ").replace(" With ", " with ")
    else:
        it = clause(filler)
        text = it.write(it.present)
        if filler.draw.random() < 0.4:
            text = filler.fill(filler.pick(templates["label"]))
        after = text.upper() if style in ("capital letters", "upper case") else text.lower()
    if after == text:
        raise Unfit("nothing to change")
    return rewrite(filler, "case", text, after, rule=literal(after), fields={"style": style})


@skill("remove_word", "rewriting", CONTEXTS, 55)
def remove_word(filler: Filler) -> Task:
    """Without one adjective, adverb or name."""
    it = clause(filler, "name relative plural")
    extra = filler.pick(
        [
            "often",
            "always",
            "quietly",
            "gladly",
            "never",
            "sometimes",
            "usually",
            "rarely",
            "carefully",
            "slowly",
            "secretly",
            "proudly",
            "calmly",
        ]
    )
    after = it.write(it.present)
    return rewrite(
        filler, "remove_word", it.write(f"{extra} {it.present}"), after, fields={"w": extra}
    )


@skill("replace_word", "rewriting", CONTEXTS, 60)
def replace_word(filler: Filler) -> Task:
    """One word in place of another."""
    template = filler.pick(load("templates")["replace"])
    before = filler.fill(template)
    keys = [key for key in re.findall(r"\{(\w+)\}", template)]
    key = filler.draw.choice([key for key in keys if " " not in filler.values[key]] or [""])
    if not key:
        raise Unfit("no single word to replace")
    old, new = filler.values[key], filler.fill("{" + key + "2}")
    if " " in new or before.count(old) > 1 or (f"a {old}" in before.lower() and new[0] in "aeiou"):
        raise Unfit("more than this word would change")
    return rewrite(
        filler, "replace_word", before, before.replace(old, new), fields={"w": old, "v": new}
    )


def _pair(filler: Filler) -> tuple[str, str, str]:
    link = filler.draw.choice(["so", "so", "because", "because", "but", "and"])
    first, second = cut(filler.pick(load("pairs")["so" if link == "because" else link]))
    return first, second, link


def _sentence(text: str) -> str:
    return capital(text) + "."


def _linked(first: str, second: str, link: str) -> str:
    if link == "because":
        return f"{_sentence(second)[:-1]} because {lower_first(first) if first[:2] != 'I ' else first}."
    return f"{_sentence(first)[:-1]}, {link} {second}."


@skill("combine", "rewriting", CONTEXTS, 65)
def combine(filler: Filler) -> Task:
    """Two sentences in one."""
    first, second, link = _pair(filler)
    after = _linked(first, second, link)
    before = f"{_sentence(first)} {_sentence(second)}"
    if link == "because":
        before = f"{_sentence(second)} {_sentence(first)}"
    return rewrite(
        filler,
        "combine",
        before,
        after,
        fields={"c": link},
        others=[after.replace(f", {link}", f" {link}")],
        inline=None,
    )


@skill("split", "rewriting", CONTEXTS, 55)
def split(filler: Filler) -> Task:
    """One sentence in two."""
    first, second, link = _pair(filler)
    if link == "because":
        first, second = second, first
        before = _linked(second, first, link)
    else:
        before = _linked(first, second, link)
    return rewrite(
        filler, "split", before, f"{_sentence(first)} {_sentence(second)}", fields={"c": link}
    )


@skill("reported", "rewriting", CONTEXTS, 60)
def reported(filler: Filler) -> Task:
    """Lena said, "I am tired": Lena said that she was tired."""
    who = subject(filler, "name relative")
    direct, indirect = cut(filler.pick(load("reported")["statement"]))
    said = indirect.format(he=who.pronoun, his=possessive(who.pronoun))
    before = f'{capital(who.text)} said, "{capital(direct)}."'
    after = capital(f"{who.text} said that {said}.")
    return rewrite(
        filler, "reported", before, after, inline=None, others=[after.replace("said that", "said")]
    )
