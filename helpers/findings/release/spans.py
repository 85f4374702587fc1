"""Find stretches of text in a list of tokens, without a tokenizer.

SentencePiece tokens spell their text: `▁` is a space and `<0xNN>` is one byte of a character that
has no token of its own. Put together they give the prompt back byte by byte, and each byte knows
its token, so a stretch of text is found as a range of tokens exactly.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SENTENCE_END = re.compile(r"(?<=[.!?:])\s+")
_INPUT, _OUTPUT = "Input:", "Output:"


def spell(tokens: Sequence[str]) -> tuple[bytes, Int[np.ndarray, " bytes"]]:
    """The text of the tokens as UTF-8, and which token each byte belongs to."""
    pieces = []
    for token in tokens:
        byte = _BYTE.fullmatch(token)
        piece = bytes([int(byte[1], 16)]) if byte else token.replace("▁", " ").encode()
        pieces.append(piece)
    owners = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
    return b"".join(pieces), owners


def find(span: str, tokens: Sequence[str]) -> slice | None:
    """The tokens that hold the first `span` in their text, without white space at its ends, or None."""
    text, owners = spell(tokens)
    wanted = span.strip().encode()
    start = text.find(wanted) if wanted else -1
    if start < 0:
        return None
    held = owners[start : start + len(wanted)]
    return slice(int(held[0]), int(held[-1]) + 1)


def mask(found: Sequence[slice], length: int) -> Bool[np.ndarray, " prompt"]:
    """One truth value a token: whether any of the stretches holds it."""
    chosen = np.zeros(length, dtype=bool)
    for stretch in found:
        chosen[stretch] = True
    return chosen


def whole_sentences(spans: Sequence[str], prompt: str) -> list[str] | None:
    """The prompt's sentences that hold the spans: the rule of the authors' released analysis.

    Spans are cut at line ends and sentence ends; each piece chooses the first sentence of the prompt
    that contains it. An empty piece (behind a line end or `Input: `) is in every sentence and chooses
    the prompt's first: the authors' numbers rest on that. None where a piece is in no sentence.
    """
    cut = _SENTENCE_END.split
    candidates = [sentence for line in prompt.split("\n") for sentence in cut(line)]
    chosen: dict[str, None] = {}
    for piece in (part for span in spans for line in span.split("\n") for part in cut(line)):
        holder = next((sentence for sentence in candidates if piece in sentence), None)
        if holder is None:
            return None
        chosen[holder.removeprefix(_INPUT).strip()] = None
    return [sentence for sentence in chosen if sentence and sentence != _OUTPUT]


def labels(tokens: Sequence[str]) -> Bool[np.ndarray, " prompt"]:
    """Tokens of the labels `Input:` and `Output:` at the start of a line (Self-Instruct's format)."""
    text, owners = spell(tokens)
    chosen = np.zeros(len(tokens), dtype=bool)
    for match in re.finditer(rb"\n+(Input:|Output:)", text):
        chosen[np.unique(owners[match.start() : match.end()])] = True
    return chosen
