"""The command line of `p2o plan`."""

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from lightning import Trainer

from p2o.cli.config_files import check_configs
from p2o.cli.parser import OneMessage
from p2o.cli.trainer import P2OCLI, parse_command
from p2o.cli.validation import check_some_training, user_errors
from p2o.commands.planning.memory import GIB, gpu_memory
from p2o.commands.planning.plan import plan
from p2o.commands.planning.run import PlannedRun, planned_run

USAGE = """usage: p2o plan --config CONFIG [options below] [options of p2o fit]

Say what a run will cost and where its settings contradict each other, before anything is spent.

  --calibration N    sample four batches of N rollouts at most and update after each, on one device, to know the pace
                     (default: a rollout batch of the run)
  --no-calibration   numbers alone: loads no weights, and needs no GPU
  --length N         tokens that completions are expected to have on average (default: as
                     calibrated, without a calibration from one to the limit)
  --memory GIB       memory of a GPU (default: that of the first GPU here, if there is one)
"""


class PlanCLI(P2OCLI):
    """Makes the parts of a run from the arguments of `p2o fit`, and runs nothing."""

    def before_instantiate_classes(self) -> None:
        """Checks that there is something to train; what p2o fit makes and checks in the run folder is left out."""
        check_some_training(self.config["fit"].trainer)

    def instantiate_trainer(self, **_: object) -> Trainer:
        """Makes a Trainer that trains nothing: planning a run on eight GPUs takes none."""
        return Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)

    def _run_subcommand(self, subcommand: str) -> None:
        """Runs nothing: `plan_command` asks for the plan."""

    def planned(self) -> PlannedRun:
        """The run that the arguments describe, with its questions and without weights."""
        parts = self.config_init["fit"]
        settings = self.config["fit"].trainer
        return planned_run(self.model, self.datamodule, parts["evolution"], parts["fixed_questions"], settings)


def plan_command(words: Sequence[str]) -> None:
    """Says what the run of a config will cost, on the console."""
    options, rest = _parser().parse_known_args(list(words))
    if options.help:
        print(USAGE, end="")
        return
    check_configs(rest)
    with only_warnings_of_lightning(), user_errors():
        memory = int(options.memory * GIB) if options.memory else gpu_memory()
        cli = parse_command(["fit", *rest], PlanCLI)
        print(plan(cli.planned(), cli.config["fit"].trainer, options.calibration, options.length, memory))


@contextmanager
def only_warnings_of_lightning() -> Iterator[None]:
    """Leaves out which devices there are and which seed was set, which Lightning tells before each run."""
    loggers = [logging.getLogger(name) for name in ("lightning.fabric", "lightning.pytorch")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _parser() -> OneMessage:
    parser = OneMessage("p2o plan", add_help=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--calibration", type=_count, default=sys.maxsize)
    parser.add_argument("--no-calibration", dest="calibration", action="store_const", const=0)
    parser.add_argument("--length", type=_count, default=0)
    parser.add_argument("--memory", type=float, default=0.0)
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number, at least 1, got {text!r}")
    return int(text)
