"""Tables of text as Markdown, LaTeX and HTML."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from tabulate import tabulate


@dataclass(frozen=True)
class TextTable:
    """A table of text; the first column is a name, the others are figures. The title is plain words, no markup."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Page:
    """Tables, and what must be said of them."""

    title: str
    tables: Sequence[TextTable]
    notes: Sequence[str]


def markdown(page: Page) -> str:
    """A page for a console or a README."""
    parts = [f"# {_markdown_text(page.title)}"]
    for table in page.tables:
        parts += [f"## {_markdown_text(table.title)}", _tabulate(table, "pipe", _markdown_text)]
    notes = [f"- {_markdown_text(note)}" for note in page.notes]
    return "\n\n".join([*parts, "\n".join(notes)]) + "\n"


def latex(page: Page) -> str:
    """One `table` after the other, for the package booktabs; the notes are comments."""
    parts = [f"% {_one_line(page.title)}", *(f"% {_one_line(note)}" for note in page.notes)]
    for table in page.tables:
        body = _tabulate(table, "latex_booktabs", _one_line)
        parts.append(f"\\begin{{table}}\n\\centering\n\\caption{{{table.title}}}\n{body}\n\\end{{table}}")
    return "\n".join(parts) + "\n"


def html(page: Page) -> str:
    """A page of its own, without scripts or anything from elsewhere."""
    tables = [f"<h2>{escape(table.title)}</h2>\n{_tabulate(table, 'html', _one_line)}" for table in page.tables]
    notes = "\n".join(f"<li>{escape(note)}</li>" for note in page.notes)
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f"<title>{escape(page.title)}</title>\n"
        "<style>body{font:16px/1.5 system-ui,sans-serif;margin:2em}table{border-collapse:collapse}"
        "th,td{padding:.2em .8em;border-bottom:1px solid #ccc}</style>\n"
        f"<h1>{escape(page.title)}</h1>\n" + "\n".join(tables) + f"\n<ul>\n{notes}\n</ul>\n</html>\n"
    )


def _tabulate(table: TextTable, kind: str, clean: Callable[[str], str]) -> str:
    text: str = tabulate(
        [[clean(cell) for cell in row] for row in table.rows],
        headers=[clean(name) for name in table.header],
        tablefmt=kind,
        disable_numparse=True,  # "1e-4" stays as it is
        colalign=["left", *["right"] * (len(table.header) - 1)],
    )
    return text


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _markdown_text(text: str) -> str:
    """Markdown without HTML, and without bars that would end a cell."""
    return escape(_one_line(text), quote=False).replace("|", "\\|")
