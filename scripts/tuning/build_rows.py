"""Write instruction-tuning rows of many small skills, every response checked by code.

    python scripts/tuning/build_rows.py            # data/tuning/generated.jsonl
    python scripts/tuning/build_rows.py --seed 7 --scale 0.2 --output /tmp/rows.jsonl

The rows come from the word lists in data/tuning/lists and from number rules, never from the prompts
of the evaluation; a row that happens to share a material with one of them is left out. The same seed
gives the same bytes. A row is a JSON object: `skill`, `kind`, `segments` (role and text, in the order
in which they are shown), `response`, and the `rule` that the response follows by
helpers/prompts/rules.py.
"""

from __future__ import annotations

import argparse
import bisect
import collections
import importlib
import itertools
import json
import random
import re
from pathlib import Path

from tuning_lists import Filler
from tuning_rows import HELD_OUT, SKILLS, Answer, Skill, Unfit, lay_out

from helpers.prompts.rules import follows

DATA = Path(__file__).resolve().parents[2] / "data"
OUTPUT = DATA / "tuning" / "generated.jsonl"
MODULES = (
    "tenses rewriting grammar extraction notes arithmetic quantities reasoning formatting markup ordering "
    "code code_more translation ideas writing"
).split()
ORDERS = {"first": 0.30, "last": 0.30, "inside": 0.25, "alone": 0.15}
TRIES = 4000  # draws for one skill before its rows may share a material
MOST = 0.03  # the largest share of one skill

for _module in MODULES:
    importlib.import_module(f"tuning_{_module}")


def of_the_book() -> set[str]:
    """Materials of the book's prompts, words only."""
    lines = (DATA / "prompts.jsonl").read_text(encoding="utf-8").splitlines()
    parts = (part for line in lines for part in json.loads(line)["segments"])
    return {bare(part["text"]) for part in parts if part["role"] == "input"}


def bare(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def orders(count: int, draw: random.Random) -> list[str]:
    """An order for every row of a skill, in the wanted shares."""
    edges = list(itertools.accumulate(ORDERS.values()))
    marks = [(i + draw.random()) / count for i in range(count)]
    deck = [list(ORDERS)[bisect.bisect(edges[:-1], mark)] for mark in marks]
    draw.shuffle(deck)
    return deck


def fault(segments: list[dict], answer: Answer) -> str:
    """What is wrong with a row, or nothing."""
    instruction = next(part["text"] for part in segments if part["role"] == "instruction")
    if found := HELD_OUT.search(instruction):
        return f"held-out verb {found[0]!r}"
    if re.search(r"\S  ", instruction.split("\n")[0]):
        return "a double space"
    if len(answer.text.split()) > 150 or answer.text != answer.text.strip():
        return "too long, or spaces around it"
    if not follows(answer.rule, answer.text):
        raise AssertionError(f"{answer.text!r} does not follow {answer.rule}")
    return ""


def rows_of(skill: Skill, count: int, seed: int, seen: set[str]) -> list[dict]:
    """The rows of one skill; prompts differ from all in `seen`, materials from one another."""
    draw = random.Random(f"{seed}:{skill.name}")
    rows, used = [], collections.Counter()
    deck, tries = orders(count, draw), 0
    while deck:
        tries += 1
        if tries > 4 * TRIES:
            raise RuntimeError(f"{skill.name}: only {len(rows)} of {count} rows were found")
        try:
            task = skill.make(Filler(draw))
            segments, answer = lay_out(task, skill.contexts, deck[-1], draw)
        except Unfit:
            continue
        prompt = " ".join(part["text"] for part in segments).lower()
        material = json.dumps([task.material, task.fields], sort_keys=True)
        if used[material] > tries // TRIES or prompt in seen or fault(segments, answer):
            continue
        deck.pop()
        used[material] += 1
        seen.add(prompt)
        rows.append(
            {
                "skill": skill.name,
                "kind": skill.kind,
                "segments": segments,
                "response": answer.text,
                "rule": answer.rule,
            }
        )
    return rows


def build(seed: int, scale: float) -> list[dict]:
    """All rows, shuffled."""
    seen: set[str] = set()
    rows = []
    for skill in SKILLS.values():
        rows += rows_of(skill, max(1, round(skill.rows * scale)), seed, seen)
    counts = collections.Counter(row["skill"] for row in rows)
    name, most = counts.most_common(1)[0]
    if most > MOST * len(rows):
        raise RuntimeError(f"{name} has {most} of {len(rows)} rows, over {MOST:.0%}")
    random.Random(f"{seed}:order").shuffle(rows)
    book = {text for text in of_the_book() if len(text.split()) > 2}
    return [row for row in rows if not book & {bare(part["text"]) for part in row["segments"]}]


def main() -> None:
    """Build the rows and write them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=2024)
    parser.add_argument(
        "--scale", type=float, default=0.82, help="rows in units of each skill's own"
    )
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    rows = build(arguments.seed, arguments.scale)
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    arguments.output.write_text("".join(lines), encoding="utf-8")
    kinds = collections.Counter(row["kind"] for row in rows)
    print(f"{len(rows)} rows, {len(SKILLS)} skills, kinds {dict(kinds.most_common())}")


if __name__ == "__main__":
    main()
