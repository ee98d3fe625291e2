"""The error that users can correct themselves: shown as a message, never as a traceback."""

from collections.abc import Iterator


class InputError(Exception):
    """Something outside the program is not as expected (a file, a setting, a checkpoint, an endpoint).

    The message says what was expected, what came, where, and what to do. The command line prints it alone and ends
    with status 2; every other exception is a bug and keeps its traceback.
    """


def refuse(problems: Iterator[str]) -> None:
    """Ends with the first problem, if there is one.

    Raises:
        InputError: It.
    """
    if (problem := next(problems, None)) is not None:
        raise InputError(problem)
