"""A prompt before and after tuning: what is answered, and what a response that both read rests on."""

from __future__ import annotations

from helpers.findings.recognition.blanked import part_name, read_blanking
from helpers.findings.recognition.read import example, read_responses
from helpers.methods.density import shares
from helpers.models.roles import ROLES
from helpers.pages.example import RUNNING
from helpers.store.store import Store


def segments(tokens: tuple[str, ...], roles: tuple[str, ...]) -> list[dict]:
    """Runs of tokens of one role as text, in their order; the template is left out."""
    runs: list[dict] = []
    for token, role in zip(tokens, roles, strict=True):
        if not runs or runs[-1]["role"] != role:
            runs.append({"role": role, "text": ""})
        runs[-1]["text"] += token
    kept = [run | {"text": run["text"].strip()} for run in runs if run["role"] != "template"]
    return [run for run in kept if run["text"]]


def before_after(store: Store, id: str = RUNNING) -> dict:
    """Each model's own response to a prompt, and its segments weighed on one response that both read, the
    tuned model's.

    A segment weighs what blanking it takes from a response token, in nats, where the store holds that;
    else its share of importance.
    """
    sides = dict(zip(ROLES, example(store, id, response="tuned"), strict=True))
    exact = all(store.has(part_name("template", role, "tuned", 0)) for role in ROLES)
    if exact:
        lost = read_blanking(store).query(
            "setting == 'template' and way == 'zero' and author == 'tuned'"
        )
        lost = lost[lost["id"] == sides["base"].id].set_index(["model", "segment"])["loss"]
    models = {}
    for role, one in sides.items():
        said = read_responses(store, "template", role).set_index("id").loc[one.id]
        weights = lost[role].to_dict() if exact else shares(one.importance, one.roles)
        judged = None if said["followed"] is None else bool(said["followed"])
        models[role] = {"text": said["text"], "followed": judged, "weights": weights}
    parts = segments(sides["base"].tokens, sides["base"].roles)
    return {"segments": parts, "unit": "nats" if exact else "share", "models": models}
