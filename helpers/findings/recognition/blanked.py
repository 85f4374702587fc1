"""What a response loses when a whole segment of its prompt is blanked: exact, a pass a segment.

For every prompt, setting, model and author of the response, each segment (and the template's tokens)
is blanked in three ways; the loss is the mean over response tokens of log p(y|x) - log p(y|x without
the segment), in nats a token. Parts `recognition/blanking/SETTING/MODEL-on-AUTHOR/BLOCK`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import torch

from helpers.findings.parts import blocks, encoded
from helpers.findings.recognition.read import read_responses
from helpers.methods.erasure import WAYS, blanking
from helpers.models.pair import Pair
from helpers.models.roles import ROLES
from helpers.prompts.prompt import Encoded, Prompt
from helpers.store.origin import inputs_hash
from helpers.store.store import Part, Store


def part_name(setting: str, model: str, author: str, block: int) -> str:
    return f"recognition/blanking/{setting}/{model}-on-{author}/{block:02d}"


def make_block(
    pair: Pair, role: str, prompts: list[Prompt], codes: list[Encoded], answers: list[list[int]]
) -> pd.DataFrame:
    """One row a prompt, segment and way: the loss in nats a response token."""
    rows = []
    for prompt, code, ids in zip(prompts, codes, answers, strict=True):
        labels, roles = np.array(code.roles), list(dict.fromkeys(code.roles))
        masks = torch.from_numpy(np.array([labels == one for one in roles]))
        for way in WAYS if ids else ():
            lost = blanking(pair.model(role), code.ids, ids, masks, way=way).mean(1).tolist()
            rows += [
                {"id": prompt.id, "kind": prompt.kind, "segment": one, "way": way, "loss": loss}
                | {"segment_tokens": int(mask.sum()), "response_tokens": len(ids)}
                for one, loss, mask in zip(roles, lost, masks, strict=True)
            ]
    columns = ["id", "kind", "segment", "way", "loss", "segment_tokens", "response_tokens"]
    return pd.DataFrame(rows, columns=columns)


def parts(
    pair: Pair, store: Store, prompts: list[Prompt], setting: str, model: str, author: str
) -> Iterator[Part]:
    """The parts of one condition, a block of prompts each."""
    answers = read_responses(store, setting, author).set_index("id")["ids"]
    for number, block in enumerate(blocks(prompts)):
        codes = encoded(block, pair, setting)
        ids = [[int(token) for token in answers[prompt.id]] for prompt in block]
        source = inputs_hash([[c.ids, c.roles, i] for c, i in zip(codes, ids, strict=True)])
        make = partial(make_block, pair, model, block, codes, ids)
        yield Part(part_name(setting, model, author, number), make, {"inputs": source})


def read_blanking(store: Store) -> pd.DataFrame:
    """All losses: the columns of `make_block` with setting, model and author."""
    tables = []
    for setting, model, author in product(("template", "plain"), ROLES, ROLES):
        prefix = part_name(setting, model, author, 0)[:-2]
        held = [name for name in store.manifest() if name.startswith(prefix)]
        tables += [store.read(n).assign(setting=setting, model=model, author=author) for n in held]
    if not tables:
        store.read(part_name("template", "base", "base", 0))  # says which command computes it
    return pd.concat(tables, ignore_index=True)
