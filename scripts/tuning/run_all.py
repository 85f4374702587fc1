"""Every tuning run of the book, one after another: the main run, its seeds, and the controls.

    python scripts/tuning/run_all.py                 # what is missing of all of them
    python scripts/tuning/run_all.py main seed-1     # some of them

It can be stopped at any point; the same command goes on from the last checkpoint. The main run and its
seeds are kept whole in data/adapters; of the controls the record alone is (settings, hash of the adapter,
losses), and the adapter lies in the cache. Short runs have one number of steps. Attention alone and
feed-forward alone train equal numbers of parameters (ranks 11 and 7: 56,320 and 56,448 a layer).
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict, replace

from helpers.commands.tune import own_data
from helpers.models.devices import keep_freed_memory
from helpers.models.rows import Settings
from helpers.models.tuning import train
from helpers.paths import adapter_folder, cache_folder

MAIN = Settings(course=8)
SHORT = Settings(steps=200)
FOUR = ("translation", "extraction", "rewriting", "arithmetic")
RUNS = {
    "main": MAIN,
    "seed-1": replace(MAIN, seed=1, course=0),
    "seed-2": replace(MAIN, seed=2, course=0),
    "short": SHORT,
    "short-seed-1": replace(SHORT, seed=1),
    "responses-only": replace(SHORT, control="responses only"),
    "shuffled": replace(SHORT, control="shuffled"),
    "one-kind": replace(SHORT, kinds=FOUR[:1]),
    "four-kinds": replace(SHORT, kinds=FOUR),
    "attention": replace(SHORT, trained="attention", rank=11, alpha=22),
    "feed-forward": replace(SHORT, trained="feed-forward", rank=7, alpha=14),
}
KEPT = ("main", "seed-1", "seed-2")


def folders(name: str):
    """Where a run's adapter lies, and where its record is kept."""
    record = adapter_folder() if name == "main" else adapter_folder() / "runs" / name
    return (record if name in KEPT else cache_folder() / "adapters" / name), record


def done(name: str, settings: Settings) -> bool:
    adapter, record = folders(name)
    path = record / "tuning.json"
    if not path.exists() or not (adapter / "adapter_model.safetensors").exists():
        return False
    held = json.loads(path.read_text())["settings"]
    return held == json.loads(json.dumps(asdict(settings)))


def main(names: list[str]) -> None:
    keep_freed_memory()
    for name in names or RUNS:
        if done(name, RUNS[name]):
            print(f"{name}: there already")
            continue
        adapter, record = folders(name)
        about = train(own_data(), adapter, RUNS[name])
        if record != adapter:
            record.mkdir(parents=True, exist_ok=True)
            shutil.copy(adapter / "tuning.json", record / "tuning.json")
        print(f"{name}: {about['adapter_sha256'][:12]}")


if __name__ == "__main__":
    main(sys.argv[1:])
