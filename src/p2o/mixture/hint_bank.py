"""Hints of single questions, written by a reflector from a failure and the gold answer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from p2o.distributed.processes import gather, together
from p2o.distributed.unions import concatenated, first_rank_wins
from p2o.endpoints import ZERO_USAGE, Usage
from p2o.engines.base import RolloutEngine
from p2o.engines.vllm.one_asleep import sleep_problems
from p2o.errors import InputError
from p2o.logprobs.rope import settled_window
from p2o.logprobs.shards import is_sharded
from p2o.questions.answer_leak import gives_away
from p2o.reflectors import Proposal, ReflectionContext, ReflectionFailed, ReflectionJob, Reflector
from p2o.reflectors.feedback import to_example
from p2o.rollouts import Group, RolloutStep, StepFailed
from p2o.seeds import derive_seed
from p2o.types import Question


@dataclass(frozen=True)
class HintBank:
    """The hints that were written, each once, and what the writing cost all processes.

    Args:
        hints: By question id; "" where what the step under way was given is not usable, so that it asks no second time.
        spent: In the run so far, for hints that were rejected too.
    """

    hints: Mapping[str, str] = field(default_factory=dict)
    spent: Usage = ZERO_USAGE

    def extended(
        self, reflector: Reflector, failed: Sequence[Group], step: RolloutStep, *tier: int
    ) -> tuple["HintBank", StepFailed | None]:
        """The bank with hints for the questions that had none, those that are usable; and why some were not written.

        All processes must take part, each with its own groups. Of a failure on one of them all are told.

        Args:
            reflector: Writes them, from the first rollout of each group.
            failed: Groups without any success.
            step: The training step that rolled them out.
            tier: Of several banks: which it is, for the seeds.
        """
        first = {group[0].question.id: group[0] for group in failed if group[0].question.id not in self.hints}
        worker = step.worker
        jobs = [
            ReflectionJob(
                "",
                (to_example(rollout, worker.renderer.instruction),),
                derive_seed(step.seed, "hint", name, *tier),
                number,
            )
            for number, (name, rollout) in enumerate(first.items(), len(self.hints))
        ]
        context = ReflectionContext(worker.engine, worker.renderer, step.policy, step.initial_policy, self.spent)
        # All of them ask, with no job too: it is the first process that gives rollout servers the weights that reflect.
        asks = any(gather(bool(jobs)))
        ask = partial(_reflect, reflector, jobs, context)
        proposals, usage, failure = together(ask) if asks else ([], ZERO_USAGE, "")  # a signal ends it on all
        came = len(proposals) - proposals.count(None)
        worker.counts.rollouts["hints"] = worker.counts.rollouts.get("hints", 0) + came
        worker.counts.tokens["hints"] = worker.counts.tokens.get("hints", 0) + usage.completion_tokens
        questions = [rollout.question for rollout in first.values()]
        written = [(asked, one.template) for asked, one in zip(questions, proposals, strict=not failure) if one]
        mine = {asked.id: hint if _usable(asked, hint, step) else "" for asked, hint in written}
        usable = first_rank_wins({name: hint for name, hint in mine.items() if hint})
        costs = concatenated([usage])
        bank = HintBank({**self.hints, **first_rank_wins(mine), **usable}, sum(costs, self.spent))
        told = next(filter(None, concatenated([failure])), "")
        return bank, StepFailed(told, paid=any(cost.tokens for cost in costs)) if told else None

    def settled(self) -> "HintBank":
        """The bank at the end of a step: the next one may ask anew for what was not usable."""
        return replace(self, hints={name: hint for name, hint in self.hints.items() if hint})

    def state_dict(self) -> dict[str, Any]:
        """The hints in order of their questions, and what they cost."""
        return {"hints": dict(sorted(self.hints.items())), "spent": self.spent.plain()}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "HintBank":
        """The bank whose state it is."""
        return cls(dict(state["hints"]), Usage(**state["spent"]))


def _reflect(
    reflector: Reflector, jobs: Sequence[ReflectionJob], context: ReflectionContext
) -> tuple[Sequence[Proposal | None], Usage, str]:
    """What was proposed, what it cost, and why not all is proposed; "" if it is."""
    try:
        proposals = reflector.reflect(jobs, context)
    except ReflectionFailed as failed:
        return failed.proposals, failed.usage, str(failed)
    return proposals, sum((proposal.usage for proposal in proposals), ZERO_USAGE), ""


def hint_problems(reflectors: Iterable[Reflector], engine: RolloutEngine, sampler: str) -> Iterator[str]:
    """A reflector that samples on an engine which several processes must call together: each asks when it needs to.

    Or on one that a process can have once, beside another such engine.
    """
    others = [engine]
    for reflector in reflectors:
        yield from sleep_problems(reflector.name, reflector.own_engine, others)
        others += engines_of([reflector])
        processes = (reflector.own_engine or engine).processes
        if reflector.samples and processes > 1:
            yield (
                f"model.sampler: {sampler} asks {reflector.name} on each process by itself, and {processes} "
                "processes hold its engine's model together (engine.tensor_parallel_size). Take TeacherReflector, or a "
                "tensor_parallel_size of 1."
            )


def engines_of(reflectors: Iterable[Reflector]) -> list[RolloutEngine]:
    """Those that reflectors have for themselves."""
    return [engine for reflector in reflectors if (engine := reflector.own_engine) is not None]


def check_whole(step: RolloutStep, sampler: str) -> None:
    """Refuses a policy in shards: each process asks for the hints of its own questions.

    Raises:
        InputError: The policy lies in shards.
    """
    if is_sharded(step.policy):
        raise InputError(f"{sampler} needs the whole policy on each process, not trainer.strategy: sharded.")


def _usable(question: Question, hint: str, step: RolloutStep) -> bool:
    """Whether there is a hint that keeps the answer to itself, and fits into the window without control tokens."""
    renderer = step.worker.renderer
    if not hint or gives_away(hint, question) or renderer.special_token_in(hint):
        return False
    room = step.worker.engine.fitting(settled_window(step.policy)) - step.sampling.max_completion_length
    return len(renderer.question(question.text, hint)) <= room
