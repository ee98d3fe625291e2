"""Keeps an update that is not finite from destroying the policy."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from lightning import LightningModule
from lightning.pytorch.utilities import rank_zero_warn

from p2o.errors import InputError
from p2o.io.files import write_json
from p2o.objective.rows import TrainingSample
from p2o.policy.checkpoints.callback import checkpoint_of

FOLDER = "non_finite"  # within the run folder


class NonFiniteGuard:
    """Says whether a step may be taken, keeps the batch of one that may not, and ends a run of nothing else.

    Args:
        limit: Steps in a row that are not finite, after which the run stops.
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise InputError(f"model.max_non_finite_steps must be at least 1, got {limit}.")
        self.limit = limit
        self.in_a_row = 0

    def passes(self, module: LightningModule, rows: Sequence[TrainingSample], loss: float, norm: float) -> bool:
        """Whether loss and gradient norm are finite; the norm is the same on all processes, so all say the same.

        Args:
            module: Of the step.
            rows: This process's part of the mini-batch, kept if its own loss is not finite.
            loss: Of these rows.
            norm: Of the gradient of all processes.

        Raises:
            InputError: It is the last step in a row that the limit allows.
        """
        if math.isfinite(norm) and math.isfinite(loss):
            self.in_a_row = 0
            return True
        self.in_a_row += 1
        epoch, step, rank = module.current_epoch, module.global_step, module.global_rank
        path = Path(module.trainer.default_root_dir) / FOLDER / f"epoch={epoch}-step={step}-rank={rank}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"loss": str(loss), "grad_norm": str(norm), "rows": [asdict(row) for row in rows]})
        said = (
            f"The update after {step} optimizer steps is not finite (loss {loss}, gradient norm {norm}) and is not "
            f"taken; the weights stay as they were, {path} has the rows"
        )
        if self.in_a_row < self.limit:
            rank_zero_warn(f"{said}.")
            return False
        checkpoint = checkpoint_of(module.trainer)
        last = checkpoint.last_model_path if checkpoint is not None else ""
        raise InputError(
            f"{said}. It is the {self.in_a_row}. in a row (model.max_non_finite_steps), so the run stops; the last "
            f"checkpoint is {last or 'none'}. Look at rewards and log-probs of these rows, lower the learning rate or "
            "take another trainer.precision, and resume there."
        )

    def state_dict(self) -> dict[str, int]:
        """Steps in a row that were not finite: a resumed run goes on counting."""
        return {"in_a_row": self.in_a_row}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Takes over what `state_dict` described."""
        self.in_a_row = state["in_a_row"]
