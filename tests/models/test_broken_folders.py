"""150 folders of models and adapters broken by seeded mutation: each loads and responds, or is refused.

Each within limits of time and memory, and nothing on the disk is other than before.
"""

import json
import random
import shutil

import pytest
from limits import limited, snapshot
from test_adapters import KINDS, save_adapter
from tiny import byte_tokenizer, save_model

from helpers.methods.errors import Mendable
from helpers.models import registry
from helpers.models.pair import fingerprint, load_pair
from helpers.models.responses import respond
from helpers.prompts.prompt import Prompt, Segment, encode

PROMPT = Prompt("x", "own", (Segment("instruction", "Go."),))
VALUES = [None, True, -1, 0, 3, 7, 2.5, "", "x", "0", [], [0], ["x"], {}, {"x": 1}, 10**12, "é\x00"]
TEMPLATES = ["{{", "{{ messages }}", "{{ messages[9]['content'] }}", "{{ 1 / 0 }}", "{% raw %}"]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = "{{ bos_token }}{{ messages[0]['content'] }}</s>"
    for seed, name in enumerate(("base", "tuned")):
        save_model(folder / name, seed=seed, tokenizer=tokenizer)
    save_adapter(folder / "base", folder / "adapter", **KINDS["attention"])
    tokenizer.save_pretrained(folder / "adapter")
    return folder


def spoil(file, draw: random.Random) -> None:
    """One value of a JSON file changed or lost, or the file cut, emptied or gone."""
    if file.suffix == ".jinja":
        return file.write_text(draw.choice(TEMPLATES))
    way = draw.choice(["value"] * 6 + ["lose", "cut", "empty", "list", "gone"])
    if way == "gone":
        return file.unlink()
    content = file.read_bytes()
    if file.suffix != ".json" or way in ("cut", "empty", "list"):
        cut = {"empty": b"", "list": b"[]"}.get(way, content[: draw.randrange(len(content))])
        return file.write_bytes(cut)
    held = json.loads(content)
    key = draw.choice(sorted(held))
    if way == "lose":
        del held[key]
    else:
        held[key] = draw.choice(VALUES)
    return file.write_text(json.dumps(held))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(150))
def test_a_broken_folder_loads_or_is_refused_in_a_sentence(seed, sound, tmp_path, monkeypatch):
    draw = random.Random(seed)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    for name in ("base", "tuned", "adapter"):
        shutil.copytree(sound / name, tmp_path / name)
    base, tuned = tmp_path / "base", tmp_path / draw.choice(["tuned", "adapter"])
    for file in draw.sample(sorted([*base.iterdir(), *tuned.iterdir()]), draw.choice([1, 1, 2])):
        spoil(file, draw)
    before = snapshot(tmp_path), snapshot(sound)
    with limited(30):
        try:
            fingerprint(registry.own(str(base), str(tuned)))
            pair = load_pair(base, tuned)
            ids = encode(PROMPT, pair.tokenizer, pair.template).ids
            for role in ("base", "tuned"):
                respond(pair.model(role), pair.tokenizer, [ids], pair.template, max_tokens=3)
        except Mendable as error:
            assert str(error).strip().endswith((".", ")"))
    assert (snapshot(tmp_path), snapshot(sound)) == before
