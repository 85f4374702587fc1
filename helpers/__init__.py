"""What instruction tuning changes inside a language model: the methods behind the book.

from helpers import explain, load_pair, read_prompts
pair = load_pair("gemma-3-270m")
found = explain(pair, read_prompts()[0], "tuned")
print(found.importance.shape, found.score, found.shares)
"""

from __future__ import annotations

import importlib
from pathlib import Path

__version__ = "0.1.0"
# python -m helpers.compute and .report go on working for one version.
__path__.append(str(Path(__file__).parent / "commands" / "old_names"))

PUBLIC = {
    "load_pair": "models.pair", "Pair": "models.pair", "respond": "models.responses",
    "explain": "models.explain", "Explanation": "models.explain",
    "read_prompts": "prompts.prompt", "Prompt": "prompts.prompt", "Segment": "prompts.prompt",
    "open_store": "store.store", "Store": "store.store",
    "importance": "methods.importance", "erasure": "methods.erasure",
    "blanking": "methods.erasure", "normalise": "methods.density", "density": "methods.density",
    "instruction_score": "methods.density", "segment_scores": "methods.density",
    "shares": "methods.density", "position_profile": "methods.profiles",
    "middle_ratio": "methods.profiles", "weights": "methods.weights",
    "head_activations": "methods.heads", "word_space": "methods.word_pairs",
    "word_pairs": "methods.word_pairs", "head_knowledge": "methods.word_pairs",
    "verb_lift": "methods.word_pairs", "components": "methods.components",
    "concept_words": "methods.components", "principal_angles": "methods.rotation",
    "match": "methods.rotation", "compare_paired": "methods.statistics",
    "holm": "methods.statistics", "Mendable": "methods.errors",
    "comparisons": "commands.formats",
}  # fmt: skip
__all__ = [*PUBLIC]


def __getattr__(name: str) -> object:
    """Names are imported when they are first asked for: `import helpers` stays fast."""
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *PUBLIC]
