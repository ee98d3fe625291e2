"""The config of a run, at the top of its folder."""

from pathlib import Path

from lightning import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback

from p2o.files import write_text


class RunConfig(SaveConfigCallback):
    """Writes `config.yaml` of `p2o fit` into the run folder, besides the one that Lightning puts beside each log."""

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Called on one process, before training."""
        if stage == "fit":
            text = self.parser.dump(self.config, skip_none=False)
            write_text(Path(trainer.default_root_dir) / "config.yaml", text)
