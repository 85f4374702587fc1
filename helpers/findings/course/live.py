"""One prompt blanked again at the end of the main run, beside its stored losses."""

from __future__ import annotations

import pandas as pd

from helpers.findings.course import read
from helpers.findings.course.points import MAIN, fingerprint, how_of, loader, read_points
from helpers.findings.parts import encoded
from helpers.findings.recognition.blanked import make_block
from helpers.methods.errors import Mendable
from helpers.pages import live
from helpers.prompts.prompt import read_prompts
from helpers.store.store import Store


def live_check(name: str, store: Store, id: str) -> pd.DataFrame | str:
    """Nats lost by segment, stored and now; a sentence where the course or its weights are not here."""
    if not read.is_there(store):
        return read.missing(store)
    pair = live.models(name, store)
    if isinstance(pair, str):
        return pair
    end, prompt = read.last(store), next(one for one in read_prompts() if one.id == id)
    try:
        point = next(p for p in read_points(None, name) if (p.run, p.step) == (MAIN, end.step))
    except Mendable as error:
        return f"This cell needs the checkpoints. {error}"
    except StopIteration:
        return f"This cell needs the checkpoint of step {end.step}, which is not here."
    said = store.read(f"{end.folder}/responses").set_index("id").loc[id, "ids"]
    with pair.tuned_as(loader(pair, point, how_of(pair))):
        codes, answers = encoded([prompt], pair), [[int(token) for token in said]]
        now = make_block(pair, "tuned", [prompt], codes, answers, ways=("zero",))
    stored = store.read(f"{end.folder}/blanked").query("id == @id and on == 'shared'")
    both = stored.set_index("segment")["loss"], now.set_index("segment")["loss"]
    same = store.manifest()[f"{end.folder}/blanked"]["made_from"].get("point") == fingerprint(point)
    return pd.DataFrame({"stored": both[0], "now": both[1], "same weights": same})
