"""From Python: a run by its config, or the Trainer of a run whose parts were made by hand."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path, PurePath
from typing import Any

import yaml
from jsonargparse import ArgumentError
from lightning import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.utilities.types import EVAL_DATALOADERS, TRAIN_DATALOADERS

from p2o.cli.config_files import check_configs
from p2o.cli.mistakes.config_errors import clear
from p2o.cli.sections import SECTIONS, TRAINER, loggers, section_of
from p2o.cli.trainer import OVERWRITE, run_trainer
from p2o.errors import InputError
from p2o.evolution.callback import TemplateEvolution
from p2o.evolution.selectors import DominanceSelector
from p2o.policy.checkpoints.callback import RunCheckpoint
from p2o.reflectors import SelfReflector
from p2o.run_folder.claim import claimed_from_python
from p2o.run_folder.paths import RunPaths


def fit(
    config: str | Path | Mapping[str, Any], options: Mapping[str, Any] | None = None, overwrite: bool = False
) -> Trainer:
    """Does what `p2o fit` does, in this process.

    Args:
        config: The path of a config, the name of one that comes with p2o ("p2o:quickstart"), or a dictionary.
        options: Values that win over the config's, such as `{"trainer.max_epochs": 2}`.
        overwrite: Move a run that is in the folder aside, and begin another one.

    Returns:
        The Trainer: its `lightning_module` is the trained `PolicyModule`, its `default_root_dir` the run folder.

    Raises:
        InputError: The config or what it names is not as expected.
    """
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(config, Mapping):
            path = Path(folder) / "config.yaml"
            plain = json.loads(json.dumps(dict(config), default=_text))
            path.write_text(yaml.safe_dump(plain, allow_unicode=True), encoding="utf-8")
            config = path
        words = ["--config", str(config), *(f"--{name}={_word(value)}" for name, value in (options or {}).items())]
        check_configs(words)
        try:
            return run_trainer(["fit", *words, *([OVERWRITE] if overwrite else [])]).trainer
        except ArgumentError as error:
            raise InputError(clear(str(error))) from error


class RunTrainer(Trainer):
    """Lightning's Trainer, which writes over no run, as `p2o fit` does not."""

    def fit(
        self,
        model: LightningModule,
        train_dataloaders: TRAIN_DATALOADERS | LightningDataModule | None = None,
        val_dataloaders: EVAL_DATALOADERS | None = None,
        datamodule: LightningDataModule | None = None,
        ckpt_path: str | Path | None = None,
        weights_only: bool | None = None,
    ) -> None:
        """Claims the run folder while it trains; other processes of a distributed run leave that to the first one.

        Raises:
            InputError: Another process trains in the folder, or it holds a run that this one does not go on with.
        """
        root = Path(self.default_root_dir)
        with claimed_from_python(root, ckpt_path) if self.is_global_zero else nullcontext():
            super().fit(model, train_dataloaders, val_dataloaders, datamodule, ckpt_path, weights_only)


def trainer(
    folder: str | Path,
    evolution: TemplateEvolution | None = None,
    callbacks: Sequence[Callback] | Callback | None = None,
    **options: Any,  # noqa: ANN401 (Lightning's)
) -> Trainer:
    """A Trainer as `p2o fit` makes it: `trainer(folder).fit(policy_module, data_module)`.

    Args:
        folder: Of the run; `p2o report` reads what is written there. One that holds a run is refused, unless the fit
            goes on with it by `ckpt_path="last"`.
        evolution: Evolves the templates; by default as the paper does, by the policy itself.
        callbacks: Of your own, beside those of the run; one of a kind that the run has, or of a subclass,
            takes that one's place.
        options: Of Lightning's Trainer, such as max_epochs, accelerator and devices.

    Raises:
        InputError: There are two evolutions.
    """
    own = [callbacks] if isinstance(callbacks, Callback) else list(callbacks or ())
    placed = {name: callback for callback in own if (name := section_of(type(callback))) is not None}
    if evolution is not None and "evolution" in placed:
        raise InputError("p2o.trainer: expected one TemplateEvolution, got another one among the callbacks. Leave one.")
    beside = [callback for callback in own if section_of(type(callback)) is None]
    of_the_run = [placed.get(name, made) for name, made in zip(SECTIONS, run_callbacks(folder, evolution), strict=True)]
    usual = TRAINER | {"logger": loggers(Path(folder)), "callbacks": [*beside, *of_the_run]}
    return RunTrainer(**usual | {"default_root_dir": folder} | options)


def run_callbacks(folder: str | Path, evolution: TemplateEvolution | None = None) -> list[Callback]:
    """The callbacks of a run, in the order in which they must run at the end of an epoch.

    Args:
        folder: Of the run.
        evolution: Evolves the templates; by default as the paper does, by the policy itself.
    """
    made: dict[type[Callback], Callback] = {
        TemplateEvolution: evolution or TemplateEvolution(SelfReflector(), DominanceSelector()),
        RunCheckpoint: RunCheckpoint(str(RunPaths(Path(folder).resolve()).checkpoints)),
    }
    return [made.get(kind) or kind() for kind in SECTIONS.values()]


def _word(value: Any) -> str:  # noqa: ANN401 (of any option)
    """A value as the command line takes it."""
    if isinstance(value, str | PurePath):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=_text)


def _text(value: object) -> str:
    """A path as YAML has it; no other object has a place in a config."""
    if isinstance(value, PurePath):
        return str(value)
    raise InputError(f"p2o.fit: expected numbers, texts, lists and dictionaries, got {value!r:.100}.")
