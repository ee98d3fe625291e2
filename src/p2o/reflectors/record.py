"""Writes down what another reflector is asked and answers."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from p2o.errors import InputError
from p2o.reflectors.base import Proposal, ReflectionContext, ReflectionFailed, ReflectionJob, Reflector
from p2o.reflectors.wrapping import WrappingReflector


class RecordingReflector(WrappingReflector):
    """Appends each job and its proposal to a JSONL file, with which `ReplayReflector` repeats the run offline.

    The ledger is the same with and without a recording.

    Args:
        reflector: Does the work.
        path: The file; a resumed run appends to it.
    """

    def __init__(self, reflector: Reflector, path: str) -> None:
        super().__init__(reflector)
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _append(self.path, "")
        except OSError as error:
            raise InputError(f"RecordingReflector: {path!r} cannot be written: {error.strerror}.") from error

    def reflect(self, jobs: Sequence[ReflectionJob], context: ReflectionContext) -> list[Proposal]:
        """What the reflector proposes; written down also if it fails in between."""
        try:
            proposals = self.reflector.reflect(jobs, context)
        except ReflectionFailed as failed:
            self._write(jobs, failed.proposals)
            raise
        self._write(jobs, proposals)
        return proposals

    def _write(self, jobs: Sequence[ReflectionJob], proposals: Sequence[Proposal | None]) -> None:
        rows = [
            {"key": job.key, "reflector": self.name, "job": asdict(job), "proposal": asdict(proposal)}
            for job, proposal in zip(jobs, proposals, strict=False)  # a reflector that fails at once proposes nothing
            if proposal is not None
        ]
        _append(self.path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _append(path: Path, text: str) -> None:
    """Adds whole lines; a line that a kill cut off is ended first, and left for the reader to skip."""
    with path.open("a+b") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
