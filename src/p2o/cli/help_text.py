"""The full help of the Trainer's commands as it comes with p2o: making it loads torch and Lightning, for seconds."""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

import p2o

PACKAGE = Path(p2o.__file__).parent
FOLDER = PACKAGE / "cli" / "full_help"  # `make full-help` writes it: a first line with the shape, then the help
SECTIONS = PACKAGE / "cli" / "sections.py"
COMMANDS = PACKAGE / "cli" / "trainer.py"


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
    """Ten digits of what shapes a help in p2o's sources.

    These are the classes there are, signatures and docstrings of those that are sections, and the sections' defaults.
    """
    digest = hashlib.blake2b(SECTIONS.read_bytes(), digest_size=5)
    told = {node.id for path in (SECTIONS, COMMANDS) for node in ast.walk(_tree(path)) if isinstance(node, ast.Name)}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in _tree(path).body:
            if isinstance(node, ast.ClassDef):
                lines = path.read_text(encoding="utf-8").splitlines()
                shown = [*_head(node, lines), *(_told(node, lines) if node.name in told else [])]
                digest.update("\n".join([path.relative_to(PACKAGE).as_posix(), *shown]).encode())
    return digest.hexdigest()


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


def _told(node: ast.ClassDef, lines: list[str]) -> Iterator[str]:
    """What the help of a section tells of its class, as it is written: another Python would unparse it otherwise."""
    yield ast.get_docstring(node) or ""
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            yield from _head(part, lines)
        elif isinstance(part, ast.AnnAssign):  # a field of a dataclass
            yield from lines[part.lineno - 1 : part.end_lineno]


def _head(node: ast.ClassDef | ast.FunctionDef, lines: list[str]) -> list[str]:
    """The lines of a definition before its body."""
    return lines[node.lineno - 1 : max(node.lineno, node.body[0].lineno - 1)]
