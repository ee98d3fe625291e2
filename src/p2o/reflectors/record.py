"""Writes down what another reflector is asked and answers."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path

from transformers import PreTrainedModel

from p2o.engines.base import RolloutEngine
from p2o.errors import InputError
from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors.base import Proposal, ReflectionContext, ReflectionFailed, ReflectionJob, Reflector


class RecordingReflector(Reflector):
    """Appends each job and its proposal to a JSONL file, with which `ReplayReflector` repeats the run offline.

    Args:
        reflector: Does the work.
        path: The file; a resumed run appends to it.
    """

    def __init__(self, reflector: Reflector, path: str) -> None:
        self.reflector = reflector
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _append(self.path, "")
        except OSError as error:
            raise InputError(f"RecordingReflector: {path!r} cannot be written: {error.strerror}.") from error

    @property
    def name(self) -> str:
        """The name of the reflector that does the work, so that the ledger is the same with and without a recording."""
        return self.reflector.name

    @property
    def samples(self) -> bool:
        """Whether the reflector that does the work asks the engine of the run."""
        return self.reflector.samples

    @property
    def own_engine(self) -> RolloutEngine | None:
        """That of the recorded reflector."""
        return self.reflector.own_engine

    def problems(self, window: int, renderer: PromptRenderer) -> Iterator[str]:
        """Those of the recorded reflector."""
        return self.reflector.problems(window, renderer)

    def reflecting_policy(self, context: ReflectionContext) -> AbstractContextManager[PreTrainedModel]:
        """The policy of the reflector that does the work."""
        return self.reflector.reflecting_policy(context)

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
