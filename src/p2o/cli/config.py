"""Reads the config of a run without starting it."""

import warnings
from collections.abc import Sequence
from typing import Any

from lightning import Trainer
from lightning.pytorch.cli import LightningArgumentParser

from p2o.callbacks.save_config import plain_config
from p2o.cli.config_files import make_importable
from p2o.cli.trainer import COMMON, P2OCLI, PARSER
from p2o.commands.shipped import with_paths


class ConfigReader(P2OCLI):
    """Reads what `p2o fit` takes and makes nothing of it.

    Its parser has no subcommands, which takes half the time.
    """

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Adds the options that `p2o fit` has beside the sections, such as --ckpt_path."""
        super().add_arguments_to_parser(parser)
        parser.add_method_arguments(Trainer, "fit", skip=self.subcommands()["fit"])

    def _set_seed(self) -> None:
        pass

    def before_instantiate_classes(self) -> None:
        """Makes no folder, since nothing is run."""

    def instantiate_classes(self) -> None:
        """Makes none of the parts, since nothing is run."""


def read_config(args: Sequence[str]) -> dict[str, Any]:
    """All that config files and options of `p2o fit` come to, defaults included, as `--print_config` shows it.

    Raises:
        ArgumentError: An option is unknown, or a value of the wrong kind.
        InputError: A part has a default that no config can hold.
    """
    words = with_paths(args)
    make_importable(words)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="LightningCLI's args parameter")
        cli = ConfigReader(args=words, run=False, parser_kwargs=PARSER, **COMMON)
    return plain_config(cli.parser, cli.config)
