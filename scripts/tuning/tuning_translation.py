"""Skills of translation: words, phrases and short sentences between English and four languages."""

from __future__ import annotations

import functools
import itertools
import re

from tuning_lists import Filler, capital, cut, load
from tuning_rows import Answer, Task, quoted, skill
from tuning_tasks import same

LANGUAGES = ["Spanish", "French", "German", "Italian"]
ROWS = {"words": (52, 52, 52, 36), "text": (50, 50, 50, 34), "back": (46, 46, 46, 30)}
UNCLEAR = {"tomorrow", "morning", "here", "fish", "wall"}  # stand for two things in some language
ANIMALS = {"bird", "cat", "dog", "horse"}
_GENDER = re.compile(r" \(([mf])\)$")


@functools.cache
def words() -> dict[str, list[list[str]]]:
    """English to the answers in each language, nouns with their article."""
    known = {}
    for section in ("noun", "plain"):
        for entry in load("translation_words")[section]:
            english, *others = cut(entry)
            english = f"the {english}" if section == "noun" else english
            known[english] = [other.split("/") for other in others]
    return known


def _bare(word: str) -> str:
    return _GENDER.sub("", word)


def _feminine(word: str) -> bool:
    """Whether a noun with its article is feminine."""
    marked = _GENDER.search(word)
    return marked[1] == "f" if marked else word.startswith(("la ", "die "))


@functools.cache
def texts(language: int) -> list[tuple[str, list[str]]]:
    """Phrases and sentences with their translations."""
    lists = load("translation_phrases")
    known = []
    for entry in lists["greeting"] + lists["phrase"]:
        english, *others = cut(entry)
        known.append((english, others[language].split("/")))
    return known


def _articles(noun: str, language: int) -> dict[str, str]:
    """Articles of a noun: d and D (the), u and a (a, in the accusative)."""
    name, female = _bare(noun), _feminine(noun)
    definite, word = re.match(r"(l'|\S+ )(.+)", name).groups()
    keep = definite if language in (1, 3) else definite.strip()
    one = [("un", "una"), ("un", "une"), ("", ""), ("un ", "una ")][language][female]
    german = {"der": "einen", "die": "eine", "das": "ein"}.get(definite.strip(), "")
    return {"d": keep, "D": capital(keep), "n": word, "u": one, "a": german}


def composed(filler: Filler, language: int) -> tuple[str, list[str]]:
    """A short sentence from a pattern, a thing and a colour, with its translations."""
    lists = load("translation_phrases")
    thing, pattern = filler.pick(lists["thing"]), cut(filler.pick(lists["pattern"]))
    colour = cut(filler.pick(lists["colour"]))
    if "{c}" in pattern[0] and thing in ANIMALS:
        thing = filler.pick([one for one in lists["thing"] if one not in ANIMALS])
    answers = []
    for noun in words()[f"the {thing}"][language]:
        shades = colour[language + 1].split(",")
        shade = shades[_feminine(noun)] if len(shades) > 1 else shades[0]
        forms = pattern[language + 1].split("/")
        answers += [form.format(c=shade, **_articles(noun, language)) for form in forms]
    return pattern[0].format(n=thing, c=colour[0]), answers


def _any_text(filler: Filler, language: int) -> tuple[str, list[str]]:
    if filler.draw.random() < 0.4:
        return composed(filler, language)
    english = filler.pick([english for english, _ in texts(language)])
    return english, dict(texts(language))[english]


def _full(language: str, english: str, answer: str) -> Answer:
    inner, end = answer.rstrip(".!"), english.rstrip(".!")
    sentence = f'In {language}, "{end}" is "{inner}".'
    return Answer(sentence, {"type": "contains", "words": [inner], "longest": 30})


def _words(filler: Filler, language: int) -> Task:
    """One to three words into another language."""
    name, count = LANGUAGES[language], filler.draw.choice([1, 1, 2, 3, 3, 4])
    english = filler.pick_many(list(words()), count)
    options = [[_bare(one) for one in words()[word][language]] for word in english]
    answer, material = ", ".join(option[0] for option in options), ", ".join(english)
    filler.values["lang"] = name
    if count == 1:
        bare = (
            [
                re.sub(r"^(el |la |le |les |l'|der |die |das |il |lo |i )", "", one)
                for one in options[0]
            ]
            if material.startswith("the ")
            else []
        )
        return Task(
            material,
            Answer(answer, same(answer, *options[0], *bare)),
            "translate_word",
            {"lang": name},
            inline=quoted(material),
            filler=filler,
            noun="word",
            full=_full(name, material, answer),
        )
    either = [f"(?:{'|'.join(map(re.escape, option))})" for option in options]
    rule = {"type": "matches", "pattern": r"(?i:" + r",\s*".join(either) + r"\.?)"}
    return Task(
        material,
        Answer(answer, rule),
        "translate_list",
        {"lang": name},
        noun="words+",
        filler=filler,
    )


def _text(filler: Filler, language: int) -> Task:
    """A phrase or sentence into another language."""
    english, answers = _any_text(filler, language)
    name = filler.values["lang"] = LANGUAGES[language]
    noun = "sentence" if len(english.split()) > 3 else "phrase"
    return Task(
        english,
        Answer(answers[0], same(*answers)),
        "translate_text",
        {"lang": name},
        inline=quoted(english),
        filler=filler,
        noun=noun,
    )


def _english_forms(english: str) -> list[str]:
    """The same English with and without contractions."""
    pairs = [
        ("I am", "I'm"),
        ("It is", "It's"),
        ("don't", "do not"),
        ("You're", "You are"),
        ("She is", "She's"),
        ("He is", "He's"),
        ("We are", "We're"),
        ("They are", "They're"),
        ("That is", "That's"),
        ("What is", "What's"),
        ("Where is", "Where's"),
    ]
    forms = [english] + [english.replace(old, new) for old, new in pairs if old in english]
    return list(dict.fromkeys(forms))


def _back(filler: Filler, language: int) -> Task:
    """From another language into English."""
    name = filler.values["lang"] = LANGUAGES[language]
    if filler.draw.random() < 0.5:
        known = [
            word
            for word in words()
            if word.removeprefix("the ") not in UNCLEAR
            and word != _bare(words()[word][language][0])
        ]
        english = filler.pick(known)
        plain = english.removeprefix("the ")
        also = dict((cut(entry)[0], cut(entry)[1:]) for entry in load("translation_words")["also"])
        answers = [english, plain, plain.removeprefix("to "), *also.get(plain, [])]
        foreign, noun = _bare(words()[english][language][0]), "word"
    else:
        english, translations = _any_text(filler, language)
        foreign, answers = filler.draw.choice(translations), _english_forms(english)
        noun = "sentence" if len(english.split()) > 3 else "phrase"
    full = _full_english(foreign, english)
    return Task(
        foreign,
        Answer(english, same(*answers)),
        "translate_back",
        {"lang": name},
        inline=quoted(foreign),
        filler=filler,
        noun=noun,
        full=full,
    )


def _full_english(foreign: str, english: str) -> Answer:
    inner, means = foreign.rstrip(".!"), english.rstrip(".!")
    end = "" if means.endswith("?") else "."
    return Answer(f'"{inner}" means "{means}"{end}', {"type": "contains", "words": [means]})


_MAKERS = {"words": _words, "text": _text, "back": _back}


def _register(form: str, language: int) -> None:
    def make(filler: Filler) -> Task:
        return _MAKERS[form](filler, language)

    name = LANGUAGES[language].lower()
    label = {"words": f"words_to_{name}", "text": f"text_to_{name}", "back": f"from_{name}"}[form]
    skill(label, "translation", "travel", ROWS[form][language])(make)


for _form, _language in itertools.product(_MAKERS, range(4)):
    _register(_form, _language)
