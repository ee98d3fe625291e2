"""What differs between two run folders, bit by bit."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from p2o.io.tables import read_rows

CLOCKS = ("seconds", "per_second", "goodput", "starts", "memory_peak")  # in the names of what no two runs share
SECTIONS = ("state_dict", "optimizer_states", "lr_schedulers", "MixtureDataModule", "p2o", "global_step", "epoch")


def run_differences(left: Path, right: Path) -> list[str]:
    """Paths of values that differ: in the last checkpoint, JSON files, tables and logged metrics."""
    found = [*_differences(_state(left), _state(right), "last.ckpt")]
    for name in sorted({path.relative_to(root) for root in (left, right) for path in root.rglob("*.json*")}):
        if name.name not in ("attempts.json", "environment.json"):
            found += _differences(_json(left / name), _json(right / name), str(name))
    for name in sorted({path.relative_to(root) for root in (left, right) for path in root.rglob("*.parquet")}):
        found += _differences(_rows(left / name), _rows(right / name), str(name))
    return [*found, *_differences(_metrics(left), _metrics(right), "metrics.csv")]


def _differences(left: Any, right: Any, path: str) -> Iterator[str]:  # noqa: ANN401 (any nested state)
    if isinstance(left, dict) and isinstance(right, dict):
        for name in sorted(left.keys() | right.keys(), key=str):
            if not _is_clock(str(name)):
                if name not in left or name not in right:
                    yield f"{path}/{name} is missing"
                else:
                    yield from _differences(left[name], right[name], f"{path}/{name}")
    elif isinstance(left, list | tuple) and isinstance(right, list | tuple) and len(left) == len(right):
        for number, (one, other) in enumerate(zip(left, right, strict=True)):
            yield from _differences(one, other, f"{path}/{number}")
    elif isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor):
        if left.dtype != right.dtype or not torch.equal(left, right):
            yield path
    elif left != right:
        yield f"{path}: {str(left)[:80]} and {str(right)[:80]}"


def _is_clock(name: str) -> bool:
    return any(clock in name for clock in CLOCKS)


def _state(root: Path) -> dict[str, Any]:
    """All in the last checkpoint that decides how the run goes on."""
    checkpoint = torch.load(root / "checkpoints" / "last.ckpt", weights_only=True)
    callbacks = {name: part for name, part in checkpoint["callbacks"].items() if not name.startswith("RunCheckpoint")}
    return {name: checkpoint[name] for name in SECTIONS} | {"callbacks": callbacks}


def _json(path: Path) -> Any:  # noqa: ANN401 (any JSON)
    if not path.exists():
        return "no such file"
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else json.loads(text)


def _rows(path: Path) -> list[Any]:
    return [row for _, row in read_rows(path)] if path.exists() else ["no such file"]


def _metrics(root: Path) -> dict[Any, dict[str, str]]:
    """The logged rows of all starts; a resumed one logs some of them again."""
    found = {}
    for path in sorted(root.glob("logs/version_*/metrics.csv"), key=lambda path: int(path.parent.name[8:])):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                kept = {name: value for name, value in row.items() if value and not _is_clock(name)}
                found[row["step"], tuple(sorted(kept))] = kept
    return found
