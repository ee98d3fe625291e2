"""Ends a run whose reflection cannot go on: before training where that is known, else where it can be resumed."""

from pathlib import Path
from typing import NoReturn

from lightning import LightningModule, Trainer

from p2o.distributed.preemption import listen
from p2o.errors import InputError
from p2o.policy.checkpoints.callback import checkpoint_of
from p2o.policy.loading import load_window
from p2o.policy.module import PolicyModule
from p2o.reflectors.base import Reflector


def check_reflector(reflector: Reflector, module: LightningModule) -> None:
    """Compares who reflects with the processes that the engine takes.

    Raises:
        InputError: The reflector asks the engine on one process, and the engine needs more.
    """
    assert isinstance(module, PolicyModule)
    processes = (reflector.own_engine or module.engine).processes
    if reflector.samples and processes > 1:
        raise InputError(
            f"evolution.reflector: {reflector.name} samples on the first process alone, and {processes} processes hold "
            "its engine's model together (engine.tensor_parallel_size). Take TeacherReflector, or a "
            "tensor_parallel_size of 1."
        )


def check_reflection(reflector: Reflector, module: LightningModule, epochs: int | None) -> None:
    """Compares the reflector with the policy that is loaded, before the first evolution would.

    Raises:
        InputError: An engine that only the reflector has cannot sample from such a policy, or the policy could never be
            asked; a run of one epoch asks nobody.
    """
    assert isinstance(module, PolicyModule)
    if (engine := reflector.own_engine) is not None:
        engine.check(module.policy.config, module.renderer.tokenizer, module.longest)
    if epochs != 1:
        window = (engine or module.engine).fitting(load_window(module.model, module.longest))
        for problem in reflector.problems(window, module.renderer):
            raise InputError(problem)


def begin_within(trainer: Trainer) -> None:
    """Has signals heard, and the checkpoint that is gone on from kept, where a run begins with an evolution."""
    listen()
    if (checkpoint := checkpoint_of(trainer)) is not None:
        checkpoint.take_over(trainer)


def stop_at_evolution(trainer: Trainer, failure: str) -> NoReturn:
    """Saves a checkpoint between two epochs, and ends the run.

    ModelCheckpoint alone would not do: it need not save in every epoch, and never does before the first batch.

    Raises:
        InputError: Always: what failed, and how to go on.
    """
    checkpoint = checkpoint_of(trainer)
    folder = checkpoint.dirpath if checkpoint is not None else None
    path = Path(folder or Path(trainer.default_root_dir) / "checkpoints") / "last.ckpt"
    trainer.save_checkpoint(path, weights_only=False)  # unset, Lightning says so
    raise InputError(
        f"{failure} Nothing is lost: {path} has the epoch and all that its evolution found so far. When its cause is "
        f"gone, the same command with --ckpt_path {path} goes on there; with --evolution.on_failure continue it goes "
        "on without a new bank."
    )
