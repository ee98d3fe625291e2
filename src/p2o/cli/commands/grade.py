"""The command line of `p2o grade`."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser

import p2o.rewards  # noqa: F401  (lets the command line name rewards by their class alone)
from p2o.cli.config_files import make_importable
from p2o.commands.grading import grade_file
from p2o.commands.shipped import path_of
from p2o.errors import InputError
from p2o.rewards.base import Reward


def grade_command(words: Sequence[str]) -> None:
    """Grades a file with the reward that is asked for, or with that of a run's config."""
    parser = ArgumentParser("p2o grade", description=grade_command.__doc__, exit_on_error=False)
    parser.add_argument("source", type=Path, help=".jsonl or .parquet; each row has an `answer` and a `completion`")
    parser.add_argument("out", type=Path, help=".jsonl to make: the rows, and of each reward, outcome and extracted")
    parser.add_argument("--config", type=Path | None, default=None, help="config of a run, to grade with its reward")
    parser.add_argument("--reward", type=Reward, default={"class_path": "p2o.rewards.MathAnswer"}, help="what grades")
    make_importable(words)
    options = parser.parse_args(list(words))
    if options.config is not None:
        parser.set_defaults({"reward": reward_of(path_of(str(options.config)))})
        options = parser.parse_args(list(words))
    logging.basicConfig(format="%(message)s")  # the reward says which answers it has no verdict on
    counts = grade_file(options.source, options.out, parser.instantiate_classes(options).reward)
    listed = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
    print(f"Wrote {options.out}: {counts.total()} rows{': ' if listed else ''}{listed}.")


def reward_of(config: Path) -> dict[str, Any]:
    """The reward in the YAML of a run, not yet made."""
    try:
        content = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{config}: expected the YAML config of a run: {error}.") from error
    match content:
        case {"model": {"reward": {"class_path": str()} as reward}}:
            return dict(reward)
        case {"model": {"reward": str(name)}}:
            return {"class_path": name}
    raise InputError(f"{config}: expected the YAML config of a run, found no model.reward in it.")
