"""The sections of a config beside `model`, `data` and `trainer`: a callback each, and what they are by default."""

from pathlib import Path
from typing import Any

from lightning import Callback
from lightning.pytorch.loggers import Logger

from p2o.callbacks.benchmark_report import BenchmarkReport
from p2o.callbacks.console_samples import ConsoleSamples
from p2o.callbacks.evolution_log import EvolutionLog
from p2o.callbacks.fixed_questions import FixedQuestionEvaluation
from p2o.callbacks.logger_texts import LoggerTexts
from p2o.callbacks.progress import LiveProgress
from p2o.callbacks.question_log import QuestionLog
from p2o.callbacks.rollout_log import RolloutLog
from p2o.callbacks.run_summary import RunSummary
from p2o.callbacks.validation_log import ValidationLog
from p2o.evolution.callback import TemplateEvolution
from p2o.policy.checkpoints.callback import RunCheckpoint
from p2o.run_folder.metrics_log import MetricsLog
from p2o.run_folder.paths import LOGS, TENSORBOARD
from p2o.run_folder.tensorboard_log import TensorBoardLog

SECTIONS: dict[str, type[Callback]] = {
    "progress": LiveProgress,
    "fixed_questions": FixedQuestionEvaluation,
    "evolution": TemplateEvolution,
    "evolution_log": EvolutionLog,
    "question_log": QuestionLog,
    "console_samples": ConsoleSamples,
    "validation_log": ValidationLog,
    "rollout_log": RolloutLog,
    "logger_texts": LoggerTexts,
    "run_summary": RunSummary,
    "benchmark_report": BenchmarkReport,
    "checkpoint": RunCheckpoint,
}
"""In the order in which an epoch ends: logs come after the evolution they tell of, and the checkpoint comes last."""


def section_of(kind: object) -> str | None:
    """The section whose callback a class is, or is a subclass of; None for any other object."""
    found = (name for name, known in SECTIONS.items() if isinstance(kind, type) and issubclass(kind, known))
    return next(found, None)


TRAINER: dict[str, Any] = {
    "reload_dataloaders_every_n_epochs": 1,  # the mixture is rebuilt each epoch
    "num_sanity_val_steps": 0,  # validation costs rollouts
    "log_every_n_steps": 1,  # a step is a whole rollout batch
    "max_epochs": 10,  # as in the paper; Lightning's own default is 1,000
    "default_root_dir": "runs/p2o",  # not the working folder, whose config.yaml may be the user's own
}
"""Lightning's settings that p2o has other defaults for."""

DEFAULTS: dict[str, Any] = {
    # The paper's parts, and those of the signature said again as classes: the config of a run names every part.
    "model.engine": {"class_path": "p2o.engines.TransformersEngine"},
    "model.reward": {"class_path": "p2o.rewards.MathAnswer"},
    "model.advantage": {"class_path": "p2o.objective.advantages.GroupNormalized"},
    "model.context": {"class_path": "p2o.objective.context_estimators.Masked"},
    "model.loss": {"class_path": "p2o.objective.losses.ClippedLoss"},
    "data.validation": {"class_path": "p2o.questions.HeldOut"},
    "evolution.reflector": {"class_path": "p2o.reflectors.SelfReflector"},
    "evolution.selector": {"class_path": "p2o.evolution.DominanceSelector"},
    "data.carry": {"class_path": "p2o.mixture.selection.HardQuestions"},
    "data.assignment": {"class_path": "p2o.mixture.assignment.ByScore"},
    "data.draw": {"class_path": "p2o.mixture.epoch_draw.PassAfterPass"},
    "evolution.learn_from": {"class_path": "p2o.mixture.selection.HardQuestions"},
    "evolution.gate": {"class_path": "p2o.evolution.StrictImprovement"},
    "model.aggregation": {"class_path": "p2o.objective.aggregation.TokenMean"},
    "model.correction": {"class_path": "p2o.objective.engine_correction.NoCorrection"},
    "model.exploration": {"class_path": "p2o.objective.exploration.NoBonus"},
    "model.sampler": {"class_path": "p2o.rollouts.AllGroups"},
}


def loggers(root: Path) -> list[Logger]:
    """The loggers of a run folder."""
    return [MetricsLog(root, LOGS), TensorBoardLog(root, TENSORBOARD)]
