"""Skills of mending: agreement, articles, tenses, spelling, capitals, prepositions and others."""

from __future__ import annotations

import re

from tuning_clauses import clause
from tuning_english import plural
from tuning_lists import Filler, capital, cut, load
from tuning_rows import Answer, Task, Unfit, quoted, skill
from tuning_tasks import every, holds, literal, rewrite, same

CONTEXTS = "school desk"
_MISTAKE = re.compile(r"\[([^>\]]*)>([^\]]*)\]")


def _marked(entry: str) -> tuple[str, str]:
    """Wrong and right text of an entry with `[wrong>right]`."""
    return _MISTAKE.sub(r"\1", entry), _MISTAKE.sub(r"\2", entry)


def _mended(filler: Filler, phrasing: str, *sections: str) -> Task:
    entry = filler.pick([line for name in sections for line in load("errors")[name]])
    sentence, *others = cut(entry)
    wrong, right = _marked(sentence)
    rule = literal(right) if phrasing == "article_error" else None
    return rewrite(filler, phrasing, wrong, right, others=others, rule=rule)


@skill("agreement", "grammar", CONTEXTS, 65)
def agreement(filler: Filler) -> Task:
    """He go, they goes, we was."""
    lot = filler.draw.random()
    it = clause(filler, "name relative plural pronoun", tails="momentary" if lot > 0.7 else "any")
    if it.verb.past == it.verb.base:
        raise Unfit("could be the past")
    if lot < 0.45:
        wrong, right = (it.verb.third if it.subject.plural else it.verb.base), it.present
        it.tail = it.tail or filler.draw.choice(load("actions")["time_habit"])
        if not re.search(r"every|days|each", it.tail) and not it.subject.plural:
            raise Unfit("could be mended into the past")
    elif lot < 0.7:
        have, has = ("have", "has") if it.subject.plural else ("has", "have")
        wrong, right = f"{has} {it.verb.participle}", f"{have} {it.verb.participle}"
    elif lot < 0.85:
        be, was = ("were", "was") if it.subject.plural else ("was", "were")
        wrong, right = f"{was} {it.verb.ing}", f"{be} {it.verb.ing}"
    else:
        wrong = f"{'is' if it.subject.plural else 'are'} {it.verb.ing}"
        right = f"{it.be} {it.verb.ing}"
    if wrong.split()[0] in ("has", "have") and it.tail:
        it.tail = ""
    return rewrite(filler, "agreement", it.write(wrong), it.write(right))


@skill("article_error", "grammar", CONTEXTS, 52)
def article_error(filler: Filler) -> Task:
    """A owl: an owl."""
    return _mended(filler, "article_error", "article")


@skill("tense_error", "grammar", CONTEXTS, 75)
def tense_error(filler: Filler) -> Task:
    """Yesterday she walk: yesterday she walked."""
    if filler.draw.random() < 0.55:
        return _mended(filler, "tense_error", "tense", "irregular_regularised")
    it = clause(filler, tails="placed")
    if it.verb.past == it.verb.base:
        raise Unfit("no error to see")
    times = load("actions")
    if filler.draw.random() < 0.6:
        when, right = filler.pick(times["time_past"]), it.verb.past
        wrong = filler.draw.choice([it.present, f"will {it.verb.base}"])
    else:
        when, right = filler.pick(times["time_future"]), f"will {it.verb.base}"
        wrong = it.verb.past
    name = it.subject.text if it.subject.text[0].isupper() else it.subject.text.lower()
    before, after = (f"{capital(when)} {name} {form} {it.rest}." for form in (wrong, right))
    return rewrite(filler, "tense_error", before, after)


@skill("spelling", "grammar", CONTEXTS, 62)
def spelling(filler: Filler) -> Task:
    """The whole sentence, spelt right."""
    return _mended(filler, "spelling", "spelling")


@skill("spelling_word", "grammar", "school", 40)
def spelling_word(filler: Filler) -> Task:
    """Only the word that was wrong."""
    entry = filler.pick(load("errors")["spelling"])
    wrong, right = _MISTAKE.search(entry).groups()
    if " " in right or entry.startswith("["):
        raise Unfit("not one word")
    full = f'The correct spelling is "{right}".'
    return rewrite(
        filler,
        "spelling_word",
        _marked(entry)[0],
        right,
        full=Answer(full, {"type": "contains", "words": [right], "longest": 9}),
    )


@skill("punctuation", "grammar", CONTEXTS, 62)
def punctuation(filler: Filler) -> Task:
    """Capitals of the first word, of names, days and towns, and the full stop."""
    after = capital(filler.fill(filler.pick(load("templates")["punctuation"])))
    return rewrite(filler, "punctuation", after.lower().rstrip("."), after, rule=literal(after))


@skill("preposition", "grammar", CONTEXTS, 44)
def preposition(filler: Filler) -> Task:
    """Good in drawing: good at drawing."""
    return _mended(filler, "preposition", "preposition")


@skill("double_negative", "grammar", CONTEXTS, 44)
def double_negative(filler: Filler) -> Task:
    """Doesn't know nothing: doesn't know anything."""
    return _mended(filler, "double_negative", "double_negative")


@skill("homophone", "grammar", CONTEXTS, 74)
def homophone(filler: Filler) -> Task:
    """Its and it's, their and there."""
    return _mended(filler, "homophone", "homophone")


@skill("choose_form", "grammar", "school", 68)
def choose_form(filler: Filler) -> Task:
    """(go/goes): the form that fits."""
    if filler.draw.random() < 0.72:
        sentence, right = cut(filler.pick(load("errors")["choice"]))
    else:
        it = clause(filler, "name relative plural")
        if it.verb.past == it.verb.base:
            raise Unfit("could be the past")
        forms = filler.draw.choice(
            [f"{it.verb.base}/{it.verb.third}", f"{it.verb.third}/{it.verb.base}"]
        )
        sentence, right = it.write(f"({forms})"), it.present
    options = re.search(r"\(([^)]*)\)", sentence)[1].split("/")
    full = re.sub(r"\([^)]*\)", right, sentence)
    rule = {"type": "one_of", "labels": sorted(options), "answer": right, "longest": 4}
    return Task(
        sentence,
        Answer(right, rule),
        "choose_form",
        inline=quoted(sentence),
        full=Answer(full, same(full)),
        only="word" if " " not in right else "text",
        filler=filler,
    )


@skill("which_spelling", "grammar", "school", 35)
def which_spelling(filler: Filler) -> Task:
    """Two spellings of one plural: the right one."""
    noun = filler.pick(load("plurals")["noun"] + load("things")["fruit"] + load("things")["tool"])
    right = plural(noun)
    wrong = {"ies": noun + "s", "ves": noun + "s"}.get(right[-3:], "")
    wrong = wrong or (
        noun + "s" if right.endswith("es") and not noun.endswith("e") else noun + "es"
    )
    pair = filler.draw.sample([right, wrong], 2)
    full = f'The correct spelling is "{right}".'
    return Task(
        f"{pair[0]} or {pair[1]}",
        Answer(right, same(right)),
        "which_spelling",
        inline=f'"{pair[0]}" and "{pair[1]}"',
        filler=filler,
        full=Answer(full, every(holds([right], 8), {"type": "forbids", "words": [wrong]})),
    )
