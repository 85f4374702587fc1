"""A chapter's way to its pair: the store, filled first where it lacks what the chapter reads."""

from __future__ import annotations

from helpers.commands import compute
from helpers.methods.errors import Mendable
from helpers.models import registry
from helpers.store.store import Store, open_store


def results(pair: str, *findings: str) -> Store:
    """The store of a pair with what the chapter of each finding reads.

    The book's own pair is stored. Any other pair of the registry is computed here as far as its store
    lacks it, as `python -m helpers compute --pair PAIR --finding FINDING` does: interrupted, it goes on
    when the cell is run again. A pair of your own is found by the name that you computed it under.
    """
    store = open_store(pair)
    if pair not in registry.read():
        if store.manifest():
            return store
        held = sorted(path.parent.name for path in store.folder.parent.glob("*/manifest.json"))
        raise Mendable(
            f"PAIR = {pair!r}: there are no results of that name in {store.folder.parent} (there: "
            f"{', '.join(held) or 'none'}), and no pair of the registry has it "
            f"({', '.join(registry.read())}). For a pair of your own, first run "
            f"python -m helpers compute --base X --tuned Y --name {pair}"
        )
    if registry.find(pair).embedded:
        return store
    for finding in findings:
        try:
            compute.main(["--pair", pair, "--finding", finding])
        except (Mendable, SystemExit) as ended:  # which would end the notebook as well
            why = "the run was stopped" if str(ended).isdecimal() else ended  # an exit status
            raise Mendable(f"{why} (pair {pair!r}, finding {finding!r})") from None
    return store
