"""A hint of its own for a question that no rollout solves, written by the policy from the gold answer."""

from collections.abc import Sequence
from typing import Any

from p2o.distributed.processes import gather
from p2o.distributed.unions import concatenated, first_rank_wins
from p2o.endpoints import ZERO_USAGE, Usage
from p2o.errors import InputError
from p2o.logprobs.rope import settled_window
from p2o.logprobs.shards import is_sharded
from p2o.questions.answer_leak import gives_away
from p2o.reflectors import ReflectionContext, ReflectionJob, Reflector
from p2o.reflectors.feedback import to_example
from p2o.rollouts import Group, RolloutStep, SampledGroups, Sampler, Workload
from p2o.seeds import derive_seed
from p2o.types import MixtureItem, Question


class SelfHints(Sampler):
    """Where all K rollouts of a question fail, K - 1 are rolled out again under a hint, and one failure stays.

    After NuRL (arXiv 2509.25666) and SAGE (arXiv 2602.03143), whose abstracts were read; the reflection prompt, the
    guard, and that a hint is written once and kept, are ours. A hint is a template of one question, and the context
    estimator decides what the gradient makes of it (`Templated` learns under the hint, `Masked` distils it). The
    failures that make room are mined and counted, but not learnt from. Hints are kept in the checkpoint; what their
    writing took is counted as `hints` in the summary.

    Args:
        reflector: Writes a hint from one failure and the gold answer; `SelfReflector` with `weights: current` is the
            policy itself. A hint that holds the gold answer is rejected, and its question stays bare.
    """

    def __init__(self, reflector: Reflector) -> None:
        self.reflector = reflector
        self.hints: dict[str, str] = {}  # question id -> hint
        self.spent = ZERO_USAGE  # by all processes, in the run so far

    def __call__(self, items: Sequence[MixtureItem], step: RolloutStep) -> SampledGroups:
        """The groups of the items, those without any success hinted."""
        if is_sharded(step.policy):
            raise InputError("SelfHints needs the whole policy on each process, not trainer.strategy: sharded.")
        groups = step.roll_out(items)
        failed = [group for group in groups if not any(rollout.correct for rollout in group)]
        mine, usage = self._write(failed, step)
        hints, spent = self.hints | first_rank_wins(mine), sum(concatenated([usage]), self.spent)
        hinted = [group for group in failed if group[0].question.id in hints]
        train, dropped = groups, list[Group]()
        if any(gather(bool(hinted))):
            again = [MixtureItem(one[0].question, (hints[one[0].question.id],) * (len(one) - 1)) for one in hinted]
            new = {id(group): rollouts for group, rollouts in zip(hinted, step.roll_out(again, 1), strict=True)}
            kept = {id(group): next((one for one in group if not one.template), group[0]) for group in hinted}
            train = [[*new[id(group)], kept[id(group)]] if id(group) in new else group for group in groups]
            dropped = [[one for one in group if one is not kept[id(group)]] for group in hinted]
        self.hints, self.spent = hints, spent  # last: a step that a signal ends is done anew
        return SampledGroups(train, dropped)

    def _write(self, failed: Sequence[Group], step: RolloutStep) -> tuple[dict[str, str], Usage]:
        """Has hints written for the questions that have none: those that are usable, and what all of them cost."""
        first = {group[0].question.id: group[0] for group in failed if group[0].question.id not in self.hints}
        worker = step.worker
        jobs = [
            ReflectionJob(
                "", (to_example(rollout, worker.renderer.instruction),), derive_seed(step.seed, "hint", name), number
            )
            for number, (name, rollout) in enumerate(first.items(), len(self.hints))
        ]
        context = ReflectionContext(worker.engine, worker.renderer, step.policy, step.initial_policy, self.spent)
        proposals = self.reflector.reflect(jobs, context) if jobs else []
        usage = sum((proposal.usage for proposal in proposals), ZERO_USAGE)
        worker.counts.rollouts["hints"] = worker.counts.rollouts.get("hints", 0) + len(proposals)
        worker.counts.tokens["hints"] = worker.counts.tokens.get("hints", 0) + usage.completion_tokens
        written = zip((rollout.question for rollout in first.values()), proposals, strict=True)
        return {asked.id: one.template for asked, one in written if self._usable(asked, one.template, step)}, usage

    def _usable(self, question: Question, hint: str, step: RolloutStep) -> bool:
        """Whether there is a hint that keeps the answer to itself, and fits into the window without control tokens."""
        renderer = step.worker.renderer
        if not hint or gives_away(hint, question) or renderer.special_token_in(hint):
            return False
        room = settled_window(step.policy) - step.sampling.max_completion_length
        return len(renderer.question(question.text, hint)) <= room

    def forecast(self, work: Workload) -> dict[str, tuple[int, int]]:
        """From no hint to one for every question in every epoch."""
        again = work.epochs * work.samples * (work.num_generations - 1)
        return {"train": (work.completions, work.completions + again)}

    def state_dict(self) -> dict[str, Any]:
        """The hints, and what they cost."""
        return {"hints": dict(sorted(self.hints.items())), "spent": self.spent.plain()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over the hints of the run that is resumed."""
        self.hints, self.spent = dict(state["hints"]), Usage(**state["spent"])
