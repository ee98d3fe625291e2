"""Imports flow one way."""

import ast
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "p2o"

# Each layer may import from itself and from the layers above it.
LAYERS = [
    ["errors", "types", "seeds", "progress"],  # all but progress.callback
    ["files", "mistakes", "arguments", "processes", "products", "threads", "usage"],
    ["tables"],
    ["prompts", "templates", "signal", "silence", "questions"],
    ["rewards"],
    ["grading", "prepare"],
    ["endpoints", "rollout_rows"],
    ["engines", "advantages", "losses", "contexts", "batches", "logprobs", "metrics", "hard_set", "checkpoints"],
    ["aggregation", "regularizers", "corrections", "terms"],
    ["reflectors", "quickstart", "objective", "samplers", "exploration"],
    ["evolution"],  # all but the callback
    ["models", "mixture", "preflight", "export", "optimizer_steps"],
    ["policy"],
    ["evaluation", "mining", "samples", "validation_log", "evolution.callback", "progress.callback"],
    ["summary", "completion_log", "template_log", "probe", "run_config", "components", "planning"],
    ["trainer_cli", "report"],
    ["study"],
    ["commands"],
    ["cli"],
    ["__main__"],
]


def layer(module: str) -> int:
    parts = module.removeprefix("p2o").strip(".").split(".")
    for name in (".".join(parts[:2]), parts[0]):
        for number, names in enumerate(LAYERS):
            if name in names:
                return number
    raise AssertionError(f"{module} is in no layer: give it a place in LAYERS")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "p2o":
            found |= {f"p2o.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return {name for name in found if name.startswith("p2o.")}


def test_imports_flow_one_way():
    climbing = []
    for path in sorted(SOURCE.rglob("*.py")):
        module = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
        if module == "p2o":
            continue
        for name in imports(path):
            if layer(name) > layer(module):
                climbing.append(f"{module} imports {name}")
    assert climbing == []
