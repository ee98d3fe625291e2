"""Writes the full help that comes with p2o, at 80 columns, from the live parsers: `make full-help`."""

import os

from p2o.cli.help import TRAINER
from p2o.cli.help_text import FOLDER, path_of, shape
from p2o.cli.trainer import live_help


def main() -> None:
    """Writes a file for each command of the Trainer."""
    os.environ["COLUMNS"] = "80"  # which argparse asks for its width
    FOLDER.mkdir(exist_ok=True)
    for command in TRAINER:
        path_of(command).write_text(f"{shape()}\n{live_help(command)}", encoding="utf-8")


if __name__ == "__main__":
    main()
