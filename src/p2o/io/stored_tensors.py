"""Tensors in safetensors files, read one at a time."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from p2o.errors import InputError


class StoredTensors:
    """The tensors of some files by name, each read when somebody asks for it, and not kept.

    Args:
        paths: The files. Their headers are read at once.

    Raises:
        InputError: A file is missing or damaged; the methods raise it as well, and if a file has changed since.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = list(paths)
        self._files: dict[str, Path] = {}
        for path in self.paths:
            try:
                with safe_open(path, "pt") as file:
                    self._files |= dict.fromkeys(file.keys(), path)
            except (SafetensorError, OSError) as error:
                raise _unreadable(path, error) from error
        self._first = self._digest()

    def __getitem__(self, name: str) -> Tensor:
        """The tensor of a name, on the CPU."""
        path = self._files[name]
        try:
            with safe_open(path, "pt") as file:
                tensor: Tensor = file.get_tensor(name)
        except (SafetensorError, OSError) as error:
            raise _unreadable(path, error) from error
        return tensor

    def fingerprint(self) -> float:
        """A number that other files, and files written at another time, do not have; reads none of the tensors."""
        if self._digest() != self._first:
            raise InputError(
                f"{self.paths[0].parent}: expected the model's files as they were, they have changed since they were "
                "first read. Put the old ones back, and resume from the last checkpoint."
            )
        return float(int.from_bytes(self._first[:6]))  # 48 bits, which a float holds exactly

    def _digest(self) -> bytes:
        digest = hashlib.sha256()
        for path in self.paths:
            try:
                stat = path.stat()
            except OSError as error:
                raise _unreadable(path, error) from error
            digest.update(f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}\n".encode())
        return digest.digest()


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(f"model.model: the weights in {path} could not be read. The reason: {error}")
