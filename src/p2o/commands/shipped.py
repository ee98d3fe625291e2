"""The configs and studies that come with p2o, named as `p2o:quickstart` wherever a file could be named."""

import difflib
import re
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

import p2o
from p2o.errors import InputError

PREFIX = "p2o:"

_PACKAGE = Path(p2o.__file__).parent
# The wheel holds them within the package; a checkout has them at its top, where everybody looks for them.
_PLACES = (_PACKAGE / "shipped", _PACKAGE.parent.parent)


def folder(kind: str) -> Path:
    """Where the files of a kind ("configs" or "studies") are."""
    return next(place / kind for place in _PLACES if (place / kind).is_dir())


def names(kind: str) -> list[str]:
    """The names of a kind, without prefix and suffix: whole configs first, then parts in folders such as methods/."""
    root = folder(kind)
    paths = [path.relative_to(root).with_suffix("") for path in root.rglob("*.yaml")]
    return [path.as_posix() for path in sorted(paths, key=lambda path: (len(path.parts), path))]


def path_of(name: str, kind: str = "configs") -> Path:
    """The file that a name stands for; a name without the prefix is the path of a file of the user's own.

    Raises:
        InputError: Nothing of that name comes with p2o.
    """
    if not name.startswith(PREFIX):
        return Path(name)
    short = name.removeprefix(PREFIX).removesuffix(".yaml")
    if short not in (known := names(kind)):
        near = difflib.get_close_matches(short, known, n=1)
        hint = f"Did you mean {PREFIX}{near[0]}? " if near else ""
        raise InputError(f"{name}: nothing of that name comes with p2o. {hint}`p2o configs` lists what does.")
    return folder(kind) / f"{short}.yaml"


def shipped_as(path: Path) -> str:
    """The name of what comes with p2o and lies at `path` in a checkout, such as configs/quickstart.yaml; "" if none."""
    kind, _, short = path.as_posix().removesuffix(".yaml").partition("/")
    return PREFIX + short if kind in ("configs", "studies") and short in names(kind) else ""


def summary(path: Path) -> str:
    """What a config is for: the first sentence of the comment at its top, after the command that runs it."""
    lines = takewhile(lambda line: line.startswith("#"), path.read_text(encoding="utf-8").splitlines())
    text = " ".join(line.removeprefix("#").strip() for line in list(lines)[1:])
    return re.split(r"\.(?: |$)", text.strip(), maxsplit=1)[0]


def with_paths(words: Sequence[str]) -> list[str]:
    """The words of a command line, with paths in place of the names of configs that come with p2o."""
    found, after_option = [], False
    for word in words:
        if after_option:
            word = str(path_of(word))
        elif word.startswith("--config="):
            word = f"--config={path_of(word.removeprefix('--config='))}"
        after_option = word in ("--config", "-c")
        found.append(word)
    return found
