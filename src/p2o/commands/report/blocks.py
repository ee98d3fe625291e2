"""What a report is made of. Texts in it are data: the page escapes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal


@dataclass(frozen=True)
class Heading:
    """The heading of a part of a section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Text:
    """A paragraph: what was found ("plain"; "good", "flag" if it is alarming), or how it was measured ("small")."""

    kind: ClassVar[str] = "text"
    text: str
    look: Literal["plain", "flag", "small", "good"] = "plain"


@dataclass(frozen=True)
class Missing:
    """Why there is nothing here, and what to switch on."""

    kind: ClassVar[str] = "missing"
    text: str


@dataclass(frozen=True)
class ValueTable:
    """Cells as they are shown; `open` if it is no mere double of a figure."""

    kind: ClassVar[str] = "table"
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    open: bool = True


@dataclass(frozen=True)
class Figure:
    """An SVG, what it shows in a sentence, and its values."""

    kind: ClassVar[str] = "figure"
    title: str
    svg: str
    alt: str
    table: ValueTable


@dataclass(frozen=True)
class Figures:
    """Figures that stand side by side where there is room."""

    kind: ClassVar[str] = "figures"
    figures: Sequence[Figure]


@dataclass(frozen=True)
class Node:
    """A template of a lineage tree, with what was asked and answered to get it."""

    title: str
    marks: Sequence[str]
    text: str
    prompt: str = ""
    reply: str = ""
    children: "Sequence[Node]" = ()
    rejected: "Sequence[Node]" = ()
    note: str = ""


@dataclass(frozen=True)
class Tree:
    """The templates of an evolution, each below the one that it was proposed from."""

    kind: ClassVar[str] = "tree"
    caption: str
    note: str
    roots: Sequence[Node]


@dataclass(frozen=True)
class Cell:
    """One completion with its outcome, and the template that it was sampled under."""

    title: str
    outcome: str
    text: str
    template: str = ""


@dataclass(frozen=True)
class CompletionGrid:
    """Completions of one question, a row for each epoch, bare beside templated."""

    kind: ClassVar[str] = "example"
    title: str
    question: str
    answer: str
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Fold:
    """Blocks of one run among several, folded under its name."""

    kind: ClassVar[str] = "fold"
    title: str
    blocks: "Sequence[Block]"


Block = Heading | Text | Missing | ValueTable | Figure | Figures | Tree | CompletionGrid | Fold


@dataclass(frozen=True)
class Section:
    """A part of the report, and the question that it answers."""

    id: str
    title: str
    question: str
    blocks: Sequence[Block]
