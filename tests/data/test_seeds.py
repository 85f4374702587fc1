"""Stores of the further seeds: what they take over from the main one, and what they say of themselves."""

import pytest
from tuning.share_base import BASE_ALONE

from helpers.findings.survived import tables
from helpers.findings.survived.claims import SEEDS
from helpers.findings.survived.verdicts import MISSING
from helpers.store.store import open_store

MAIN = "gemma-3-270m"


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_copied_is_the_main_stores_and_of_the_base_alone(seed):
    main, other = (open_store(name).manifest() for name in (MAIN, f"{MAIN}-seed-{seed}"))
    copied = {name for name, one in other.items() if "copied_from" in one["about"]}
    assert copied == {name for name in other if BASE_ALONE.fullmatch(name)} and len(copied) > 10
    assert all(other[name]["sha256"] == main[name]["sha256"] for name in copied)
    own = {one["made_from"]["adapter"] for one in other.values()}
    assert len(own) == 1 and own != {main["attention/example"]["made_from"]["adapter"]}


def test_every_headline_is_given_for_all_seeds():
    found = tables.by_seed(tables.rows(claims=[one for one in tables.CLAIMS if one.lead]))
    assert len(found) == 4 and not (found == MISSING).to_numpy().any()
    assert (
        not found.apply(lambda column: column.str.contains("along the training")).to_numpy().any()
    )
