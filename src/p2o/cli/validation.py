"""Settings of the Trainer that are refused before it is made, and what Lightning refuses itself, as one message."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pkgutil import resolve_name
from typing import Any

import torch
from jsonargparse import Namespace
from lightning.fabric.utilities.exceptions import MisconfigurationException

from p2o.cli.mistakes.config_errors import cannot_be_made
from p2o.cli.sections import SECTIONS, section_of
from p2o.distributed.failures import announced
from p2o.errors import InputError

# No space or no quota left, a file system that has become read-only or lost its rights, a file beyond the limit.
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG)


def check_trainer(trainer: Namespace, fit: bool) -> None:
    """Compares the section `trainer` with what a run needs.

    Raises:
        InputError: There are too many processes, nothing is to be trained, or a callback has a section of its own.
    """
    check_processes(trainer.accelerator, trainer.devices)
    if fit:
        check_some_training(trainer)
        check_callbacks(trainer.callbacks)


def check_processes(accelerator: str, devices: Any) -> None:  # noqa: ANN401 (a number, a list or a name)
    """Refuses more processes than a CPU can serve: Lightning would start them all.

    Raises:
        InputError: Names how many there may be.
    """
    most = max(16, os.cpu_count() or 1)
    if accelerator == "cpu" and str(devices).isdecimal() and int(devices) > most:
        raise InputError(f"trainer.devices: expected at most {most} processes on this CPU, got {devices}.")


def check_some_training(trainer: Namespace) -> None:
    """Refuses a run that has nothing to train: Lightning would end it silently, and without a summary.

    Raises:
        InputError: No epoch, step or batch is to be trained.
    """
    if trainer.max_epochs == 0:
        raise InputError("trainer.max_epochs: expected at least 1, or -1 (until it is interrupted), got 0.")
    if trainer.max_steps == 0:
        raise InputError("trainer.max_steps: expected at least 1, or -1 (no limit), got 0.")
    if trainer.limit_train_batches == 0:
        raise InputError("trainer.limit_train_batches: expected more than 0, got 0. To measure alone: p2o validate.")


def check_callbacks(callbacks: Any) -> None:  # noqa: ANN401 (none, one or a list)
    """Refuses a callback that would run beside the one of its kind which every run has.

    Raises:
        InputError: Names the section that has it.
    """
    found = callbacks if isinstance(callbacks, list) else [callbacks]
    for path in [callback.class_path for callback in found if hasattr(callback, "class_path")]:
        if (name := section_of(resolve_name(path))) is not None:
            raise InputError(
                f"trainer.callbacks: expected callbacks beside those of the run, got {path}: it would run beside the "
                f"{SECTIONS[name].__name__} that every run has, and write over what that keeps. Give its settings to "
                f"the section {name}; a subclass takes that one's place from Python alone, by p2o.trainer."
            )


def trainer_problem(error: Exception) -> str:
    """Why the Trainer cannot be made, and what to do if the machine has not what it should run on."""
    said = f"trainer: {error}"
    if re.search(r"No supported \w+ backend found", said):
        said += " This torch finds no such device: trainer.accelerator: cpu, or a build of torch with CUDA."
    return said


@contextmanager
def user_errors() -> Iterator[None]:
    """Turns what Lightning and torch raise when a setting is wrong into a message for the user.

    Whatever ends the process, the other processes of the run hear of it.

    Raises:
        InputError: Lightning refuses a setting, or memory or disk do not suffice.
    """
    with announced(), _explained():
        yield


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        if not _of_a_part(error):
            raise
        raise InputError(cannot_be_made(str(error))) from error
    except MisconfigurationException as error:
        raise InputError(f"Lightning refuses the settings: {str(error)[:600]}") from error
    except torch.OutOfMemoryError as error:
        raise InputError(
            "Out of GPU memory. Lower model.micro_batch_tokens (the result is the same but for rounding) if it was an "
            "update, the engine's batch_size or model.max_completion_length if it was a rollout; `p2o plan` estimates "
            "the need. "
            f"torch says: {str(error)[:400]}"
        ) from error
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise InputError(
            f"{error.filename or 'A file of the run'} cannot be written: {error.strerror}. What was written before is "
            "whole. Make space, and resume with --ckpt_path last."
        ) from error
    except RuntimeError as error:
        if str(error).startswith("Found more than one stateful callback"):
            raise InputError(
                f"trainer.callbacks: {str(error)[:400]} Give the class a property `state_key` that tells its instances "
                "apart, such as one that names an argument of theirs."
            ) from error
        if not str(error).startswith("Early stopping conditioned on metric"):
            raise
        raise InputError(f"EarlyStopping: {str(error)[:600]}") from error


def _of_a_part(error: ValueError) -> bool:
    """Whether jsonargparse passes on that a part refuses to be made; what else a part raises is a bug of that part."""
    if not str(error).startswith(("Problem with given class_path", "Does not validate against any of the Union")):
        return False
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return isinstance(cause, ImportError | ValueError | MisconfigurationException | InputError)
