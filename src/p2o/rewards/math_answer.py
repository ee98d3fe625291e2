"""Equality of mathematical answers, judged by math-verify."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from p2o.errors import InputError
from p2o.rewards.base import GradingInput, Reward
from p2o.rewards.boxed import last_boxed, unbox
from p2o.rewards.plain import end_trimmed, integer, plainly_equal
from p2o.rewards.worker import Failure, WorkerPool
from p2o.types import Grade, Outcome

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Comparison:
    """A gold answer and the answer of a completion, both without their box; "" if the completion has none."""

    gold: str
    answer: str


class MathAnswer(Reward):
    r"""1 if the last `\boxed{}` of a completion equals the gold answer, else 0.

    One spelling and numbers that are written out are compared at once. All else is parsed and compared by math-verify
    in worker processes, without percent equivalence: 5 is neither 500 nor 0.05 (the released code takes all three).

    Args:
        timeout: Seconds for one comparison; one that takes longer is `Outcome.TIMEOUT`.
        workers: Worker processes at most; none is started before a comparison needs one.
        set_relations: Whether the answer 1 < x < 2 equals the gold answer (1, 2) (the released code: yes).
    """

    def __init__(self, timeout: float = 5.0, workers: int = 1, set_relations: bool = False) -> None:
        if timeout <= 0 or workers < 1:
            raise InputError(f"MathAnswer needs timeout > 0 and workers >= 1, got {timeout} and {workers}.")
        self.set_relations = set_relations
        self._pool = WorkerPool(timeout, workers, imports=["math_verify"])

    def grade(self, answered: Sequence[GradingInput]) -> list[Grade]:
        """One grade for each completion, in order."""
        comparisons = [
            Comparison(gold=unbox(item.question.answer), answer=unbox(last_boxed(item.text) or "")) for item in answered
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
        if integer(gold):
            return ""
        [parsed] = self._pool.map(parses, [gold])
        if isinstance(parsed, Failure):
            return f"math-verify fails on it ({parsed.reason})"
        return "" if parsed else "math-verify reads nothing in it"


def compare(pair: Comparison, set_relations: bool) -> bool:
    """Whether math-verify holds two answers equal. May hang, raise or crash: for a worker process."""
    from math_verify import verify

    # By name: their order changed between versions. No timeouts: math-verify's are signal handlers, the worker's
    # deadline is the kernel's.
    return bool(
        verify(
            gold=_parse(pair.gold),
            target=_parse(pair.answer),
            allow_set_relation_comp=set_relations,
            timeout_seconds=None,
            raise_on_error=True,
        )
    )


def parses(gold: str) -> bool:
    """Whether math-verify makes an expression of a gold answer. For a worker process, as `compare` is."""
    return any(not isinstance(expression, str) for expression in _parse(gold))


@lru_cache(maxsize=1 << 14)  # golds come back every epoch, and frequent answers with every question
def _parse(answer: str) -> list[Any]:
    """What math-verify reads in an answer: expressions, and the normalised text."""
    from math_verify import LatexExtractionConfig, parse

    # Boxed, since unboxed it looks for something like a formula first, and finds none in half of DeepMath's answers.
    boxed = "\\boxed{" + end_trimmed(answer) + "}"
    return list(
        parse(boxed, [LatexExtractionConfig(boxed_match_priority=0)], parsing_timeout=None, raise_on_error=True)
    )


def _grade(pair: Comparison, equal: bool | Failure | None, truncated: bool) -> Grade:
    if not pair.answer:
        return Grade(0.0, Outcome.TRUNCATED if truncated else Outcome.NO_ANSWER)
    if isinstance(equal, Failure):
        logger.warning("No verdict on answer %.200r, gold %.200r: %s", pair.answer, pair.gold, equal.reason)
        return Grade(0.0, Outcome.TIMEOUT if equal.timeout else Outcome.ERROR, pair.answer)
    return Grade(1.0, Outcome.CORRECT, pair.answer) if equal else Grade(0.0, Outcome.WRONG, pair.answer)
