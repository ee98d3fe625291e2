"""Serves the proposals that `RecordingReflector` wrote down, so that a run can be repeated offline."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from p2o.errors import InputError
from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors.base import (
    Proposal,
    ReflectionContext,
    ReflectionFailed,
    ReflectionJob,
    Reflector,
    longest_of,
)


class ReplayReflector(Reflector):
    """Repeats a recorded run without its reflector: same questions, seed and settings give the same jobs.

    Args:
        path: A file of `RecordingReflector`. Of two proposals for one job, from a run that was killed and resumed, the
            later counts.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._proposals = _read(Path(path))

    def longest_template(self, renderer: PromptRenderer) -> int | None:
        """That of the recording."""
        return longest_of((proposal.template for proposal in self._proposals.values()), renderer)

    def reflect(self, jobs: Sequence[ReflectionJob], context: ReflectionContext) -> list[Proposal]:
        """The recorded proposals; they cost nothing.

        Raises:
            ReflectionFailed: A job is not in the file.
        """
        proposals = [self._proposals.get(job.key) for job in jobs]
        found = [proposal for proposal in proposals if proposal is not None]
        if len(found) < len(jobs):
            raise ReflectionFailed(
                f"ReplayReflector: {self.path} has no proposal for {len(jobs) - len(found)} of {len(jobs)} jobs. It "
                "replays the run that was recorded: same questions, seed, settings and library versions.",
                proposals,
            )
        return found


def _read(path: Path) -> dict[str, Proposal]:
    """Proposals by the key of their job; lines that are no JSON were cut off by a kill and do not count."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError as error:
        raise InputError(f"ReplayReflector: {path}: expected a recording, {error.strerror}.") from error
    proposals: dict[str, Proposal] = {}
    for number, line in enumerate(lines, 1):
        try:
            row: Any = json.loads(line)
        except (ValueError, RecursionError):
            continue
        match row:
            case {"key": str(key), "proposal": fields} if (proposal := _proposal(fields)) is not None:
                proposals[key] = proposal
            case _:
                raise InputError(f"{path}:{number}: expected a line of RecordingReflector, got {line[:80]!r}.")
    if not proposals:
        raise InputError(f"{path}: expected a recording of RecordingReflector, found no line of one.")
    return proposals


def _proposal(fields: Any) -> Proposal | None:  # noqa: ANN401 (it comes from a file)
    """What was recorded, with its further replies, which older recordings have none of; None if it is no proposal."""
    match fields:
        case {"template": str(template), "rejection": str(rejection), "reply": str(reply), "prompt": str(prompt)}:
            others = [_proposal(other) for other in fields.get("others", [])]
            found = tuple(other for other in others if other is not None)
            return Proposal(template, rejection, reply, prompt, others=found) if len(found) == len(others) else None
    return None
