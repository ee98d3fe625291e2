"""A hint of its own for a question that no rollout solves, written by the policy from the gold answer."""

from collections.abc import Iterator, Sequence
from typing import Any

from p2o.distributed.processes import gather
from p2o.engines.base import RolloutEngine
from p2o.mixture.hint_bank import HintBank, check_whole, engines_of, hint_problems
from p2o.objective.engine_correction import EngineCorrection
from p2o.reflectors import Reflector
from p2o.rollouts import Group, RolloutStep, SampledGroups, Sampler, Workload
from p2o.types import MixtureItem


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
        self.bank = HintBank()

    def __call__(self, items: Sequence[MixtureItem], step: RolloutStep) -> SampledGroups:
        """The groups of the items, those without any success hinted.

        Raises:
            StepFailed: The reflector cannot go on.
        """
        check_whole(step, "SelfHints")
        groups = step.roll_out(items)
        failed = [group for group in groups if not any(rollout.correct for rollout in group)]
        self.bank, failure = self.bank.extended(self.reflector, failed, step)  # kept though a signal ends the step
        if failure is not None:
            raise failure
        hints = self.bank.hints
        hinted = [group for group in failed if hints.get(group[0].question.id)]
        train, dropped = groups, list[Group]()
        if any(gather(bool(hinted))):
            again = [MixtureItem(one[0].question, (hints[one[0].question.id],) * (len(one) - 1)) for one in hinted]
            new = {id(group): rollouts for group, rollouts in zip(hinted, step.roll_out(again, 1), strict=True)}
            kept = {id(group): next((one for one in group if not one.template), group[0]) for group in hinted}
            train = [[*new[id(group)], kept[id(group)]] if id(group) in new else group for group in groups]
            dropped = [[one for one in group if one is not kept[id(group)]] for group in hinted]
        self.bank = self.bank.settled()
        return SampledGroups(train, dropped)

    def problems(self, engine: RolloutEngine, correction: EngineCorrection) -> Iterator[str]:
        """A reflector that could not be asked; see `Sampler.problems`."""
        return hint_problems([self.reflector], engine, "SelfHints")

    @property
    def writers(self) -> Sequence[Reflector]:
        """The reflector."""
        return [self.reflector]

    @property
    def own_engines(self) -> Sequence[RolloutEngine]:
        """Those of whoever writes the hints."""
        return engines_of([self.reflector])

    def forecast(self, work: Workload) -> dict[str, tuple[int, int]]:
        """From no hint to one for every question in every epoch: what is not usable is asked for again."""
        most = work.epochs * work.samples
        again = most * (work.num_generations - 1)
        return {"train": (work.completions, work.completions + again), "hints": (0, most)}

    def state_dict(self) -> dict[str, Any]:
        """The hints, and what they cost."""
        return self.bank.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over the hints of the run that is resumed."""
        self.bank = HintBank.of(state)
