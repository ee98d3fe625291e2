"""Asks the same questions before and after each half-step: training moves the policy, evolution the templates."""

import time
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer

from p2o.callbacks.fixed_question_rollouts import FixedAnswers, bare_answers, choose_questions, measure
from p2o.errors import InputError
from p2o.io.files import write_json
from p2o.mixture.data_module import mixture_of
from p2o.policy.checkpoints.callback import saves
from p2o.policy.checkpoints.place import logged_step
from p2o.policy.module import PolicyModule
from p2o.run_folder.paths import RunPaths


class FixedQuestionEvaluation(Callback):
    """Writes `fixed_questions.json`: K answers to each question, bare and under the templates that it would carry.

    Their mean reward under those templates estimates the joint objective of policy and templates (Eq. 2), before and
    after training, which is after and before evolution. Seeds are the same each time, so that differences are due to
    policy and templates alone; the bare answers of a policy are asked for once.

    Args:
        questions: How many training questions, drawn uniformly by the seed; 0: none. Each costs K rollouts an epoch,
            and up to 2K more if it carries templates.
        kl: Whether the loggers get KL(policy ‖ policy before training) on the bare answers, in nats a token. It keeps
            the policy before training in memory, which is free beside adapters.
    """

    def __init__(self, questions: int = 0, kl: bool = False) -> None:
        if questions < 0:
            raise InputError(f"fixed_questions.questions: expected at least 0, which asks none, got {questions}.")
        self.questions, self.kl = questions, kl
        self.measurements: list[dict[str, Any]] = []  # plain types

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measures the policy as the last epoch left it, under new templates."""
        known = bare_answers(self.measurements[-1]["questions"]) if self.measurements else {}
        self._measure(trainer, pl_module, "before training", known)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measures the new policy under this epoch's templates: `p2o fit` puts this callback before evolution."""
        self._measure(trainer, pl_module, "after training", {})

    def _measure(self, trainer: Trainer, module: LightningModule, moment: str, bare: FixedAnswers) -> None:
        """Asks on every process, of which each has a share: an engine may need all of them."""
        assert isinstance(module, PolicyModule)
        known = {(measurement["epoch"], measurement["moment"]) for measurement in self.measurements}
        if self.questions and (trainer.current_epoch, moment) not in known:  # a resumed run may have done it
            started = time.monotonic()
            data = mixture_of(trainer)
            questions = choose_questions(data.train_questions, self.questions, module.seed)
            with trainer.precision_plugin.forward_context():  # Lightning enters it for steps alone, not for callbacks
                measured = measure(module, data, questions, trainer.current_epoch, bare, self.kl)
            entry = {"epoch": trainer.current_epoch, "moment": moment, "seconds": round(time.monotonic() - started, 3)}
            if measured.kl.tokens:
                entry["kl"] = round(measured.kl.mean, 9)
                log_kl(trainer, measured.kl.mean)
            self.measurements.append({**entry, "questions": measured.questions})
            if trainer.is_global_zero and saves(trainer):
                paths = RunPaths(Path(trainer.default_root_dir))
                write_json(paths.fixed_questions, {"measurements": self.measurements})

    def state_dict(self) -> dict[str, Any]:
        """The measurements so far, in plain types."""
        return {"measurements": self.measurements}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continues the measurements of the run that is resumed."""
        self.measurements = list(state_dict["measurements"])


def log_kl(trainer: Trainer, kl: float) -> None:
    """Logs how far the policy has moved, beside the metrics of the epoch."""
    for logger in trainer.loggers:
        logger.log_metrics({"fixed_questions/kl": kl, "epoch": trainer.current_epoch}, logged_step(trainer))
