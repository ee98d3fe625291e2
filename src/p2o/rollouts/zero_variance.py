"""Groups without signal: all K rewards equal, so all advantages are zero and the question teaches nothing."""

from collections import Counter
from collections.abc import Sequence

from p2o.run_folder.question_record import context_of
from p2o.types import Rollout


def zero_std_shares(groups: Sequence[Sequence[Rollout]]) -> dict[str, float]:
    """Shares of groups (0-1) without signal by cause, all wrong / all right × bare / templated / mixed.

    A third verdict, "equal", is for shaped rewards that are equal without being all right or all wrong.
    """
    causes = Counter(
        (_verdict(group), context_of(group)) for group in groups if len({rollout.reward for rollout in group}) == 1
    )
    return {
        f"frac_reward_zero_std/{verdict}_{context}": causes[verdict, context] / len(groups)
        for verdict in ("all_wrong", "all_right", "equal")
        for context in ("bare", "templated", "mixed")
    }


def _verdict(group: Sequence[Rollout]) -> str:
    correct = sum(rollout.correct for rollout in group)
    return "all_wrong" if correct == 0 else "all_right" if correct == len(group) else "equal"
