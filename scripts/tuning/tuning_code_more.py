"""Skills of code, second part: functions, comprehensions, outputs, errors, SQL, comments."""

from __future__ import annotations

import sqlite3

from tuning_code import CONTEXT, coded, drawn, expected, run, text
from tuning_lists import Filler, cut, load
from tuning_rows import Answer, Task, Unfit, quoted, skill
from tuning_tasks import literal


def _compiles(code: str) -> bool:
    """Whether Python reads the code without an error."""
    try:
        compile(code, "row", "exec")
    except SyntaxError:
        return False
    return True


@skill("py_function", "code", CONTEXT, 60)
def py_function(filler: Filler) -> Task:
    """def double(x): return x * 2"""
    draw, number = filler.draw, str(filler.draw.randrange(2, 13))
    entry = filler.pick(load("code")["function"]).replace("{n}", number)
    head, means, result, call, value = cut(entry)
    code = f"def {head}:\n    return {result}"
    assert run(f"{code}\nprint({call})")[0] == str(expected(value)), code
    material = draw.choice(
        [
            f"{head} returns {means}",
            f"name: {head}; result: {means}",
            f"{head}: it should return {means}",
        ]
    )
    return coded(filler, "py_function", material, code, noun="task")


@skill("py_fstring", "code", CONTEXT, 48)
def py_fstring(filler: Filler) -> Task:
    """print(f"{name} is {age} years old.")"""
    form, *slots = cut(filler.pick(load("code")["fstring"]))
    values: dict[str, str | int] = {}
    for name, slot in (slot.split("=") for slot in slots):
        number = filler.draw.randrange(2, 90)
        values[name] = number if slot == "number" else filler.fill(f"{{{slot}}}")
    lines = [f"{name} = {text(value)}" for name, value in values.items()]
    sample, code = form.format(**values), f'print(f"{form}")'
    assert run("\n".join([*lines, code]))[0] == sample
    fields = {"sample": quoted(sample)}
    return coded(filler, "py_fstring", "\n".join(lines), code, fields=fields)


@skill("py_comprehension", "code", CONTEXT, 48)
def py_comprehension(filler: Filler) -> Task:
    """doubled = [n * 2 for n in numbers]"""
    draw, number = filler.draw, filler.draw.randrange(2, 20)
    source: str = draw.choice(["numbers", "prices", "scores", "ages"])
    values: list = draw.sample(range(1, 50), draw.randint(4, 6))
    section = "comprehension_numbers"
    if draw.random() < 0.4:
        source, section = "words", "comprehension_words"
        values = filler.pick_many(load("things")["animal"], 4)
    name, wish, form, value = drawn(filler, section, n=number)
    code = f"{name} = [{form.format(source)}]"
    assert run(code, **{source: values})[1][name] == expected(value, v=values)
    fields = {"name": name, "op": wish}
    return coded(filler, "py_comprehension", f"{source} = {text(values)}", code, fields=fields)


@skill("py_output", "code", CONTEXT, 80)
def py_output(filler: Filler) -> Task:
    """What a few lines print."""
    draw = filler.draw
    word, other = filler.pick_many(load("things")["animal"] + load("things")["fruit"], 2)
    code = filler.pick(load("code")["output"]).replace("\\n", "\n")
    slots = {key: draw.randrange(2, 13) for key in "xyz"}
    slots |= {"w": text(word), "v": text(other), "list": text(draw.sample(range(1, 40), 4))}
    for key, value in slots.items():
        code = code.replace(f"{{{key}}}", str(value))
    shown = run(code)[0]
    if not shown or shown.count("\n") > 6:
        raise Unfit("nothing or too much printed")
    noun = draw.choice(["code", "program", "script"])
    answer = Answer(shown, literal(shown))
    return Task(code, answer, "py_output", filler=filler, block=True, noun=noun)


@skill("py_syntax", "code", CONTEXT, 68)
def py_syntax(filler: Filler) -> Task:
    """A line with an error, and the line without."""
    entry = filler.pick(load("code")["syntax"]).replace("\\n", "\n")
    names = {"w": filler.fill("{animal}"), "v": filler.fill("{fruit}"), "p": filler.fill("{a}")}
    for key, value in (names | {"x": str(filler.draw.randrange(2, 60))}).items():
        entry = entry.replace(f"<{key}>", value)
    wrong, right = entry.split(" => ")
    assert _compiles(right) and not _compiles(wrong), entry
    return coded(filler, "py_syntax", wrong, right)


def _answered(table: str, item: str, number: str, rows: list[tuple], query: str) -> list[tuple]:
    """What a query gives on a table in memory."""
    base = sqlite3.connect(":memory:")
    base.execute(f"CREATE TABLE {table}({item}, {number})")
    base.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)
    return base.execute(query).fetchall()


@skill("sql", "code", CONTEXT, 58)
def sql(filler: Filler) -> Task:
    """A query, run on a small table in memory."""
    draw = filler.draw
    table, item, number, things, source, span = cut(filler.pick(load("code")["table"]))
    file, section = source.split("/")
    low, high = map(int, span.split("-"))
    names, values = filler.pick_many(load(file)[section], 4), draw.sample(range(low, high), 4)
    rows = list(zip(names, values, strict=True))
    slots = {"table": table, "item": item, "number": number, "things": things, "name": names[0]}
    wish, query, value = drawn(filler, "sql", **slots, n=draw.randrange(low + 1, high))
    assert _answered(table, item, number, rows, query) == expected(value, rows=rows), query
    forms = [f"{table}({item}, {number})", f"Table {table} with the columns {item} and {number}"]
    task = coded(filler, "sql", draw.choice(forms), query, fields={"op": wish})
    pattern = task.answer.rule["pattern"].removesuffix(";")
    task.answer.rule["pattern"] = f"(?i:{pattern};?)"
    return task


@skill("comment_out", "code", CONTEXT, 42)
def comment_out(filler: Filler) -> Task:
    """A # in front of the line or lines."""
    chosen = filler.pick_many(load("code")["comment"], filler.draw.choice([1, 1, 2]))
    lines = [filler.fill(line) for line in chosen]
    after = "\n".join(f"# {line}" for line in lines)
    assert run(after)[1].keys() <= {"__builtins__"}
    noun = "lines+" if len(lines) > 1 else "line"
    return coded(filler, "comment_out", "\n".join(lines), after, noun=noun)
