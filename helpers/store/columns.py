"""What the parts of the findings hold: columns of tables and names of arrays, by the part's name.

A part that an older version made, or somebody else, may lack what is read from it today. It counts as
absent, so that it is named and computed again. Columns beyond these are free, and so are all parts of
a name that is not listed. `n` stands for numbers, `t` for text, `b` for yes or no, `l` for lists; an
array has numbers. A column in which nothing is known may be of any kind.
"""

from __future__ import annotations

import io
import json
import re

import pyarrow.parquet as pq
from pyarrow import types

CHANGES = "layer:n verb:n rose:n fell:n change:n rose_any:n fell_any:n change_any:n"
ANNOTATED = "component:n pole:n interpretable:b level:t concept:t coherence:n writing:b coding:b"
PROMPT = "id:t tokens:l roles:l"
COLUMNS = {
    r"attention/null/.+": f"{CHANGES} draw:n",
    r"attention/pairs/\d+": "dimension first held_in n_held n_pairs n_words norms second similarity start",
    r"attention/readings/.+": CHANGES,
    r"attention/silenced/.+": "followed heads loss",
    r"attention/released/(verbs|paper-verbs)": "layer:n verb:n rose:n fell:n rose_authors:n fell_authors:n",
    r"faithfulness/(base|tuned)-on-(base|tuned)/.+": "blanked erasure fixed_norms gradient nothing whole",
    r"faithfulness/(base|tuned)/.+": "blanked curves erasure fixed_norms gradient nothing whole",
    r"faithfulness/integrated-(base|tuned)/.+": "curves integrated_gradients nothing whole",
    r"faithfulness/path-(base|tuned)": "id:t factor:n left:n",
    r"ffn/annotations": f"layer:n role:t {ANNOTATED} mathematics:b translation:b",
    r"ffn/baseline": f"role:t {ANNOTATED} mathematics:b translation:b",
    r"ffn/components/\d+-(base|tuned)": "scale scores variance words",
    r"ffn/folding": "layer:n post_norm:b final_norm:b interpretable:n n:n first_variance:n",
    r"ffn/rotation/\d+": "angles cosine k partner norm_angles spectrum_angles update "
    "norm_median_angle norm_mean_rank_change spectrum_median_angle spectrum_mean_rank_change",
    r"pair/update": "matrix:t layer:n update:n",
    r"pair/weights": "matrix:t layer:n type:t rounding:n update:n",
    r"positions/(base|tuned)/\d+": "normalised shape",
    r"positions/erased-(base|tuned)/\d+": "id:t place:t tokens:n whole:n",
    r"positions/items": f"{PROMPT} kind:t place:t expected:t",
    r"positions/profiles": "id:t kind:t place:t model:t bins:n threshold:n p:n profile:l",
    r"positions/responses-(base|tuned)": "id:t place:t text:t ids:l tokens:l ended:t followed:b",
    r"recognition/(first|grid|matched)": "id:t model:t score:n",
    r"recognition/prompts": f"{PROMPT} kind:t place:t setting:t",
    r"recognition/scores": "id:t model:t author:t followed:b prompt_tokens:n "
    "response_tokens:n instruction_tokens:n score:n",
    r"recognition/spans": "id:t rule:t start:n stop:n",
    r"recognition/(template|plain)/\w+-on-\w+/\d+": "normalised relative scale shape",
    r"recognition/(template|plain)/responses-\w+": "id:t text:t ids:l tokens:l ended:t "
    "followed:b",
    r"retrieval/(base|tuned)/\d+": "alone normalised shape share with_document",
    r"retrieval/items": f"{PROMPT} condition:t question:t true:t contradicting:t document:t",
    r"retrieval/responses-(base|tuned)": "id:t condition:t says:t text:t ids:l ended:t",
}  # fmt: skip


def _kind(type_) -> str:
    if types.is_dictionary(type_):
        type_ = type_.value_type
    if types.is_null(type_):
        return "tnbl"
    if types.is_boolean(type_):
        return "bn"
    if types.is_integer(type_) or types.is_floating(type_):
        return "n"
    if types.is_string(type_) or types.is_large_string(type_):
        return "t"
    return "l" if types.is_list(type_) or types.is_large_list(type_) else ""


def _held(content: bytes, table: bool) -> dict[str, str]:
    """Kind of each column, or of each array, from the first or last bytes of a file."""
    if table:
        return {one.name: _kind(one.type) for one in pq.read_schema(io.BytesIO(content))}
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return dict.fromkeys(header, "n")


def lacking(name: str, content: bytes, *, table: bool) -> str:
    """What a part lacks of what its name promises, in words; empty where it has all."""
    asked = next((asked for form, asked in COLUMNS.items() if re.fullmatch(form, name)), "")
    try:
        held = _held(content, table)
    except Exception as error:  # whatever the bytes are, they are no such file
        return f"is no {'table' if table else 'set of arrays'} ({type(error).__name__})"
    for one in asked.split():
        column, _, kind = one.partition(":")
        if (kind or "n") not in held.get(column, ""):
            kinds = {"n": "numbers", "t": "text", "b": "yes or no", "l": "lists"}[kind or "n"]
            return f"lacks {column!r} with {kinds}"
    return ""
