"""Rollouts, tokens, seconds and money of each phase."""

from dataclasses import dataclass

from p2o.planning.calibration import Measured
from p2o.planning.run import EvolutionSize, PlannedRun
from p2o.reflectors.self_reflector import SelfReflector

EXAMPLE_OVERHEAD = 60  # tokens of headings and feedback of an example in the reflection prompt, roughly
PROMPT_OVERHEAD = 250  # tokens of the reflection prompt itself, roughly


@dataclass(frozen=True)
class Phase:
    """The whole run's share of one phase.

    Args:
        name: Of the phase.
        rollouts: Completions, or calls.
        prompt_tokens: Read.
        completion_tokens: Written.
        seconds: At least and at most, on all processes together; None if nobody measured.
        money: By the teacher's prices; None if they are not set or nothing is paid.
    """

    name: str
    rollouts: int
    prompt_tokens: float
    completion_tokens: float
    seconds: tuple[float, float] | None
    money: float | None = None


@dataclass(frozen=True)
class Prices:
    """Of a million tokens; 0 if they are not set."""

    prompt: float = 0.0
    completion: float = 0.0


def phases(run: PlannedRun, size: EvolutionSize, measured: Measured | None, prices: Prices) -> list[Phase]:
    """Training, validation and evolution; without a measurement each completion is as long as it may be.

    Args:
        run: The run.
        size: Of each of its evolutions.
        measured: Its pace.
        prices: Of the teacher.
    """
    length = measured.completion_length if measured else float(run.module.sampling.max_completion_length)
    train = run.epochs * run.questions * run.data.num_generations
    evolutions = 0 if size.reason else run.epochs - 1
    contexts = run.epochs + evolutions  # bare in every epoch, templated once there is a template
    validation = contexts * len(run.data.validation_questions)
    found = [
        _rollouts("training rollouts", train, run, length, measured, run.processes),
        _updates(train, measured, run.processes),
        _rollouts("validation", validation, run, length, measured, run.processes),
    ]
    if evolutions:
        found.append(_rollouts("evolution (at most)", evolutions * size.budget, run, length, measured, run.processes))
        found.append(_reflection(evolutions * size.calls, run, length, measured, prices))
    return found


def _rollouts(
    name: str, count: int, run: PlannedRun, length: float, measured: Measured | None, processes: int
) -> Phase:
    seconds = count * measured.rollout_seconds / processes if measured else 0.0
    return Phase(name, count, count * run.mean_length, count * length, (seconds, seconds) if measured else None)


def _updates(rows: int, measured: Measured | None, processes: int) -> Phase:
    """Groups without signal cost nothing; how many there will be is not known."""
    most = rows * measured.row_seconds / processes if measured else 0.0
    return Phase("updates", 0, 0, 0, (most * measured.signal, most) if measured else None)


def _reflection(calls: int, run: PlannedRun, length: float, measured: Measured | None, prices: Prices) -> Phase:
    """Calls if no child is ever accepted; the policy's own are timed by their tokens, a teacher's time is not known."""
    reflector = run.evolution.reflector
    reply = float(vars(reflector).get("max_reply_length", 0)) or length
    example = run.mean_length + length + EXAMPLE_OVERHEAD
    prompt = PROMPT_OVERHEAD + run.evolution.settings(budget=0).mini_batch_size * example
    money = (calls * prompt * prices.prompt + calls * reply * prices.completion) / 1e6
    seconds = None
    if measured and isinstance(reflector, SelfReflector):
        seconds = (0.0, calls * measured.rollout_seconds * reply / length)
    return Phase("reflection (at most)", calls, calls * prompt, calls * reply, seconds, money or None)
