"""The error that users can correct themselves: shown as a message, never as a traceback."""

from collections.abc import Iterable


class InputError(Exception):
    """Something outside the program is not as expected (a file, a setting, a checkpoint, an endpoint).

    The message says what was expected, what came, where, and what to do. The command line prints it alone and ends
    with status 2; every other exception is a bug and keeps its traceback.
    """


def refuse(problems: Iterable[str]) -> None:
    """Ends with the first problem, if there is one: those of a part of one's own may be a list.

    Raises:
        InputError: It.
    """
    for problem in problems:
        raise InputError(problem)
