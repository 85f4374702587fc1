"""Files in the format of the authors' released heads and components, for tests and the benchmark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from tiny import SMALL, byte_tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from helpers.methods.components import components, concept_words, layer_value_vectors, word_outputs
from helpers.methods.heads import each_head
from helpers.methods.weights import weights
from helpers.methods.word_pairs import WordPairs, word_pairs, word_space
from helpers.store.released_files import COMPONENTS, HEADS, said_table
from helpers.store.released_rows import COLUMNS, HEAD_COLUMNS
from helpers.store.released_tables import SAID, SEEDS
from helpers.words.verbs import read_lexicon
from helpers.words.vocabulary import word_embeddings

# Words that the book's vocabulary lacks; one of them looks like an escape.
FOREIGN = ("日本語", "naïveté", "yes/no", "qwrtz")
TOP_K, N_COMPONENTS = 24, 20
Key = tuple[str, int, int]  # model, layer, rank


def vocabulary() -> list[str]:
    verbs = read_lexicon().verbs["word"].to_list()
    return [*verbs[:30], *FOREIGN, *verbs[200:230]]


def pair(change: float = 0.05) -> dict[str, LlamaForCausalLM]:
    """Two tiny models by the names of the files: the second is the first, changed at random."""
    found = {}
    for name, size in (("llama", 0.0), ("vicuna", change)):
        torch.manual_seed(0)
        settings = SMALL | {"vocab_size": 259, "num_hidden_layers": 4}
        model = LlamaForCausalLM(LlamaConfig(**settings)).float().eval().requires_grad_(False)
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        for parameter in model.parameters():
            parameter.add_(size * torch.randn_like(parameter))
        found[name] = model
    return found


# --- heads


def pairs_of(model: LlamaForCausalLM, words: list[str]) -> dict[tuple[int, int], WordPairs]:
    vectors = np.random.default_rng(3).standard_normal((len(words), 6))
    space, embeddings = (
        word_space(vectors),
        word_embeddings(weights(model), byte_tokenizer(), words),
    )
    return {
        (layer, head): word_pairs(own.query, own.key, space, top_k=TOP_K)
        for layer, head, own in each_head(model, embeddings)
    }


def head_rows(name: str, heads: Mapping[tuple[int, int], WordPairs], words: list[str]) -> list[str]:
    rows = []
    for (layer, head), pairs in heads.items():
        for i, (dimension, norm) in enumerate(zip(pairs.dimensions, pairs.norms, strict=True)):
            own = slice(*pairs.start[i : i + 2])
            both = zip(pairs.key[own], pairs.query[own], strict=True)
            top = "|||".join(f"{words[key]}={words[query]}" for key, query in both)
            fields = name, "7B", layer, "QK", head, dimension, i + 1, f"{norm:.4f}", top
            rows.append("\t".join(map(str, fields)))
    return rows


def write_heads(folder: Path, rows: Iterable[str]) -> None:
    """Two parts, cut inside a character where there is one of several bytes."""
    content = "\n".join(["\t".join(HEAD_COLUMNS), *rows, ""]).encode()
    cut = content.find("日".encode(), len(content) // 3)
    cut = len(content) // 2 if cut < 0 else cut + 1
    for suffix, part in (("aa", content[:cut]), ("ab", content[cut:])):
        path = folder / f"{HEADS}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(part)


# --- components


def component_rows(name: str, model: LlamaForCausalLM, words: list[str]) -> dict[Key, str]:
    """Layers from the last to the first, poles as the authors take them."""
    of_model, rows = weights(model), {}
    embeddings = word_embeddings(of_model, byte_tokenizer(), words, output=True)
    outputs = word_outputs(embeddings.numpy())
    for layer in reversed(range(of_model.n_layers)):
        found = components(layer_value_vectors(of_model, layer), N_COMPONENTS)
        lists = concept_words(found.directions, outputs, top_k=30, pole="absolute").words[:, 0]
        for i, (own, variance) in enumerate(
            zip(lists, found.explained_variance_ratio, strict=True)
        ):
            fields = name, "7B", layer, "FFN", 0, i + 1, f"{variance:.4f}"
            top = "|||".join(words[word] for word in own)
            rows[name, layer, i + 1] = "\t".join([*map(str, fields), top])
    return rows


def write_table(path: Path, columns: Iterable[str], rows: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["\t".join(columns), *rows, ""]), encoding="utf-8", newline="")


def write_components(
    folder: Path,
    rows: Mapping[Key, str],
    answers: Mapping[int, Mapping[Key, tuple[str, str] | None]],
) -> None:
    """`answers`: by seed and component the text of its tasks and level, None: ChatGPT cannot tell."""
    write_table(folder / COMPONENTS, COLUMNS, rows.values())
    for seed in SEEDS:
        tables: dict[str, list[str]] = {kind: [] for kind in SAID}
        for key, row in rows.items():
            said = answers[seed][key]
            shown = ", ".join(row.split("\t")[-1].split("|||")[:15])
            summary = "Cannot Tell." if said is None else "some concept/nor another."
            annotated = "\t".join([str(int(said is not None)), f"Words: {shown}.", summary, row])
            tables[""].append(annotated)
            for kind, answer in zip(("task_", "concept_"), said or (), strict=False):
                tables[kind].append(f"{answer}\t{annotated}")
        for kind, own in tables.items():
            write_table(folder / said_table(kind, seed), (*SAID[kind], *COLUMNS), own)
