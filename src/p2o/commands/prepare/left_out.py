"""What is left out of the data, and why: nothing disappears without its id."""

from dataclasses import dataclass

from p2o.types import Question


@dataclass(frozen=True)
class LeftOut:
    """A row that does not travel on: the name of the rule, and what it found."""

    id: str
    rule: str
    detail: str = ""


Sifted = tuple[list[Question], list[LeftOut]]  # what stays, what does not
