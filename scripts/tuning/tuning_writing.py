"""Skills of short writing: sentences under a constraint, greetings, thanks, invitations, rhymes."""

from __future__ import annotations

import re

from tuning_english import article
from tuning_lists import NUMBER_WORDS, Filler, capital, cut, load
from tuning_rows import Answer, Task, Unfit, quoted, skill

TOPICS = [
    "sea",
    "forest",
    "kitchen",
    "school",
    "city",
    "weather",
    "family",
    "travel",
    "animals",
    "sport",
    "work",
    "music",
]
_COMMON = set(
    "about after again around before behind beside between could during every from into "
    "just name near only onto other over second their them through time under until with "
    "without were last because above across along against".split()
)


def _ruled(text: str, *rules: dict) -> Answer:
    """A response that follows all of the rules."""
    return Answer(text, rules[0] if len(rules) == 1 else {"type": "all_of", "rules": list(rules)})


def _sentences(count: int) -> dict:
    return {"type": "sentence_count", "count": count}


def _clause(filler: Filler, topic: str = "") -> tuple[str, str]:
    """A clause and its topic."""
    topic = topic or filler.draw.choice(TOPICS)
    return filler.pick(load("writing")[topic]), topic


def _opened(filler: Filler, clause: str) -> str:
    """The clause as a sentence, mostly behind an opening."""
    draw, lists = filler.draw, load("writing")
    if draw.random() < 0.3:
        return capital(clause) + "."
    opener = filler.pick(lists["opener"])
    return f"{opener}, {clause}."


def _long(filler: Filler, topic: str = "") -> tuple[str, str]:
    """A sentence of one clause, or of two with `while` or `and`."""
    clause, topic = _clause(filler, topic)
    if filler.draw.random() < 0.3:
        link = filler.draw.choice([" while ", ", and "])
        return capital(f"{clause}{link}{_clause(filler, topic)[0]}."), topic
    return _opened(filler, clause), topic


def _telling(text: str) -> list[str]:
    """Words of a sentence that may be asked for."""
    words = re.findall(r"[a-z]+", text[1:])
    return [
        word
        for word in words
        if len(word) > 3
        and word not in _COMMON
        and len(re.findall(rf"\b{word}\b", text, re.IGNORECASE)) == 1
    ]


@skill("sentence_with", "short writing", "writing", 60)
def sentence_with(filler: Filler) -> Task:
    """A sentence that holds a word."""
    text, _ = _long(filler)
    word = filler.draw.choice(_telling(text))
    answer = _ruled(text, {"type": "contains", "words": [word]}, _sentences(1))
    return Task(word, answer, "sentence_with", inline=f'the word "{word}"', filler=filler)


@skill("sentence_two_words", "short writing", "writing", 40)
def sentence_two_words(filler: Filler) -> Task:
    """A sentence that holds two words."""
    text, _ = _long(filler)
    telling = _telling(text)
    if len(telling) < 2:
        raise Unfit("too few words")
    words = filler.draw.sample(telling, 2)
    answer = _ruled(text, {"type": "contains", "words": words}, _sentences(1))
    return Task(
        f"{words[0]}, {words[1]}",
        answer,
        "sentence_two_words",
        filler=filler,
        inline=f'the words "{words[0]}" and "{words[1]}"',
    )


@skill("sentence_ending", "short writing", "writing", 48)
def sentence_ending(filler: Filler) -> Task:
    """A sentence whose last word is given."""
    text = _opened(filler, _clause(filler)[0])
    word = text.rstrip(".").split()[-1]
    answer = _ruled(text, {"type": "ends_with", "text": f"{word}."}, _sentences(1))
    return Task(word, answer, "sentence_ending", inline=f'the word "{word}"', filler=filler)


@skill("sentence_starting", "short writing", "writing", 48)
def sentence_starting(filler: Filler) -> Task:
    """A sentence whose first words are given."""
    opener = filler.pick(load("writing")["opener"])
    text = f"{opener}, {_clause(filler)[0]}."
    answer = _ruled(text, {"type": "starts_with", "text": opener}, _sentences(1))
    return Task(
        opener,
        answer,
        "sentence_starting",
        inline=quoted(opener),
        filler=filler,
        noun="word" if " " not in opener else "phrase",
    )


def _counted(filler: Filler) -> tuple[str, int, str]:
    """A sentence, its number of words and the name of its topic."""
    lists = load("writing")
    if filler.draw.random() < 0.35:
        text, topic = cut(filler.pick(lists["short"]))
    else:
        text, topic = _long(filler)
    return text, len(text.split()), dict(cut(line) for line in lists["topic_name"])[topic]


@skill("exact_words", "short writing", "writing", 60)
def exact_words(filler: Filler) -> Task:
    """A sentence of exactly n words."""
    text, count, topic = _counted(filler)
    if count > 16:
        raise Unfit("too long to count")
    answer = _ruled(text, {"type": "word_count", "min": count, "max": count}, _sentences(1))
    shown = NUMBER_WORDS[count] if count < 9 and filler.draw.random() < 0.6 else str(count)
    return Task(topic, answer, "exact_words", {"n": shown}, inline=topic, filler=filler)


@skill("at_most_words", "short writing", "writing", 50)
def at_most_words(filler: Filler) -> Task:
    """A sentence of no more than n words."""
    text, count, topic = _counted(filler)
    limit = count + filler.draw.randint(0, 3)
    answer = _ruled(text, {"type": "word_count", "max": limit}, _sentences(1))
    return Task(topic, answer, "at_most_words", {"n": str(limit)}, inline=topic, filler=filler)


@skill("two_sentences", "short writing", "writing", 40)
def two_sentences(filler: Filler) -> Task:
    """Two sentences on a topic."""
    first, topic = _clause(filler)
    if filler.draw.random() < 0.4:
        matching = [cut(line)[0] for line in load("writing")["short"] if cut(line)[1] == topic]
        second = filler.pick(matching)
    else:
        second = capital(_clause(filler, topic)[0]) + "."
    name = dict(cut(line) for line in load("writing")["topic_name"])[topic]
    return Task(
        name,
        _ruled(f"{_opened(filler, first)} {second}", _sentences(2)),
        "two_sentences",
        inline=name,
        filler=filler,
    )


def _to_person(filler: Filler, section: str, phrasing: str) -> Task:
    """Two sentences to a named person: the first is fixed by the occasion, the second drawn."""
    person = filler.fill("{a}")
    occasion, first, *others = cut(filler.pick(load("writing")[section]))
    text = f"{first.format(p=person)} {filler.draw.choice(others)}"
    answer = _ruled(text, {"type": "contains", "words": [person]}, _sentences(2))
    return Task(occasion, answer, phrasing, {"p": person}, inline=occasion, filler=filler)


@skill("greeting", "short writing", "letters", 45)
def greeting(filler: Filler) -> Task:
    """A greeting that suits the person."""
    return _to_person(filler, "greeting", "greeting")


@skill("wish", "short writing", "letters", 55)
def wish(filler: Filler) -> Task:
    """Good wishes for an occasion."""
    return _to_person(filler, "wish", "wish")


@skill("thanks", "short writing", "letters", 60)
def thanks(filler: Filler) -> Task:
    """A thank-you note."""
    draw, person = filler.draw, filler.fill("{a}")
    reason, *reasons = cut(filler.pick(load("writing")["thanks"]))
    first = draw.choice(
        [
            f"Dear {person}, thank you very much for {reason}.",
            f"Dear {person}, thank you so much for {reason}!",
            f"Many thanks for {reason}, dear {person}!",
            f"Hello {person}, I want to thank you for {reason}.",
        ]
    )
    body = draw.sample(reasons, draw.choice([1, 2]))
    end = draw.choice(["", "", " Warm wishes, {}", " Yours, {}", " See you soon, {}"])
    end = end.format(filler.fill("{b}"))
    answer = _ruled(
        " ".join([first, *body]) + end, {"type": "contains", "words": [person, reason.split()[-1]]}
    )
    return Task(reason, answer, "thanks", {"p": person}, inline=reason, filler=filler)


@skill("invitation", "short writing", "letters", 60)
def invitation(filler: Filler) -> Task:
    """An invitation with event, place, day and time."""
    draw, person = filler.draw, filler.fill("{a}")
    event, *extras = cut(filler.pick(load("writing")["event"]))
    filler.pools["time"] = [
        "11:00",
        "14:00",
        "15:30",
        "16:00",
        "17:30",
        "18:00",
        "18:30",
        "19:00",
        "19:30",
        "20:00",
    ]
    facts = {
        "place": filler.fill(draw.choice(["{spot}", "{street} {n}", "my house in {town}"])),
        "day": filler.fill("{day}"),
        "time": filler.fill("{time}"),
    }
    first = filler.pick(load("writing")["invite"]).format(p=person, event=event, **facts)
    text = f"{first} {draw.choice(extras)}"
    material = draw.choice(["; ", ", "]).join([event, facts["place"], facts["day"], facts["time"]])
    if draw.random() < 0.3:
        material = "\n".join(
            f"{name}: {value}"
            for name, value in [
                ("Event", event),
                ("Place", facts["place"]),
                ("Day", facts["day"]),
                ("Time", facts["time"]),
            ]
        )
    answer = _ruled(text, {"type": "contains", "words": [person, *facts.values()]})
    return Task(material, answer, "invitation", {"p": person}, filler=filler)


@skill("rhyme", "short writing", "writing", 58)
def rhyme(filler: Filler) -> Task:
    """Two lines that rhyme."""
    topic, *lines = cut(
        filler.pick([line for rhymes in load("rhymes").values() for line in rhymes])
    )
    lists = load("writing")
    name = f"{article(topic)} {topic}"
    if topic in lists["with_the"]:
        name = f"the {topic}"
    elif topic in lists["bare"]:
        name = topic
    answer = _ruled(
        "\n".join(lines),
        {"type": "list_items", "count": 2, "style": "lines"},
        {"type": "contains", "words": [topic]},
    )
    return Task(name, answer, "rhyme", inline=name, filler=filler)
