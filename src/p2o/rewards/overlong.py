"""The soft overlong punishment of DAPO, put on top of another reward."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from p2o.errors import InputError
from p2o.io.part_states import part_states, restore_parts
from p2o.rewards.base import GradingInput, Reward, grade_checked
from p2o.types import Grade, Question


class SoftOverlong(Reward):
    """Takes something off the reward of long completions (DAPO, arXiv 2503.14476, §3.4); outcomes stay as they are.

    Nothing up to L - cache tokens, the whole punishment at L, in between in proportion.

    Args:
        of: The reward that is shaped.
        max_length: L, tokens (DAPO: the longest completion allowed, `model.max_completion_length`).
        cache: Tokens before L in which the punishment grows (DAPO: 4,096 of 20,480).
        punishment: At L (DAPO: 1 for rewards of -1 and 1, so 0.5 for rewards of 0 and 1).
    """

    def __init__(self, of: Reward, max_length: int, cache: int, punishment: float = 0.5) -> None:
        if not 0 < cache <= max_length or punishment <= 0:
            raise InputError(
                f"SoftOverlong needs 0 < cache <= max_length and punishment > 0, got {cache}, {max_length} and "
                f"{punishment}."
            )
        self.of = of
        self.max_length = max_length
        self.cache = cache
        self.punishment = punishment

    def grade(self, answered: Sequence[GradingInput]) -> list[Grade]:
        """The grades of the other reward, each with its own punishment."""
        grades = grade_checked(self.of, answered)
        return [
            replace(grade, reward=grade.reward - self.punishment * self.excess(item))
            for grade, item in zip(grades, answered, strict=True)
        ]

    def reject(self, answer: str) -> str:
        """What the shaped reward says of a gold answer."""
        return self.of.reject(answer)

    def refuse(self, question: Question) -> str:
        """What the shaped reward says of a question."""
        return self.of.refuse(question)

    def problems(self, max_completion_length: int) -> Iterator[str]:
        """A longest completion that nothing is taken off of, or that may go on beyond L, where all is alike."""
        least = self.max_length - self.cache
        if not least < max_completion_length <= self.max_length:
            what = "no completion" if max_completion_length <= least else "all that goes on beyond max_length alike"
            yield (
                f"model.reward: SoftOverlong: expected a max_length from model.max_completion_length "
                f"({max_completion_length}) to less than cache ({self.cache}) above it, got {self.max_length}: it "
                f"would punish {what}. Set it to model.max_completion_length, and cache to a fifth of that."
            )
        yield from self.of.problems(max_completion_length)

    @property
    def may_be_negative(self) -> bool:
        """A wrong completion that is punished has less than 0."""
        return True

    def excess(self, item: GradingInput) -> float:
        """How far a completion is into the cache, 0-1.

        Raises:
            InputError: Its length is not known.
        """
        if item.tokens is None:
            raise InputError("SoftOverlong needs the number of tokens of each completion: give rows a column 'tokens'.")
        return min(1.0, max(0, item.tokens - (self.max_length - self.cache)) / self.cache)

    def state_dict(self) -> dict[str, Any]:
        """That of the reward that is shaped, if it has one."""
        return part_states({"of": self.of})

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Gives it to the reward that is shaped."""
        restore_parts({"of": self.of}, state)
