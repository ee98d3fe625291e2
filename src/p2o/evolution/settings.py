"""The size of an evolution, and the reasons for its end."""

from dataclasses import dataclass
from enum import StrEnum

from p2o.errors import InputError


@dataclass(frozen=True)
class EvolutionSettings:
    """The size of an evolution.

    Args:
        budget: Rollouts at most, those of the seeds included; never exceeded (`auto_budget` has the usual levels).
        width: W, parents of an iteration at most.
        mini_batch_size: B, train questions on which a parent and its child are compared.
        proposals: Children of a parent at most, each from a reflection of its own.
        completions: n, completions of a question whenever a template is evaluated on it.
        patience: The search ends after this many iterations in a row without a new template to try, be it that the
            reflector refuses, that it repeats itself, or that it has no failures to work on.

    Raises:
        InputError: A size is out of range.
    """

    budget: int
    width: int = 16
    mini_batch_size: int = 3
    completions: int = 1
    proposals: int = 1
    patience: int = 10

    def __post_init__(self) -> None:
        if self.budget < 0:
            raise InputError(f"Expected an evolution budget of 0 rollouts or more, got {self.budget}.")
        for name in ("width", "mini_batch_size", "completions", "proposals", "patience"):
            if (size := getattr(self, name)) < 1:
                raise InputError(f"Expected evolution setting {name} to be 1 or more, got {size}.")


class StopReason(StrEnum):
    """Why an evolution ended."""

    BUDGET = "the budget has no room for another iteration"
    SMALL_BUDGET = "the budget does not pay for one template on the dev questions"
    NO_DEV = "there are no dev questions"
    NO_TRAIN = "there are no train questions"
    IDLE = "too many iterations in a row had no new template to try"
