"""Where a device has no room for what autograd keeps: the same numbers, with that in main memory."""

import pytest
import torch
from tiny import CONFIGURATIONS, build

from helpers.methods import memory as footprint
from helpers.methods.importance import importance

GIB = 2**30
PROMPT, RESPONSE = [1, 5, 9, 33, 71, 12], [40, 8, 61]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", ["llama", "gemma2", "gpt_neox"])
def test_importance_is_the_same_with_what_is_kept_in_main_memory(name, dtype, monkeypatch):
    model = build(name).to(dtype)
    before, moved = importance(model, PROMPT, RESPONSE), []
    elsewhere = footprint.kept_in_main_memory

    def watched(model):
        context = elsewhere(model)
        moved.append(context)
        return context

    monkeypatch.setattr(footprint, "has_room", lambda *_: False)
    monkeypatch.setattr(footprint, "kept_in_main_memory", watched)
    assert torch.equal(importance(model, PROMPT, RESPONSE), before)
    assert importance(model, PROMPT, RESPONSE, batch_rows=1).shape == before.shape
    assert len(moved) == 2


def test_what_autograd_keeps_moves_and_weights_stay():
    model = build("llama").requires_grad_(False)
    model.set_attn_implementation("eager")
    inputs = torch.randn(1, 40, 32, requires_grad=True)
    with footprint.kept_in_main_memory(model) as moved:
        model.model(inputs_embeds=inputs, use_cache=False)
    weights = {parameter.nbytes for parameter in model.parameters() if parameter.ndim == 2}
    kept = footprint.kept_bytes(model.config, 40, 4)
    assert 0.8 * kept < sum(moved) < 2 * kept  # views of one tensor are counted each
    assert max(weights) not in moved


@pytest.mark.parametrize(
    ("device", "free", "room"), [("cpu", 0, True), ("cuda:0", 3, True), ("cuda:0", 1.5, False)]
)
def test_room_is_asked_of_the_device_that_holds_the_model(device, free, room, monkeypatch):
    monkeypatch.setattr(footprint, "free_memory", lambda where: int(free * GIB))
    model = build("llama")
    model.config = type(CONFIGURATIONS["llama"])()  # LLaMA-7B's
    model.to(torch.float16)
    assert footprint.has_room(model, 299, torch.device(device)) == room
