"""Skills of rewriting one clause: tenses, numbers, persons, voices, questions, negation."""

from __future__ import annotations

from tuning_clauses import clause, possessive, subject
from tuning_english import irregular_plurals, plural, verb
from tuning_lists import Filler, capital, cut, load
from tuning_rows import Answer, Task, Unfit, skill
from tuning_tasks import rewrite

CONTEXTS = "school desk"


@skill("past_tense", "rewriting", CONTEXTS, 60)
def past_tense(filler: Filler) -> Task:
    """She waters the roses: she watered the roses."""
    it = clause(filler, "name relative plural pronoun")
    return rewrite(filler, "past_tense", it.write(it.present), it.write(it.verb.past))


@skill("future_tense", "rewriting", CONTEXTS, 55)
def future_tense(filler: Filler) -> Task:
    """She waters the roses: she will water the roses."""
    it = clause(filler, "name relative plural pronoun")
    before = it.present if filler.draw.random() < 0.7 else it.verb.past
    return rewrite(filler, "future_tense", it.write(before), it.write(f"will {it.verb.base}"))


@skill("present_continuous", "rewriting", CONTEXTS, 55)
def present_continuous(filler: Filler) -> Task:
    """She waters the roses: she is watering the roses."""
    it = clause(filler, "name relative plural pronoun", tails="momentary")
    if it.verb.base in ("lose", "find", "forget", "hear", "break", "win"):
        raise Unfit("no lasting action")
    after = it.write(f"{it.be} {it.verb.ing}")
    return rewrite(filler, "present_continuous", it.write(it.present), after)


def _number_of(filler: Filler) -> tuple[str, str]:
    nouns = load("plurals")["noun"] + list(irregular_plurals()) + load("things")["animal"]
    one = filler.pick(nouns)
    if one == plural(one):
        raise Unfit("the same in both numbers")
    return one, plural(one)


@skill("plural_noun", "rewriting", "school", 50)
def plural_noun(filler: Filler) -> Task:
    """box: boxes."""
    one, many = _number_of(filler)
    full = f'The plural of "{one}" is "{many}".'
    rule = {"type": "contains", "words": [many], "longest": 9}
    return rewrite(filler, "plural_noun", one, many, full=Answer(full, rule))


@skill("singular_noun", "rewriting", "school", 40)
def singular_noun(filler: Filler) -> Task:
    """boxes: box."""
    one, many = _number_of(filler)
    full = f'The singular of "{many}" is "{one}".'
    rule = {"type": "contains", "words": [one], "longest": 9}
    return rewrite(filler, "singular_noun", many, one, full=Answer(full, rule))


@skill("plural_sentence", "rewriting", CONTEXTS, 50)
def plural_sentence(filler: Filler) -> Task:
    """The cook washes the pans: the cooks wash the pans."""
    it = clause(filler)
    people = [noun for noun in load("people")["job"] if noun != "postman"]
    noun = filler.pick([*people, "child", "boy", "girl", "woman", "man", "student", "tourist"])
    it.subject.text, it.subject.plural = f"the {noun}", False
    continuous = filler.draw.random() < 0.3 and it.verb.base not in ("lose", "find", "hear")
    if it.object.startswith("a ") or (continuous and it.tail):
        raise Unfit("would the object be plural too, or is the tail no moment")
    before = it.write(f"is {it.verb.ing}" if continuous else it.verb.third)
    it.subject.text = f"the {plural(noun)}"
    after = it.write(f"are {it.verb.ing}" if continuous else it.verb.base)
    return rewrite(filler, "plural_sentence", before, after)


@skill("first_person", "rewriting", CONTEXTS, 55)
def first_person(filler: Filler) -> Task:
    """Lena walks her dog: I walk my dog."""
    who = subject(filler, "name pronoun")
    if who.plural:
        raise Unfit("one person only")
    habits, own = load("habits"), possessive(who.pronoun)
    if filler.draw.random() < 0.25:
        form, rest = cut(filler.pick(habits["be"]))
        before, after = form, {"is": "am", "was": "was"}[form]
    else:
        forms, rest = cut(filler.pick(habits["habit"]))
        action, lot = verb(forms), filler.draw.random()
        before, after = (action.past, action.past) if lot < 0.35 else (action.third, action.base)
    old = capital(f"{who.text} {before} {rest.format(his=own)}.")
    return rewrite(filler, "first_person", old, f"I {after} {rest.format(his='my')}.")


@skill("passive", "rewriting", CONTEXTS, 60)
def passive(filler: Filler) -> Task:
    """The cook washes the pans: the pans are washed by the cook."""
    it = clause(filler, section="action")
    if it.tail.startswith("by ") or it.verb.base in ("forget", "hear", "tell", "visit", "help"):
        raise Unfit("reads badly in the passive")
    past = filler.draw.random() < 0.5
    be = ("were" if past else "are") if it.object_plural else ("was" if past else "is")
    before = it.write(it.verb.past if past else it.present)
    agent = it.subject.text
    core = f"{it.object} {be} {it.verb.participle}"
    after = " ".join(part for part in (core, f"by {agent}", it.tail) if part)
    other = " ".join(part for part in (core, it.tail, f"by {agent}") if part)
    return rewrite(filler, "passive", before, capital(after + "."), others=[capital(other + ".")])


@skill("question", "rewriting", CONTEXTS, 60)
def question(filler: Filler) -> Task:
    """She waters the roses: does she water the roses?"""
    lot = filler.draw.random()
    it = clause(filler, "name relative plural pronoun", tails="momentary" if 0.75 < lot else "any")
    who, end = it.subject.text, f"{it.rest}?"
    if lot < 0.4:
        do = "do" if it.subject.plural else "does"
        before, after = it.write(it.present), f"{do} {who} {it.verb.base} {end}"
    elif lot < 0.75:
        before, after = it.write(it.verb.past), f"did {who} {it.verb.base} {end}"
    else:
        before = it.write(f"{it.be} {it.verb.ing}")
        after = f"{it.be} {who} {it.verb.ing} {end}"
    return rewrite(filler, "question", before, capital(after))


@skill("negation", "rewriting", CONTEXTS, 60)
def negation(filler: Filler) -> Task:
    """She waters the roses: she does not water the roses."""
    lot = filler.draw.random()
    it = clause(filler, "name relative plural pronoun", tails="momentary" if lot > 0.8 else "any")
    do = "do" if it.subject.plural else "does"
    before, helper, form = it.present, do, it.verb.base
    if 0.4 < lot <= 0.7:
        before, helper = it.verb.past, "did"
    elif 0.7 < lot <= 0.8:
        before, helper = f"will {it.verb.base}", "will"
    elif lot > 0.8:
        before, helper, form = f"{it.be} {it.verb.ing}", it.be, it.verb.ing
    short = "won't" if helper == "will" else f"{helper}n't"
    after = it.write(f"{helper} not {form}")
    return rewrite(
        filler, "negation", it.write(before), after, others=[it.write(f"{short} {form}")]
    )
