"""Fixtures: tiny models, and one browser a worker."""

from __future__ import annotations

import os

# As many threads in every process: results differ in their last bits with the number of threads, which
# `compute` chooses by what is free.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from harness import browser
from tiny import CONFIGURATIONS, GOLDEN, build
from transformers import AutoModelForCausalLM, PreTrainedModel


@pytest.fixture(scope="session")
def chromium():
    """One browser for all tests of a worker: Playwright allows one at a time."""
    with browser() as started:
        yield started


@pytest.fixture(params=sorted(CONFIGURATIONS))
def any_model(request) -> PreTrainedModel:
    return build(request.param)


@pytest.fixture(scope="session")
def golden_model() -> PreTrainedModel:
    """The tiny Llama whose results the authors' own code computed."""
    model = AutoModelForCausalLM.from_pretrained(GOLDEN / "model", dtype=torch.float32)
    return model.eval()
