"""Printing for a reader that may stop early, as `p2o configs | head` does."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def until_read() -> Iterator[None]:
    """Ends the command without a traceback, with the status of a closed pipe, when nobody reads on what it prints."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it ends
        raise SystemExit(141) from None
