"""Reads config files before the parser does, so that a mistake in one is named with its file and line."""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from p2o.cli.mistakes.config_errors import NO_CONFIG
from p2o.cli.mistakes.misplaced import no_settings
from p2o.commands.shipped import path_of, shipped_as
from p2o.errors import InputError
from p2o.io import importable


def check_configs(words: Sequence[str]) -> None:
    """Reads each config file that the options name.

    Raises:
        InputError: There is none, one is missing, empty or no YAML, a section holds no settings, or a part's arguments
            stand beside its class.
    """
    if not words:  # said before torch is loaded
        raise InputError(NO_CONFIG)
    for path in _configs(words):
        content = read_mapping(path, "a YAML config", "sections such as model and data")
        for mistake in no_settings(content, path.parent):
            raise InputError(f"{path}: {mistake}")
        for where, names in _stray(content, ()):
            if difflib.get_close_matches(names[0], ["init_args"], cutoff=0.8):
                raise InputError(f"{path}: {where}: there is no key {names[0]!r} beside class_path, it is init_args.")
            raise InputError(
                f"{path}: {where}: {', '.join(names)} must stand under init_args: "
                f"{{class_path: ..., init_args: {{{names[0]}: ...}}}}."
            )


def make_importable(words: Sequence[str]) -> None:
    """Lets a class of the user's own lie beside a config that the options name, or in the working folder."""
    importable.make_importable([Path.cwd(), *(path.resolve().parent for path in _configs(words))])


def read_mapping(path: Path, kind: str, keys: str) -> dict[str, Any]:
    """Reads a YAML file of names and values.

    Args:
        path: The file to read.
        kind: What it should be, for the message.
        keys: What it should have, for the message.

    Raises:
        InputError: It is missing, empty or no YAML of names and values.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        hint = f" Without a checkout it is named {name}." if (name := shipped_as(path)) else ""
        raise InputError(f"{path}: expected {kind}: {getattr(error, 'strerror', None) or error}.{hint}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise InputError(f"{path}:{line}: expected YAML: {error.problem}.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a control character, a 13th month, too deep a list
        raise InputError(f"{path}: expected YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(content, dict):
        found = "nothing" if content is None else type(content).__name__
        raise InputError(f"{path}: expected {kind} with {keys}, found {found}.")
    return content


def _configs(words: Sequence[str]) -> Iterator[Path]:
    for number, word in enumerate(words):
        if word in ("--config", "-c") and number + 1 < len(words):
            yield path_of(words[number + 1])
        elif word.startswith("--config="):
            yield path_of(word.removeprefix("--config="))


def _stray(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:  # noqa: ANN401 (any YAML)
    """Finds arguments that stand beside a class_path instead of under init_args, and where that is."""
    if isinstance(value, dict):
        if "class_path" in value and (
            names := [str(n) for n in value if n not in ("class_path", "init_args", "dict_kwargs")]
        ):
            yield ".".join(path), names
        for name, part in value.items():
            yield from _stray(part, (*path, str(name)))
