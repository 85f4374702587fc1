"""Whether two models make a pair: one shape, one vocabulary, and tokens that both have rows for."""

from __future__ import annotations

from transformers import PreTrainedTokenizerBase as Tokenizer

from helpers.methods.errors import Mendable
from helpers.models.registry import Choice
from helpers.prompts.prompt import Prompt, Segment, Template, encode

SHAPE = ("model_type", "vocab_size", "hidden_size", "num_hidden_layers")


def check_shapes(name: str, base: object, tuned: object) -> None:
    for key in SHAPE:
        first, second = getattr(base, key, None), getattr(tuned, key, None)
        if first == second:
            continue
        needed = "Both must be of one architecture and shape: "
        if key == "vocab_size":
            remedy = _with_as_many(first < second, max(first, second))
            needed = f"A pair needs one vocabulary. {remedy} Else "
        raise Mendable(
            f"pair {name!r}: base has {key}={first!r}, tuned has {second!r}. {needed}choose a tuned "
            "model that was made from this base."
        )


def _with_as_many(base_has_fewer: bool, tokens: int) -> str:
    """How the model with fewer tokens is given those that were only added to the other one."""
    fewer, other = ("base", "tuned") if base_has_fewer else ("tuned", "base")
    return (
        f"If tokens were only added to the {other} model, give the {fewer} one as many, in a folder of "
        f"its own: m = AutoModelForCausalLM.from_pretrained({fewer.upper()}); "
        f"m.resize_token_embeddings({tokens}); m.save_pretrained(FOLDER); "
        f"AutoTokenizer.from_pretrained({other.upper()}).save_pretrained(FOLDER). Then name FOLDER as "
        f"{fewer}."
    )


def check_ids(choice: Choice, tokenizer: Tokenizer, template: Template, known: int) -> None:
    """Refuse a tokenizer whose own tokens lie outside of the embedding tables."""
    probe = Prompt("probe", "probe", (Segment("instruction", "a"),))
    ids = [one for text in (None, template) for one in encode(probe, tokenizer, text).ids]
    if max(ids, default=0) >= known:
        raise Mendable(
            f"pair {choice.name!r}: every prompt holds {tokenizer.decode([max(ids)])!r} (id "
            f"{max(ids)}), and the models' embeddings have {known} rows: give both of them the rows "
            f"(m.resize_token_embeddings({len(tokenizer)})), or take the token out of the template."
        )


def check_tokenizers(choice: Choice, first: dict, second: dict, known: int) -> None:
    if first == second:
        return
    differing = {token for token, _ in first.items() ^ second.items()}
    added = first.items() < second.items() or second.items() < first.items()
    remedy = "Choose a tuned model that kept its base's tokenizer."
    if added:
        remedy = _with_as_many(len(first) < len(second), max(known, len(first), len(second)))
    raise Mendable(
        f"pair {choice.name!r}: the tokenizers of base {str(choice.base)!r} and tuned "
        f"{str(choice.tuned)!r} differ in {len(differing)} tokens ({min(differing)!r} is one): a "
        f"response of one model cannot be read by the other. {remedy}"
    )
