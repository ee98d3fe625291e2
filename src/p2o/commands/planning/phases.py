"""Rollouts, tokens, seconds and money of each phase."""

from dataclasses import dataclass, replace

from p2o.commands.planning.calibration import Measured
from p2o.commands.planning.evolution_size import largest_budget, most_calls
from p2o.commands.planning.prices import Paid, Prices, prices_of
from p2o.commands.planning.run import PlannedRun
from p2o.commands.planning.span import NOTHING, Span
from p2o.reflectors.self_reflector import SelfReflector
from p2o.rollouts import PromptedTeacher, padded

EXAMPLE_OVERHEAD = 60  # tokens of headings and feedback of an example in the reflection prompt, roughly
PROMPT_OVERHEAD = 250  # tokens of the reflection prompt itself, roughly
LONGER = 1.5  # completions under evolved templates may be as much longer than under one that asks for steps


@dataclass(frozen=True)
class Phase:
    """The whole run's share of one phase.

    Args:
        name: What the phase is called on the page.
        rollouts: Completions, or calls.
        prompt_tokens: Tokens that are read.
        completion_tokens: Tokens that are written.
        seconds: On all processes together; None if nobody measured.
        money: By the prices of who is paid; None if they are not set or nothing is paid.
    """

    name: str
    rollouts: Span
    prompt_tokens: Span
    completion_tokens: Span
    seconds: Span | None
    money: Span | None = None


@dataclass(frozen=True)
class Lengths:
    """How many tokens a prompt has, and how many its completion."""

    prompt: Span
    completion: Span


def phases(
    run: PlannedRun, measured: Measured | None, paid: Paid, length: int = 0, longer: float = LONGER
) -> list[Phase]:
    """Each phase that the run has; without a measurement a completion has from one token to the limit.

    Args:
        run: The run that is planned.
        measured: Its pace, if it was calibrated.
        paid: The prices of reflector and teacher.
        length: Tokens that completions are expected to have on average; 0: not known.
        longer: How many times as long as under a template that asks for steps completions may become.
    """
    sampled = run.module.sampler.forecast(run.workload)
    longest = float(run.module.sampling.max_completion_length)
    usual = measured.completion_length if measured else 1.0
    unknown = Span.exactly(length) if length else Span(usual, longest)
    prompt = Span(run.mean_length, run.mean_length + run.longest_template)
    lengths = Lengths(
        prompt, unknown if length or not measured else _templated(run, measured, longer, "teacher" in sampled)
    )
    # The first epoch has no templates.
    first = Lengths(prompt, Span.exactly(usual)) if measured and not length and run.evolves else lengths
    trained = Lengths(prompt, (first.completion + lengths.completion * (run.epochs - 1)) * (1 / run.epochs))
    train = Span(*sampled.get("train", (0, 0)))
    templated = run.epochs - 1 if run.evolves else 0  # epochs with a template to validate
    validation = Span(run.epochs, run.epochs + templated) * padded(len(run.data.validation_questions), run.processes)
    found = [_rollouts("training rollouts", train, trained, run, measured)] if train.high else []
    for writer in run.writers:
        each = Span(*sampled["hints"]) * (1 / len(run.writers))
        hints = _reflection(each, lengths, run, writer, 1, measured, prices_of(writer))
        found.append(replace(hints, name="hints", seconds=hints.seconds and hints.seconds * (1 / run.processes)))
    if "teacher" in sampled:
        found.append(_teacher(Span(*sampled["teacher"]), unknown, run, measured, paid.teacher))
    found += [_updates(run, trained, measured), _rollouts("validation", validation, lengths, run, measured)]
    if run.probe:
        # Bare answers of a policy serve both half-steps, and templates come with the second epoch.
        bare = run.data.num_generations
        under = max(0, bare - run.data.bare_rollouts.extremes(run.epochs)[0])
        probe = Span((run.epochs + 1) * bare, (run.epochs + 1) * bare + 2 * templated * under) * run.probe
        found.append(_rollouts("fixed_questions", probe, lengths, run, measured))
    if run.evolves:
        evolution = Span(0, templated * largest_budget(run))
        found.append(_rollouts("evolution", evolution, lengths, run, measured))
        examples = run.evolution.search_settings(0).mini_batch_size
        calls = Span(0, templated * most_calls(run))
        found.append(_reflection(calls, lengths, run, run.reflector, examples, measured, paid.reflector))
        for judge in run.judges:
            judged = _reflection(calls * examples, lengths, run, judge, 1, measured, prices_of(judge))
            found.append(replace(judged, name="judgements"))
    return found


def middle(run: PlannedRun, measured: Measured, paid: Paid, length: int = 0) -> float:
    """Seconds of a run between its ends: no bound but a guess, whose assumptions the page says.

    After the first epoch completions are as long as under a template that asks for steps; updates, evolution and
    reflection are half way between least and most, and so are training rollouts whose number depends on failures;
    times are not off.
    """
    found = phases(run, replace(measured, noise=1.0), paid, length, longer=1.0)
    whole = ("training rollouts", "validation", "fixed_questions")
    total = 0.0
    for phase in found:
        if phase.seconds:
            open_ended = phase.name == "training rollouts" and phase.rollouts.low < phase.rollouts.high
            full = phase.name in whole and not open_ended
            total += phase.seconds.high if full else (phase.seconds.low + phase.seconds.high) / 2
    return total


def _templated(run: PlannedRun, measured: Measured, longer: float, taught: bool) -> Span:
    """Tokens of a completion: templates lengthen it, those of the bare prompt, too, once they are distilled into it.

    What a teacher writes may have any length.
    """
    usual, limit = measured.completion_length, float(run.module.sampling.max_completion_length)
    if taught:
        return Span(usual, limit)
    if not run.evolves and not run.writers:
        return Span.exactly(usual)
    return Span(usual, min(limit, longer * max(usual, measured.templated_length)))


def _rollouts(name: str, count: Span, lengths: Lengths, run: PlannedRun, measured: Measured | None) -> Phase:
    """Rollouts are shared among the processes."""
    tokens = count * lengths.completion
    seconds = measured.rollout.seconds(count, tokens) * measured.spread * (1 / run.processes) if measured else None
    return Phase(name, count, count * lengths.prompt, tokens, seconds)


def _teacher(count: Span, length: Span, run: PlannedRun, measured: Measured | None, prices: Prices) -> Phase:
    """How long one over the network takes is not known."""
    teacher = vars(run.module.sampler).get("teacher")
    if isinstance(teacher, PromptedTeacher):
        template = len(run.renderer.tokenizer.encode(teacher.template, add_special_tokens=False))
    else:
        template, measured = 0, None
    phase = _rollouts("teacher", count, Lengths(Span.exactly(run.mean_length + template), length), run, measured)
    return replace(phase, money=prices.money(phase.prompt_tokens, phase.completion_tokens))


def _updates(run: PlannedRun, lengths: Lengths, measured: Measured | None) -> Phase:
    """Groups without signal cost nothing; how many there will be is not known."""
    seconds = None
    if measured:
        rows = Span(measured.signal * run.workload.completions, run.workload.completions)
        seconds = measured.row.seconds(rows, rows * lengths.completion) * measured.spread * (1 / run.processes)
    return Phase("updates", NOTHING, NOTHING, NOTHING, seconds)


def _reflection(
    calls: Span,
    lengths: Lengths,
    run: PlannedRun,
    reflector: object,
    examples: int,
    measured: Measured | None,
    prices: Prices,
) -> Phase:
    """Calls of the policy itself are timed by their tokens, a teacher's time is not known; a list is no model."""
    if isinstance(reflector, SelfReflector):
        reply, calls = reflector.sampling.max_completion_length, calls * reflector.attempts
    else:
        reply, measured = vars(reflector).get("max_reply_length", 0), None
    example = run.mean_length + lengths.completion.high + EXAMPLE_OVERHEAD
    prompt = PROMPT_OVERHEAD + examples * example if reply else 0
    read, written = calls * prompt, calls * reply
    seconds = measured.rollout.seconds(calls, written) * measured.spread if measured else None
    return Phase("reflection", calls, read, written, seconds, prices.money(read, written))
