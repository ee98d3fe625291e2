"""A checkpoint as a folder of shards: each process writes and reads its own part of the tensors.

`state.pt` holds everything else, as the file of a small checkpoint does; the tensors are in safetensors files, written
and read by torch.distributed.checkpoint; `manifest.json`, which comes last, has the sum of every file.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict_saver import save

from p2o.distributed.processes import gather, is_first, on_first, rank
from p2o.errors import InputError
from p2o.io.places import put_in_place, remove, to_disk
from p2o.policy.checkpoints.plain import save_plain
from p2o.policy.checkpoints.shards import Content, joined, split

MANIFEST, STATE = "manifest.json", "state.pt"
PART = 2**30  # bytes that a process has in one file, about: so much is copied to host memory at a time


def write_folder(checkpoint: Content, path: Path) -> int:
    """Writes a checkpoint whose tensors lie in shards on all processes, which call this together.

    It is staged beside its place, and on the disk before it takes that place.

    Returns:
        Its size in bytes.

    Raises:
        InputError: A process cannot write; an older checkpoint at `path` is as it was.
    """
    stage = on_first(lambda: _new_stage(path))
    try:
        with _one_message(path):
            sharded, rest = split(checkpoint)
            processes = len(gather(None))
            writer = HuggingFaceStorageWriter(str(stage), _files(sharded, processes), save_distributed=True)
            save(sharded, storage_writer=writer, no_dist=processes == 1)
            mine = _sums(sorted(stage.glob(f"shard-{rank() + 1:05d}-*")))
        sums = {name: entry for part in gather(mine) for name, entry in part.items()}
        return on_first(lambda: _finish(stage, path, rest, sums))
    finally:
        if rank() == 0:
            remove(stage)


def read_folder(path: Path) -> Content:
    """What is in the folder of a checkpoint, its tensors read when they are used.

    The first process of a run has read every byte before; the others, which would read as many, look at sizes.

    Raises:
        OSError: The folder lacks a file.
        ValueError: A file is not the one that was written.
    """
    files = json.loads((path / MANIFEST).read_text(encoding="utf-8"))["files"]
    found = [(path / name).stat() for name in files]
    for (name, entry), stat in zip(files.items(), found, strict=True):
        if stat.st_size != entry["bytes"]:
            raise ValueError(f"expected {entry['bytes']} bytes of {name}, found {stat.st_size}")
    if is_first():
        sums = tuple((name, entry["sha256"]) for name, entry in files.items())
        check_files(path, sums, tuple((stat.st_size, stat.st_mtime_ns) for stat in found))
    return joined(path, torch.load(path / STATE, map_location="cpu", weights_only=True, mmap=True))


@lru_cache
def check_files(path: Path, sums: tuple[tuple[str, str], ...], stamps: tuple[tuple[int, int], ...]) -> None:
    """Compares each file with its sum in the manifest; `stamps`, sizes and times, make it once for each content.

    Raises:
        ValueError: Names the file that is damaged.
    """
    for name, expected in sums:
        if _sum(path / name) != expected:
            raise ValueError(f"the check sum of {name} is wrong")


def _files(tensors: Mapping[str, Tensor], processes: int) -> dict[str, int]:
    """The number of the file that each tensor goes to, from 1, the same on every process."""
    files: dict[str, int] = {}
    size, number = 0, 1
    for name, tensor in tensors.items():
        size += tensor.numel() * tensor.element_size() // processes
        if size > PART and files:
            size, number = 0, number + 1
        files[name] = number
    return files


def _new_stage(path: Path) -> Path:
    stage = path.with_name(f".{path.name}.part-{os.getpid()}")
    with _one_message(path):
        remove(stage)
        stage.mkdir(parents=True)
    return stage


def _finish(stage: Path, path: Path, rest: Content, sums: dict[str, Any]) -> int:
    """Adds what is not in shards, then the manifest, and puts the folder in its place."""
    if missing := [name for name in sums if not (stage / name).exists()]:
        raise InputError(
            f"{path}: expected the shards of all processes, {len(missing)} are missing here. Put the run folder on a "
            "disk that all nodes share."
        )
    with _one_message(path):
        save_plain(rest, stage / STATE)
        files = sums | _sums([stage / STATE])
        (stage / MANIFEST).write_text(json.dumps({"files": files}, indent=2), encoding="utf-8")
        for file in (*stage.iterdir(), stage):
            to_disk(file)
        put_in_place(stage, path)
    return sum(entry["bytes"] for entry in files.values())


def _sums(paths: Iterable[Path]) -> dict[str, Any]:
    return {path.name: {"bytes": path.stat().st_size, "sha256": _sum(path)} for path in paths}


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _one_message(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, CheckpointException, RuntimeError) as error:  # RuntimeError: torch's for a full disk
        reason = str(error).strip().rpartition("\n")[2]
        raise InputError(
            f"{path}: the checkpoint cannot be written: {reason} Older checkpoints are as they were. Make space, and "
            "resume with --ckpt_path last."
        ) from error
