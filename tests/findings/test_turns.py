"""A pair that fits one model at a time: no finding keeps two, or loads them back and forth."""

import gc
import weakref

from test_recognition import PROMPTS
from tiny import save_model

from helpers.findings import parts
from helpers.findings.faithfulness import compute as faithfulness
from helpers.findings.positions import compute as positions
from helpers.findings.positions.read import PLACEMENT
from helpers.findings.recognition import compute as recognition
from helpers.findings.retrieval import compute as retrieval
from helpers.models.pair import load_pair
from helpers.prompts.placement import Item
from helpers.prompts.retrieval import Item as Question
from helpers.store.store import Store

SENTENCES = ("The sea is calm.", "A boat is red.", "It rains.", "They row.")
RULE = {"type": "exact", "answers": ["red"]}
PLACED = [Item(f"i{n}", "k", f"Name colour {n}.", SENTENCES, "red", RULE) for n in range(3)]

TEXT = "a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f"
ANSWERS = {"true": "red", "contradicting": "blue", "absent": "new"}
DOCUMENTS = {kind: f"{TEXT} it is {word}" for kind, word in ANSWERS.items()}
QUESTIONS = [Question(f"q{n}", f"Name {n}?", ("red",), ("blue",), DOCUMENTS) for n in range(3)]


class Counted:
    """A pair in turns that keeps account of its loads and of the models that live together."""

    def __init__(self, folder):
        sources = (save_model(folder / name, seed=i) for i, name in enumerate(("base", "tuned")))
        self.pair = load_pair(*sources, name="tiny", layout="in turns")
        self.loads, self.living, self.most = [], weakref.WeakSet(), 0
        for role, load in dict(self.pair.loaders).items():
            self.pair.loaders[role] = lambda role=role, load=load: self.count(role, load)

    def count(self, role, load):
        gc.collect()
        model = load()
        self.living.add(model)
        self.loads.append(role)
        self.most = max(self.most, len(self.living))
        return model


def test_each_model_is_loaded_for_all_that_it_has_to_do(tmp_path, monkeypatch):
    for module, name, value in ((parts, "BLOCK", 2), (PLACEMENT, "size", 2), (faithfulness, "STEPS", 2),
                                (retrieval.RETRIEVAL, "size", 2)):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    counted, store = Counted(tmp_path), Store(tmp_path / "store")
    for finding, options, loads in (
        (recognition, {"prompts": PROMPTS, "max_tokens": 3}, 4),  # responses, importance, blanking
        (faithfulness, {"prompts": PROMPTS}, 2),
        (positions, {"items": PLACED, "max_tokens": 3}, 2),
        (retrieval, {"items": QUESTIONS, "max_tokens": 3}, 2),
    ):
        counted.loads.clear()
        finding.compute(counted.pair, store, progress=False, **options)
        assert len(counted.loads) <= loads and counted.most == 1, finding.__name__
