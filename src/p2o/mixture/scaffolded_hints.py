"""Hints in an order from abstract to concrete: a question that no rollout solves is given the least that helps."""

import re
from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any

from p2o.distributed.processes import gather
from p2o.engines.base import RolloutEngine
from p2o.errors import InputError
from p2o.mixture.hint_bank import HintBank, check_whole, engines_of, hint_problems
from p2o.objective.engine_correction import EngineCorrection
from p2o.reflectors import Reflector
from p2o.rollouts import Group, RolloutStep, SampledGroups, Sampler, Workload
from p2o.types import MixtureItem, Rollout


class ScaffoldedHints(Sampler):
    """Where all K rollouts of a question fail, hints are tried until one rollout is correct, which replaces a failure.

    After Scaf-GRPO (arXiv 2510.19807): hints come in tiers, the most abstract one first (the paper has knowledge,
    planning and solution), each tier is told in increments that grow, and every increment is tried by one rollout. A
    question that none of them helps stays as it was. The paper's hints are written by a stronger model from a solution
    and all are tried; here a reflector writes each when its turn comes, from one failure and the gold answer, and keeps
    it; a hint that holds the gold answer is rejected. The context estimator decides what the gradient makes of a hint:
    `Templated` learns under it, as the paper does by default, `Replace` under the bare question, as it offers. What was
    tried in vain, and the failures that make room, are mined and counted, but not learnt from.

    Args:
        tiers: A reflector for each tier, in their order; their prompts say how much a hint may tell. The limits of an
            endpoint (`spending`) hold for each tier by itself.
        increments: Parts of its words in which a hint is told, at least 1 (paper: 4).
        warm_up: Epochs at the start without hints, so that nothing is hinted that the policy would find alone (paper:
            the first 15 % of the steps).
    """

    def __init__(self, tiers: list[Reflector], increments: int = 4, warm_up: int = 1) -> None:
        if not tiers or increments < 1 or warm_up < 0:
            raise InputError(
                "ScaffoldedHints: expected one tier or more, increments >= 1 and warm_up >= 0, got "
                f"{len(tiers)}, {increments} and {warm_up}."
            )
        self.tiers = tiers
        self.increments = increments
        self.warm_up = warm_up
        self.banks = [HintBank() for _ in tiers]

    def __call__(self, items: Sequence[MixtureItem], step: RolloutStep) -> SampledGroups:
        """The groups of the items, in each without any success one rollout under the least hint that helps.

        Raises:
            StepFailed: A reflector cannot go on.
        """
        check_whole(step, "ScaffoldedHints")
        groups = step.roll_out(items)
        if step.epoch < self.warm_up:
            return SampledGroups(groups, [])
        failed = [group for group in groups if not any(rollout.correct for rollout in group)]
        tried: dict[int, list[Rollout]] = {id(group): [] for group in failed}  # the last one correct, or none
        for tier, reflector in enumerate(self.tiers):
            unsolved = _unsolved(failed, tried)
            self.banks[tier], failure = self.banks[tier].extended(reflector, unsolved, step, tier)  # kept at a signal
            if failure is not None:
                raise failure
            for part in range(self.increments):
                asked = self._asked(_unsolved(failed, tried), self.banks[tier], part)
                if any(gather(bool(asked))):
                    items = [MixtureItem(group[0].question, (told,)) for group, told in asked]
                    rolled = step.roll_out(items, 1 + tier * self.increments + part)
                    for (group, _), (rollout,) in zip(asked, rolled, strict=True):
                        tried[id(group)].append(rollout)
        helped = {key for key, rollouts in tried.items() if rollouts and rollouts[-1].correct}
        train = [[*group[:-1], tried[id(group)][-1]] if id(group) in helped else group for group in groups]
        dropped = [[*tried[id(one)][:-1], one[-1]] if id(one) in helped else tried[id(one)] for one in failed]
        self.banks = [bank.settled() for bank in self.banks]
        return SampledGroups(train, [group for group in dropped if group])

    def _asked(self, waiting: Sequence[Group], bank: HintBank, part: int) -> list[tuple[Group, str]]:
        """The waiting groups whose hint has such a part, and that part."""
        told = [increments(bank.hints.get(group[0].question.id, ""), self.increments) for group in waiting]
        return [(group, parts[part]) for group, parts in zip(waiting, told, strict=True) if part < len(parts)]

    def problems(self, engine: RolloutEngine, correction: EngineCorrection) -> Iterator[str]:
        """A reflector that could not be asked; see `Sampler.problems`."""
        return hint_problems(self.tiers, engine, "ScaffoldedHints")

    @property
    def writers(self) -> Sequence[Reflector]:
        """The tiers."""
        return self.tiers

    @property
    def own_engines(self) -> Sequence[RolloutEngine]:
        """Those of whoever writes the hints."""
        return engines_of(self.tiers)

    def forecast(self, work: Workload) -> dict[str, tuple[int, int]]:
        """From no hint to every increment of every tier for every question."""
        most = max(0, work.epochs - self.warm_up) * work.samples * len(self.tiers)
        return {"train": (work.completions, work.completions + most * self.increments), "hints": (0, most)}

    def state_dict(self) -> dict[str, Any]:
        """The hints of each tier, and what they cost."""
        return {"tiers": [bank.state_dict() for bank in self.banks]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over the hints of the run that is resumed.

        Raises:
            InputError: They are those of more or fewer tiers.
        """
        if len(state["tiers"]) != len(self.tiers):
            raise InputError(
                f"ScaffoldedHints: expected the hints of {len(self.tiers)} tiers, the checkpoint has "
                f"{len(state['tiers'])}. Resume with the tiers of that run."
            )
        self.banks = [HintBank.of(bank) for bank in state["tiers"]]


def increments(hint: str, count: int) -> list[str]:
    """The first 1/count of a hint's words, the first 2/count and so on to all of them; fewer if it has fewer words."""
    ends = [word.end() for word in re.finditer(r"\S+", hint)]
    parts = [hint[: ends[ceil(len(ends) * number / count) - 1]] for number in range(1, count + 1) if ends]
    return list(dict.fromkeys(parts))


def _unsolved(failed: Sequence[Group], tried: dict[int, list[Rollout]]) -> list[Group]:
    """The groups in which nothing that was tried is correct."""
    return [group for group in failed if not any(rollout.correct for rollout in tried[id(group)])]
