"""Skills of code, first part: single lines of Python and short blocks, each of them run here.

The lists give a wish, the code and an expression of the expected value `v` was given for; code and
expression are both evaluated, and must agree.
"""

from __future__ import annotations

import contextlib
import io
import json
import re

from tuning_lists import Filler, cut, load
from tuning_rows import Answer, Task, quoted, skill

CONTEXT = "code"


def run(code: str, **given: object) -> tuple[str, dict]:
    """What the code prints, and the variables that it leaves."""
    names: dict = dict(given)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(code, names)  # lines of our own lists only
    return out.getvalue().strip("\n"), names


def _loose_line(line: str) -> str:
    """A pattern for one line: its indent as it is, other spaces and quotes free."""
    body = line.lstrip(" ")
    pattern = "[\"']".join(re.escape(part) for part in re.split(r"[\"']", body))
    pattern = re.sub(r"(?<=\w)(?:\\ )+(?=\w)", r"\\s+", pattern)
    return " " * (len(line) - len(body)) + re.sub(r"(?:\\ )+", r"\\s*", pattern)


def loose(code: str) -> dict:
    """The rule that a response is this code, whatever its quotes and inner spaces."""
    return {"type": "matches", "pattern": "\n".join(map(_loose_line, code.split("\n")))}


def coded(filler: Filler, phrasing: str, material: str, code: str, **more) -> Task:
    """A task whose answer is code."""
    return Task(material, Answer(code, loose(code)), phrasing, filler=filler, block=True, **more)


def text(value: object) -> str:
    """A Python literal with double quotes."""
    return json.dumps(value, ensure_ascii=False)


def drawn(filler: Filler, section: str, **slots: object) -> list[str]:
    """The fields of an entry of code.txt, with its <slots> filled."""
    entry = filler.draw.choice(load("code")[section])
    for key, value in slots.items():
        entry = entry.replace(f"<{key}>", str(value))
    return cut(entry)


def expected(expression: str, **given: object) -> object:
    """The value of an expression of our own lists."""
    return eval(expression, dict(given))


def _words(filler: Filler, low: int = 3, high: int = 4) -> tuple[str, list[str], str]:
    """A variable name, words of its sort, and one word more."""
    sort = filler.draw.choice(["fruit", "animal", "tool", "town", "name", "colour", "flower"])
    pools = {"name": load("people")["female"], "town": load("places")["town"]}
    count = filler.draw.randint(low, high) + 1
    *values, other = filler.pick_many(pools.get(sort) or load("things")[sort], count)
    return sort + "s", values, other


def _numbers(filler: Filler) -> tuple[str, list[int]]:
    """A variable name and different numbers."""
    name = filler.draw.choice(["prices", "scores", "numbers", "ages", "points", "heights", "steps"])
    return name, filler.draw.sample(range(2, 60), filler.draw.randint(3, 5))


@skill("py_print", "code", CONTEXT, 45)
def py_print(filler: Filler) -> Task:
    """print("Good morning")"""
    shown = filler.fill(filler.pick(load("templates")["print"]))
    code = f"print({text(shown)})"
    assert run(code)[0] == shown
    return coded(filler, "py_print", shown, code, inline=quoted(shown))


@skill("py_assign", "code", CONTEXT, 45)
def py_assign(filler: Filler) -> Task:
    """city = "Orvel" """
    if filler.draw.random() < 0.6:
        name, slot = drawn(filler, "assign_text")
        value: str | int = filler.fill(f"{{{slot}}}")
        sort, shown = "text", quoted(str(value))
    else:
        name, low, high = drawn(filler, "assign_number")
        value = filler.draw.randrange(int(low), int(high))
        sort, shown = "number", str(value)
    code = f"{name} = {text(value)}"
    assert run(code)[1][name] == value
    more = {"noun": sort, "inline": f"the {sort} {shown}", "fields": {"name": name}}
    return coded(filler, "py_assign", str(value), code, **more)


@skill("py_builtin", "code", CONTEXT, 55)
def py_builtin(filler: Filler) -> Task:
    """print(max(prices))"""
    section, (name, values) = "builtin_numbers", _numbers(filler)
    if filler.draw.random() < 0.3:
        section, (name, values, _) = "builtin_words", _words(filler)
    wish, form, value = drawn(filler, section)
    code = f"print({form.format(name)})"
    assert run(code, **{name: values})[0] == str(expected(value, v=values))
    return coded(filler, "py_builtin", f"{name} = {text(values)}", code, fields={"op": wish})


@skill("py_method", "code", CONTEXT, 58)
def py_method(filler: Filler) -> Task:
    """names.append("Mia"), print(word.upper())"""
    if filler.draw.random() < 0.5:
        name, values, new = _words(filler)
        old = filler.draw.choice(values)
        wish, form, value = drawn(filler, "method_list", new=new, old=old)
        code = form.format(name)
        assert run(code, **{name: list(values)})[1][name] == expected(value, v=values)
        return coded(
            filler, "py_method", f"{name} = {text(values)}", code, fields={"op": wish}, noun="list"
        )
    name, slot = filler.draw.choice([("word", "animal"), ("title", "dish"), ("city", "town")])
    word = filler.fill(f"{{{slot}}}")
    wish, form, value = drawn(filler, "method_word")
    code = f"print({form.format(name)})"
    assert run(code, **{name: word})[0] == str(expected(value, v=word))
    wish = wish.format(name)
    return coded(filler, "py_method", f"{name} = {text(word)}", code, fields={"op": wish})


def _lines(values: object) -> str:
    return "\n".join(map(str, values))


@skill("py_loop", "code", CONTEXT, 58)
def py_loop(filler: Filler) -> Task:
    """for name in names: print(name)"""
    section, (name, values) = "loop_numbers", _numbers(filler)
    if filler.draw.random() < 0.55:
        section, (name, values, _) = "loop_words", _words(filler)
    one, number = name[:-1], filler.draw.choice([2, 3, 5, 10])
    wish, body, value = drawn(filler, section, one=one, n=number)
    code = f"for {one} in {name}:\n    {body}"
    assert run(code, **{name: values})[0] == _lines(expected(value, v=values))
    wish = wish.format(name)
    return coded(filler, "py_loop", f"{name} = {text(values)}", code, fields={"op": wish})


@skill("py_range", "code", CONTEXT, 42)
def py_range(filler: Filler) -> Task:
    """for i in range(1, 6): print(i)"""
    draw = filler.draw
    low, size, step = draw.randrange(0, 12), draw.randrange(3, 11), draw.choice([1, 1, 1, 2, 5])
    high = low + size * step
    wish, body, value = drawn(filler, "range")
    code = f"for i in range({low}, {high + 1}{f', {step}' * (step > 1)}):\n    {body}"
    numbers = list(range(low, high + 1, step))
    assert run(code)[0] == _lines(expected(value, v=numbers))
    material = f"the numbers from {low} to {high}{f' in steps of {step}' * (step > 1)}"
    return coded(filler, "py_range", material, code, fields={"op": wish}, inline=material)


@skill("py_if", "code", CONTEXT, 52)
def py_if(filler: Filler) -> Task:
    """if age < 18: print("child")"""
    draw = filler.draw
    name, yes, no, low, high = drawn(filler, "if")
    limit = draw.randrange(int(low), int(high))
    value = max(0, limit + draw.randrange(-9, 10))
    sign, words = draw.choice(
        [(">", "is greater than"), ("<", "is less than"), (">=", "is at least")]
    )
    true = {">": value > limit, "<": value < limit, ">=": value >= limit}[sign]
    if sign == "<":
        yes, no = no, yes
    otherwise = draw.random() < 0.5
    wish = f'prints "{yes}" if {name} {words} {limit}' + f' and "{no}" otherwise' * otherwise
    code = f"if {name} {sign} {limit}:\n    print({text(yes)})"
    code += f"\nelse:\n    print({text(no)})" * otherwise
    assert run(code, **{name: value})[0] == (yes if true else no if otherwise else "")
    return coded(filler, "py_if", f"{name} = {value}", code, fields={"op": wish})


@skill("py_dict", "code", CONTEXT, 52)
def py_dict(filler: Filler) -> Task:
    """print(ages["Ana"])"""
    draw = filler.draw
    name, file, section = draw.choice(
        [("ages", "people", "female"), ("prices", "things", "fruit"), ("stock", "things", "tool")]
    )
    *keys, new = filler.pick_many(load(file)[section], draw.choice([3, 4]))
    values = {key: draw.randrange(2, 60) for key in keys}
    slots = {"old": draw.choice(keys), "new": new, "n": draw.randrange(60, 99)}
    wish, form, value = drawn(filler, "dict", **slots)
    code = form.replace("{}", name)
    printed, names = run(code, **{name: dict(values)})
    wanted = expected(value, v=values)
    assert wanted == names[name] or str(wanted) == printed
    return coded(filler, "py_dict", f"{name} = {text(values)}", code, fields={"op": wish})
