"""Long texts and short curves, made to fit."""

from collections.abc import Sequence


def shortened(text: str, length: int, rest: str = "") -> str:
    """The first `length` characters of a text, and how many more there are; `rest` says where they can be read."""
    return text if len(text) <= length else f"{text[:length]} … ({len(text) - length} more characters{rest})"


def filled_up(values: Sequence[float | None], length: int) -> list[float | None]:
    """A curve with None where it has ended and others go on."""
    return [*values, *[None] * (length - len(values))]
