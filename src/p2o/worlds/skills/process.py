"""Tells how a completion came to its answer: by which procedure, and where it slipped."""

from dataclasses import dataclass
from enum import StrEnum

from p2o.worlds.skills.base import Task
from p2o.worlds.skills.families import FAMILIES


class Process(StrEnum):
    """The way a completion went."""

    SOUND = "sound"  # its own procedure, every step right
    SLIP = "slip"  # its own procedure, a step or the answer wrong or missing
    FOREIGN = "foreign"  # the procedure of another family
    DIRECT = "direct"  # no procedure


@dataclass(frozen=True)
class Reading:
    """What a completion did: its way, and how many steps were right before the first that was not."""

    process: Process
    right_steps: int = 0


def read_process(task: Task, completion: str) -> Reading:
    """Compares a completion with the steps that the question calls for."""
    for family in FAMILIES.values():
        opening = "".join(family.opening)
        if not opening or not completion.startswith(opening):
            continue
        if family.name != task.family:
            return Reading(Process.FOREIGN)
        rest, right = completion.removeprefix(opening), 0
        for step in task.steps:
            if not rest.startswith(step):
                return Reading(Process.SLIP, right)
            rest, right = rest.removeprefix(step), right + 1
        # Steps beyond those of the question are a slip, and so is another answer than the one they lead to.
        return Reading(Process.SOUND if rest.strip() == f"\\boxed{{{task.answer}}}" else Process.SLIP, right)
    return Reading(Process.DIRECT)
