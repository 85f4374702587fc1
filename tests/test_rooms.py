"""The house: rooms that import only rooms to their left, no circle, no private name from next door."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

HELPERS = Path(__file__).resolve().parents[1] / "helpers"
ORDER = {
    "methods": 0, "store": 1, "words": 2, "prompts": 2, "models": 3, "pages": 4, "findings": 5,
    "commands": 6,
}  # fmt: skip
EVERYBODYS = {"paths"}
FILES = sorted(p for p in HELPERS.rglob("*.py") if "old_names" not in p.parts)


def name_of(path: Path) -> str:
    parts = ("helpers", *path.relative_to(HELPERS).with_suffix("").parts)
    return ".".join(parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in FILES}


def imports(path: Path) -> list[tuple[str, str]]:
    """(module, name) of everything that a file takes from the package, inside functions too."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("helpers"):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.append((whole, "") if whole in MODULES else (node.module, alias.name))
    return found


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("path", FILES, ids=lambda p: name_of(p))
def test_a_module_imports_rooms_to_its_left_alone(path):
    mine = room(name_of(path))
    for module, name in imports(path):
        theirs = room(module)
        assert not name.startswith("_") or name.startswith("__"), f"{module}.{name} is private"
        if theirs in EVERYBODYS or not theirs or mine == theirs:
            continue
        assert mine in ORDER, f"{name_of(path)} stands beside the rooms and imports {module}"
        assert ORDER[theirs] < ORDER[mine], f"{name_of(path)} imports {module}"


def test_no_finding_reads_what_another_computes():
    for path in MODULES.values():
        if room(name_of(path)) == "findings" and len(path.relative_to(HELPERS).parts) == 3:
            own = name_of(path).rsplit(".", 1)[0]
            for module, _ in imports(path):
                other = module.startswith("helpers.findings.") and not module.startswith(own + ".")
                assert not (other and module.endswith(".compute")), f"{name_of(path)}: {module}"


def test_there_is_no_circle():
    graph = {name: {module for module, _ in imports(path)} for name, path in MODULES.items()}
    list(TopologicalSorter(graph).static_order())


def test_modules_and_functions_stay_short():
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 300, f"{path} has over 300 lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                length = node.end_lineno - node.lineno + 1
                assert length <= 40, f"{path}: {node.name} has {length} lines"


def test_the_top_holds_rooms_and_little_else():
    held = {p.stem for p in HELPERS.glob("*.py")} - {"__init__", "__main__"}
    assert held == EVERYBODYS
    folders = {p.name for p in HELPERS.iterdir() if (p / "__init__.py").exists()}
    assert folders == set(ORDER)


def test_the_package_is_made_of_all_its_folders():
    import tomllib

    project = tomllib.loads((HELPERS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    listed = set(project["tool"]["setuptools"]["packages"]) - {"helpers._data"}
    assert listed == {
        ".".join(("helpers", *p.parent.relative_to(HELPERS).parts)) for p in HELPERS.rglob("*.py")
    }


def test_no_two_test_files_share_a_name():
    """Tests are imported by their bare names: two of one name cannot be collected together."""
    names = [path.name for path in (HELPERS.parent / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
