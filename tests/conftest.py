"""Shared: one thread (two on two cores make tiny models crawl), a tiny random policy, the order of files."""

import gc
import os
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # before anything reads it: a missing model must not be asked for, and retried
os.environ["OMP_NUM_THREADS"] = "1"  # likewise; torch itself is imported by what needs it, not by xdist's first process

gc.disable()  # until all is imported: imports make a million objects and no rubbish

# Files of whole runs, the longest first: a worker that began one as the last would keep everybody waiting.
LONGEST = [
    "test_teacher_run.py",
    "test_fit.py",
    "test_compare.py",
    "test_methods.py",
    "test_run_folder.py",
    "test_studies.py",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps the order within a file, and a file together."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))


def pytest_collection_finish() -> None:
    """What was imported stays: no search for rubbish needs to go through it."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def tokenizer():
    from tiny_policy import build_tokenizer

    return build_tokenizer()


@pytest.fixture
def policy(tokenizer):
    from tiny_policy import build_policy

    return build_policy(len(tokenizer), tokenizer.eos_token_id)


@pytest.fixture(scope="session")
def tiny_model(tokenizer, tmp_path_factory) -> Path:
    """A model folder as save_pretrained leaves it."""
    from tiny_policy import build_policy

    folder = tmp_path_factory.mktemp("tiny") / "model"
    build_policy(len(tokenizer), tokenizer.eos_token_id).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
