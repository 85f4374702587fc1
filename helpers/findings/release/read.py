"""The store of the authors' models, and the words in which its prompts are sorted."""

from __future__ import annotations

from helpers import paths
from helpers.store import store as results
from helpers.store.release import COMMIT
from helpers.store.store import Store

PAIR = "llama-vicuna-7b"
SOURCE = f"github.com/JacksonWuxs/Interpret_Instruction_Tuning_LLMs at {COMMIT}"
KINDS = {"user": "Self-Instruct", "lima": "LIMA", "mtbench": "MT-Bench"}
# Why a prompt is left out of comparisons, in the order in which it is looked at.
REASONS = ("span not found", "empty response", "response under 5 tokens")


def open_store() -> Store:
    """The analysed matrices: those of your own run where there is one, the book's otherwise."""
    own = results.open_store(PAIR)
    there = "recognition/scores" in own.manifest()
    return own if there else Store(paths.data_folder() / "results" / PAIR)


# --- what the authors released of heads and components
NOT_HERE = (
    "The authors released what their methods found in LLaMA-7B and Vicuna-7B. Those files could not be "
    "had where this copy was built; `python -m helpers released --heads --components` fetches and "
    "analyses them."
)


def unread(what: str) -> str:
    """For a cell that would hold the paper's own sizes: why it holds none; `what`: heads or components."""
    return f"this copy lacks its sizes; to fetch them: python -m helpers released --{what}"
