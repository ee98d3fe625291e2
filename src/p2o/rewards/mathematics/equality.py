"""Equality of what math-verify reads: exact where the answers are, relative where one of them is rounded.

math-verify compares numbers to six decimals and drops what is below 1e-15, so that all small numbers are equal, and
takes `i` for a variable. Here numbers are compared exactly: rational ones as fractions, others by as many digits as it
takes to tell them apart. Formulas with variables are equal if they have equal values wherever both are real.
"""

import random
from collections.abc import Sequence
from itertools import product
from typing import Any

import sympy
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

from p2o.rewards.mathematics.unknown import named

DIGITS = 400  # irrational numbers that agree in so many are one
ROUNDED = 6  # decimals that a rounded number shares with the exact one
FEWEST = 5  # significant digits of a rounded number
POINTS = 3  # at which formulas with variables are compared, of positive numbers, and as many of any sign


def equal(gold: Any, answer: Any, set_relations: bool = False) -> bool:  # noqa: ANN401 (sympy)
    """Whether two values that math-verify read are equal."""
    gold_exact, answer_exact = _exact(gold), _exact(answer)
    if _is_relation(gold_exact) and isinstance(answer_exact, sympy.Set):
        gold_exact = _solutions(gold_exact)
    elif set_relations and _is_relation(answer_exact) and isinstance(gold_exact, sympy.Set):
        answer_exact = _solutions(answer_exact)
    if _equal(gold_exact, answer_exact):
        return True
    return _is_rounding(gold, answer_exact) or _is_rounding(answer, gold_exact)


def _exact(value: Any) -> Any:  # noqa: ANN401 (sympy)
    """With fractions for decimal numbers, the imaginary unit for a free i, and one kind of variable."""
    if isinstance(value, sympy.MatrixBase):
        return value.applyfunc(_exact)
    if not isinstance(value, sympy.Basic):
        return value
    value = named(value)
    decimals = {number: sympy.Rational(str(number)) for number in value.atoms(sympy.Float)}
    functions = {function: sympy.Symbol(str(function)) for function in value.atoms(AppliedUndef)}
    letters = {letter: sympy.Symbol(letter.name) for letter in value.atoms(sympy.Symbol)}
    value = value.xreplace(decimals | functions).xreplace(letters)
    imaginary = sympy.Symbol("i")
    if imaginary in value.free_symbols:
        value = value.subs(imaginary, sympy.I)
    return value.doit() if isinstance(value, (sympy.Expr, sympy.MatrixExpr)) else value


def _equal(gold: Any, answer: Any) -> bool:  # noqa: ANN401 (sympy)
    if type(gold) is type(answer) and gold == answer:
        return True
    if _is_relation(gold) and _is_relation(answer):
        return _match(_relations(gold), _relations(answer), _equal_relations)
    if isinstance(gold, sympy.MatrixBase) and isinstance(answer, sympy.MatrixBase):
        return gold.shape == answer.shape and all(map(_equal, gold.flat(), answer.flat()))
    if isinstance(gold, sympy.Tuple) and isinstance(answer, sympy.Tuple):
        return len(gold) == len(answer) and all(map(_equal, gold, answer))
    if isinstance(gold, sympy.Set) or isinstance(answer, sympy.Set):
        return _equal_sets(_as_set(gold), _as_set(answer))
    if isinstance(gold, sympy.Expr) and isinstance(answer, sympy.Expr):
        return _equal_formulas(gold, answer) if (gold - answer).free_symbols else _equal_numbers(gold, answer)
    return False


def _equal_numbers(gold: sympy.Expr, answer: sympy.Expr) -> bool:
    difference = gold - answer
    if difference.is_Rational or gold.is_infinite or answer.is_infinite:
        return bool(difference == 0)
    if difference.has(sympy.nan, sympy.zoo, sympy.oo):
        return False
    parts = difference.evalf(5, maxn=DIGITS).as_real_imag()
    if all(part.is_Number for part in parts):
        # sympy marks what it could not tell from zero with a precision of one bit.
        return all(part == 0 or part._prec == 1 for part in parts)
    return bool(sympy.simplify(difference) == 0)  # of integrals and series


def _equal_formulas(gold: sympy.Expr, answer: sympy.Expr) -> bool:
    if sympy.expand(gold - answer) == 0:
        return True
    rng = random.Random(0)
    letters = sorted((gold - answer).free_symbols, key=str)
    compared = 0
    for signed, _ in product((False, True), range(POINTS)):
        point = {letter: _fraction(rng, signed) for letter in letters}
        values = [value.subs(point).doit() for value in (gold, answer)]
        numbers = [value.evalf(15) for value in values]
        if not all(number.is_number and number.is_finite for number in numbers):
            continue
        if signed and not all(number.is_real for number in numbers):
            continue  # a root or a logarithm out of its domain
        if not _equal_numbers(*values):
            return False
        compared += 1
    return compared >= POINTS or bool(sympy.simplify(gold - answer) == 0)


def _fraction(rng: random.Random, signed: bool) -> sympy.Rational:
    value = sympy.Rational(rng.randrange(30, 300), 97)
    return -value if signed and rng.random() < 0.5 else value


def _is_rounding(rounded: Any, exact: Any) -> bool:  # noqa: ANN401 (sympy)
    """Whether a decimal number is an exact one, rounded or cut off at its last place: 0.333333 for 1/3."""
    factor, number = rounded.as_coeff_Mul() if isinstance(rounded, sympy.Expr) else (None, None)
    if not isinstance(factor, sympy.Float) or number != 1 or not isinstance(exact, sympy.Expr) or exact.free_symbols:
        return False
    digits, _, power = str(factor).lstrip("-").partition("e")
    whole, _, places = digits.rstrip("0").partition(".")
    if len((whole + places).strip("0")) < FEWEST:
        return False
    place = sympy.Rational(10) ** (int(power or 0) - len(places))
    value = exact.evalf(30)
    if not value.is_Float and not value.is_Rational:
        return False
    value, number = sympy.Rational(value), sympy.Rational(str(factor))
    steps = [sympy.floor(10**ROUNDED * each + sympy.Rational(1, 2)) for each in (value, number)]
    return bool(abs(value - number) < place and steps[0] == steps[1])


def _is_relation(value: Any) -> bool:  # noqa: ANN401 (sympy)
    return isinstance(value, Relational) or (isinstance(value, sympy.And) and all(map(_is_relation, value.args)))


def _solutions(relation: Any) -> Any:  # noqa: ANN401 (sympy)
    """The real numbers that satisfy a relation of one variable; other relations as they are."""
    return relation.as_set() if len(relation.free_symbols) == 1 else relation


def _relations(value: Any) -> list[Relational]:  # noqa: ANN401 (sympy)
    return list(value.args) if isinstance(value, sympy.And) else [value]


def _equal_relations(gold: Relational, answer: Relational) -> bool:
    """Whether two relations are one, multiplied by a number: 2x > 4 is x > 2, and -x < -2 as well."""
    if any(isinstance(side, sympy.Set) for side in (*gold.args, *answer.args)):
        return type(gold) is type(answer) and _equal(gold.lhs, answer.lhs) and _equal(gold.rhs, answer.rhs)
    (gold_kind, gold_side), (answer_kind, answer_side) = _compared_with_zero(gold), _compared_with_zero(answer)
    if gold_kind is not answer_kind or gold_side.free_symbols != answer_side.free_symbols:
        return False
    rng = random.Random(1)
    point = {letter: _fraction(rng, signed=False) for letter in sorted(gold_side.free_symbols, key=str)}
    gold_value, answer_value = gold_side.subs(point), answer_side.subs(point)
    if gold_kind not in (sympy.Eq, sympy.Ne) and (gold_value * answer_value).evalf(15).is_negative:
        return False
    return _equal(gold_side * answer_value, answer_side * gold_value)


def _compared_with_zero(relation: Relational) -> tuple[type, sympy.Expr]:
    """The kind of a relation, one of =, ≠, > and ≥, and what it holds against 0."""
    kind = {sympy.Lt: sympy.Gt, sympy.Le: sympy.Ge}.get(type(relation))
    if kind is not None:
        return kind, relation.rhs - relation.lhs
    return type(relation), relation.lhs - relation.rhs


def _as_set(value: Any) -> Any:  # noqa: ANN401 (sympy)
    return value if isinstance(value, (sympy.Set, sympy.Tuple)) else sympy.FiniteSet(value)


def _equal_sets(gold: Any, answer: Any) -> bool:  # noqa: ANN401 (sympy)
    if isinstance(gold, sympy.Interval) and isinstance(answer, sympy.Interval):
        ends = gold.left_open == answer.left_open and gold.right_open == answer.right_open
        return ends and _equal(gold.start, answer.start) and _equal(gold.end, answer.end)
    for kind in (sympy.FiniteSet, sympy.Union, sympy.Intersection):
        if isinstance(gold, kind) and isinstance(answer, kind) and _match(gold.args, answer.args, _equal):
            return True
    if isinstance(gold, sympy.Tuple) or isinstance(answer, sympy.Tuple):
        return False
    return gold.doit() == answer.doit() or bool(gold.symmetric_difference(answer).is_empty)


def _match(gold: Sequence[Any], answer: Sequence[Any], alike: Any) -> bool:  # noqa: ANN401 (sympy)
    """Whether each one has its like on the other side."""
    left = list(answer)
    if len(left) != len(gold):
        return False
    for one in gold:
        match = next((index for index, other in enumerate(left) if alike(one, other)), None)
        if match is None:
            return False
        del left[match]
    return True
