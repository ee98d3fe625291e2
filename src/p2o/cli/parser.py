"""The parser of commands that need none of LightningCLI."""

import argparse
from typing import NoReturn

from p2o.errors import InputError


class OneMessage(argparse.ArgumentParser):
    """Raises its errors as InputError instead of printing its usage before them; an abbreviated option is one."""

    def __init__(self, name: str, description: str | None = None, add_help: bool = True) -> None:
        super().__init__(name, description=description, allow_abbrev=False, add_help=add_help)

    def error(self, message: str) -> NoReturn:
        """Raises the message, with where to look for the right words."""
        raise InputError(f"{message}. See {self.prog} --help.")
