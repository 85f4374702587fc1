"""Skills of reckoning: the four operations, problems in words, percentages, money, units, time."""

from __future__ import annotations

from tuning_lists import Filler, capital, cut, load
from tuning_rows import Answer, Task, Unfit, skill

_SIGNS = {"add": "+", "subtract": "-", "multiply": "×", "divide": "/"}


def number(value: float, longest: int = 40) -> dict:
    """The rule that the last number of the response is this value."""
    return {"type": "number", "value": value, "longest": longest}


def shown(value: float) -> str:
    """A number without needless decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def reckoned(
    filler: Filler, phrasing: str, material: str, value: float, full: str, steps: list[str], **more
) -> Task:
    """A task whose answer is a number."""
    working = Answer("\n".join([*steps, full]), number(value, 80))
    return Task(
        material,
        Answer(shown(value), number(value, 1)),
        phrasing,
        filler=filler,
        full=Answer(full, number(value)),
        steps=working if steps else None,
        **more,
    )


def _operation(filler: Filler, name: str) -> tuple[int, int, int]:
    draw = filler.draw
    if name == "add":
        a, b = draw.randrange(5, 400), draw.randrange(5, 90)
        return a, b, a + b
    if name == "subtract":
        b = draw.randrange(4, 90)
        a = b + draw.randrange(3, 200)
        return a, b, a - b
    a, b = draw.randrange(3, 40), draw.randrange(2, 13)
    return (a, b, a * b) if name == "multiply" else (a * b, b, a)


def _steps(name: str, a: int, b: int, r: int) -> list[str]:
    line = f"{a} {_SIGNS[name]} {b} = {r}"
    tens = b - b % 10
    if name in ("add", "subtract") and tens and b % 10:
        half = a + tens if name == "add" else a - tens
        sign = _SIGNS[name]
        return [f"{a} {sign} {tens} = {half}", f"{half} {sign} {b % 10} = {r}"]
    if name == "multiply" and a > 10 and a % 10:
        left, right = (a - a % 10) * b, a % 10 * b
        return [
            f"{a - a % 10} × {b} = {left}",
            f"{a % 10} × {b} = {right}",
            f"{left} + {right} = {r}",
        ]
    if name == "divide":
        return [line, f"Check: {r} × {b} = {a}"]
    return [line]


def _plain(name: str, phrasing: str, wording: str, rows: int) -> None:
    def make(filler: Filler) -> Task:
        a, b, r = _operation(filler, name)
        full = wording.format(a=a, b=b, r=r)
        return reckoned(
            filler,
            phrasing,
            f"{a} and {b}",
            r,
            full,
            _steps(name, a, b, r),
            inline=f"{a} and {b}" if name in ("add", "multiply") else None,
        )

    skill(name, "arithmetic", "sums", rows)(make)


_plain("add", "sum", "The sum of {a} and {b} is {r}.", 60)
_plain("subtract", "subtract", "{a} minus {b} is {r}.", 55)
_plain("multiply", "multiply", "{a} times {b} is {r}.", 55)
_plain("divide", "divide", "{a} divided by {b} is {r}.", 50)


def word_problem(filler: Filler, section: str, values: dict, result: int, steps: list[str]) -> Task:
    """A problem of the list with its numbers and its answer."""
    text, asked, *rest = cut(filler.pick(load("problems")[section]))
    filler.values |= {key: str(value) for key, value in values.items()}
    filler.values["r"] = str(result)
    material = capital(filler.fill(f"{text} {asked}"))
    full = capital(filler.fill(rest[-1])) + "."
    return reckoned(filler, "problem", material, result, full, steps, talkative=True)


def _register_problem(name: str, rows: int) -> None:
    def make(filler: Filler) -> Task:
        a, b, r = _operation(filler, name)
        if max(a, b, r) > 150 or (name == "subtract" and a > 90):
            raise Unfit("numbers too large for a story")
        values = {"x": a, "y": b, "z": a}
        return word_problem(filler, name, values, r, [f"{a} {_SIGNS[name]} {b} = {r}"])

    skill(f"problem_{name}", "arithmetic", "sums", rows)(make)


for _name, _rows in (("add", 42), ("subtract", 42), ("multiply", 42), ("divide", 38)):
    _register_problem(_name, _rows)


@skill("problem_two_steps", "arithmetic", "sums", 70)
def two_steps(filler: Filler) -> Task:
    """Two operations, one after the other."""
    draw = filler.draw
    entry = filler.pick(load("problems")["two_steps"])
    text, asked, rule, full = cut(entry)
    w, y = draw.randrange(2, 9), draw.randrange(3, 12)
    x = draw.randrange(max(w, y) + 2, 40)
    values = {"x": x, "y": y, "w": w}
    product, result = w * y, eval(rule, {}, values)  # a rule of our own list
    steps = {
        "x+y-w": [f"{x} + {y} = {x + y}", f"{x + y} - {w} = {result}"],
        "x-w+y": [f"{x} - {w} = {x - w}", f"{x - w} + {y} = {result}"],
        "w*y+x": [f"{w} × {y} = {product}", f"{product} + {x} = {result}"],
        "w*y-w": [f"{w} × {y} = {product}", f"{product} - {w} = {result}"],
    }[rule]
    filler.values |= {key: str(value) for key, value in values.items()} | {"r": str(result)}
    material = capital(filler.fill(f"{text} {asked}"))
    return reckoned(
        filler, "problem", material, result, capital(filler.fill(full)) + ".", steps, talkative=True
    )
