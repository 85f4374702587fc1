"""Without a network: a missing Hub is said within seconds, in one sentence, and what is cached loads."""

import time

import pytest
from test_registry import COMMIT, Hub, hub, models  # noqa: F401

from helpers.models import sources
from helpers.models.sources import MissingWeights, Source

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def offline(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_mistyped_folder_is_said_to_be_missing_here_too(offline):
    (offline / "base").mkdir()
    with pytest.raises(MissingWeights) as refused:
        sources.find(Source("bas"))
    said = str(refused.value)
    assert f"No file or folder 'bas' is in {offline}" in said and "check its spelling" in said
    assert "Hub, which could not be reached" in said and "the same command goes on" in said


@pytest.mark.parametrize("revision", ["main", COMMIT])
def test_a_missing_network_is_said_within_seconds_and_without_other_lines(
    revision, offline, caplog, capfd
):
    start = time.monotonic()
    with pytest.raises(MissingWeights, match="could not be reached"):
        sources.find(Source("org/base", revision))
    assert time.monotonic() - start < 10
    said = caplog.text + "".join(capfd.readouterr())
    assert "Retrying" not in said and "thrown while" not in said


def test_a_wish_to_stay_offline_is_named_and_nothing_is_tried_again(offline, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(MissingWeights, match="HF_HUB_OFFLINE is set"):
        sources.find(Source("org/base"))


@pytest.mark.parametrize("revision", ["main", COMMIT])
def test_what_is_in_the_cache_loads_without_a_network(hub, revision, monkeypatch):  # noqa: F811
    whole = sources.find(Source("org/base", revision))
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    assert sources.find(Source("org/base", revision)) == whole


def test_half_a_download_is_not_taken_for_the_whole_without_a_network(
    hub,  # noqa: F811
    monkeypatch,
):
    found = sources.find(Source("org/base"))
    (found.path / "model.safetensors").unlink()
    with monkeypatch.context() as patch:
        patch.setenv("HF_ENDPOINT", NOWHERE)
        with pytest.raises(MissingWeights):
            sources.find(Source("org/base"))
    assert (sources.find(Source("org/base")).path / "model.safetensors").exists()


def test_a_hub_that_is_down_counts_as_silent(offline, hub, monkeypatch):  # noqa: F811
    monkeypatch.setattr(Hub, "answer", lambda self, body: self.refuse(503, "Down"))
    with pytest.raises(MissingWeights, match=r"could not be reached.*ConnectionError"):
        sources.find(Source("org/base"))
