"""What became of templates when they were last used: by how much they helped, and how much was relied on them."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from p2o.distributed.unions import first_rank_wins
from p2o.types import Rollout


@dataclass(frozen=True)
class Use:
    """One rollout under a template.

    Args:
        template: Its text.
        gain: 1 if it is correct, else 0, less the share of correct ones among the bare rollouts of its group; nan if
            the group has none.
        gap: Δ of `p2o.objective.context_gap`, in nats; nan if nobody measured it.
    """

    template: str
    gain: float
    gap: float


class TemplateUse:
    """Keeps the rollouts of each template in the last epoch that used it."""

    def __init__(self) -> None:
        self.current: dict[str, list[Use]] = {}  # question id -> in this epoch
        self.last: dict[str, list[Use]] = {}  # template -> in the last finished epoch that used it

    def observe(self, groups: Sequence[Sequence[Rollout]], gaps: Sequence[float | None]) -> None:
        """Takes down the templated rollouts of this epoch.

        Args:
            groups: Of rollouts.
            gaps: Δ of each rollout, in order, as far as it was measured.
        """
        known = iter(gaps)
        for group in groups:
            bare = [rollout.correct for rollout in group if not rollout.template]
            found = [(rollout, next(known, None)) for rollout in group]
            uses = [
                Use(one.template, one.correct - fmean(bare) if bare else math.nan, math.nan if gap is None else gap)
                for one, gap in found
                if one.template
            ]
            if uses:
                self.current.setdefault(group[0].question.id, []).extend(uses)

    def join(self) -> None:
        """Takes over what all processes observed; every process calls it."""
        self.current = first_rank_wins(self.current)

    def close(self) -> None:
        """Ends the epoch: what it saw of a template takes the place of what was known of it."""
        seen: defaultdict[str, list[Use]] = defaultdict(list)
        for _, uses in sorted(self.current.items()):
            for use in uses:
                seen[use.template].append(use)
        self.last |= seen
        self.current = {}

    def gain(self, template: str) -> float | None:
        """By how much it raised the share of correct rollouts over bare ones of the same questions, -1 to 1."""
        return _mean([use.gain for use in self.last.get(template, ())])

    def reliance(self, template: str, temperature: float) -> float | None:
        """HiLL's weight of its rollouts on average: exp(min(Δ, 0)/T), 0 to 1."""
        gaps = [use.gap for use in self.last.get(template, ())]
        return _mean([math.exp(min(gap, 0.0) / temperature) if not math.isnan(gap) else gap for gap in gaps])

    def state_dict(self) -> dict[str, Any]:
        """Plain types."""
        return {
            name: {key: [asdict(use) for use in uses] for key, uses in sorted(kept.items())}
            for name, kept in (("current", self.current), ("last", self.last))
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over what `state_dict` described."""
        self.current, self.last = (
            {key: [Use(**use) for use in uses] for key, uses in state[name].items()} for name in ("current", "last")
        )


def _mean(values: Sequence[float]) -> float | None:
    """Of those that are known; None if there is none."""
    known = [value for value in values if not math.isnan(value)]
    return fmean(known) if known else None
