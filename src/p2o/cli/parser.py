"""The parser of commands that need none of LightningCLI."""

import argparse
from typing import NoReturn

from p2o.errors import InputError


class OneMessage(argparse.ArgumentParser):
    """Raises its errors, instead of printing its usage before them; abbreviations are errors."""

    def __init__(self, name: str, description: str | None = None, add_help: bool = True) -> None:
        super().__init__(name, description=description, allow_abbrev=False, add_help=add_help)

    def error(self, message: str) -> NoReturn:
        """The message, and where to look."""
        raise InputError(f"{message}. See {self.prog} --help.")
