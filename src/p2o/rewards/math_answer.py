"""Equality of mathematical answers, judged by math-verify."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from p2o.errors import InputError
from p2o.rewards.base import GradingInput, Reward
from p2o.rewards.boxed import consecutive_boxed, last_boxed, unbox
from p2o.rewards.mathematics.answers import equal_answers, readable
from p2o.rewards.mathematics.plain import integer, plainly_equal
from p2o.rewards.worker import Failure, WorkerPool
from p2o.types import Grade, Outcome

logger = logging.getLogger(__name__)

SOLUTION = "####"  # stands before the result at the end of GSM8K's solutions; math-verify may read a step before it


@dataclass(frozen=True)
class Comparison:
    """A gold answer and the answer of a completion, both without their box; "" if the completion has none."""

    gold: str
    answer: str


class MathAnswer(Reward):
    r"""1 if the last `\boxed{}` of a completion equals the gold answer, else 0.

    One spelling, words and numbers that are written out are compared at once. All else is read by math-verify and
    compared in worker processes: lists, ratios, bases and units part by part, numbers exactly. There is no percent
    equivalence: 5 is neither 500 nor 0.05 (the released code takes all three).

    Args:
        timeout: Seconds of processor time for one comparison, so that no other work on the machine decides; one that
            takes more, or 60 times as long by the clock, is `Outcome.TIMEOUT`.
        workers: Worker processes at most; none is started before a comparison needs one.
        set_relations: Whether the answer 1 < x < 2 equals the gold answer (1, 2) (the released code: yes).
        consecutive_boxes: Whether boxes with nothing but "and", "or" or a comma between them are one answer, a list;
            the last box alone is the answer otherwise.
    """

    def __init__(
        self, timeout: float = 5.0, workers: int = 1, set_relations: bool = False, consecutive_boxes: bool = False
    ) -> None:
        if timeout <= 0 or workers < 1:
            raise InputError(f"MathAnswer needs timeout > 0 and workers >= 1, got {timeout} and {workers}.")
        self.set_relations = set_relations
        self.consecutive_boxes = consecutive_boxes
        self._pool = WorkerPool(timeout, workers, imports=["math_verify", "p2o.rewards.mathematics.equality"])

    def grade(self, answered: Sequence[GradingInput]) -> list[Grade]:
        """One grade for each completion, in order."""
        boxed = consecutive_boxed if self.consecutive_boxes else last_boxed
        comparisons = [
            Comparison(gold=unbox(item.question.answer), answer=unbox(boxed(item.text) or "")) for item in answered
        ]
        verdicts: dict[Comparison, bool | Failure | None] = {
            pair: plainly_equal(pair.gold, pair.answer) for pair in dict.fromkeys(comparisons)
        }
        unclear = [pair for pair, equal in verdicts.items() if equal is None and pair.answer]
        judge = partial(compare, set_relations=self.set_relations)
        verdicts.update(zip(unclear, self._pool.map(judge, unclear), strict=True))
        return [_grade(pair, verdicts[pair], item.truncated) for pair, item in zip(comparisons, answered, strict=True)]

    def reject(self, answer: str) -> str:
        """Why math-verify cannot read a gold answer; "" if it can."""
        gold = unbox(answer)
        if not gold:
            return "it is empty"
        if SOLUTION in gold:
            return f"it is a whole solution: keep what stands after {SOLUTION!r}"
        if integer(gold):
            return ""
        [parsed] = self._pool.map(parses, [gold])
        if isinstance(parsed, Failure):
            return f"math-verify fails on it ({parsed.reason})"
        return "" if parsed else "math-verify reads nothing in it"


def compare(pair: Comparison, set_relations: bool) -> bool:
    """Whether an answer equals the gold answer. May hang, raise or crash: for a worker process."""
    return equal_answers(pair.gold, pair.answer, set_relations)


def parses(gold: str) -> bool:
    """Whether something else than the same text can equal a gold answer. For a worker process, as `compare` is."""
    return readable(gold)


def _grade(pair: Comparison, equal: bool | Failure | None, truncated: bool) -> Grade:
    if not pair.answer:
        return Grade(0.0, Outcome.TRUNCATED if truncated else Outcome.NO_ANSWER)
    if isinstance(equal, Failure):
        logger.warning("No verdict on answer %.200r, gold %.200r: %s", pair.answer, pair.gold, equal.reason)
        return Grade(0.0, Outcome.TIMEOUT if equal.timeout else Outcome.ERROR, pair.answer)
    return Grade(1.0, Outcome.CORRECT, pair.answer) if equal else Grade(0.0, Outcome.WRONG, pair.answer)
