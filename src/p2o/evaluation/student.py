"""Student's t, for intervals of few values."""

from functools import cache

from mpmath import betainc, findroot


@cache
def student_quantile(degrees: float) -> float:
    """The t that Student's distribution stays below in absolute value with a chance of 95 %.

    Args:
        degrees: Of freedom, 1 and more; they need not be whole.
    """
    # From the quantile for many degrees to that for one; two-sided tail probabilities are an incomplete beta function.
    return float(
        findroot(
            lambda t: betainc(degrees / 2, 0.5, 0, degrees / (degrees + t * t), regularized=True) - 0.05,
            (1.95, 13),
            solver="anderson",
        )
    )
