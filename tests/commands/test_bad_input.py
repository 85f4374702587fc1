"""Two hundred commands with bad pairs, prompts, rows and options, seeded: none ends in a traceback."""

import json
import random
import shutil
from pathlib import Path

import pytest
from limits import limited, snapshot
from tiny import save_model

from helpers import __main__ as commands

CASES, SEEDS = 200, 8
NAMES = ["", ".", "../up", "a/b", "gemma-3-270m", "x" * 300, "né\u0000", "-x", "CON", " "]
NUMBERS = ["", "x", "-1", "0", "2", "1e9", "nan", "3.5", "٣", "99999999999999999999"]
BAD_LINES = [
    "", "null", "7", "[]", "{}", "{", '"text"', '{"instruction": 3}', '{"instruction": ""}',
    '{"segments": [{"role": "king", "text": "a"}]}', '{"segments": "abc"}', '{"segments": []}',
    '{"id": "../x", "instruction": "a"}', '{"id": 1, "instruction": ["a"]}',
    '{"instruction": "a", "rule": {"type": "no such rule"}}', '{"instruction": "\\ud800"}',
    '{"instruction": "a", "rule": {"type": "matches", "pattern": "("}}', "[" * 2000,
    '{"instruction": "a", "rule": 5}', '{"instruction": "a", "response": 4}',
    '{"instruction": "a", "response": ""}', '{"instruction": "a", "output": ["b"]}',
]  # fmt: skip
FILES = {
    "empty": b"", "binary": bytes(range(256)) * 4, "bom": b"\xef\xbb\xbf", "half": b'{"instruction": "\xff',
    "table": b"a,b\n1,2\n", "quotes": b'instruction\n"open\n', "zeros": b"\0" * 64, "spaces": b"\n \n\t\n",
}  # fmt: skip
CONFIGS = [
    "", "[]", "{}", '{"model_type": "llama"}', '{"model_type": "no such"}', '{"model_type": 3}',
    '{"model_type": "llama", "hidden_size": -4}', '{"model_type": "mamba"}', '{"model_type": "gpt2"}',
    '{"model_type": "llama", "num_hidden_layers": "two"}', '{"auto_map": {"AutoConfig": "x.Y"}}',
]  # fmt: skip
MANIFESTS = [
    "", "[]", "{}", '{"pair": 3}', '{"name": "My extension", "manifest_version": 3}',
    '{"pair": "x", "version": 99, "parts": {}}', '{"pair": "x", "parts": {"../a": {}}}',
]  # fmt: skip


class World:
    """Good and bad models, prompts, rows and stores on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.base, self.tuned = (save_model(folder / n, seed=i) for i, n in enumerate(("b", "t")))
        wide = save_model(folder / "wide", seed=2, hidden_size=64)
        self.models = [
            wide,
            folder / "missing",
            *self._configs(),
            *self._damaged(),
            *self._adapters(),
        ]
        self.good = folder / "good.jsonl"
        self.good.write_text(
            "\n".join(json.dumps({"id": f"p{i}", "instruction": "Say a."}) for i in range(3))
        )
        self.rows = self._write("rows.jsonl", b"".join(
            b'{"instruction": "Say %d.", "output": "%d"}\n' % (n, n) for n in range(9)))  # fmt: skip
        self.texts = [self.good.parent / "missing.jsonl", folder, *self._texts()]
        self.stores = [self.good / "in a file", self.good, *self._stores()]
        (folder / "nothing").mkdir()
        self.models.append(folder / "nothing")

    def _write(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def _configs(self) -> list[Path]:
        found = []
        for number, text in enumerate(CONFIGS):
            copy = shutil.copytree(self.base, self.folder / f"config-{number}")
            (copy / "config.json").write_text(text)
            found.append(copy)
        return found

    def _damaged(self) -> list[Path]:
        found = []
        for number, name in enumerate(
            ("model.safetensors", "tokenizer.json", "tokenizer_config.json")
        ):
            for how, cut in (("cut", lambda x: x[: len(x) // 2]), ("empty", lambda x: b""),
                             ("flipped", lambda x: x[:9] + bytes([x[9] ^ 255]) + x[10:])):  # fmt: skip
                copy = shutil.copytree(self.base, self.folder / f"damaged-{number}-{how}")
                (copy / name).write_bytes(cut((copy / name).read_bytes()))
                found.append(copy)
        gguf = self._write("bad.gguf", b"GGUF" + bytes(40))
        return [*found, gguf, self._write("plain.txt", b"no model")]

    def _adapters(self) -> list[Path]:
        texts = [
            "",
            "{}",
            '{"peft_type": "LORA"}',
            '{"peft_type": "LORA", "r": 0}',
            '{"peft_type": 4}',
        ]
        return [
            self._write(f"ad-{i}/adapter_config.json", t.encode()).parent
            for i, t in enumerate(texts)
        ]

    def _texts(self) -> list[Path]:
        found = [self._write(f"{name}{end}", content) for name, content in FILES.items()
                 for end in (".jsonl", ".csv", ".json", "")]  # fmt: skip
        for number, line in enumerate(BAD_LINES):
            text = f'{{"id": "a", "instruction": "Say a."}}\n{line}\n'
            found.append(self._write(f"line-{number}.jsonl", text.encode(errors="surrogatepass")))
        return found

    def _stores(self) -> list[Path]:
        return [self._write(f"store-{i}/manifest.json", text.encode()).parent
                for i, text in enumerate(MANIFESTS)]  # fmt: skip


def compute(draw: random.Random, world: World) -> list[str]:
    pair = {"--base": str(world.base), "--tuned": str(world.tuned)}
    options = pair | {"--finding": "recognition", "--device": "cpu", "--name": "own", "--limit": "3",
                      "--folder": str(world.folder / "new"), "--prompts": str(world.good)}  # fmt: skip
    bad = {  # a model or a text more often than an option
        "--base": world.models, "--tuned": world.models, "--name": NAMES, "--limit": NUMBERS,
        "--folder": world.stores, "--prompts": world.texts, "--finding": ["", "all of it"],
        "--device": ["", "tpu", "cuda", "cuda:9", "cuda:x", "mps", "cpu:1"],
        "--dtype": ["", "int8", "float64"], "--pair": NAMES, "--course": ["x/y@", "@", "", "nowhere"],
    }  # fmt: skip
    often = [*sorted(bad), *["--base", "--tuned", "--prompts", "--folder"] * 4]
    for name in draw.sample(often, draw.choice((1, 1, 1, 2))):
        options[name] = str(draw.choice(bad[name]))
    for name in draw.sample(sorted(options.keys() - {"--finding"}), draw.choice((0, 0, 0, 1))):
        del options[name]
    flags = draw.sample(
        ["--replace", "--dry-run", "--quick", "--allow-pickle"], draw.choice((0, 0, 1))
    )
    return ["compute", *(word for item in options.items() for word in item), *flags]


def report(draw: random.Random, world: World) -> list[str]:
    outputs = [world.folder, world.good / "x.html", "/dev/null", world.folder / "no" / "x.html"]
    options = {
        "--pair": draw.choice([*NAMES, "own", "own"]),
        "--folder": str(draw.choice([*world.stores, world.folder])),
        "--output": str(draw.choice(outputs)),
        "--format": draw.choice(["html", "json", "markdown", "terminal"]),
    }
    for name in draw.sample(sorted(options), draw.choice((0, 1, 2))):
        del options[name]
    return ["report", *(word for item in options.items() for word in item)]


def recheck(draw: random.Random, world: World) -> list[str]:
    return ["recheck", "--pair", draw.choice(NAMES), "--folder", str(draw.choice(world.stores)),
            "--parts", draw.choice(NUMBERS), "--seed", draw.choice(NUMBERS)]  # fmt: skip


def tune(draw: random.Random, world: World) -> list[str]:
    """Bad rows, a bad base, a bad place or a bad number: one of them, the rest is sound."""
    bad = {
        "data": world.texts, "source": world.models, "output": world.stores[:2],
        "control": ["what", ""], "kinds": NAMES[1:7],
    }  # fmt: skip
    bad |= dict.fromkeys(
        ("rank", "learning-rate", "epochs", "batch-size", "seed", "held-out", "steps"), NUMBERS
    )
    options = {"data": world.rows, "source": world.base, "output": world.folder / "adapter",
               "steps": "1", "held-out": "2"}  # fmt: skip
    name = draw.choice([*sorted(bad), *["data", "source", "source", "source"] * 3])
    options[name] = draw.choice(bad[name])
    return ["tune", *(word for key, value in options.items() for word in (f"--{key}", str(value)))]


def released(draw: random.Random, world: World) -> list[str]:
    found = ["released", "--path", str(draw.choice([*world.texts, *world.models]))]
    return (
        found
        + ["--folder", str(draw.choice(world.stores))]
        + draw.choice([[], ["--heads"], ["--components"]])
    )


def other(draw: random.Random, world: World) -> list[str]:
    return draw.choice([["pairs", "--what"], ["helpers"], [""], ["compute", "x"]])


KINDS = [compute] * 6 + [tune] * 2 + [report] * 2 + [recheck, released, other]


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(SEEDS))
def test_no_command_ends_in_a_traceback(world, seed, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("INSTRUCTION_SHIFT_RESULTS", str(tmp_path / "results"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INSTRUCTION_SHIFT_CACHE", str(tmp_path / "cache"))
    draw, written = random.Random(seed), [world.folder / one for one in ("new", "adapter", "no")]
    written += [world.folder / f"store-{n}" for n in range(len(MANIFESTS))]
    before = snapshot(world.folder, *written)
    for _ in range(CASES // SEEDS):
        asked = draw.choice(KINDS)(draw, world)
        try:
            with limited(60):
                commands.main(asked)
        except SystemExit as ended:
            assert ended.code is not None and "Traceback" not in str(ended.code), asked
        except Exception as error:
            raise AssertionError(f"{asked} ends in {error!r}") from error
        shutil.rmtree(world.folder / "new", ignore_errors=True)
        assert "Traceback" not in capsys.readouterr().err, asked
    assert snapshot(world.folder, *written) == before
