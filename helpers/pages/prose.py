"""Numbers for the text of a chapter: what a sentence says is what a cell computed."""

from __future__ import annotations

from helpers.methods.statistics import Comparison


def say(**values: object) -> None:
    """Give the chapter's text its numbers, by name (`{glue:text}` reads them).

    Where the book's builder is not installed, as on Colab, the numbers are printed.
    """
    try:
        from myst_nb import glue
    except ImportError:
        print(*(f"{name}: {value}" for name, value in values.items()), sep="\n")
        return
    for name, value in values.items():
        glue(name, value, display=False)


def say_comparisons(digits: int = 3, **found: Comparison) -> None:
    """Difference and interval of each comparison, as `difference_NAME` and `interval_NAME`.

    What a pair's data do not allow to compare is said to be so.
    """
    for name, one in found.items():
        if not one.possible:
            say(**{f"difference_{name}": "not testable", f"interval_{name}": "too few values"})
            continue
        interval = f"{one.low:+.{digits}f} to {one.high:+.{digits}f}"
        say(**{f"difference_{name}": f"{one.difference:+.{digits}f}", f"interval_{name}": interval})


def clear(found: Comparison) -> bool:
    """Whether a difference is told apart from nothing, after Holm's correction where there is one."""
    return bool((found.p_value if found.p_holm is None else found.p_holm) < 0.05)


def direction(
    found: Comparison, *, up: str = "more", down: str = "less", none: str = "not clearly more"
) -> str:
    """The word that a sentence takes from a comparison: by its sign where it is `clear`."""
    if not found.possible:
        return "not testable"
    return none if not clear(found) else up if found.difference > 0 else down


def number(count: int) -> str:
    """A count as prose has it: a word below ten."""
    words = "none one two three four five six seven eight nine".split()
    return words[count] if 0 <= count < len(words) else f"{count:,}"


def percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"
