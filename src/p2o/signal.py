"""Groups without signal: all K rewards equal, so all advantages are zero and the question teaches nothing."""

from collections import Counter
from collections.abc import Sequence

from p2o.types import Rollout


def context_of(group: Sequence[Rollout]) -> str:
    """Under which prompts the rollouts of a question were sampled: "bare", "templated" or "mixed"."""
    templated = sum(bool(rollout.template) for rollout in group)
    if templated == 0:
        return "bare"
    return "templated" if templated == len(group) else "mixed"


def signal_shares(groups: Sequence[Sequence[Rollout]]) -> dict[str, float]:
    """Shares of groups (0-1) without signal by cause, all wrong / all right × bare / templated / mixed.

    A third verdict, "equal", is for shaped rewards that are equal without being all right or all wrong.
    """
    causes = Counter(
        (_verdict(group), context_of(group)) for group in groups if len({rollout.reward for rollout in group}) == 1
    )
    return {
        f"no_signal/{verdict}_{context}": causes[verdict, context] / len(groups)
        for verdict in ("all_wrong", "all_right", "equal")
        for context in ("bare", "templated", "mixed")
    }


def _verdict(group: Sequence[Rollout]) -> str:
    correct = sum(rollout.correct for rollout in group)
    return "all_wrong" if correct == 0 else "all_right" if correct == len(group) else "equal"
