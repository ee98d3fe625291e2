"""DAPO's dynamic sampling."""

from collections.abc import Sequence
from itertools import islice

from p2o.errors import InputError
from p2o.rollouts.sampler import Group, SampledGroups, Sampler, SamplingContext, Workload
from p2o.types import MixtureItem


class DynamicSampling(Sampler):
    """Asks further questions until the batch is full of groups with 0 < correct < K (DAPO, arXiv 2503.14476, §3.2).

    Each turn asks as many further training questions of the epoch as there are places left, so that no group with
    signal is thrown away. If the turns end first, the first groups without signal take the places that are left. All
    groups stay in the order they came in, so that one turn is no dynamic sampling at all. All that was rolled out is
    mined: a question that was asked twice in an epoch counts with both groups.

    Args:
        max_generation_rounds: Rollouts of a step at most, the first included (verl's recipe of DAPO: 10).
    """

    def __init__(self, max_generation_rounds: int = 10) -> None:
        if max_generation_rounds < 1:
            raise InputError(f"DynamicSampling needs max_generation_rounds >= 1, got {max_generation_rounds}.")
        self.max_generation_rounds = max_generation_rounds

    def __call__(self, samples: Sequence[MixtureItem], context: SamplingContext) -> SampledGroups:
        """Full of groups with signal, as far as the turns reach."""
        extra_questions = context.extra_questions(samples)
        came: list[Group] = []
        asked = list(samples)
        for turn in range(self.max_generation_rounds):
            came += context.rollout(asked, turn)
            places = len(samples) - sum(is_mixed(group) for group in came)
            asked = list(islice(extra_questions, places))
            if not asked:  # full, or all questions were asked
                break
        groups: list[Group] = []
        left_out: list[Group] = []
        for group in came:
            places -= not is_mixed(group)
            (groups if is_mixed(group) or places >= 0 else left_out).append(group)
        return SampledGroups(groups, left_out)

    def forecast(self, work: Workload) -> dict[str, tuple[int, int]]:
        """From one turn for each step to all turns, each of a whole batch, or all questions."""
        share = work.samples // work.processes
        full, last = divmod(share, work.batch_size)
        steps = [work.batch_size] * full + [last] * (last > 0)
        groups = sum(min(self.max_generation_rounds * size, work.questions) for size in steps) * work.processes
        return {"train": (work.completions, work.epochs * groups * work.num_generations)}


def is_mixed(group: Group) -> bool:
    """Whether some rollouts of the group are correct and some are not; shaped rewards do not count."""
    return 0 < sum(rollout.correct for rollout in group) < len(group)
