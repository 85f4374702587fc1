"""From a task (material, response, rule) to a row: its wording, its context, its order."""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tuning_lists import LISTS, Filler, cut, load

PHRASINGS = ("rewriting", "grammar", "extraction", "arithmetic", "formatting", "code", "other")
SKILLS: dict[str, Skill] = {}
_AROUND = {
    "first": ("this", "the {} below", "the following {}"),
    "inside": ("this", "the {} below", "the next {}"),
    "last": ("this", "the {} above", "that"),
}
_MANY = {"this": "these", "that": "those", "the next {}": "the following {}"}
_HELD_OUT = (
    "extract suggest rephras swap retell join repair insert propos invent offer halv evaluat "
    "separat brainstorm classif label summar condens categor paraphras predict recommend devis "
    "narrat formulat convinc construct analy demonstrat express determin generat identif select "
    "reduc assess justif conclud estimat"
).split()
HELD_OUT = re.compile(r"\b(?:" + "|".join(_HELD_OUT) + r")\w*", re.IGNORECASE)


class Unfit(ValueError):
    """A draw that makes no good row; another is tried."""


@dataclass
class Answer:
    """A response and the rule that it follows."""

    text: str
    rule: dict


@dataclass
class Task:
    """What is asked about, and the answers that code vouches for."""

    material: str
    answer: Answer
    phrasing: str
    fields: dict[str, str] = field(default_factory=dict)
    full: Answer | None = None  # in a full sentence
    steps: Answer | None = None  # with the working shown
    talkative: bool = False  # answers in a full sentence unless told otherwise
    only: str | None = None  # the section of tails that ask for the bare answer
    inline: str | None = None  # how the material is named inside an instruction
    noun: str | None = None  # what the material is called, where the phrasing's word does not fit
    contexts: list[str] | None = None  # templates, where the skill's own do not fit
    filler: Filler | None = None
    block: bool = False  # code, never set in quotes or on the line of the request
    prefix: str = ""  # goes before "this place" and the like
    suffix: str = ""  # ends the request (how a list is to be set)


@dataclass(frozen=True)
class Skill:
    """A way to draw tasks, and how many rows it should give."""

    name: str
    kind: str
    contexts: str
    rows: int
    make: Callable[[Filler], Task]


def skill(name: str, kind: str, contexts: str, rows: int) -> Callable:
    """Register a maker of tasks."""

    def register(make: Callable[[Filler], Task]) -> Callable[[Filler], Task]:
        SKILLS[name] = Skill(name, kind, contexts, rows, make)
        return make

    return register


@functools.cache
def phrasings() -> dict[str, tuple[str, str, list[str]]]:
    """Noun, kind of tail and wordings of every phrasing section."""
    known = {}
    for part in PHRASINGS:
        for head, lines in load(f"phrasings_{part}").items():
            name, *rest = cut(head)
            noun, tail = rest if rest else ("", "")
            known[name] = (noun, tail, lines)
    return known


def style_suffixes(style: str) -> list[str]:
    """Endings of a request that set a list's style, with their leading space or comma."""
    text = (LISTS / "phrasings_other.txt").read_text(encoding="utf-8")
    block = text.split(f"[style_{style}]\n")[1].split("[")[0]
    return [line for line in block.splitlines() if line]


def quoted(text: str) -> str:
    """The text in double quotes, or single ones where it has double ones."""
    return f"'{text}'" if '"' in text else f'"{text}"'


def _reference(noun: str, order: str, draw: random.Random) -> str:
    """How an instruction points at the material: this sentence, the words above."""
    form = draw.choice(_AROUND[order])
    if noun.endswith("+"):
        noun, form = noun[:-1], _MANY.get(form, form)
    return form.format(noun) if "{}" in form else f"{form} {noun}"


def _tail_and_answer(task: Task, core: str, draw: random.Random) -> tuple[str, Answer]:
    """A closing request (or none) and the answer that obeys it."""
    tails, lot = load("tails"), draw.random()
    only = task.only or phrasings()[task.phrasing][1]
    if task.steps and lot < 0.3:
        return draw.choice(tails["steps"]), task.steps
    if task.full and lot < 0.5:
        return draw.choice(tails["full"]), task.full
    if tails.get(only) and (0.5 if task.full else 0.0) <= lot < (0.8 if task.full else 0.35):
        return draw.choice(tails[only]), task.answer
    chatty = task.talkative or core.endswith("?")
    return "", task.full if task.full and chatty else task.answer


def _alone(core: str, tail: str, task: Task) -> str:
    """Request and material in one instruction."""
    material = task.material
    if core.endswith(":"):
        raise Unfit("two colons")
    if task.block or "\n" in material or not core.endswith((".", "?")):
        head = core[:-1] + ":" if core.endswith(".") else core
        return "\n".join(part for part in (head, material, tail) if part)
    if core.endswith("?"):
        text = f"{core} {quoted(material)}"
    elif ": " in core or ". " in core:
        text = f"{core} {quoted(material)}"
    else:
        text = f"{core[:-1]}: {material}"
    if tail and not text.rstrip("\"'").endswith((".", "!", "?")):
        text += "."
    return f"{text} {tail}".strip()


def _core(task: Task, order: str, draw: random.Random) -> str:
    noun, _, wordings = phrasings()[task.phrasing]
    core, noun = draw.choice(wordings), task.noun or noun
    missing = set(re.findall(r"\{(\w+)\}", core)) - {"it", *task.fields}
    assert not missing, f"{task.phrasing}: no value for {missing}"
    inline = order == "alone" and task.inline is not None
    if inline and "{it}" not in core:
        core = draw.choice([wording for wording in wordings if "{it}" in wording] or wordings)
    reference = _reference(noun, "first" if order == "alone" else order, draw)
    it = task.inline if inline else task.prefix + reference
    core = core.replace("{it}", it)
    for key, value in task.fields.items():
        core = core.replace("{" + key + "}", value)
    core = core[:1].upper() + core[1:]
    core = re.sub(r"([.!?]['\"])\.(?=\s|$)", r"\1", core)
    if not task.suffix:
        return core
    if not core.endswith("?"):
        return core + task.suffix
    return f"{core} Write them{task.suffix if task.suffix[0] == ' ' else task.suffix[1:]}"


def _context(task: Task, contexts: str, draw: random.Random) -> str:
    """A sentence around the material, with people of its own."""
    if task.contexts:
        template = draw.choice(task.contexts)
    else:
        pool = [line for name in contexts.split() for line in load("contexts")[name]]
        template = re.sub(r"\{(a|b|job|a job)\}", r"{\g<1>8}", draw.choice(pool))
    text = task.filler.fill(template)
    return text[:1].upper() + text[1:]


def lay_out(task: Task, contexts: str, order: str, draw: random.Random) -> tuple[list, Answer]:
    """Segments in the wanted order, and the answer."""
    core = _core(task, order, draw)
    tail, answer = _tail_and_answer(task, core, draw)
    if order == "alone":
        inline = task.inline is not None and task.inline in core
        text = f"{core} {tail}".strip() if inline else _alone(core, tail, task)
        return [{"role": "instruction", "text": text}], answer
    instruction = {"role": "instruction", "text": f"{core} {tail}".strip()}
    material = {"role": "input", "text": task.material}
    context = {"role": "context", "text": _context(task, contexts, draw)}
    if order == "inside":
        return [context, instruction, material], answer
    around = [context] if draw.random() < 0.42 else []
    if order == "first":
        return [instruction, *around, material], answer
    return [*around, material, instruction], answer
