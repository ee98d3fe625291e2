"""fit, validate and test: LightningCLI with the sections of P²O."""

import logging
import os
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

import transformers.utils.logging
from jsonargparse import ArgumentError
from lightning import Trainer
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

import p2o.cli.components  # noqa: F401  (lets YAML and the command line name components by their class alone)
from p2o.callbacks.save_config import RunConfig, plain_config
from p2o.cli.config_files import make_importable
from p2o.cli.help import unknown_option, unrecognized
from p2o.cli.sections import DEFAULTS, SECTIONS, TRAINER, loggers
from p2o.cli.validation import check_trainer, trainer_problem, user_errors
from p2o.commands.shipped import with_paths
from p2o.errors import InputError
from p2o.io.files import check_writable
from p2o.mixture.data_module import MixtureDataModule
from p2o.policy.checkpoints.resume import check_resumed, checkpoint_path, requested_checkpoint
from p2o.policy.module import PolicyModule
from p2o.run_folder.claim import claimed
from p2o.run_folder.paths import CHECKPOINTS

# An abbreviation would set an option silently; exit_on_error would print the usage before each message.
PARSER: dict[str, Any] = {"allow_abbrev": False, "exit_on_error": False}
OVERWRITE = "--overwrite"

COMMON: dict[str, Any] = {
    "model_class": PolicyModule,
    "datamodule_class": MixtureDataModule,
    "seed_everything_default": 0,
    "auto_configure_optimizers": False,  # the module owns its optimizer
    "trainer_defaults": TRAINER,
    "save_config_callback": RunConfig,
    "save_config_kwargs": {"save_to_log_dir": False},  # some loggers' is the working folder
}


class P2OCLI(LightningCLI):
    """LightningCLI with a section for each callback: `evolution`, `question_log`, `console_samples` and so on."""

    overwrite = False  # whether a run in the folder is moved aside; no option of the parser, which would be saved

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Adds the sections, their defaults, and the seed that they share."""
        for name, callback in SECTIONS.items():
            parser.add_lightning_class_args(callback, name)
        parser.set_defaults(DEFAULTS)
        for part in ("model", "data", "evolution"):
            parser.link_arguments("seed_everything", f"{part}.seed", compute_fn=int)

    def before_instantiate_classes(self) -> None:
        """Checks what the Trainer would only notice after the first epoch."""
        config, fit = self.config[self.subcommand], self.subcommand == "fit"
        check_trainer(config.trainer, fit)
        plain = plain_config(self._parser(self.subcommand), config)  # or it is refused, before anything is written
        check_writable(self._root)
        if config.trainer.enable_progress_bar is False:  # Lightning refuses a progress bar where it is off
            config.progress.style, config.trainer.enable_progress_bar = "off", True
        given, folder = config.ckpt_path, Path(config.checkpoint.dirpath or self._root / CHECKPOINTS)
        self._asked = requested_checkpoint(given, os.environ, folder, self.overwrite) if fit else given
        self.overwrite = self.overwrite and self._asked == given  # a job that was queued again may have done it
        self._checkpoint = checkpoint_path(self._asked, folder, to_resume=fit)
        if fit and self._checkpoint is not None:
            check_resumed(self._checkpoint, plain)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:  # noqa: ANN401 (Lightning's signature)
        """With loggers and checkpoints in the run folder, unless the config names others; `p2o validate` logs nothing.

        It is derived here and not in the config: that is saved, and may be used again for another folder.

        Raises:
            InputError: A setting of the section `trainer` is not one: Lightning checks names of devices and strategies.
        """
        root, parts = self._root, self.config_init[self.subcommand]
        if self.subcommand == "validate" or parts.trainer.logger is None:  # to Lightning it is step 0
            kwargs["logger"] = self.subcommand != "validate" and loggers(root)
        if parts.checkpoint.dirpath is None:  # a fixed folder, so that `--ckpt_path last` finds it
            parts.checkpoint.dirpath = str((root / CHECKPOINTS).resolve())
        try:
            return super().instantiate_trainer(**kwargs)
        except (ImportError, ValueError, MisconfigurationException) as error:
            raise InputError(trainer_problem(error)) from error

    @property
    def _root(self) -> Path:
        """The folder of the run, which all its files go to."""
        return Path(self.config[self.subcommand].trainer.default_root_dir or os.getcwd())

    def _set_seed(self) -> None:
        seed = self._get(self.config, "seed_everything")
        if not 0 <= int(seed) < 2**32:
            raise InputError(f"seed_everything: expected a number from 0 to 4294967295, got {seed}.")
        super()._set_seed()

    def _parse_ckpt_path(self) -> None:
        """Reads nothing: Lightning would let hyper-parameters in the checkpoint override the command line (21455)."""

    def _prepare_subcommand_kwargs(self, subcommand: str) -> dict[str, Any]:
        """Names the checkpoint that was found whole."""
        path = self._checkpoint and str(self._checkpoint)
        return super()._prepare_subcommand_kwargs(subcommand) | {"ckpt_path": path}

    def _claim(self, subcommand: str) -> AbstractContextManager[None]:
        """Claims the run folder while it trains; other processes of a distributed run leave that to the first one."""
        if subcommand != "fit" or not self.trainer.is_global_zero:
            return nullcontext()
        return claimed(self._root, self._asked, self.overwrite)

    def _run_subcommand(self, subcommand: str) -> None:
        """Runs it.

        Raises:
            InputError: A part of the run, such as the reward, has called `sys.exit`: the run is not done.
        """
        try:
            with self._claim(subcommand):
                super()._run_subcommand(subcommand)
        except SystemExit as ended:
            if isinstance(ended.__context__, KeyboardInterrupt):  # a second Ctrl-C, which Lightning ends with 1
                raise SystemExit(130) from None
            raise InputError(
                f"p2o {subcommand}: a part of the run, such as its reward, called sys.exit({ended.code}); the run is "
                "not done. Let it raise an error, or give a Grade with Outcome.ERROR."
            ) from ended

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """The methods of the Trainer that p2o offers as commands: fit, validate and test."""
        return {name: LightningCLI.subcommands()[name] for name in ("fit", "validate", "test")}


class Overwriting(P2OCLI):
    """The command line of `p2o fit --overwrite`."""

    overwrite = True


C = TypeVar("C", bound=P2OCLI)


def run_trainer(args: Sequence[str]) -> P2OCLI:
    """Runs fit, validate or test, whichever the first word names; `--overwrite` is for fit alone."""
    words = [word for word in args if word != OVERWRITE]
    if len(words) < len(args) and words[0] != "fit":
        raise InputError(f"p2o {words[0]}: {OVERWRITE} is an option of p2o fit alone.")
    return parse_command(words, Overwriting if len(words) < len(args) else P2OCLI)


def parse_command(words: Sequence[str], kind: type[C]) -> C:
    """Has a command line of `kind` read the words of fit, validate or test, and do what it does with them."""
    _quiet()
    words = with_paths(words)
    make_importable(words)
    try:
        with user_errors():
            return _for_one(kind, words[0])(args=words, parser_kwargs=PARSER | {words[0]: PARSER}, **COMMON)
    except ArgumentError as error:
        if word := unknown_option(str(error)):
            raise InputError(unrecognized(str(error), word, live_help("fit"))) from error
        raise


def live_help(command: str) -> str:
    """The help of a command of the Trainer with every option it has, from its parser, without the usage before it."""
    with redirect_stdout(StringIO()) as printed, suppress(SystemExit):
        run_trainer([command, "--help"])
    return "".join(printed.getvalue().partition("options:\n")[1:])


def _for_one(kind: type[C], command: str) -> type[C]:
    """The command line of a single command: LightningCLI would make the parsers of all three, which takes longer."""

    class OneCommand(kind):  # type: ignore[misc, valid-type]
        @staticmethod
        def subcommands() -> dict[str, set[str]]:
            return {command: kind.subcommands()[command]}

    return OneCommand


def _quiet() -> None:
    """Leaves out what Lightning says to everybody and nobody here can act on."""
    # Advertisements for Lightning's other products, whose switch came after 2.6.6, and a TPU that nobody expects.
    told = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    told.addFilter(lambda record: not any(words in record.getMessage() for words in ("Tip:", "TPU available: False")))
    warnings.filterwarnings("ignore", message="LightningCLI's args parameter")  # p2o plan passes them on
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists")  # that is what resuming means
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # Lightning's own use of torch's pytree
    transformers.utils.logging.disable_progress_bar()  # of loading weights: it would break into p2o's own bars
