"""The side of TRL in `step.py`, run in TRL's own virtual environment: GRPOTrainer, one step for each line on stdin.

Without what would slow it down: no gradient checkpointing (TRL's default has it), no reference model (beta 0, its
default). One group to a micro-batch, as on the other side.
"""

import json
import sys
from pathlib import Path
from typing import Any

from datasets import Dataset
from stepping import Clock, rewards
from transformers import AutoTokenizer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer


class Stepper(TrainerCallback):
    """Waits before each step."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.tokens = 0

    def on_step_begin(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 (the Trainer's hooks)
        """Waits."""
        self.clock.begin()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Reports."""
        self.clock.end(self.tokens)


def main(settings: dict[str, Any]) -> None:
    """Steps until the prompts are used up or stdin ends."""
    prompts = json.loads(Path(settings["prompts"]).read_text(encoding="utf-8"))
    clock = Clock()
    stepper = Stepper(clock)

    def reward(prompts: list[str], completion_ids: list[list[int]], **others: Any) -> list[float]:  # noqa: ANN401
        stepper.tokens = sum(len(ids) for ids in completion_ids)
        return rewards(prompts, settings["signal"])

    trainer = GRPOTrainer(
        model=settings["model"],
        reward_funcs=reward,
        processing_class=AutoTokenizer.from_pretrained(settings["model"]),
        train_dataset=Dataset.from_dict({"prompt": prompts}),
        callbacks=[stepper],
        args=GRPOConfig(
            output_dir=settings["output"],
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            per_device_train_batch_size=settings["generations"],
            gradient_accumulation_steps=settings["questions"],
            num_generations=settings["generations"],
            max_completion_length=settings["tokens"],
            temperature=1.0,
            learning_rate=1e-6,
            shuffle_dataset=False,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
            logging_steps=1000,
        ),
    )
    trainer._generate = clock.wrap(trainer._generate)
    trainer.train()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
