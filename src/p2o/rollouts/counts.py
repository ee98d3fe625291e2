"""How many completions a run has sampled, and how many tokens they had, by phase."""

from collections.abc import Sequence
from typing import Any

from p2o.distributed.unions import summed
from p2o.types import Completion

PHASES = ("train", "evolution", "validation", "fixed_questions")
KEPT = ("teacher", "hints")  # written for a sampler, once


class RolloutCounts:
    """Counts of this process.

    In a distributed run the first process also holds what the checkpoint of a resumed run tells of all of them, so that
    the sum over processes is that of the run.
    """

    def __init__(self) -> None:
        self.rollouts = dict.fromkeys(PHASES, 0)  # completions sampled so far
        self.tokens = {**self.rollouts, "reflection": 0}  # of completions and of reflectors' replies

    def add(self, phase: str, completions: Sequence[Completion]) -> None:
        """Counts completions as sampled in a phase; a phase of one's own, such as "teacher", is begun."""
        self.rollouts[phase] = self.rollouts.get(phase, 0) + len(completions)
        self.tokens[phase] = self.tokens.get(phase, 0) + sum(len(completion.ids) for completion in completions)

    def state_dict(self) -> dict[str, dict[str, int]]:
        """Both counts by phase, in plain types."""
        return {"rollouts": dict(self.rollouts), "tokens": dict(self.tokens)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues the counts of a run that is resumed."""
        self.rollouts, self.tokens = dict(state["rollouts"]), dict(state["tokens"])

    def keeps_more(self, before: dict[str, Any]) -> bool:
        """Whether more was written for a sampler than `before`."""
        return any(vars(self)[name].get(phase, 0) > before[name].get(phase, 0) for name in before for phase in KEPT)

    def undo(self, before: dict[str, Any]) -> None:
        """Goes back to counts of before a step that is done anew, but for texts that its sampler keeps."""
        kept = {name: {phase: n for phase, n in found.items() if phase in KEPT} for name, found in vars(self).items()}
        self.load_state_dict({name: before[name] | kept[name] for name in kept})


def total_counts(mine: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """The counts of all processes added up, given the `state_dict` of this one's; every process asks for them."""
    return {name: summed(by_phase) for name, by_phase in mine.items()}
