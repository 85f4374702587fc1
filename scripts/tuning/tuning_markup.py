"""Skills of form: quotes, bold, dates, spelling out, initials, HTML."""

from __future__ import annotations

import re

from tuning_formatting import CATEGORIES, as_given, some_items
from tuning_lists import MONTHS, Filler, capital, cut, load
from tuning_rows import Answer, Task, Unfit, quoted, skill
from tuning_tasks import literal


def _short_text(filler: Filler) -> str:
    return filler.fill(filler.pick(load("templates")["short_text"]))


@skill("quotes", "formatting", "lists data", 38)
def quotes(filler: Filler) -> Task:
    """Double quotation marks around a text."""
    text = _short_text(filler)
    return Task(
        text,
        Answer(f'"{text}"', literal(f'"{text}"')),
        "quotes",
        filler=filler,
        noun=filler.draw.choice(["text", "line", "phrase"]),
    )


@skill("bold", "formatting", "desk", 42)
def bold(filler: Filler) -> Task:
    """One word of a sentence in Markdown bold."""
    text = capital(filler.fill(filler.pick(load("templates")["bold"])))
    word = filler.pick([word.strip(".") for word in text.split() if len(word) > 4])
    if text.count(word) > 1:
        raise Unfit("the word stands twice")
    after = text.replace(word, f"**{word}**")
    return Task(
        text, Answer(after, literal(after)), "bold", {"w": word}, filler=filler, inline=quoted(text)
    )


@skill("date_format", "formatting", "calendar", 55)
def date_format(filler: Filler) -> Task:
    """A date in another form."""
    draw = filler.draw
    day, month, year = draw.randrange(1, 29), draw.randrange(1, 13), draw.randrange(1980, 2031)
    name = MONTHS[month - 1]
    forms = {
        "YYYY-MM-DD": f"{year}-{month:02d}-{day:02d}",
        "DD.MM.YYYY": f"{day:02d}.{month:02d}.{year}",
        "DD/MM/YYYY": f"{day:02d}/{month:02d}/{year}",
        "day month year (5 May 2020)": f"{day} {name} {year}",
        "month day, year (May 5, 2020)": f"{name} {day}, {year}",
        "day month (5 May), without the year": f"{day} {name}",
    }
    form = draw.choice(list(forms))
    before = draw.choice(
        [f"{day} {name} {year}", f"{name} {day}, {year}", f"{year}-{month:02d}-{day:02d}"]
    )
    if forms[form] == before:
        raise Unfit("nothing to change")
    return Task(
        before,
        Answer(forms[form], literal(forms[form])),
        "date_format",
        {"form": form},
        inline=before,
        filler=filler,
    )


@skill("spell", "formatting", "lists school", 45)
def spell(filler: Filler) -> Task:
    """A word letter by letter."""
    things = load("things")
    word = filler.pick(
        [word for sort in CATEGORIES for word in things[sort] if word.isalpha()]
        + load("people")["female"]
    )
    text = "-".join(word)
    return Task(word, Answer(text, literal(text)), "spell", inline=quoted(word), filler=filler)


@skill("initials", "formatting", "lists", 42)
def initials(filler: Filler) -> Task:
    """First letters in capitals."""
    words = filler.fill(filler.pick(load("templates")["initials"])).split()
    text = "".join(word[0] for word in words).upper()
    return Task(
        " ".join(words),
        Answer(text, literal(text)),
        "initials",
        filler=filler,
        inline=quoted(" ".join(words)),
    )


@skill("html_tag", "formatting", "data", 55)
def html_tag(filler: Filler) -> Task:
    """One HTML element around a text."""
    text = _short_text(filler)
    tag, name = cut(filler.draw.choice(load("templates")["tag"]))
    html = f"<{tag}>{text}</{tag}>"
    return Task(
        text,
        Answer(html, literal(html)),
        "html_tag",
        {"tag": name},
        inline=quoted(text),
        filler=filler,
    )


@skill("html_link", "formatting", "data", 35)
def html_link(filler: Filler) -> Task:
    """An HTML link."""
    text, page = _short_text(filler), filler.fill("{town}").lower()
    end = filler.draw.choice(["", "/news", "/map", "/shop", "/contact", "/prices"])
    url = f"https://{page}.example{end}"
    html = f'<a href="{url}">{text}</a>'
    return Task(
        text,
        Answer(html, literal(html)),
        "html_link",
        {"url": url},
        inline=quoted(text),
        filler=filler,
    )


@skill("html_list", "formatting", "data lists", 38)
def html_list(filler: Filler) -> Task:
    """An unordered HTML list, one tag a line."""
    items, noun = some_items(filler, 2, 4)
    html = "\n".join(["<ul>", *[f"  <li>{item}</li>" for item in items], "</ul>"])
    loose = r"\s*".join([r"<ul>", *[f"<li>{re.escape(item)}</li>" for item in items], "</ul>"])
    return Task(
        as_given(filler, items, ""),
        Answer(html, {"type": "matches", "pattern": loose}),
        "html_list",
        noun=noun,
        filler=filler,
    )
