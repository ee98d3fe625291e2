"""Sets the plan as text for the console."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from p2o.commands.planning.calibration import Measured
from p2o.commands.planning.evolution_size import EvolutionSize
from p2o.commands.planning.memory import GIB, Memory
from p2o.commands.planning.pace import Pace
from p2o.commands.planning.phases import Phase
from p2o.commands.planning.span import NOTHING, Span


def page(
    head: str,
    phases: Sequence[Phase],
    middle: float,
    sizes: Sequence[EvolutionSize],
    memory: Memory,
    device: int,
    measured: Measured | None,
    warnings: Sequence[str],
) -> str:
    """All that `p2o plan` prints, block by block.

    Args:
        head: What run it is.
        phases: What each phase costs.
        middle: Seconds of a run between the ends, if there was a measurement.
        sizes: What evolutions look like.
        memory: What a process needs.
        device: The bytes that its device has; 0: not known.
        measured: What the calibration measured, if there was one.
        warnings: Settings that contradict each other.
    """
    blocks = [head, _cost(phases, middle, measured), _splits(sizes), _memory(memory, device, measured)]
    found = "\n".join(f"- {warning}" for warning in warnings) or "none found"
    return "\n\n".join([*blocks, f"settings that contradict each other\n{found}"])


def _cost(phases: Sequence[Phase], middle: float, measured: Measured | None) -> str:
    rows: list[tuple[str, ...]] = [("phase", "rollouts", "prompt tokens", "completion tokens", "time", "money")]
    rows += [_cells(phase) for phase in [*phases, total(phases)]]
    widths = [max(map(len, column)) + 2 for column in zip(*rows, strict=True)]
    lines = [
        name.ljust(widths[0]) + "".join(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        for name, *cells in rows
    ]
    if measured is None:
        lines.append("No calibration: a completion has from one token to the limit, and times are not known.")
    else:
        lines.append(
            f"Calibrated on {measured.rollouts} rollouts: {measured.completion_length:.0f} tokens each "
            f"({measured.templated_length:.0f} if asked for steps), {_pace(measured.rollout, measured)} and "
            f"{_pace(measured.row, measured)} of update; {measured.hard:.0%} of their questions\nare hard, "
            f"{measured.signal:.0%} have signal. The shorter times are those of a run in which that stays so; in the "
            "longer ones every group has signal,\nand templates make completions half as long again as asking for "
            f"steps does (a teacher: up to the limit).{_machine(measured)}"
        )
    evolves = any(phase.name == "evolution" for phase in phases)
    if evolves:
        lines.append("Evolution goes from none to its whole budget, however many questions are hard.")
    if any(phase.name == "hints" for phase in phases):
        lines.append("Hints go from none to one for every question that could fail, each tried in full.")
    if measured:
        lines.append(f"A guess between the two: {timedelta(seconds=round(middle))}, with {_assumed(phases)}.")
    return "\n".join(lines)


def _assumed(phases: Sequence[Phase]) -> str:
    """What the guess takes for granted."""
    open_ended = any(phase.name == "training rollouts" and phase.rollouts.low < phase.rollouts.high for phase in phases)
    names = {phase.name for phase in phases}
    halved = ["training rollouts"] * open_ended + ["updates"]
    halved += [name for name in ("evolution", "hints") if name in names]
    listed = f"{', '.join(halved[:-1])} and {halved[-1]}" if len(halved) > 1 else halved[0]
    said = f"{listed} half way between least and most"
    if names & {"evolution", "hints"}:
        said += ", and completions after the first\nepoch as long as asking for steps makes them"
    return said


def total(phases: Sequence[Phase]) -> Phase:
    """All phases together; its time and money leave out what is not known."""
    seconds = [phase.seconds for phase in phases if phase.seconds]
    money = [phase.money for phase in phases if phase.money]
    return Phase(
        "total",
        sum((phase.rollouts for phase in phases), NOTHING),
        sum((phase.prompt_tokens for phase in phases), NOTHING),
        sum((phase.completion_tokens for phase in phases), NOTHING),
        sum(seconds, NOTHING) if seconds else None,
        sum(money, NOTHING) if money else None,
    )


def _cells(phase: Phase) -> tuple[str, ...]:
    counts = (phase.rollouts, phase.prompt_tokens, phase.completion_tokens)
    return (
        phase.name,
        *(_span(count, lambda number: f"{number:,.0f}") for count in counts),
        _span(phase.seconds, lambda seconds: str(timedelta(seconds=round(seconds)))),
        _span(phase.money, lambda money: f"{money:,.2f}"),
    )


def _span(span: Span | None, show: Callable[[float], str]) -> str:
    if span is None:
        return "-"
    low, high = show(span.low), show(span.high)
    return low if low == high else f"{low} - {high}"


def _pace(pace: Pace, measured: Measured) -> str:
    return f"{(pace.rollout + pace.token * measured.completion_length) * measured.busy:.3g} s"


def _machine(measured: Measured) -> str:
    """Whether others had much of the machine; two threads never work at the same time throughout."""
    given = min(1.0, measured.idle / measured.busy)
    if given > 0.5:
        return ""
    return f"\nThe machine was busy: it gave this process {given:.0%} of its threads' time, and is taken to stay so."


def _splits(sizes: Sequence[EvolutionSize]) -> str:
    lines = [f"{'hard questions':<16}{'dev':>6}{'train':>7}{'budget':>9}{'reflections':>13}   evolution"]
    for size in sizes:
        counts = f"{size.hard:<16,}{size.dev:>6,}{size.train:>7,}{size.budget:>9,}{size.calls:>13,}"
        lines.append(f"{counts}   {(size.reason and f'none: {size.reason}') or 'yes'}")
    return "\n".join(lines)


def _memory(memory: Memory, device: int, measured: Measured | None) -> str:
    parts = {
        "weights": memory.weights,
        "Adam": memory.adam,
        **({"kept by DDP and vLLM": memory.kept} if memory.kept else {}),
        "gradients and activations": memory.gradients + memory.activations,
        "rollouts": memory.sampling,
    }
    listed = ", ".join(f"{name} {size / GIB:.2f}" for name, size in parts.items())
    text = f"memory of a process, roughly: {memory.total / GIB:.2f} GiB ({listed}; of the last two the larger counts)"
    if memory.uncounted:
        text += (
            f"\nvLLM's share of the GPU ({memory.uncounted:g}) is not counted, only what it needs at least: name the "
            "GPU by --memory GIB."
        )
    if device:
        fits = "fits" if memory.total <= device else "does NOT fit"
        text += f"\nIt {fits} into the {device / GIB:.0f} GiB of the device."
    if measured and measured.device_bytes:
        text += f"\nmeasured on the GPU during calibration: {measured.device_bytes / GIB:.2f} GiB"
    return text
