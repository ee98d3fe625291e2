"""The config of a run and what it runs on, at the top of its folder."""

from pathlib import Path

import yaml
from lightning import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback

from p2o.callbacks.logger_texts import config_as_hyperparameters
from p2o.io.files import write_json, write_text
from p2o.run_folder.environment import environment
from p2o.run_folder.paths import RunPaths


class RunConfig(SaveConfigCallback):
    """Writes `config.yaml` of `p2o fit` into the run folder, besides the one that Lightning puts beside each log.

    `environment.json` beside it says which versions and which hardware the run has. Loggers get the config as
    hyperparameters.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Waits until the checkpoint is loaded, so that a run that is refused for it changes nothing."""
        if trainer.is_global_zero:
            paths = RunPaths(Path(trainer.default_root_dir))
            write_text(paths.config, self.parser.dump(self.config, skip_none=False))
            write_json(paths.environment, environment(trainer.world_size))
            config_as_hyperparameters(trainer, yaml.safe_load(paths.config.read_text(encoding="utf-8")))
