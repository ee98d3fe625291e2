"""Mistakes in config files and options, said in the user's words instead of the parser's."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from p2o.errors import InputError

UNION = re.compile(
    r'Parser key "(?P<key>[^"]+)":\s+.*?Does not validate against any of the Union subtypes\s+'
    r"Subtypes: \[(?P<types>.*?)\]\n\s*Errors:.*Given value: (?P<value>.*)",
    re.DOTALL,
)
PLAIN = re.compile(
    r'Parser key "(?P<key>[^"]+)":\s+Expected an? (?P<types><class .*?>|typing\..*?)\. Got value: (?P<value>.*)',
    re.DOTALL,
)
TYPE = re.compile(r"<class '(?:[\w.]+\.)?(\w+)'>|typing\.Literal\[([^\]]*)\]")
CLASS = re.compile(
    r'Parser key "(?P<key>[^"]+)":\s+(?:- Expected a path but [^\n]*\s+- )?'
    r"(?P<why>(?:Expected a dot import path|Problem with given class_path|Import path) .*)",
    re.DOTALL,
)
UNKNOWN = re.compile(r"Expected a dot import path string: (?P<name>\S+)")
PROBLEM = re.compile(r"Problem with given class_path '(?P<name>[^']+)':\s+(?P<why>.*)", re.DOTALL)
HELP = re.compile(r"^--(?P<key>\S+)\.help: (?P<why>Expected a dot import path string: .*)")
OPTION = re.compile(r"Option '(?P<option>[^']+)' is not accepted")


def clear(message: str) -> str:
    """What jsonargparse says, shorter where its types drown the value, and with what to do about a class."""
    if "the following arguments are required: fit.model.model" in message:
        return "there is no config. Give one: p2o fit --config configs/quickstart.yaml."
    if found := UNION.search(message) or PLAIN.search(message):
        said = f"{found['key']}: expected {_kinds(found['types'])}, got {found['value'].strip()!r}."
        return message[: found.start()] + said  # whoever passed it on may have said where
    if (found := CLASS.search(message)) and "." in found["key"]:  # of a part: keys of a study have no help of fit
        return f"{message[: found.start()]}{found['key']}: {_class_mistake(found['key'], found['why'].strip())}"
    if found := HELP.search(message):
        return f"{found['key']}: {_class_mistake(found['key'], found['why'])}"
    return message.strip()


def _class_mistake(key: str, why: str) -> str:
    """Why a part cannot be made, and where to look."""
    names = f"`p2o fit --help {key.partition('.')[0]}` names those of p2o"
    if unknown := UNKNOWN.match(why):
        return f"there is no class {unknown['name']!r}. {names}, one of your own is named module.Class."
    if not (problem := PROBLEM.match(why)):
        return f"{why}. {names}."
    kind = problem["name"].rpartition(".")[2]
    if option := OPTION.match(problem["why"]):
        return f"{kind!r} has no option {option['option']!r}. `p2o fit --{key}.help {problem['name']}` lists them."
    if problem["why"].startswith("No module named"):
        return f"{problem['why']}. The folder of your own module must be on the path: PYTHONPATH=FOLDER p2o fit ..."
    return f"{problem['name']}: {problem['why']}"


def _kinds(types: str) -> str:
    """Python's names of types in words."""
    words = [name or values for name, values in TYPE.findall(types)]
    words = list(dict.fromkeys({"NoneType": "null", "Sequence": "a list [...]"}.get(word, word) for word in words))
    return " or ".join(words) or types


def check_configs(words: Sequence[str]) -> None:
    """Reads each config file that the options name.

    Raises:
        InputError: A file is missing, empty or no YAML, or a component's arguments stand beside its class.
    """
    for path in _configs(words):
        content = read_mapping(path, "a YAML config", "sections such as model and data")
        for where, names in _stray(content, ()):
            raise InputError(
                f"{path}: {where}: {', '.join(names)} must stand under init_args: "
                f"{{class_path: ..., init_args: {{{names[0]}: ...}}}}."
            )


def read_mapping(path: Path, kind: str, keys: str) -> dict[str, Any]:
    """The content of a YAML file.

    Args:
        path: Of the file.
        kind: What it should be, for the message.
        keys: What it should have, for the message.

    Raises:
        InputError: It is missing, empty or no YAML of names and values.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected {kind}: {getattr(error, 'strerror', None) or error}.") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise InputError(f"{path}:{line}: expected YAML: {error.problem}.") from error
    if not isinstance(content, dict):
        found = "nothing" if content is None else type(content).__name__
        raise InputError(f"{path}: expected {kind} with {keys}, found {found}.")
    return content


def _configs(words: Sequence[str]) -> Iterator[Path]:
    for number, word in enumerate(words):
        if word in ("--config", "-c") and number + 1 < len(words):
            yield Path(words[number + 1])
        elif word.startswith("--config="):
            yield Path(word.removeprefix("--config="))


def _stray(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:  # noqa: ANN401 (any YAML)
    """Where arguments stand beside a class_path."""
    if isinstance(value, dict):
        if "class_path" in value and (
            names := [str(n) for n in value if n not in ("class_path", "init_args", "dict_kwargs")]
        ):
            yield ".".join(path), names
        for name, part in value.items():
            yield from _stray(part, (*path, str(name)))
