"""The `p2o` command. Imports what a command needs when it is called: `p2o --help` should not load torch."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from jsonargparse import ArgumentError

import p2o
from p2o.cli.config_errors import check_configs, clear
from p2o.cli.help import HELP, TRAINER, section, trainer_help, unknown
from p2o.cli.parser import OneMessage
from p2o.distributed.threads import wait_briefly
from p2o.errors import InputError


def main(args: Sequence[str] | None = None) -> None:
    """Runs a command; None reads the command line. Returns None: a console script exits with what it returns."""
    words = list(sys.argv[1:] if args is None else args)
    wait_briefly(os.environ)
    try:
        run(words)
    except (InputError, ArgumentError) as error:
        print(f"p2o: error: {clear(str(error))}", file=sys.stderr)
        raise SystemExit(2) from error


def run(words: Sequence[str]) -> None:
    """The command that the first word names."""
    match words:
        case [] | ["-h" | "--help", *_]:
            print(HELP, end="")
        case ["--version", *_]:
            print(p2o.__version__)
        case [command, *rest] if command in COMMANDS:
            COMMANDS[command](rest)
        case [command, "-h" | "--help"] if command in TRAINER:
            print(trainer_help(command), end="")
        case [command, "-h" | "--help", name] if command in TRAINER:
            print_section(command, name)
        case [command, *rest] if command in TRAINER:
            check_configs(rest)
            from p2o.cli.trainer import run_trainer

            run_trainer(words)
        case [word, *_]:
            raise InputError(unknown(word, [*TRAINER, *COMMANDS]))


def print_section(command: str, name: str) -> None:
    """The options of a section, or all of them."""
    from p2o.cli.trainer import full_help

    text = full_help(command)
    found = text if name == "all" else section(text, name)
    if not found:
        raise InputError(f"p2o {command} --help {name}: there is no such section. `p2o {command} --help` lists them.")
    print(found.rstrip())


def run_export(words: Sequence[str]) -> None:
    """Checkpoint -> model folder."""
    parser = OneMessage(
        "p2o export", description="Write a checkpoint as a Hugging Face model folder, tokenizer included."
    )
    parser.add_argument("checkpoint", type=Path, help="a checkpoint of p2o fit")
    parser.add_argument("out", type=Path, help="the folder to make")
    options = parser.parse_args(words)
    from p2o.policy.export import export

    export(options.checkpoint, options.out)
    print(f"Wrote {options.out}.")


def run_grade(words: Sequence[str]) -> None:
    """Rows -> graded rows."""
    from p2o.cli.grade import grade_command

    grade_command(words)


def run_prepare(words: Sequence[str]) -> None:
    """Data set -> training questions."""
    from p2o.cli.prepare import prepare_command

    prepare_command(words)


def run_report(words: Sequence[str]) -> None:
    """Run folders -> HTML."""
    from p2o.cli.report import report_command

    report_command(words)


def run_compare(words: Sequence[str]) -> None:
    """Study -> runs and tables."""
    from p2o.cli.compare import compare_command

    compare_command(words)


def run_plan(words: Sequence[str]) -> None:
    """Config -> cost."""
    from p2o.cli.plan import plan_command

    plan_command(words)


COMMANDS = {
    "compare": run_compare,
    "export": run_export,
    "grade": run_grade,
    "plan": run_plan,
    "prepare": run_prepare,
    "report": run_report,
}
