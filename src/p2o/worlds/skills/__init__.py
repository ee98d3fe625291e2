"""The world of skills: seven families of questions, each of which another procedure makes solvable."""

from p2o.worlds.skills.base import LONGEST, SHORTEST, Family, Task
from p2o.worlds.skills.families import FAMILIES
from p2o.worlds.skills.process import Process, read_process
from p2o.worlds.skills.questions import SkillQuestions

__all__ = [
    "FAMILIES",
    "LONGEST",
    "SHORTEST",
    "Family",
    "Process",
    "SkillQuestions",
    "Task",
    "read_process",
]
