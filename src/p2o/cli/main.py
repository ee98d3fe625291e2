"""The `p2o` command. Imports what a command needs when it is called: `p2o --help` should not load torch."""

import os
import shlex
import signal
import sys
from collections.abc import Sequence
from importlib import import_module

from jsonargparse import ArgumentError

import p2o
from p2o.cli.config_files import check_configs
from p2o.cli.help import HELP, TRAINER, section, trainer_help, unknown
from p2o.cli.help_text import full_help
from p2o.cli.mistakes.config_errors import clear
from p2o.distributed.preemption import Preempted
from p2o.errors import InputError
from p2o.io.pipes import until_read

COMMANDS = ("compare", "completion", "configs", "export", "grade", "init", "plan", "prepare", "report", "serve")
"""Beside those of the Trainer; each has a module of its name, with a function `NAME_command`."""


def main(args: Sequence[str] | None = None) -> None:
    """Runs a command; None reads the command line. Returns None: a console script exits with what it returns."""
    words = list(sys.argv[1:] if args is None else args)
    try:
        run(words)
    except (InputError, ArgumentError) as error:
        print(f"p2o: error: {clear(str(error))}", file=sys.stderr)
        raise SystemExit(2) from error
    except Preempted as preempted:
        raise SystemExit(end_of_preempted(words, preempted)) from preempted


def run(words: Sequence[str]) -> None:
    """Runs the command that the first word names."""
    match words:
        case [] | ["-h" | "--help"]:
            print(HELP, end="")
        case ["-h" | "--help", name, *_]:
            run([name, "--help"] if name in (*TRAINER, *COMMANDS) else ["fit", "--help", name])
        case ["--version", *_]:
            print(p2o.__version__)
        case [command, *rest] if command in COMMANDS:
            getattr(import_module(f"p2o.cli.commands.{command}"), f"{command}_command")(rest)
        case [command, *rest] if command in TRAINER and {"-h", "--help"} & set(rest):
            print_help(command, rest)
        case [command, *rest] if command in TRAINER:
            check_configs(rest)
            from p2o.cli.trainer import run_trainer

            run_trainer(words)
        case [word, *_]:
            raise InputError(unknown(word, [*TRAINER, *COMMANDS]))


def print_help(command: str, words: Sequence[str]) -> None:
    """Prints the short help, or the options of the section that is named after --help, or with "all" every option.

    Other words, such as a config, may stand before it: they change no option.
    """
    asked = next(number for number, word in enumerate(words) if word in ("-h", "--help"))
    name = next(iter(words[asked + 1 :]), "-")
    if name.startswith("-"):
        print(trainer_help(command), end="")
        return
    text = full_help(command)
    found = text if name == "all" else section(text, name)
    if not found:
        raise InputError(f"p2o {command} --help {name}: there is no such section. `p2o {command} --help` lists them.")
    with until_read():
        print(found.rstrip())


def end_of_preempted(words: Sequence[str], preempted: Preempted) -> int:
    """Says how to go on after a signal, and gives the exit status."""
    if os.environ.get("LOCAL_RANK", "0") != "0":
        return 0  # Lightning kills the first process when another one fails, and that one has something to say
    command = shlex.join(["p2o", *resume_words(words)])
    print(f"p2o: {preempted.signal.name}: the run has ended {preempted.place}. Resume it: {command}", file=sys.stderr)
    if preempted.signal == signal.SIGUSR1:
        from p2o.distributed.slurm import requeue

        requeue(os.environ)
    return preempted.exit_status


def resume_words(words: Sequence[str]) -> list[str]:
    """The words of the command that goes on where this one ended."""
    kept, skip = [], False
    for word in words:
        if skip or word == "--ckpt_path":
            skip = not skip
        elif not word.startswith("--ckpt_path=") and word != "--overwrite":
            kept.append(word)
    return [*kept, "--ckpt_path", "last"] if kept[:1] == ["fit"] else kept
