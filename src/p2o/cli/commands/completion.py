"""The command line of `p2o completion`."""

import argparse
import re
from collections.abc import Sequence

from p2o.cli.help import TRAINER
from p2o.cli.help_text import full_help
from p2o.cli.parser import OneMessage
from p2o.errors import InputError

OTHERS = ("compare", "completion", "configs", "export", "grade", "init", "plan", "prepare", "report", "serve")


def completion_command(words: Sequence[str]) -> None:
    """Prints a script that completes commands and options of p2o in a shell: eval "$(p2o completion bash)"."""
    parser = OneMessage("p2o completion", description=completion_command.__doc__)
    parser.add_argument("shell", choices=["bash", "zsh", "tcsh"])
    options = parser.parse_args(list(words))
    try:
        import shtab
    except ImportError as error:
        raise InputError("p2o completion: expected the package shtab. Run: pip install 'p2o[completion]'.") from error
    root = argparse.ArgumentParser("p2o")
    commands = root.add_subparsers()
    for command in TRAINER:
        one = commands.add_parser(command, help=command)
        for option in dict.fromkeys(re.findall(r"^  (--[\w.]+)", full_help(command), re.MULTILINE)):
            one.add_argument(option, help=option)
    for command in OTHERS:
        commands.add_parser(command, help=command)
    print(shtab.complete(root, options.shell))
