"""The plan as text."""

from collections.abc import Sequence
from datetime import timedelta

from p2o.planning.calibration import Measured
from p2o.planning.memory import Memory
from p2o.planning.phases import Phase
from p2o.planning.run import EvolutionSize

GIB = 2**30


def page(
    head: str,
    phases: Sequence[Phase],
    sizes: Sequence[EvolutionSize],
    memory: Memory,
    measured: Measured | None,
    warnings: Sequence[str],
) -> str:
    """All that `p2o plan` says."""
    blocks = [head, _cost(phases, measured), _splits(sizes), _memory(memory, measured)]
    found = "\n".join(f"- {warning}" for warning in warnings) or "none found"
    return "\n\n".join([*blocks, f"settings that contradict each other\n{found}"])


def _cost(phases: Sequence[Phase], measured: Measured | None) -> str:
    lines = [f"{'phase':<22}{'rollouts':>10}{'prompt tokens':>16}{'completion tokens':>19}{'time':>22}{'money':>10}"]
    lines += [_line(phase) for phase in [*phases, total(phases)]]
    if measured is None:
        lines.append("No calibration: every completion is counted as long as it may be, and times are not known.")
    else:
        lines.append(
            f"Calibrated on {measured.rollouts} rollouts: {measured.completion_length:.0f} tokens and "
            f"{measured.rollout_seconds:.3g} s each, {measured.row_seconds:.3g} s of update each; "
            f"{measured.hard:.0%} of their questions are hard, {measured.signal:.0%} have signal.\nCompletions are "
            "taken to stay as long as these bare ones; templates often make them longer.\nThe longer time has every "
            "group with signal, the shorter one the share just measured."
        )
    return "\n".join(lines)


def total(phases: Sequence[Phase]) -> Phase:
    """All phases together; its time leaves out what is not known."""
    times = [phase.seconds for phase in phases if phase.seconds]
    money = [phase.money for phase in phases if phase.money]
    return Phase(
        "total",
        sum(phase.rollouts for phase in phases),
        sum(phase.prompt_tokens for phase in phases),
        sum(phase.completion_tokens for phase in phases),
        (sum(low for low, _ in times), sum(high for _, high in times)) if times else None,
        sum(money) or None,
    )


def _line(phase: Phase) -> str:
    time = "-"
    if phase.seconds:
        low, high = (str(timedelta(seconds=round(seconds))) for seconds in phase.seconds)
        time = low if low == high else f"{low} - {high}"
    money = f"{phase.money:.2f}" if phase.money else "-"
    counts = f"{phase.rollouts:>10,}{phase.prompt_tokens:>16,.0f}{phase.completion_tokens:>19,.0f}"
    return f"{phase.name:<22}{counts}{time:>22}{money:>10}"


def _splits(sizes: Sequence[EvolutionSize]) -> str:
    lines = [f"{'hard questions':<16}{'dev':>6}{'train':>7}{'budget':>9}{'reflections':>13}   evolution"]
    for size in sizes:
        counts = f"{size.hard:<16,}{size.dev:>6,}{size.train:>7,}{size.budget:>9,}{size.calls:>13,}"
        lines.append(f"{counts}   {(size.reason and f'none: {size.reason}') or 'yes'}")
    return "\n".join(lines)


def _memory(memory: Memory, measured: Measured | None) -> str:
    parts = {
        "weights": memory.weights,
        "gradients": memory.gradients,
        "Adam": memory.adam,
        "activations": memory.activations,
        "KV cache": memory.cache,
    }
    listed = ", ".join(f"{name} {size / GIB:.2f}" for name, size in parts.items())
    text = f"memory of a process, roughly: {memory.total / GIB:.2f} GiB ({listed}; of the last two the larger counts)"
    if measured and measured.device_bytes:
        text += f"\nmeasured on the GPU during calibration: {measured.device_bytes / GIB:.2f} GiB"
    return text
