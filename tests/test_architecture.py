"""Imports flow one way, through ten rows of packages of a handful of modules each."""

import ast
from itertools import pairwise
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "p2o"

# A module imports from rows above its own, or from its own package.
ROWS = [
    ["types", "errors", "contracts", "seeds", "distributed", "io", "progress"],
    ["prompts", "rewards", "logprobs", "questions", "run_folder"],
    ["engines", "endpoints", "objective"],
    ["rollouts", "reflectors", "evaluation", "worlds"],
    ["mixture"],
    ["policy"],
    ["evolution"],
    ["callbacks"],
    ["commands"],
    ["cli"],
]
# What else a package may import from its own row.
WITHIN = {
    "types": [],
    "contracts": ["errors"],
    "distributed": ["errors"],
    "io": ["errors"],
    "progress": ["errors"],
}
MODULE_LINES = 250
# Where everything meets, and grows if nobody looks.
MEETING_LINES = {
    "policy/module.py": 200,
    "mixture/data_module.py": 200,
    "evolution/callback.py": 180,
    "cli/trainer.py": 200,
}
ENTRIES = 28
PACKAGE_MODULES = range(2, 15)


def row(package: str) -> int:
    found = [number for number, names in enumerate(ROWS) if package in names]
    assert found, f"p2o.{package} is in no row: give it a place in ROWS"
    return found[0]


def package_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_packages(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "p2o":
            names |= {f"p2o.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.split(".")[1] for name in names if name.startswith("p2o.")}


def modules() -> list[Path]:
    return [path for path in sorted(SOURCE.rglob("*.py")) if path.parent != SOURCE or not path.name.startswith("__")]


def test_imports_flow_one_way():
    climbing = []
    for path in modules():
        package = package_of(path)
        for other in imported_packages(path) - {package, "__version__"}:
            if row(other) >= row(package) and other not in WITHIN.get(package, []):
                climbing.append(f"{path.relative_to(SOURCE)} imports p2o.{other}")
    assert climbing == []


def test_the_entrance_hall_is_small():
    entries = [path.name for path in SOURCE.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= ENTRIES


@pytest.mark.parametrize("folder", [p for p in sorted(SOURCE.rglob("*")) if (p / "__init__.py").exists()], ids=str)
def test_a_package_holds_a_handful(folder):
    parts = [p for p in folder.iterdir() if p.suffix == ".py" and p.name != "__init__.py"]
    parts += [p for p in folder.iterdir() if (p / "__init__.py").exists()]
    assert len(parts) in PACKAGE_MODULES


def test_no_module_is_long():
    paths = {str(path.relative_to(SOURCE)): path for path in modules()}
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in paths.items()}
    assert MEETING_LINES.keys() <= lines.keys()
    assert {name: n for name, n in lines.items() if n > MEETING_LINES.get(name, MODULE_LINES)} == {}


def test_rows_hold_what_is_there():
    there = {package_of(path) for path in modules()}
    assert there == {name for names in ROWS for name in names}
    assert all(not set(upper) & set(lower) for upper, lower in pairwise(ROWS))
