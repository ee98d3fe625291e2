"""What MathAnswer says of a pair of answers, without its worker process."""

from p2o.rewards.math_answer import Comparison, compare
from p2o.rewards.mathematics.plain import plainly_equal


def judged(gold: str, answer: str) -> bool:
    """Whether the answer is right."""
    equal = plainly_equal(gold, answer)
    return compare(Comparison(gold, answer), set_relations=False) if equal is None else equal
