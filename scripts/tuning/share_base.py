"""Copy what the base model alone decides from one pair's store into that of another tuning of it.

    scripts/tuning/share_base.py gemma-3-270m gemma-3-270m-seed-1 [FOLDER]

What the base reads of its own responses is the same in every pair that has it: `compute` then goes on
with the rest. Each copied part says where it comes from; `recheck` can make it anew.
"""

from __future__ import annotations

import re
import sys

from helpers.models import registry
from helpers.models.pair import fingerprint
from helpers.store.store import open_store

BASE_ALONE = re.compile(
    r"recognition/(template|plain)/(responses-base|base-on-base/\d+)"
    r"|recognition/blanking/(template|plain)/base-on-base/\d+"
    r"|positions/(responses-base|(erased-)?base/\d+)"
)


def main(source: str, target: str, folder: str | None = None) -> None:
    made_from = [fingerprint(registry.find(name)) for name in (source, target)]
    if made_from[0]["base"] != made_from[1]["base"]:
        sys.exit(f"{source} and {target} have different base models: nothing can be shared.")
    old = open_store(source, expected=made_from[0])
    new = open_store(target, folder, expected=made_from[1], writing=True)
    for name, entry in old.manifest().items():
        if BASE_ALONE.fullmatch(name):
            inputs = {k: v for k, v in entry["made_from"].items() if k not in old.expected}
            about = entry["about"] | {"copied_from": source}
            if not new.has(name, inputs):
                new.write(name, old.read(name), made_from=inputs, **about)
    print(f"{new.folder}: {len(new.manifest())} parts.")


if __name__ == "__main__":
    main(*sys.argv[1:])
