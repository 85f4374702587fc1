"""The error of rounding, estimated from the rounded weights alone, against the true one."""

import numpy as np
import pytest

from helpers.findings.update import BLOCKS, NAMES, WEIGHTS, rounding_error
from helpers.store.store import open_store


def rounded_to(weights, levels):
    """Each row on its own grid of `levels` steps between its smallest and largest value."""
    low = weights.min(axis=1, keepdims=True)
    step = (weights.max(axis=1, keepdims=True) - low) / (levels - 1)
    return low + step * np.rint((weights - low) / step)


@pytest.mark.parametrize(("levels", "block"), [(16, 32), (32, 32), (64, 16)])
def test_the_estimate_is_the_true_error(levels, block):
    weights = np.random.default_rng(0).normal(0, 0.02, (4000, block)).astype(np.float32)
    kept = rounded_to(weights, levels)
    true = np.linalg.norm(kept - weights) / np.linalg.norm(kept)
    assert rounding_error(kept) == pytest.approx(true, rel=0.15)


def test_constant_blocks_have_no_error():
    assert rounding_error(np.full((3, 32), 0.5, np.float32)) == 0


def test_the_stored_table_has_every_matrix_of_every_layer():
    table = open_store().read(WEIGHTS)
    assert set(table["matrix"]) == {*NAMES, "token_embd"} and set(table["type"]) <= set(BLOCKS)
    assert (table.query("layer >= 0").groupby("matrix").size() == 18).all()
    assert table["rounding"].between(0.001, 0.15).all()
    assert (table.query("layer >= 0")["update"] > 0.005).all()
