"""What a store was computed under: models, precision, prompts, words, limit. One store, one set of them.

A run under other conditions would replace parts of the store one by one, and what is read from it
meanwhile would mix both; so it is refused, unless the store is to be replaced as a whole. A `store` is one
of `helpers.store.store`, which imports this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import PurePath

from helpers.methods.errors import Mendable
from helpers.store.origin import inputs_hash

OPTIONS = ("prompts", "limit", "vocabulary")


def conditions(
    prompts: str | None, limit: int | None, read: Sequence | None = None, quick: int | None = None
) -> dict[str, str | int]:
    """What a store records of a run; empty for the book's own prompts, all of them.

    `read` are the prompts (dataclasses): they may be edited in place, so their hash is recorded.
    `quick`: prompts that a first look explains, of all (`helpers.commands.filling.QUICK`).
    """
    content = inputs_hash([asdict(one) for one in read]) if read else None
    if quick and read:
        quick = min(quick, len(read))
    given = {"prompts": prompts, "limit": limit, "content": content, "quick": quick}
    return {name: value for name, value in given.items() if value is not None}


def differences(store) -> list[str]:
    """What is otherwise in the store than in the run that wants to write to it, in words.

    Refused where the folder holds a manifest that is none of ours.
    """
    held, found = store.usable(), []
    if not held.parts:
        return []
    for name in OPTIONS:
        before, now = held.conditions.get(name), store.conditions.get(name)
        if before != now:
            found.append(f"--{name} was {_said(before)} and is {_said(now)}")
    contents = held.conditions.get("content"), store.conditions.get("content")
    if None not in contents and contents[0] != contents[1] and not found:
        found.append(f"the prompts in {store.conditions.get('prompts')} were changed since")
    words = held.conditions.get("words"), store.conditions.get("words")
    if words[0] != words[1] and not found:
        found.append(f"the words in {store.conditions.get('vocabulary')} were changed since")
    if "quick" in store.conditions and "quick" not in held.conditions:
        found.append("it was no first look, of which --quick makes one")
    for role, where in store.models.items():
        before = held.models.get(role)
        if before != where:
            found.append(f"--{role} was {before} and is {where}")
    for name, value in ({"dtype": None} | store.expected).items() if store.expected else ():
        others = {str(e["made_from"].get(name)) for e in held.parts.values()} - {str(value)}
        if others and name == "dtype":
            before = ", ".join(sorted(others)).replace("None", "float32")
            found.append(f"precision was {before} and is {value or 'float32'}")
        elif others:
            what = "the tokenizer and template" if name == "tokenizer" else f"the weights of {name}"
            found.append(f"{what} are others than they were")
    return found


def _said(value: object) -> str:
    return "not given" if value is None else str(value)


def check(store) -> None:
    """Refuse a store that holds results made under other conditions."""
    if found := differences(store):
        raise Mendable(
            f"The store {store.folder} holds results that were made otherwise: {'; '.join(found)}. "
            "Choose another store with --name or --folder, or give the same options; --replace "
            "deletes what is there and starts anew."
        )


def told(store, n_book: int) -> str:
    """On which prompts a store was computed, in a sentence."""
    held = store.recorded()["conditions"]
    whose = f"prompts of one's own ({PurePath(str(held['prompts'])).name})" if "prompts" in held else (
        f"the book's {n_book} prompts and its items"
    )  # fmt: skip
    if "quick" in held:
        return (
            f"A first look: importance on {held['quick']} drawn at random from {whose}, what the tuned "
            "model's responses to all of them lose with the instruction blanked, all heads and "
            "feed-forward layers, and no random updates. The same command without --quick goes on to the "
            "whole."
        )
    if "limit" not in held:
        return f"Computed on {whose}."
    return f"A first look: {held['limit']} drawn at random from {whose}, and as many items."
