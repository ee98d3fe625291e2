"""The sections of a config beside `model`, `data` and `trainer`: a callback each, and what they are by default."""

from typing import Any

from lightning import Callback
from lightning.pytorch.callbacks import ModelCheckpoint

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
    "checkpoint": ModelCheckpoint,
}
"""In the order in which an epoch ends: logs come after the evolution they tell of, and the checkpoint comes last."""

DEFAULTS: dict[str, Any] = {
    # Only at the end of an epoch, after evolution: a checkpoint before it would lose that epoch's evolution.
    "checkpoint.save_last": True,
    "checkpoint.save_on_train_epoch_end": True,
    "checkpoint.filename": "{epoch}",
    # Defaults of the signature, said again as classes: the config of a run names every part.
    "model.aggregation": {"class_path": "p2o.objective.aggregation.TokenMean"},
    "model.correction": {"class_path": "p2o.objective.engine_correction.NoCorrection"},
    "model.exploration": {"class_path": "p2o.objective.exploration.NoBonus"},
    "model.sampler": {"class_path": "p2o.rollouts.AllGroups"},
}
