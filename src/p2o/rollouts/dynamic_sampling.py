"""Draws further questions in place of groups without a gradient: DAPO's dynamic sampling."""

from collections.abc import Sequence
from itertools import islice

from p2o.distributed.processes import gather
from p2o.errors import InputError
from p2o.rollouts.groups import Group
from p2o.rollouts.sampler import SampledGroups, Sampler, Workload
from p2o.rollouts.step import RolloutStep
from p2o.types import MixtureItem


class DynamicSampling(Sampler):
    """Asks further questions until the batch is full of groups with 0 < correct < K (DAPO, arXiv 2503.14476, §3.2).

    Each generation round asks as many extra training questions of the epoch as there are places left, so that no group
    with variance is thrown away. If the rounds end first, the first zero-variance groups take the places that are left.
    All groups stay in the order they came in, so that one round is no dynamic sampling at all. All that was rolled out
    is mined: a question that was asked twice in an epoch counts with both groups, by their share of
    correct rollouts.

    Args:
        max_generation_rounds: Rollouts of a step at most, the first included (verl's recipe of DAPO: 10).
    """

    def __init__(self, max_generation_rounds: int = 10) -> None:
        if max_generation_rounds < 1:
            raise InputError(f"DynamicSampling needs max_generation_rounds >= 1, got {max_generation_rounds}.")
        self.max_generation_rounds = max_generation_rounds

    def __call__(self, items: Sequence[MixtureItem], step: RolloutStep) -> SampledGroups:
        """As many groups with variance as there are items, as far as the rounds reach."""
        extra_questions = step.extra_questions(items)
        came: list[Group] = []
        asked = list(items)
        for generation_round in range(self.max_generation_rounds):
            came += step.roll_out(asked, generation_round, extra=generation_round > 0)
            places = len(items) - sum(is_mixed(group) for group in came)
            asked = list(islice(extra_questions, places))
            if not any(gather(bool(asked))):  # on all processes the batch is full, or all questions were asked
                break
        groups: list[Group] = []
        dropped: list[Group] = []
        for group in came:
            places -= not is_mixed(group)
            (groups if is_mixed(group) or places >= 0 else dropped).append(group)
        return SampledGroups(groups, dropped)

    def forecast(self, work: Workload) -> dict[str, tuple[int, int]]:
        """From one round for each step to all rounds, each of a whole batch, or all questions."""
        share = work.samples // work.processes
        full, last = divmod(share, work.batch_size)
        steps = [work.batch_size] * full + [last] * (last > 0)
        groups = sum(min(self.max_generation_rounds * size, work.questions) for size in steps) * work.processes
        return {"train": (work.completions, work.epochs * groups * work.num_generations)}


def is_mixed(group: Group) -> bool:
    """Whether some rollouts of the group are correct and some are not; shaped rewards do not count."""
    return 0 < sum(rollout.correct for rollout in group) < len(group)
