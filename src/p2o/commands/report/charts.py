"""Values -> figures, drawn by matplotlib as SVG. Titles and labels are plain text: no mathtext, whatever is in them."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import nan
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.legend import Legend
from matplotlib.ticker import MaxNLocator, PercentFormatter

from p2o.commands.report.blocks import Figure, ValueTable
from p2o.commands.report.palette import COLOURS, HATCHES, MARKERS

STYLE = {
    "text.parse_math": False,  # a run may be called "$x"
    "svg.fonttype": "none",  # letters as text: a fifth of the size
    "svg.hashsalt": "p2o",  # equal figures are equal files
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.edgecolor": "#555555",
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.5,
    "legend.frameon": False,
}
SIZE = (4.6, 3.0)  # inches: letters of 9 points stay readable on a phone


@dataclass(frozen=True)
class Line:
    """A curve; None where there is no value.

    Args:
        label: What the legend says.
        y: The values.
        low: The low ends of their intervals, if they have any.
        high: The high ends.
        look: Chooses colour and mark.
        dashed: Whether the line is dashed.
        marked: Whether its points are marked.
    """

    label: str
    y: Sequence[float | None]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    look: int = 0
    dashed: bool = False
    marked: bool = True


def line_chart(
    title: str, x: Sequence[Any], lines: Sequence[Line], xlabel: str, ylabel: str, percent: bool = True
) -> Figure:
    """Curves over common x; shares (0-1) as percentages if `percent`."""
    with _axes(title, xlabel, ylabel) as (canvas, axes):
        numbers = list(range(len(x))) if any(isinstance(value, str) for value in x) else list(x)
        for line in lines:
            colour = COLOURS[line.look % len(COLOURS)]
            axes.errorbar(
                [number + 0.05 * line.look for number in numbers] if line.low else numbers,
                _gaps(line.y),
                yerr=_spans(line) if line.low else None,
                capsize=2,
                elinewidth=0.8,
                label=line.label,
                color=colour,
                marker=MARKERS[line.look % len(MARKERS)] if line.marked else "",
                markersize=4.5,
                markerfacecolor="white" if line.dashed else colour,
                linewidth=1.6,
                linestyle="--" if line.dashed else "-",
            )
        if numbers != list(x):
            axes.set_xticks(numbers, [str(value) for value in x], rotation=45, ha="right")
        elif len(x) <= 12:
            axes.set_xticks(numbers)
            axes.set_xlim(numbers[0] - 0.3, numbers[-1] + 0.3)
        else:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _from_zero(axes, [value for line in lines for value in (*line.y, *line.high) if value is not None])
        if percent:
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        head = [xlabel, *(line.label for line in lines)]
        rows = [[str(value), *(_cell_text(line, index, percent) for line in lines)] for index, value in enumerate(x)]
        return _finished_figure(title, ylabel, canvas, axes, len(lines), ValueTable(title, head, rows, open=False))


def bar_chart(
    title: str, x: Sequence[Any], parts: Mapping[str, Sequence[float]], xlabel: str, ylabel: str, percent: bool = False
) -> Figure:
    """Stacked bars; negative parts hang below zero. A part of zeros is left out and keeps its colour to itself."""
    drawn = {label: values for label, values in parts.items() if any(values)} or parts
    with _axes(title, xlabel, ylabel) as (canvas, axes):
        tops, bottoms = [0.0] * len(x), [0.0] * len(x)
        for index, (label, values) in enumerate(parts.items()):
            if label not in drawn:
                continue
            base = bottoms if min(values, default=0) < 0 else tops
            axes.bar(
                [str(value) for value in x],
                values,
                bottom=list(base),
                label=label,
                width=0.7,
                **bar_look(index),
                edgecolor="white",
                linewidth=0.4,
            )
            base[:] = [left + value for left, value in zip(base, values, strict=True)]
        axes.grid(visible=False, axis="x")
        edge = 0.5 if len(x) > 2 else 1.0  # a single bar is no wall
        axes.set_xlim(-edge, len(x) - 1 + edge)
        if not any(bottoms):
            axes.set_ylim(0, 1.05 * max(*tops, 0.05))
        else:
            axes.axhline(0, color="#333333", linewidth=0.8)
            axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
        if percent:
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        head = [xlabel, *drawn]
        rows = [
            [str(value), *(_number_text(abs(values[index]), percent) for values in drawn.values())]
            for index, value in enumerate(x)
        ]
        return _finished_figure(title, ylabel, canvas, axes, len(parts), ValueTable(title, head, rows, open=False))


def bar_look(index: int) -> dict[str, Any]:
    """Colour and hatch of a part; where colours begin again they come with another hatch."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "hatch": HATCHES[(index + index // len(COLOURS)) % len(HATCHES)],
    }


@contextmanager
def _axes(title: str, xlabel: str, ylabel: str) -> Iterator[tuple[Canvas, Axes]]:
    with rc_context(STYLE):
        canvas = Canvas(figsize=SIZE, layout="constrained")
        axes = canvas.add_subplot()
        axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        yield canvas, axes


def _from_zero(axes: Axes, values: Sequence[float]) -> None:
    """A small change must not look like a large one; curves that fall below zero keep their own range."""
    if values and min(values) >= 0:
        top = max(*values, 0.05)
        axes.set_ylim(-0.04 * top, 1.06 * top)


def _legend(canvas: Canvas, axes: Axes, columns: int) -> Legend:
    lines = axes.get_legend_handles_labels()
    return canvas.legend(*lines, loc="outside lower center", ncols=columns, fontsize=8, handlelength=3)


def _finished_figure(title: str, ylabel: str, canvas: Canvas, axes: Axes, count: int, table: ValueTable) -> Figure:
    if count > 1:
        legend = _legend(canvas, axes, columns=2)
        if legend.get_window_extent().width > canvas.bbox.width:  # long names of runs, cut off side by side
            legend.remove()
            _legend(canvas, axes, columns=1)
    out = io.StringIO()
    canvas.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    last = table.rows[-1] if table.rows else []
    values = "; ".join(f"{label} {value}" for label, value in zip(table.head[1:], last[1:], strict=False))
    alt = f"{title}: {ylabel} by {table.head[0]}. At {last[0]}: {values}." if last else title
    return Figure(title, out.getvalue(), alt, table)


def _gaps(values: Sequence[float | None]) -> list[float]:
    return [nan if value is None else value for value in values]


def _spans(line: Line) -> list[list[float]]:
    """Distances of the interval's ends from the value, never below 0."""
    triples = list(zip(_gaps(line.y), _gaps(line.low), _gaps(line.high), strict=True))
    return [[max(0.0, y - low) for y, low, _ in triples], [max(0.0, high - y) for y, _, high in triples]]


def _cell_text(line: Line, index: int, percent: bool) -> str:
    value = line.y[index]
    if value is None:
        return "–"
    if line.low and (low := line.low[index]) is not None and (high := line.high[index]) is not None:
        return f"{_number_text(value, percent)} [{_number_text(low, percent)}, {_number_text(high, percent)}]"
    return _number_text(value, percent)


def _number_text(value: float, percent: bool) -> str:
    return f"{value:.1%}" if percent else f"{value:g}" if float(value).is_integer() else f"{value:.3f}"
