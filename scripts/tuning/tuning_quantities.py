"""Skills of reckoning with quantities: percentages, money, time, units, averages, sequences."""

from __future__ import annotations

from tuning_arithmetic import reckoned, shown, word_problem
from tuning_lists import Filler, capital, cut, listed, load
from tuning_rows import Answer, Task, Unfit, skill


@skill("percent", "arithmetic", "sums", 52)
def percent(filler: Filler) -> Task:
    """A part of a whole in percent."""
    part = filler.draw.choice([5, 10, 20, 25, 30, 40, 50, 60, 75, 80])
    whole = filler.draw.randrange(2, 31) * 10
    if whole * part % 100:
        raise Unfit("no whole result")
    result = whole * part // 100
    steps = [
        f"1 percent of {whole} is {shown(whole / 100)}.",
        f"{part} × {shown(whole / 100)} = {result}",
    ]
    return word_problem(filler, "percent", {"x": whole, "p": part}, result, steps)


@skill("change", "arithmetic", "sums", 52)
def change(filler: Filler) -> Task:
    """What comes back from a note."""
    paid = filler.draw.choice([10, 20, 50, 100])
    price = filler.draw.randrange(max(2, paid // 5), paid)
    result = paid - price
    return word_problem(
        filler, "change", {"x": price, "y": paid}, result, [f"{paid} - {price} = {result}"]
    )


@skill("duration", "arithmetic", "sums", 55)
def duration(filler: Filler) -> Task:
    """From one time of day to another."""
    draw = filler.draw
    start = draw.randrange(7, 19) * 60 + draw.choice([0, 5, 10, 15, 20, 30, 40, 45, 50])
    hours, minutes = draw.choice([0, 1, 1, 2, 3]), draw.choice([0, 10, 15, 20, 25, 30, 35, 45, 50])
    if not hours + minutes:
        raise Unfit("no time passes")
    clock = [
        f"{time // 60}:{time % 60:02d}"
        for time in (start, start + 60 * hours, start + 60 * hours + minutes)
    ]
    parts = [f"{hours} hour{'s' * (hours > 1)}"] * (hours > 0) + [f"{minutes} minutes"] * (
        minutes > 0
    )
    result = listed(parts)
    text, asked, full = cut(filler.pick(load("problems")["duration"]))
    filler.values |= {"t": clock[0], "u": clock[2], "r": result}
    full = capital(filler.fill(full)) + "."
    lines = [f"From {clock[0]} to {clock[1]} it is {parts[0]}."] * (hours > 0)
    lines += [f"From {clock[1]} to {clock[2]} it is {minutes} minutes."] * (minutes > 0)
    rule = {"type": "contains", "words": [result], "longest": 40}
    return Task(
        capital(filler.fill(f"{text} {asked}")),
        Answer(result, {"type": "exact", "answers": [result]}),
        "problem",
        filler=filler,
        full=Answer(full, rule),
        steps=Answer("\n".join([*lines, full]), rule),
        talkative=True,
        only="phrase",
    )


@skill("units", "arithmetic", "sums", 58)
def units(filler: Filler) -> Task:
    """Metres in centimetres and back."""
    large, small, factor, large_name, small_name = cut(filler.pick(load("problems")["units"]))
    amount = filler.draw.randrange(2, 16)
    if filler.draw.random() < 0.6:
        given, unit, value = f"{amount} {large}", small_name, amount * int(factor)
    else:
        given, unit, value = f"{amount * int(factor)} {small}", large_name, amount
    full = f"{given} are {value} {unit}."
    line = f"{amount} × {factor} = {amount * int(factor)}"
    if value == amount:
        line = f"{amount * int(factor)} / {factor} = {amount}"
    first = f"There are {factor} {small_name} in one {large_name.removesuffix('s')}."
    return reckoned(
        filler, "units", given, value, full, [first, line], inline=given, fields={"u": unit}
    )


@skill("larger", "arithmetic", "sums", 48)
def larger(filler: Filler) -> Task:
    """The largest or smallest of some numbers."""
    draw, size = filler.draw, filler.draw.choice([2, 3, 3, 4, 5])
    low = draw.choice([1, 10, 100, 1000])
    values: list[float] = draw.sample(range(low, low * 12), min(size, 5))
    if draw.random() < 0.35:
        values = [value + draw.choice([0.5, 0.25, 0.2, 0.75]) for value in values]
        values = [round(value, 2) for value in values]
    most = draw.choice(["largest", "smallest", "greatest", "lowest"])
    result = max(values) if most in ("largest", "greatest") else min(values)
    if len(values) == 2:
        most = {
            "largest": "larger",
            "smallest": "smaller",
            "greatest": "greater",
            "lowest": "lower",
        }[most]
    material = listed([shown(value) for value in values])
    return reckoned(
        filler,
        "larger",
        material,
        result,
        f"The {most} number is {shown(result)}.",
        [],
        inline=material,
        fields={"largest": most},
    )


@skill("average", "arithmetic", "sums", 52)
def average(filler: Filler) -> Task:
    """The mean of three to five numbers."""
    draw, count = filler.draw, filler.draw.choice([2, 3, 3, 4, 5])
    values = [draw.randrange(2, 40) for _ in range(count)]
    if sum(values) % count or len(set(values)) < count:
        raise Unfit("no whole average")
    result, material = sum(values) // count, listed([str(value) for value in values])
    steps = [
        " + ".join(map(str, values)) + f" = {sum(values)}",
        f"{sum(values)} / {count} = {result}",
    ]
    if draw.random() < 0.4:
        text, asked, full = cut(filler.pick(load("problems")["average"]))
        filler.values |= {"list": material, "k": str(count), "r": str(result)}
        return reckoned(
            filler,
            "problem",
            capital(filler.fill(f"{text} {asked}")),
            result,
            capital(filler.fill(full)) + ".",
            steps,
            talkative=True,
        )
    return reckoned(
        filler, "average", material, result, f"The average is {result}.", steps, inline=material
    )


@skill("sequence", "reasoning", "puzzle sums", 60)
def sequence(filler: Filler) -> Task:
    """The next number of a row."""
    draw, form = filler.draw, filler.draw.choice(["up", "up", "down", "double", "triple", "square"])
    step, start = draw.randrange(2, 13), draw.randrange(1, 30)
    if form == "up":
        row, why = (
            [start + step * i for i in range(5)],
            f"Each number is {step} more than the last one.",
        )
    elif form == "down":
        row = [start + step * (6 - i) for i in range(5)]
        why = f"Each number is {step} less than the last one."
    elif form in ("double", "triple"):
        factor, start = (2 if form == "double" else 3), draw.randrange(1, 9)
        row = [start * factor**i for i in range(5)]
        why = f"Each number is {factor} times the last one."
    else:
        first = draw.randrange(1, 6)
        row = [i * i for i in range(first, first + 5)]
        why = f"The row holds the squares of {first}, {first + 1}, {first + 2} and so on."
    material = ", ".join(map(str, row[:-1]))
    return reckoned(
        filler, "sequence", material, row[-1], f"The next number is {row[-1]}.", [why], inline=None
    )
