"""Derivatives, integrals, sums, products and limits of what nothing is known of.

Of a function that is but a name, sympy works out that it does not change: its derivative is 0, the sum of `a_k` is n
times `a_k`. So what cannot be worked out becomes a name itself, and is equal to what is written alike.
"""

from typing import Any

import sympy
from sympy.core.function import AppliedUndef

_OPERATORS = (sympy.Derivative, sympy.Integral, sympy.Sum, sympy.Product, sympy.Limit)


def named(value: Any) -> Any:  # noqa: ANN401 (sympy)
    """A value with names for what cannot be worked out."""
    if not isinstance(value, sympy.Basic):
        return value
    if isinstance(value, _OPERATORS) and any(map(_is_unknown, value.atoms(*_OPERATORS))):
        return sympy.Symbol(str(_worked_out(value.as_dummy() if isinstance(value, sympy.Integral) else value)))
    if not value.has(*_OPERATORS):
        return value
    return value.func(*map(named, value.args))


def _is_unknown(operator: Any) -> bool:  # noqa: ANN401 (sympy)
    """Whether what it is applied to is a name, or has functions or indices of which nothing is known."""
    applied = operator.args[0]
    if applied.has(AppliedUndef):
        return True
    variables = {str(operator.args[1])} if isinstance(operator, sympy.Limit) else set(map(str, operator.variables))
    letters = set(map(str, applied.free_symbols))
    if any(variable in name.partition("_")[2] for name in letters for variable in variables):
        return True
    if isinstance(operator, sympy.Derivative):
        return bool(letters - variables)  # each may depend on the variable
    return bool(letters) and not letters & variables


def _worked_out(value: Any) -> Any:  # noqa: ANN401 (sympy)
    """The value with its products and sums in sympy's order, in which math-verify does not leave them."""
    return value.func(*map(_worked_out, value.args)) if value.args else value
