"""Runs of `helpers.commands.compute` on a tiny pair in processes of their own, which tests may kill.

Importing torch takes seconds, so one server process does it once and forks a child a run. The server
reads commands as lines of JSON and answers each with one line. A child can be told to die by SIGKILL
at its n-th step that touches the disk (before or after it), or after some seconds.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from functools import lru_cache
from pathlib import Path

PROMPTS, BLOCK, MAX_TOKENS = 4, 2, 3


class Server:
    """The other end: starts runs and waits for them."""

    def __init__(self, models: Path) -> None:
        tests = Path(__file__).parent
        folders = [tests, tests / "findings", tests / "models", tests.parent]
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(models)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(map(str, folders)), "OMP_NUM_THREADS": "1",
               "TOKENIZERS_PARALLELISM": "false"},
        )  # fmt: skip

    def _ask(self, **command) -> dict:
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the server died: see its messages above"
        return json.loads(answer)

    def start(self, folder: Path, **how) -> int:
        """Begin a run on a store; `how`: env, die_at (step), die_after (seconds), log (file)."""
        return self._ask(start=str(folder), **how)["pid"]

    def wait(self, pid: int) -> int:
        """Exit code of a run, negative for the signal that ended it."""
        return self._ask(wait=pid)["code"]

    def run(self, folder: Path, **how) -> int:
        return self.wait(self.start(folder, **how))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@lru_cache(maxsize=1)
def server() -> Server:
    """One server for all test files of this process; it goes with the process."""
    folder = tempfile.TemporaryDirectory(prefix="forked-")
    started = Server(Path(folder.name))
    atexit.register(lambda: (started.close(), folder.cleanup()))
    return started


def contents(folder: Path) -> dict[str, str]:
    """Hash of every part of a store."""
    parts = json.loads((folder / "manifest.json").read_text())["parts"]
    return {name: entry["sha256"] for name, entry in parts.items()}


def whole_parts(folder: Path) -> set[str]:
    """Parts that the manifest lists and whose files match it; both must be readable."""
    if not (folder / "manifest.json").exists():
        return set()
    parts = json.loads((folder / "manifest.json").read_text())["parts"]
    for entry in parts.values():
        content = (folder / entry["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], entry["file"]
    return set(parts)


def litter(folder: Path) -> list[str]:
    """Files in a store that are neither a part, nor the manifest, nor the lock."""
    parts = json.loads((folder / "manifest.json").read_text())["parts"].values()
    known = {entry["file"] for entry in parts} | {"manifest.json", ".claims/lock",
                                                 ".claims/.gitignore"}  # fmt: skip
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return sorted(files - known)


# --- the server


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _fatal_steps(die_at: int) -> None:
    """Make this process die at the n-th step that touches the disk, before or after doing it."""
    steps = [0]

    def counted(call):
        def step(*arguments, **options):
            for do in (lambda: None, lambda: call(*arguments, **options)):
                result = do()
                steps[0] += 1
                if steps[0] == die_at:
                    _die()
            return result

        return step

    os.replace, os.fsync = counted(os.replace), counted(os.fsync)
    tempfile.mkstemp = counted(tempfile.mkstemp)
    Path.write_text, Path.unlink = counted(Path.write_text), counted(Path.unlink)


def _child(command: dict, pair, choice) -> None:
    from helpers.commands import filling
    from helpers.models.devices import Placement
    from helpers.store.store import Store

    os.environ.update(command.get("env", {}))
    if log := command.get("log"):
        original = Store.write

        def write(self, name, *arguments, **options):
            with open(log, "a") as file:
                file.write(f"{os.environ.get('RANK', 0)} {name}\n")
            return original(self, name, *arguments, **options)

        Store.write = write
    if command.get("die_at"):
        _fatal_steps(command["die_at"])
    if command.get("die_after"):
        threading.Timer(command["die_after"], _die).start()
    filling.load = lambda *_, **__: pair
    findings = command.get("findings", ["recognition"])
    here = Placement("cpu", "float32", "together", 0, 0)
    filling.fill(choice, findings, Path(command["start"]), placement=here, progress=False)


def _make_small(pair) -> None:
    """Every finding on a few items, and what all runs share read before they are forked."""
    import numpy as np
    from test_findings_attention import OPTIONS as ATTENTION
    from test_findings_positions import ITEMS as PLACED
    from test_findings_retrieval import ITEMS as ASKED
    from test_recognition import prompt

    from helpers.commands import filling
    from helpers.findings.attention import readings
    from helpers.findings.faithfulness import compute as faithfulness
    from helpers.findings.ffn import compute as ffn
    from helpers.findings.positions.read import PLACEMENT
    from helpers.findings.retrieval.compute import RETRIEVAL

    own = {
        "positions": {"items": PLACED[:3], "max_tokens": 2},
        "attention": ATTENTION | {"readings": dict(list(ATTENTION["readings"].items())[:2])},
        "faithfulness": {"prompts": [prompt(number) for number in range(2)]},
        "retrieval": {"items": ASKED[:2], "max_tokens": 2},
    }
    filling.inputs = lambda finding, *_: own.get(finding, {})
    PLACEMENT.size = RETRIEVAL.size = 2
    readings.BLOCK, ffn.DRAWS, ffn.MAX_COMPONENTS, faithfulness.STEPS = 1, 2, 6, 2
    words = {role: ffn.embedded_words(pair, role) for role in ("base", "tuned")}
    ffn.embedded_words = lambda _, role, *__: words[role]
    ffn.annotate_words(np.arange(60).reshape(2, 2, 15))  # the lexicon is read once


def _serve(models: Path) -> None:
    import torch
    from test_recognition import prompt
    from tiny import save_model

    from helpers.findings import parts
    from helpers.findings.recognition import compute as recognition
    from helpers.models import pair as pairs
    from helpers.models import registry

    torch.set_num_threads(1)
    folders = [save_model(models / name, seed=i) for i, name in enumerate(("base", "tuned"))]
    choice = registry.own(*map(str, folders), name="tiny")
    pair = pairs.load(choice)
    parts.BLOCK = BLOCK
    recognition.read_prompts = lambda: [prompt(number) for number in range(PROMPTS)]
    limited, real = MAX_TOKENS, recognition.make_responses
    recognition.make_responses = lambda p, q, s, r, *_: real(p, q, s, r, limited)
    _make_small(pair)
    for line in sys.stdin:
        command = json.loads(line)
        if "wait" in command:
            code = os.waitstatus_to_exitcode(os.waitpid(command["wait"], 0)[1])
            print(json.dumps({"code": code}), flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            sys.stdin.close()
            os.dup2(2, 1)
            try:
                _child(command, pair, choice)
            except BaseException as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        print(json.dumps({"pid": pid}), flush=True)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
