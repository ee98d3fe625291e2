"""Keeps the full help of a command: making it loads torch and Lightning, which takes seconds."""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import p2o

MADE_BY = ("lightning", "jsonargparse")  # whose versions shape a help, beside p2o's own files


def kept_help(command: str, make: Callable[[], str]) -> str:
    """The help of a command, from the user's cache if nothing that shapes it has changed since.

    Args:
        command: Of the Trainer.
        make: Makes the help.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "p2o"
    path = folder / f"help-{command}-{_fingerprint()}.txt"
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8")
    text = make()
    with suppress(OSError):  # a cache that cannot be written costs seconds, nothing else
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f"help-{command}-*.txt"):
            old.unlink()
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    return text


def _fingerprint() -> str:
    """Ten digits of p2o's files, by size and time, and of the versions of the packages that make a help."""
    digest = hashlib.blake2b(digest_size=5)
    for path in sorted(Path(p2o.__file__).parent.rglob("*.py")):
        state = path.stat()
        digest.update(f"{path}:{state.st_size}:{state.st_mtime_ns}\n".encode())
    digest.update(" ".join(version(name) for name in MADE_BY).encode())
    return digest.hexdigest()
