"""fit, validate and test: LightningCLI with the sections of P²O."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import Any

import torch
import transformers.utils.logging
import yaml
from jsonargparse import ArgumentError, Namespace
from lightning import Trainer
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

import p2o.cli.components  # noqa: F401  (lets YAML and the command line name components by their class alone)
from p2o.callbacks.benchmark_report import EvaluationReport
from p2o.callbacks.console_samples import SampleCompletions
from p2o.callbacks.evolution_log import TemplateLog
from p2o.callbacks.fixed_questions import FixedQuestionEvaluation
from p2o.callbacks.progress import LiveProgress
from p2o.callbacks.question_log import MiningLog
from p2o.callbacks.rollout_log import CompletionLog
from p2o.callbacks.run_summary import RunSummary
from p2o.callbacks.save_config import RunConfig
from p2o.callbacks.validation_log import ValidationLog
from p2o.cli.help import unrecognized
from p2o.errors import InputError
from p2o.evolution.callback import TemplateEvolution
from p2o.io.files import check_writable
from p2o.mixture.data_module import MixtureDataModule
from p2o.policy.checkpoints import load_checkpoint
from p2o.policy.module import PolicyModule

# An abbreviation would set an option without a word; exit_on_error would print the usage before each message.
PARSER: dict[str, Any] = {"allow_abbrev": False, "exit_on_error": False}
CHECKPOINTS = "checkpoints"  # within the run folder

COMMON: dict[str, Any] = {
    "model_class": PolicyModule,
    "datamodule_class": MixtureDataModule,
    "seed_everything_default": 0,
    "auto_configure_optimizers": False,  # the module owns its optimizer
    "trainer_defaults": {
        "reload_dataloaders_every_n_epochs": 1,  # the mixture is rebuilt each epoch
        "num_sanity_val_steps": 0,  # validation costs rollouts
        "log_every_n_steps": 1,  # a step is a whole rollout batch
    },
    "save_config_callback": RunConfig,
    "save_config_kwargs": {"overwrite": True},  # resuming into the same folder would raise otherwise
}


class P2OCLI(LightningCLI):
    """LightningCLI with a section for each callback: `evolution`, `mining`, `samples` and so on."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Adds the sections; the order of callbacks is the order in which an epoch ends."""
        parser.add_lightning_class_args(LiveProgress, "progress")
        parser.add_lightning_class_args(FixedQuestionEvaluation, "fixed_questions")
        parser.add_lightning_class_args(TemplateEvolution, "evolution")
        parser.add_lightning_class_args(TemplateLog, "templates")
        parser.add_lightning_class_args(MiningLog, "mining")
        parser.add_lightning_class_args(SampleCompletions, "samples")
        parser.add_lightning_class_args(ValidationLog, "outcomes")
        parser.add_lightning_class_args(CompletionLog, "completions")
        parser.add_lightning_class_args(RunSummary, "summary")
        parser.add_lightning_class_args(EvaluationReport, "report")
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        # Only at the end of an epoch, after evolution: a checkpoint before it would lose that epoch's evolution.
        parser.set_defaults(
            {"checkpoint.save_last": True, "checkpoint.save_on_train_epoch_end": True, "checkpoint.filename": "{epoch}"}
        )
        # Defaults of the signature, said again as classes: the config of a run names every part.
        parser.set_defaults(
            {
                "model.aggregation": {"class_path": "p2o.objective.aggregation.TokenMean"},
                "model.correction": {"class_path": "p2o.objective.engine_correction.NoCorrection"},
                "model.exploration": {"class_path": "p2o.objective.exploration.NoBonus"},
                "model.sampler": {"class_path": "p2o.rollouts.AllGroups"},
            }
        )
        for part in ("model", "data", "evolution"):
            parser.link_arguments("seed_everything", f"{part}.seed", compute_fn=int)

    def before_instantiate_classes(self) -> None:
        """Checks what the Trainer would only notice after the first epoch."""
        config = self.config[self.subcommand]
        _check_processes(config.trainer.accelerator, config.trainer.devices)
        if self.subcommand == "fit":
            check_some_training(config.trainer)
        if config.ckpt_path == "best" and self.subcommand == "fit":
            raise InputError("p2o fit: expected `last` or a path for ckpt_path; `best` names no place to go on from.")
        check_writable(self._root)
        if config.trainer.enable_progress_bar is False:  # Lightning refuses a progress bar where it is off
            config.progress.style, config.trainer.enable_progress_bar = "off", True
        if config.ckpt_path == "last":
            folder = Path(config.checkpoint.dirpath or self._root / CHECKPOINTS)
            last = folder.glob(f"{ModelCheckpoint.CHECKPOINT_NAME_LAST}*.ckpt")
            for path in sorted(last, key=lambda path: path.stat().st_mtime)[-1:]:  # the one that Lightning takes
                load_checkpoint(path)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:  # noqa: ANN401 (Lightning's signature)
        """With loggers and checkpoints in the run folder, unless the config names others.

        It is derived here and not in the config: that is saved, and may be used again for another folder.

        Raises:
            InputError: A setting of the section `trainer` is not one: Lightning checks names of devices and strategies.
        """
        root, parts = self._root, self.config_init[self.subcommand]
        if parts.trainer.logger is None:
            kwargs["logger"] = [  # flushed at each step: a killed run keeps what it had logged
                CSVLogger(root, "logs", flush_logs_every_n_steps=1),
                TensorBoardLogger(root, "tensorboard"),
            ]
        if parts.checkpoint.dirpath is None:  # a fixed folder, so that `--ckpt_path last` finds it
            parts.checkpoint.dirpath = str((root / CHECKPOINTS).resolve())
        try:
            return super().instantiate_trainer(**kwargs)
        except (ValueError, MisconfigurationException) as error:
            raise InputError(f"trainer: {error}") from error

    @property
    def _root(self) -> Path:
        """The run folder."""
        return Path(self.config[self.subcommand].trainer.default_root_dir or os.getcwd())

    def _set_seed(self) -> None:
        seed = self._get(self.config, "seed_everything")
        if not 0 <= int(seed) < 2**32:
            raise InputError(f"seed_everything: expected a number from 0 to 4294967295, got {seed}.")
        super()._set_seed()

    def _parse_ckpt_path(self) -> None:
        """Checks the checkpoint with a clear message.

        Lightning's own version would read hyper-parameters from it and let them override the command line (issue
        21455); p2o keeps them in config.yaml alone.
        """
        config = self.config.get(self.config.get("subcommand")) or {}
        if (path := config.get("ckpt_path")) and path not in ("last", "best", "hpc", "registry"):
            load_checkpoint(Path(path))

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """The Trainer's methods that p2o offers."""
        return {name: LightningCLI.subcommands()[name] for name in ("fit", "validate", "test")}


def _check_processes(accelerator: str, devices: Any) -> None:  # noqa: ANN401 (a number, a list or a name)
    """A CPU takes any number of devices: Lightning would start as many processes."""
    most = max(16, os.cpu_count() or 1)
    if accelerator == "cpu" and str(devices).isdecimal() and int(devices) > most:
        raise InputError(f"trainer.devices: expected at most {most} processes on this CPU, got {devices}.")


def check_some_training(trainer: Namespace) -> None:
    """Lightning ends without a word, and without a summary, where there is nothing to do.

    Raises:
        InputError: No epoch, step or batch is to be trained.
    """
    if trainer.max_epochs == 0:
        raise InputError("trainer.max_epochs: expected at least 1, or -1 (until it is interrupted), got 0.")
    if trainer.max_steps == 0:
        raise InputError("trainer.max_steps: expected at least 1, or -1 (no limit), got 0.")
    if trainer.limit_train_batches == 0:
        raise InputError("trainer.limit_train_batches: expected more than 0, got 0. To measure alone: p2o validate.")


class _ConfigReader(P2OCLI):
    """What `p2o fit` takes, in a parser without subcommands, which takes half the time; begins nothing."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Adds the options of the subcommand."""
        super().add_arguments_to_parser(parser)
        parser.add_method_arguments(Trainer, "fit", skip=self.subcommands()["fit"])

    def _set_seed(self) -> None:
        pass

    def before_instantiate_classes(self) -> None:
        """Makes no folder."""

    def instantiate_classes(self) -> None:
        """Makes no part."""


def run_trainer(args: Sequence[str] | None, kind: type[P2OCLI] = P2OCLI) -> P2OCLI:
    """fit, validate or test; None reads the command line."""
    _quiet()
    try:
        with users_mistakes():
            return _command_line(kind, args)
    except ArgumentError as error:
        if not str(error).startswith("unrecognized arguments: "):
            raise
        raise InputError(unrecognized(str(error), full_help("fit"))) from error


@contextmanager
def users_mistakes() -> Iterator[None]:
    """What Lightning and torch raise when a setting is wrong, as the user's to mend."""
    try:
        yield
    except MisconfigurationException as error:
        raise InputError(f"Lightning refuses the settings: {str(error)[:600]}") from error
    except torch.OutOfMemoryError as error:
        raise InputError(
            "Out of GPU memory. Lower model.micro_batch_tokens (the result stays the same) if it was an update, the "
            "engine's batch_size or model.max_completion_length if it was a rollout; `p2o plan` estimates the need. "
            f"torch says: {str(error)[:400]}"
        ) from error
    except RuntimeError as error:
        if not str(error).startswith("Early stopping conditioned on metric"):
            raise
        raise InputError(f"EarlyStopping: {str(error)[:600]}") from error


def full_help(command: str) -> str:
    """Every option of a command."""
    with redirect_stdout(StringIO()) as printed, suppress(SystemExit):
        run_trainer([command, "--help"])
    return printed.getvalue()


def read_config(args: Sequence[str]) -> dict[str, Any]:
    """All that config files and options of `p2o fit` come to, defaults included, as `--print_config` shows it.

    Raises:
        ArgumentError: An option is unknown, or a value of the wrong kind.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="LightningCLI's args parameter")
        cli = _ConfigReader(args=list(args), run=False, parser_kwargs=PARSER, **COMMON)
    # Without validation: the values come from this parser.
    return dict(yaml.safe_load(cli.parser.dump(cli.config, skip_none=False, skip_validation=True)))


def _command_line(kind: type[P2OCLI], args: Sequence[str] | None) -> P2OCLI:
    words = list(sys.argv[1:] if args is None else args)
    return _for_one(kind, words[0])(args=words, parser_kwargs=PARSER | {words[0]: PARSER}, **COMMON)


def _for_one(kind: type[P2OCLI], command: str) -> type[P2OCLI]:
    """The command line of a single command: LightningCLI would make the parsers of all three, which takes longer."""

    class OneCommand(kind):  # type: ignore[misc, valid-type]
        @staticmethod
        def subcommands() -> dict[str, set[str]]:
            return {command: kind.subcommands()[command]}

    return OneCommand


def _quiet() -> None:
    """Leaves out what Lightning says to everybody and nobody here can act on."""
    # Advertisements for Lightning's other products; the switch that silences them came after 2.6.6.
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(
        lambda record: "Tip:" not in record.getMessage()
    )
    warnings.filterwarnings("ignore", message="LightningCLI's args parameter")  # p2o plan passes them on
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists")  # that is what resuming means
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # Lightning's own use of torch's pytree
    transformers.utils.logging.disable_progress_bar()  # of loading weights: it would break into p2o's own bars
