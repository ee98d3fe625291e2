"""The seven families by name."""

from p2o.worlds.skills.arithmetic import Base, Chain
from p2o.worlds.skills.base import Family, Task
from p2o.worlds.skills.graph import Graph
from p2o.worlds.skills.letters import Reverse, Shift, Sort, Swap

FAMILIES: dict[str, Family] = {
    family.name: family for family in (Chain(), Base(), Shift(), Sort(), Swap(), Graph(), Reverse())
}


def read_task(text: str) -> Task | None:
    """The question of whichever family that a text spells, None if it is of none."""
    return next((task for family in FAMILIES.values() if (task := family.read(text))), None)
