"""What a resumed run may change in its config: a setting that could not take effect is refused."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from p2o.errors import InputError
from p2o.policy.checkpoints.place import Place

Config = Mapping[str, Any]
Changes = dict[str, tuple[Any, Any]]  # dotted name -> value in the checkpoint, value now

IGNORED = (
    *("config", "ckpt_path", "weights_only", "progress", "checkpoint.dirpath", "overwrite"),
    *("trainer.default_root_dir", "trainer.logger", "trainer.enable_progress_bar", "trainer.enable_model_summary"),
)
"""Where files go and what is shown."""

FIXED = {
    "seed_everything": "the draws so far were made with the old one",
    "model.model": "the weights are those of the checkpoint",
    "model.adapters": "the weights are those of the checkpoint",
    "model.optimizer": "the optimizer goes on with the settings in the checkpoint",
    "model.lr_scheduler": "the schedule goes on with the settings in the checkpoint",
    **dict.fromkeys(
        (f"model.sampler.init_args.{writer}" for writer in ("teacher", "reflector", "tiers")),
        "what it wrote so far is kept",
    ),
    "data.num_generations": "the answers so far were given so many times",
    "data.questions_per_epoch": "the passes over the data so far were cut into epochs of the old size",
    "fixed_questions.questions": "the measurements so far are those of other questions",
}
"""What a run keeps to its end, and why."""

FREE = re.compile(
    r"model\.sampler\..*\.(init_args\.engine|"
    r"endpoint\.(base_url|api_key_env|model|extra_body|length_field|"
    r"token_margin|concurrency|timeout|retries|spending))\b"
)
"""What writes the same text all the same, and what a run that an endpoint has ended may have to change.

Its message says to check model and extra_body. What they wrote before stays, and the change is shown.
"""

FIXED_WITHIN_EPOCH = {
    "data": "the epoch has begun with the old one",
    "model.sampler": "the epoch has begun with the old one",
    "trainer.devices": "the epoch is dealt out to as many processes",
    "trainer.num_nodes": "the epoch is dealt out to as many processes",
    "trainer.limit_train_batches": "the epoch has begun with the old one",
    "question_log.enabled": "the epoch has begun without or with its table",
}
"""What can change between two epochs alone, and why."""


def changes(old: Config, new: Config) -> Changes:
    """The settings that differ, without those that decide nothing about training."""
    before, after = dict(_flat(old)), dict(_flat(new))
    return {
        name: (before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name) and not _under(name, IGNORED)
    }


def check_changes(found: Changes, place: Place) -> None:
    """Refuses changes that a run which goes on at `place` could not or only half apply.

    Raises:
        InputError: Names each of them, and how to go on.
    """
    fixed = FIXED | (FIXED_WITHIN_EPOCH if place.within_epoch else {})
    refused = {
        name: reason
        for name in found
        if not FREE.match(name)
        for part, reason in reversed(fixed.items())  # the reason that holds longest is the one that is given
        if _under(name, [part])
    }
    if not refused:
        return
    lines = [f"{line(name, found[name])}: {reason}" for name, reason in refused.items()]
    later = "take the checkpoint of an epoch (epoch=N.ckpt) for what only the middle of one forbids, "
    raise InputError(
        "The checkpoint belongs to another config, and these settings cannot change in a resumed run:\n  "
        + "\n  ".join(lines)
        + f"\nResume with the config.yaml of that run, {later if place.within_epoch else ''}or begin a new run from "
        "its weights: p2o export CHECKPOINT FOLDER, then --model.model FOLDER."
    )


def check_epochs(max_epochs: int | None, place: Place) -> None:
    """Refuses a number of epochs below what is done.

    Raises:
        InputError: Names both.
    """
    begun = place.epoch + place.within_epoch
    if max_epochs is not None and 0 <= max_epochs < begun:
        raise InputError(
            f"trainer.max_epochs: expected at least {begun}, the epochs that the checkpoint has begun, got "
            f"{max_epochs}. They count from the beginning of the run: raise it to train on."
        )


def line(name: str, values: tuple[Any, Any]) -> str:
    """A change as it is shown."""
    return f"{name}: {values[0]!r} -> {values[1]!r}"


def _under(name: str, parts: Any) -> bool:  # noqa: ANN401 (a container of names)
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 (any YAML)
    if isinstance(value, Mapping) and value:
        for name, part in value.items():
            yield from _flat(part, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and any(isinstance(part, Mapping) for part in value):  # of classes
        yield from _flat(dict(enumerate(value)), path)
    else:
        yield path, value
