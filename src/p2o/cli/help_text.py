"""The full help of the Trainer's commands as it comes with p2o: making it loads torch and Lightning, for seconds."""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

import p2o

PACKAGE = Path(p2o.__file__).parent
FOLDER = PACKAGE / "cli" / "full_help"  # `make full-help` writes it: a first line with the shape, then the help
_SECTIONS = PACKAGE / "cli" / "sections.py"


def full_help(command: str) -> str:
    """The help of a command of the Trainer, with every option.

    It is read from the package if p2o's classes are those that it was written for, and made anew in a working copy
    whose classes have changed since.
    """
    of, _, text = path_of(command).read_text(encoding="utf-8").partition("\n")
    if of == shape():
        return text
    from p2o.cli.trainer import live_help

    return live_help(command)


def path_of(command: str) -> Path:
    """The file with the help of a command."""
    return FOLDER / f"{command}.txt"


def shape() -> str:
    """Ten digits of what shapes a help in p2o's sources: classes, their docstrings and signatures, and the sections."""
    digest = hashlib.blake2b(_SECTIONS.read_bytes(), digest_size=5)
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef):
                told = "\n".join(_told(node, source.splitlines()))
                digest.update(f"{path.relative_to(PACKAGE).as_posix()}\n{told}\n".encode())
    return digest.hexdigest()


def _told(node: ast.ClassDef, lines: list[str]) -> Iterator[str]:
    """What a help may tell of a class, as it is written: another Python would unparse it in another way."""
    yield from _head(node, lines)
    yield ast.get_docstring(node) or ""
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            yield from _head(part, lines)
        elif isinstance(part, ast.AnnAssign):  # a field of a dataclass
            yield from lines[part.lineno - 1 : part.end_lineno]


def _head(node: ast.ClassDef | ast.FunctionDef, lines: list[str]) -> list[str]:
    """The lines of a definition before its body."""
    return lines[node.lineno - 1 : max(node.lineno, node.body[0].lineno - 1)]
