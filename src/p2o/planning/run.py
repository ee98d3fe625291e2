"""The run that is planned: its parts, and what is known of it without sampling."""

from dataclasses import dataclass
from statistics import fmean

from p2o.evolution.budget import affordable_parents, evolution_sizes
from p2o.evolution.callback import TemplateEvolution
from p2o.mixture import MixtureDataModule
from p2o.policy import PolicyModule


@dataclass(frozen=True)
class PlannedRun:
    """The parts that the config made, and their surroundings.

    Args:
        module: With tokenizer and renderer, without weights.
        data: With its questions.
        evolution: The callback.
        epochs: Of the run.
        processes: Of the run, over all nodes.
        lengths: Tokens of the bare prompt of each training question.
        window: Tokens of the model's window.
    """

    module: PolicyModule
    data: MixtureDataModule
    evolution: TemplateEvolution
    epochs: int
    processes: int
    lengths: tuple[int, ...]
    window: int

    @property
    def questions(self) -> int:
        """Training questions."""
        return len(self.lengths)

    @property
    def mean_length(self) -> float:
        """Tokens of a bare prompt on average."""
        return fmean(self.lengths)

    @property
    def evolves(self) -> bool:
        """Whether any epoch of the run can have evolved templates."""
        return self.epochs > 1 and self.evolution.budget != 0 and self.questions >= self.evolution.min_hard_set


@dataclass(frozen=True)
class EvolutionSize:
    """What an evolution on some number of hard questions looks like.

    Args:
        hard: Hard questions.
        dev: Of them, dev questions, V.
        train: Of them, questions to reflect on.
        budget: Rollouts at most.
        calls: Reflections at most: reached if no child is ever better than its parent.
        reason: Why there is no evolution, or none that can find a template; empty if there is one.
    """

    hard: int
    dev: int
    train: int
    budget: int
    calls: int
    reason: str


def evolution_size(run: PlannedRun, hard: int) -> EvolutionSize:
    """The effective sizes for so many hard questions."""
    evolution = run.evolution
    dev, budget = evolution_sizes(hard, evolution.dev_size, evolution.budget, evolution.completions)
    settings = evolution.settings(budget=0)
    n, batch, each = evolution.completions, settings.mini_batch_size, settings.proposals
    parents = affordable_parents(budget - dev * n, min(batch, hard - dev) * n, dev * n, each) if hard > dev else 0
    calls = each * parents
    reason = ""
    if evolution.budget == 0:
        reason = "evolution.budget is 0"
    elif hard < evolution.min_hard_set:
        reason = f"fewer than min_hard_set ({evolution.min_hard_set})"
    elif not calls:
        reason = f"the budget does not pay for one child: it takes {2 * dev * n + (1 + each) * batch * n} rollouts"
    return EvolutionSize(hard, dev, hard - dev, budget, calls, reason)
