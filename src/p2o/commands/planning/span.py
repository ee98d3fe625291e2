"""Numbers that are known by their bounds alone."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """A number that is at least `low` and at most `high`, neither below 0."""

    low: float
    high: float

    @staticmethod
    def exactly(number: float) -> "Span":
        """The span of a number that is known."""
        return Span(number, number)

    def __add__(self, other: "Span") -> "Span":
        return Span(self.low + other.low, self.high + other.high)

    def __mul__(self, other: "Span | float") -> "Span":
        other = other if isinstance(other, Span) else Span.exactly(other)
        return Span(self.low * other.low, self.high * other.high)


NOTHING = Span(0, 0)
