"""The command line of `p2o plan`."""

import argparse
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from jsonargparse import Namespace
from lightning import Trainer

from p2o.callbacks.fixed_questions import FixedQuestionEvaluation
from p2o.cli.config_errors import check_configs
from p2o.cli.parser import OneMessage
from p2o.cli.trainer import P2OCLI, check_some_training, run_trainer, users_mistakes
from p2o.commands.planning.calibration import Calibration, Measured
from p2o.commands.planning.contradictions import contradictions, rejections
from p2o.commands.planning.memory import memory
from p2o.commands.planning.page import page
from p2o.commands.planning.phases import Paid, Prices, phases
from p2o.commands.planning.run import PlannedRun, evolution_size
from p2o.errors import InputError
from p2o.evolution.callback import TemplateEvolution
from p2o.mixture.data_module import MixtureDataModule
from p2o.policy.loading import load_config, load_window
from p2o.policy.module import PolicyModule
from p2o.reflectors.self_reflector import SelfReflector

SHARES = (0.1, 0.25, 0.5, 1.0)  # of the questions, assumed to be hard
USAGE = """usage: p2o plan --config CONFIG [--calibration ROLLOUTS | --no-calibration] [options of p2o fit]

Say what a run will cost and where its settings contradict each other, before anything is spent.

  --calibration N    sample N rollouts and update once, on one device, to know the pace (default: 64)
  --no-calibration   numbers alone: loads no weights, and needs no GPU
"""


class PlanCLI(P2OCLI):
    """Makes the parts of a run from the arguments of `p2o fit`, and runs nothing."""

    def before_instantiate_classes(self) -> None:
        """Leaves out what p2o fit makes and checks in the run folder."""

    def instantiate_trainer(self, **_: object) -> Trainer:
        """None that trains: planning a run on eight GPUs takes none."""
        return Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)

    def _run_subcommand(self, subcommand: str) -> None:
        """Planning is not fitting."""


def plan_command(words: Sequence[str]) -> None:
    """A config -> what the run will cost, on the console."""
    options, rest = _parser().parse_known_args(list(words))
    if options.help:
        print(USAGE, end="")
        return
    check_configs(rest)
    with _without_lightnings_news(), users_mistakes():
        print(plan(rest, options.calibration))


def plan(words: Sequence[str], rollouts: int) -> str:
    """The plan as text.

    Args:
        words: Options of p2o fit.
        rollouts: To calibrate with; 0: no calibration.
    """
    cli = run_trainer(["fit", *words], PlanCLI)
    config, parts = cli.config["fit"], cli.config_init["fit"]
    run = planned_run(cli.model, cli.datamodule, parts["evolution"], parts["fixed_questions"], config.trainer)
    rejected, odd = rejections(run), contradictions(run)
    measured = calibrate(run, config.trainer, rollouts) if rollouts and not rejected else None
    shares = [measured.hard, *SHARES] if measured else SHARES
    sizes = [evolution_size(run, count) for count in dict.fromkeys(round(run.questions * share) for share in shares)]
    reflector = run.reflector
    copies = int(isinstance(reflector, SelfReflector) and reflector.weights == "initial" and run.evolves)
    head = (
        f"{run.module.model}: {run.epochs} epochs of {run.questions:,} questions x {run.data.num_generations} rollouts,"
        f" {run.processes} process{'es' if run.processes > 1 else ''}"
    )
    teacher = vars(run.module.sampler).get("teacher")
    costs = phases(run, measured, Paid(prices_of(reflector), prices_of(teacher)))
    needs = memory(run, load_config(run.module.model), copies)
    return page(head, costs, sizes, needs, measured, [*rejected, *odd])


def planned_run(
    module: PolicyModule,
    data: MixtureDataModule,
    evolution: TemplateEvolution,
    probe: FixedQuestionEvaluation,
    trainer: Namespace,
) -> PlannedRun:
    """Loads questions and tokenizer, no weights."""
    check_some_training(trainer)
    if trainer.max_epochs == -1 or trainer.max_steps != -1:
        raise InputError("p2o plan counts epochs: set trainer.max_epochs to 1 or more, and not trainer.max_steps.")
    module.load_renderer()
    window = load_window(module.model)
    data.setup("fit")
    lengths = tuple(len(module.renderer.question(question.text)) for question in data.train_questions)
    probed = min(probe.questions, len(lengths))
    return PlannedRun(module, data, evolution, trainer.max_epochs or 1000, processes(trainer), lengths, window, probed)


def processes(trainer: Namespace) -> int:
    """Devices of all nodes."""
    gpus = torch.cuda.device_count() if trainer.accelerator in ("auto", "gpu", "cuda") else 0
    match trainer.devices:
        case list(devices):
            count = len(devices)
        case "auto" | -1 | "-1":
            count = max(1, gpus)
        case devices:
            count = int(devices)
    return count * int(trainer.num_nodes)


def calibrate(run: PlannedRun, trainer: Namespace, rollouts: int) -> Measured:
    """Samples and updates a little, on one device."""
    calibration = Calibration(rollouts)
    Trainer(
        accelerator=trainer.accelerator,
        precision=trainer.precision,
        devices=1,
        max_epochs=1,
        limit_val_batches=0,
        callbacks=[calibration],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(run.module, datamodule=run.data)
    return calibration.measured


def prices_of(asked: object) -> Prices:
    """Of a reflector or a teacher that has them."""
    endpoint = vars(asked).get("endpoint") if asked else None
    return Prices(endpoint.spending.prompt_price, endpoint.spending.completion_price) if endpoint else Prices()


@contextmanager
def _without_lightnings_news() -> Iterator[None]:
    """Not which devices there are, and which seed was set."""
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
    parser.add_argument("--calibration", type=_rollouts, default=64)
    parser.add_argument("--no-calibration", dest="calibration", action="store_const", const=0)
    return parser


def _rollouts(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number of rollouts, at least 1, got {text!r}")
    return int(text)
