"""The config of a run and what it runs on, at the top of its folder."""

import re
import warnings
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser, Namespace
from lightning import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback

from p2o.callbacks.logger_texts import config_as_hyperparameters
from p2o.errors import refuse
from p2o.io.files import write_json, write_text
from p2o.policy.checkpoints.callback import checkpoint_of
from p2o.run_folder.environment import environment
from p2o.run_folder.metrics_log import MetricsLog
from p2o.run_folder.paths import RunPaths
from p2o.run_folder.tensorboard_log import TensorBoardLog


class RunConfig(SaveConfigCallback):
    """Writes `config.yaml` of `p2o fit` into the run folder, and that of every command beside its log.

    `environment.json` beside it says which versions and which hardware the run has. Loggers get the config as
    hyperparameters.
    """

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Writes it beside p2o's own logs alone: another logger's folder may be the run's, or the working folder."""
        for logger in trainer.loggers:
            if isinstance(logger, MetricsLog | TensorBoardLog):
                folder = Path(logger.log_dir)
                folder.mkdir(parents=True, exist_ok=True)
                path = folder / self.config_filename
                self.parser.save(self.config, path, skip_none=False, overwrite=True, multifile=False)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Waits until the checkpoint is loaded, so that a run that is refused for it changes nothing."""
        if trainer.is_global_zero:
            paths = RunPaths(Path(trainer.default_root_dir))
            write_text(paths.config, self.parser.dump(self.config, skip_none=False))
            write_json(paths.environment, environment(trainer.world_size))
            config_as_hyperparameters(trainer, yaml.safe_load(paths.config.read_text(encoding="utf-8")))

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The same for a run that goes back to where nothing is left to train, which does not start."""
        if (checkpoint := checkpoint_of(trainer)) is not None and checkpoint.take_over(trainer):
            self.on_train_start(trainer, pl_module)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Keeps the config with the checkpoint: a resumed run is compared with it."""
        checkpoint["p2o_config"] = self._plain_config

    @cached_property
    def _plain_config(self) -> dict[str, Any]:
        """It takes 0.1 s, and does not change within a run."""
        return plain_config(self.parser, self.config)


def plain_config(parser: ArgumentParser, config: Namespace) -> dict[str, Any]:
    """A resolved config in plain types.

    Raises:
        InputError: It holds an object that no config can name, so that neither a resumed run nor a comparison could
            read it.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=rf"\s*{_UNWRITTEN}")
        plain = dict(yaml.safe_load(parser.dump(config, skip_none=False, skip_validation=True)))
    refuse(_unwritten(plain))
    return plain


_UNWRITTEN = "Unable to serialize instance "  # what jsonargparse writes in place of such an object


def _unwritten(value: Any, place: str = "", owner: str = "") -> Iterator[str]:  # noqa: ANN401 (any YAML)
    """What stands in place of an object: `place` is its key, and `owner` the class whose argument it is."""
    if isinstance(value, dict):
        owner = str(value.get("class_path", owner))
        for name, part in value.items():
            within = place if name == "init_args" and "class_path" in value else f"{place}.{name}".lstrip(".")
            yield from _unwritten(part, within, owner)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _unwritten(part, f"{place}[{number}]", owner)
    elif isinstance(value, str) and value.startswith(_UNWRITTEN):
        found = re.sub(r" at 0x[0-9a-f]+", "", value.removeprefix(_UNWRITTEN))
        yield (
            f"{place}: expected a value that config.yaml can hold, since runs are resumed and compared by it; the "
            f"default of {owner or 'this argument'}, got {found}, is an object. Name it in the config, by class_path "
            "and init_args if it is a part, or give the argument a plain default such as None and make the object in "
            "the constructor."
        )
