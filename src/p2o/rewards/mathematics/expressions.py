"""Answers as math-verify reads them: sympy's expressions, with exact numbers and the imaginary unit."""

from functools import lru_cache
from typing import Any

from p2o.rewards.mathematics.misread import misread
from p2o.rewards.mathematics.names import both_cases, told_apart


def equal_values(gold: str, answer: str, set_relations: bool) -> bool:
    """Whether two formulas are equal. May hang, raise or crash: for a worker process."""
    from p2o.rewards.mathematics.equality import equal

    capitals = both_cases(gold) | both_cases(answer)
    gold_value, answer_value = read(gold, capitals), read(answer, capitals)
    if gold_value is None or answer_value is None:
        return "".join(gold.split()) == "".join(answer.split())
    return equal(gold_value, answer_value, set_relations)


@lru_cache(maxsize=1 << 14)  # golds come back every epoch, and frequent answers with every question
def read(text: str, capitals: frozenset[str] = frozenset()) -> Any:  # noqa: ANN401 (sympy's, not imported here)
    """What math-verify reads in a formula, with these capital letters told apart from small ones.

    None if it reads nothing, or something else than is written.
    """
    if misread(text):
        return None
    from latex2sympy2_extended import NormalizationConfig
    from math_verify import LatexExtractionConfig, parse
    from sympy import nan, zoo

    # Boxed, since unboxed it looks for something like a formula first, and finds none in half of DeepMath's answers.
    # No timeout: math-verify's is a signal handler, the worker's deadline is the kernel's.
    # Not its units, which make 2 of 2ab.
    config = NormalizationConfig(units=False, malformed_operators=True, nits=True, boxed="all")
    # The whole box or nothing: else it takes the last fraction of what it cannot read for all of it.
    found = parse(
        "\\boxed{" + told_apart(text, capitals) + "}",
        [LatexExtractionConfig(False, boxed_match_priority=0, normalization_config=config)],
        extraction_mode="first_match",
        parsing_timeout=None,
        raise_on_error=True,
    )
    value = next((value for value in found if not isinstance(value, str)), None)
    # It makes a quotient by zero of what it takes for a function, such as the gamma of physics before a bracket.
    return None if value is None or (hasattr(value, "has") and value.has(nan, zoo)) else value
