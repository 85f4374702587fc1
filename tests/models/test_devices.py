"""Devices: what is not here is said with what is."""

import pytest

from helpers.models.devices import UnusableDevice, place


@pytest.mark.parametrize("asked", ["cpu:x", "", "mps:1", " cpu", "cuda:99", "gpu"])
def test_a_device_that_is_not_here_is_refused_with_those_that_are(asked):
    with pytest.raises(UnusableDevice, match="use auto or cpu|counted from cuda:0"):
        place(10, device=asked)


def test_a_rank_that_is_no_number_is_refused(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "x")
    with pytest.raises(UnusableDevice, match="LOCAL_RANK='x' is no number: unset it"):
        place(10)
    assert place(10, device="cpu").device == "cpu"
