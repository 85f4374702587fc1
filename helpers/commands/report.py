"""A pair on one page that can be mailed: `python -m helpers report --pair NAME`.

The page is one HTML file: the book's tables and figures for whatever the pair's store holds, and
their explorers, mounted from state inside the file as in the published book. It asks no host for
anything (a content policy in the page forbids it), and what models wrote stands in it as text.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import logging
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pandas as pd
from anywidget import AnyWidget
from ipywidgets.embed import dependency_state
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib import pyplot, rc_context
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from helpers.commands.formats import FORMATS
from helpers.findings import update
from helpers.findings.registry import BY_NAME, RELEASED, Finding
from helpers.findings.registry import shown as findings_of
from helpers.methods.errors import Mendable
from helpers.models import registry
from helpers.pages.blocks import Block, Shown
from helpers.pages.style import use_book_style
from helpers.paths import DEFAULT_PAIR, is_local, last_name, package_folder
from helpers.prompts.prompt import read_prompts
from helpers.store.claims import write_whole
from helpers.store.conditions import told
from helpers.store.store import MissingResult, Store, open_store
from helpers.words.verbs import said_words

WIDGET = "application/vnd.jupyter.widget"
SIDES = {"base": "base model", "tuned": "tuned model", "adapter": "tuned model, as an adapter"}


def picture(figure: Figure) -> str:
    """A figure as the address of an SVG image that lies in the page; the same bytes every time."""
    drawn = io.BytesIO()
    with rc_context({"svg.hashsalt": "report"}):
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    return f"data:image/svg+xml;base64,{base64.b64encode(drawn.getvalue()).decode('ascii')}"


def embedded(value: object) -> str:
    """JSON that nothing in it can break out of a script element."""
    return json.dumps(value).replace("<", "\\u003c")


def shown(block: Block, thing: Shown) -> dict:
    """A block as the template takes it."""
    told = {"title": block.title, "alt": block.alt}
    if isinstance(thing, Figure):
        return told | {"kind": "picture", "address": picture(thing)}
    if isinstance(thing, AnyWidget):
        state = {"version_major": 2, "version_minor": 0}
        state["state"] = dependency_state([thing], drop_defaults=False)
        view = {"version_major": 2, "version_minor": 0, "model_id": thing.model_id}
        return told | {"kind": "explorer", "state": embedded(state), "view": embedded(view)}
    table = pd.DataFrame(thing).to_html(border=0, escape=True)
    return told | {"kind": "table", "table": table, "caption": getattr(thing, "caption", "")}


def filled(section: Finding, store: Store) -> dict:
    """A section as the template takes it; `why` says what the store lacks for all of it."""
    told = {"finding": section.name, "title": section.title, "question": section.question}
    told |= {"terms": section.terms, "command": store.command(section.name, paths=False)}
    if not store.has(section.needs):
        return told | {"blocks": [], "why": "The store does not hold this finding."}
    try:
        return told | {"blocks": list(_made(section.blocks(store), store)), "why": ""}
    except ValueError as error:
        return told | {"blocks": [], "why": _without_paths(error, store)}


def opening(store: Store) -> dict:
    """What stands first: how large the update is, whatever finding the store holds."""
    told = {"finding": "update", "title": "What tuning changed in the weights"}
    told |= {"question": "Where is the update, and how large?"}
    told["terms"] = "The norm of what tuning added to a matrix, over the norm of the base's matrix."
    told["command"] = f"{store.command(paths=False)} --quick"
    try:
        return told | {"blocks": list(_made(update.blocks(store), store)), "why": ""}
    except MissingResult:
        return told | {"blocks": [], "why": "The store does not hold it."}


def _without_paths(error: Exception, store: Store) -> str:
    """What went wrong, for who has only the page: the store by its name, not by where it lies."""
    said = str(error)
    for finding in (None, *BY_NAME):
        said = said.replace(store.command(finding), store.command(finding, paths=False))
    return said.replace(str(store.folder), store.folder.name)


def _made(blocks: list[Block], store: Store) -> Iterator[dict]:
    """Each block, or why it could not be made from what the store holds."""
    said: set[str] = set()
    for block in blocks:
        try:
            yield shown(block, block.make())
        except ValueError as error:
            pyplot.close("all")
            why = _without_paths(error, store)
            told = "The reason is the one given above." if why in said else why
            said.add(why)
            yield {"title": block.title, "kind": "missing", "why": told}


def origin(store: Store) -> list[tuple[str, str]]:
    """What the results were made from: models, their hashes or commits, versions, dates."""
    parts, rows = list(store.manifest().values()), []
    known = registry.read().get(store.folder.name)
    models = store.origin()
    if known and not models:
        models = {role: str(getattr(known, role)) for role in ("base", "tuned")}
    rows += [(SIDES[role], _named(where)) for role, where in models.items()]
    made_from = [part.get("made_from", {}) for part in parts]
    for key in ("base", "tuned", "adapter", "dtype"):
        hashes = sorted({str(one[key]) for one in made_from if key in one})
        rows += [(f"{SIDES.get(key, 'precision')}: made from" if key != "dtype" else "precision",
                  ", ".join(hashes))] if hashes else []  # fmt: skip
    rows.append(("prompts", told(store, len(read_prompts()))))
    rows += [("words", said_words(store))] if "vocabulary" in store.under() else []
    versions = pd.DataFrame([part.get("versions", {}) for part in parts])
    rows += [(name, ", ".join(sorted(set(versions[name].dropna())))) for name in versions]
    made = sorted((part.get("date", ""), part.get("code", "")) for part in parts)
    states = len({code for _, code in made})
    grew = f" (the package grew meanwhile: {states} states of it; each part names its own)"
    rows.append(("code", f"{made[-1][1]}{grew if states > 1 else ''}"))
    rows.append(("computed", f"{made[0][0]} to {made[-1][0]}, {len(parts)} parts"))
    return rows


def _named(where: str) -> str:
    """A model of the Hub by its id, a local one by its last name: what is mailed tells no paths."""
    return f"{last_name(where)} (on disk)" if is_local(where) else where


@cache
def _template():
    environment = Environment(
        loader=PackageLoader("helpers.commands", "."), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("report.html")


def page(store: Store, *, progress: bool = False) -> str:
    """The report on a store, as the text of one HTML file."""
    if not store.manifest():
        raise Mendable(_nothing(store))
    use_book_style()
    pyplot.switch_backend("agg")
    logging.getLogger("matplotlib.font_manager").setLevel(
        logging.ERROR
    )  # the nearest weight will do
    chosen = tqdm(findings_of(store), desc="report", unit="finding", disable=not progress)
    sections = [filled(section, store) for section in chosen]
    if not any(section["blocks"] for section in sections):
        whys = {section["why"] for section in sections}
        raise Mendable(f"{_nothing(store)} {' '.join(sorted(whys))}")
    own = not store.has(RELEASED.needs)  # whose weights are not looked at
    sections = [opening(store), *sections] if own else sections
    mount = package_folder() / "pages" / "mount.js"
    return _template().render(
        pair=store.folder.name,
        computed_on=told(store, len(read_prompts())),
        origin=origin(store),
        sections=sections,
        kind=WIDGET,
        mount=mount.read_text(encoding="utf-8"),
    )


def numbers(store: Store, format: str) -> str:
    """The report's comparisons without figures and explorers, as text of another format."""
    if not store.manifest():
        raise Mendable(_nothing(store))
    return FORMATS[format](store)


def _nothing(store: Store) -> str:
    name, folder = store.folder.name, store.folder.parent
    held = sorted(path.parent.name for path in folder.glob("*/manifest.json"))
    others = f" Stores there: {', '.join(held)}." if held else ""
    own = "" if name in registry.read() or store.origin() else (
        f" For a pair of your own: python -m helpers compute --base X --tuned Y --name {name} --quick"
    )  # fmt: skip
    command = "" if own else (
        f" For a first look in minutes: {store.command()} --quick; without --quick all is computed."
    )  # fmt: skip
    return f"pair={name!r}: no finding of the book lies in {store.folder}.{others}{command}{own}"


def write(store: Store, output: Path, format: str = "html", *, progress: bool = False) -> int:
    """Write the report whole, or not at all, where a link leads; its size in bytes."""
    file = Path(os.path.realpath(output))
    if os.path.exists(file) != os.path.isfile(file) or not os.path.isdir(file.parent):
        raise Mendable(
            f"output={str(output)!r} is a folder or a device, or lies in none: name a file."
        )
    made = page(store, progress=progress) if format == "html" else numbers(store, format)
    text = made.encode("utf-8")
    try:
        write_whole(file, text)
    except OSError as error:
        raise Mendable(
            f"output={str(output)!r} cannot be written ({error.strerror}): name a file in another "
            "folder with --output."
        ) from None
    return len(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m helpers report", description=__doc__)
    parser.add_argument("--pair", default=DEFAULT_PAIR, help="the name it was computed under")
    parser.add_argument("--folder", type=Path, help="its store, if it lies in another folder")
    parser.add_argument("--output", type=Path, help="default: report-NAME.html, or the terminal")
    parser.add_argument(
        "--format", choices=["html", *FORMATS], default="html",
        help="html (default); json, markdown and terminal hold the comparisons alone",
    )  # fmt: skip
    return parser


def main(arguments: list[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    registry.checked_name(given.pair)
    store = open_store(given.pair, given.folder)
    if given.format != "html" and given.output is None:
        print(numbers(store, given.format))
        return
    output = given.output or Path(f"report-{store.folder.name}.html")
    size = write(store, output, given.format, progress=True)
    print(f"{output}: {size / 1e6:.1f} MB. It needs no network: open it, or mail it.")
