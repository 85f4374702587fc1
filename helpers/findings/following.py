"""What is on record of the book's tuning: its runs, how each of them follows, what they answer.

A run's folder holds `tuning.json` (settings, data, losses; `helpers.models.tuning`), the main one's also
`following.json` (responses to the book's prompts; `scripts/tuning/measure_following.py`). How seeds and
controls follow is in the course of the training (`helpers.findings.course`), in a store.
"""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import binomtest

from helpers.findings.course.points import MAIN
from helpers.findings.course.read import RUNS, finished
from helpers.pages.style import GREY, WIDTH
from helpers.paths import adapter_folder, data_folder
from helpers.store.store import Store

OPEN = ("short writing", "brainstorming", "summarising", "rewriting")
OTHERS = ("base", "official")  # measured beside the runs: following-NAME.json
SHOWN = {
    "followed": "all rules",
    "unseen kinds": "kinds left out of tuning",
    "unseen verbs of seen kinds": "verbs left out of tuning",
    "median tokens": "tokens, median",
    "median tokens, open": "tokens, open requests",
    "ended by itself": "ended by itself",
    "loops": "repeats itself",
}

SETTINGS = {
    "rank": "rank", "learning_rate": "learning rate", "epochs": "epochs", "steps": "steps, at most",
}  # fmt: skip


def record(name: str = "main", folder: Path | None = None) -> dict:
    """`tuning.json` of a run."""
    folder = Path(folder or adapter_folder())
    where = folder if name == "main" else folder / "runs" / name
    return json.loads((where / "tuning.json").read_text(encoding="utf-8"))


def measured(folder: Path | None = None, on: str = "") -> dict[str, dict]:
    """Numbers and responses of the base, the official model and the main run.

    `on`: the name of other prompts than the book's own, as a file of `data/tuning` has it.
    """
    folder, of = Path(folder or adapter_folder()), f"-{on}" if on else ""
    files = {name: folder / f"following-{name}{of}.json" for name in OTHERS}
    files["main"] = folder / f"following{of}.json"
    return {
        name: json.loads(path.read_text(encoding="utf-8"))
        for name, path in files.items()
        if path.exists()
    }


def loops(text: str) -> bool:
    """Whether four words in a row come three times or more."""
    words = text.lower().split()
    runs = [tuple(words[n : n + 4]) for n in range(len(words) - 3)]
    return any(runs.count(run) >= 3 for run in set(runs))


def told(rows: pd.DataFrame) -> dict[str, float]:
    """The numbers of one model, from one row a response."""
    judged = rows.dropna(subset=["followed"]).assign(followed=lambda t: t["followed"].astype(bool))
    seen = judged[~judged["unseen kind"]]
    by_kind = judged.groupby("kind")["followed"].sum().to_dict()
    return {
        "rules": len(judged),
        "followed": judged["followed"].mean(),
        "unseen kinds": judged.loc[judged["unseen kind"], "followed"].mean(),
        "unseen verbs of seen kinds": seen.loc[seen["unseen verb"], "followed"].mean(),
        "median tokens": rows["tokens"].median(),
        "median tokens, open": rows.loc[rows["kind"].isin(OPEN), "tokens"].median(),
        "ended by itself": (rows["ended"] == "stop").mean(),
        "loops": rows["loop"].mean(),
    } | {f"followed, {kind}": int(n) for kind, n in by_kind.items()}


def others(store: Store, main: dict) -> dict[str, dict]:
    """As `measured`: every other run at its end, along the training; `main` knows kinds and verbs."""
    known, found = pd.DataFrame(main["responses"])[["id", "kind", "unseen kind", "unseen verb"]], {}
    for run, point in finished(store).items():
        rows = store.read(f"{point.folder}/responses").merge(known, on="id")
        rows = rows.assign(tokens=rows["ids"].map(len), loop=rows["text"].map(loops))
        if run != MAIN:
            found[RUNS.get(run, run)] = {
                "numbers": told(rows),
                "responses": rows.to_dict("records"),
            }
    return found


def numbers(found: dict[str, dict]) -> pd.DataFrame:
    """One row a model: shares of rules followed, lengths, endings."""
    table = pd.DataFrame({name: one["numbers"] for name, one in found.items()}).T
    return table[list(SHOWN)].rename(columns=SHOWN).astype(float)


def by_kind(found: dict[str, dict]) -> pd.DataFrame:
    """Share of rules followed, one row a kind of task and one column a model."""
    rows = pd.concat(
        {name: pd.DataFrame(one["responses"]) for name, one in found.items()}, names=["model"]
    )
    judged = rows.dropna(subset="followed").assign(followed=lambda t: t["followed"].astype(float))
    table = judged.groupby(["kind", "model"])["followed"].mean().unstack()[list(found)]
    return table.assign(rules=judged.groupby("kind")["id"].nunique())


def against_base(found: dict[str, dict], name: str = "main") -> tuple[int, int, float]:
    """Rules that only this run follows, that only the base follows, and McNemar's exact p-value.

    Null hypothesis: of the rules that one of the two follows, either follows half.
    """
    two = pd.DataFrame(
        {
            which: pd.DataFrame(found[which]["responses"]).set_index("id")["followed"]
            for which in ("base", name)
        }
    ).dropna()
    base, run = two["base"].astype(bool), two[name].astype(bool)
    gained, lost = int((run & ~base).sum()), int((base & ~run).sum())
    return gained, lost, binomtest(gained, gained + lost).pvalue if gained + lost else 1.0


def drawn(
    found: dict[str, dict], texts: dict[str, str], *, n: int = 20, seed: int = 0
) -> pd.DataFrame:
    """Responses of base and tuned model to prompts drawn at random; `texts` are prompts by id."""
    both = {
        name: {one["id"]: one["text"] for one in found[name]["responses"]}
        for name in ("base", "main")
    }
    ids = pd.Series(sorted(set(texts) & set(both["main"]))).sample(n, random_state=seed)
    return pd.DataFrame(
        {
            "prompt": [texts[id] for id in ids],
            "base": [both["base"][id] for id in ids],
            "tuned": [both["main"][id] for id in ids],
        }
    )


def recipes(folder: Path | None = None) -> pd.DataFrame:
    """One row a recipe of tuning, the main run and base first: settings, and following on other prompts.

    The prompts are `data/tuning/development.jsonl`; the main run and the base were measured on them too.
    """
    own = {name: one["numbers"] for name, one in measured(folder, "development").items()}
    tried = {"main": {"settings": record("main", folder)["settings"], "development": own["main"]}}
    tried |= {"base": {"settings": {}, "development": own["base"]}}
    tried |= json.loads((data_folder() / "tuning" / "recipes.json").read_text(encoding="utf-8"))
    settings = pd.DataFrame({name: one["settings"] for name, one in tried.items()}).T
    settings = settings.reindex(columns=list(SETTINGS)).replace(
        {"steps": {-1: None}}
    )  # whole epochs
    found = numbers({name: {"numbers": one["development"]} for name, one in tried.items()})
    rules = [one["development"]["rules"] for one in tried.values()]
    return settings.rename(columns=SETTINGS).astype(float).join(found).assign(rules=rules)


def curve(run: dict) -> Figure:
    """Loss of a run on the rows that it trains on and on the rows held out."""
    figure, axis = plt.subplots(figsize=(WIDTH, 2.8))
    losses = pd.DataFrame([one for one in run["loss"] if "loss" in one]).set_index("step")["loss"]
    axis.plot(losses, color="0.85")
    axis.plot(
        losses.rolling(10, center=True).mean(), color=GREY, label="training rows, mean of 50 steps"
    )
    held = {one["step"]: one["eval_loss"] for one in run["loss"] if "eval_loss" in one}
    axis.plot(list(held), list(held.values()), "o", color="#1b6f5c", label="rows held out")
    axis.set(xlabel="training step", ylabel="loss (nats a token)")
    axis.set_ylim(top=1.25 * axis.get_ylim()[1])  # room for the legend
    axis.legend(loc="upper right", ncols=2)
    figure.tight_layout()
    return figure
