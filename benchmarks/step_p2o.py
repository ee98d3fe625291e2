"""The side of p2o in `step.py`: a real Trainer with a real PolicyModule, one step for each line on stdin."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning import Callback, Trainer
from stepping import Clock, rewards

from p2o.engines import TransformersEngine
from p2o.mixture.data_module import MixtureDataModule
from p2o.objective.advantages import GroupNormalized
from p2o.objective.context_estimators import Masked
from p2o.objective.losses import ClippedLoss
from p2o.policy.module import PolicyModule
from p2o.questions.base import QuestionSource
from p2o.rewards.base import GradingInput, Reward
from p2o.types import Grade, Outcome, Question


class Prompts(QuestionSource):
    """The prompts of the benchmark."""

    def __init__(self, prompts: list[str]) -> None:
        self.prompts = prompts

    def load(self) -> list[Question]:
        """One question each."""
        return [Question(str(number), prompt, "") for number, prompt in enumerate(self.prompts)]


class ByPosition(Reward):
    """See `rewards`."""

    def __init__(self, signal: float) -> None:
        self.signal = signal

    def grade(self, answered: Sequence[GradingInput]) -> list[Grade]:
        """Grades that do not look at the text."""
        values = rewards([answer.question.text for answer in answered], self.signal)
        return [Grade(value, Outcome.CORRECT if value else Outcome.WRONG) for value in values]


class Stepper(Callback):
    """Waits before each step."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_train_batch_start(self, *args: Any) -> None:  # noqa: ANN401 (Lightning's hooks)
        """Waits."""
        self.clock.begin()

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, *args: Any) -> None:  # noqa: ANN401
        """Reports."""
        self.clock.end(sum(len(rollout.completion.ids) for rollout in outputs["rollouts"]))


def main(settings: dict[str, Any]) -> None:
    """Steps until the prompts are used up or stdin ends."""
    prompts = json.loads(Path(settings["prompts"]).read_text(encoding="utf-8"))
    clock, engine = Clock(), TransformersEngine()
    engine.generate = clock.wrap(engine.generate)  # type: ignore[method-assign]
    module = PolicyModule(
        settings["model"],
        engine,
        ByPosition(settings["signal"]),
        GroupNormalized(),
        Masked(),
        ClippedLoss(),
        temperature=1.0,
        max_prompt_length=settings["prompt_length"],
        max_completion_length=settings["tokens"],
        mini_batch_size=settings["questions"],
        micro_batch_tokens=settings["micro_batch_tokens"],
        gradient_checkpointing=settings["recompute"],
        instruction="",
    )
    source = Prompts(prompts)
    data = MixtureDataModule(source, source, num_generations=settings["generations"], batch_size=settings["questions"])
    processes = settings.get("processes", 1)
    trainer = Trainer(
        accelerator="cpu",
        devices=processes,
        strategy="sharded" if processes > 1 else "auto",
        max_epochs=1,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        callbacks=[Stepper(clock)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, data)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
