"""What an evolution on some number of hard questions looks like."""

from dataclasses import dataclass

from p2o.commands.planning.run import PlannedRun
from p2o.evolution.settings import affordable_parents, evolution_sizes


@dataclass(frozen=True)
class EvolutionSize:
    """What an evolution on some number of hard questions looks like.

    Args:
        hard: Hard questions.
        dev: Of them, dev questions, V.
        train: Of them, questions to reflect on.
        budget: Rollouts at most.
        calls: Reflections at most: reached if almost all proposals are rejected, and no child takes its share of the
            budget. Pairs that `evolution.reuse` does not ask again are not foreseen.
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
    settings = evolution.search_settings(0)
    n, batch, each = evolution.completions, settings.mini_batch_size, settings.proposals
    screen = min(dev, evolution.screen_size or dev)  # what is left of the cover's share goes back to the search
    limit = budget - (dev * n if evolution.confirm != "never" else 0)
    parents = affordable_parents(limit - screen * n, min(batch, hard - dev) * n, screen * n, each) if hard > dev else 0
    # After the last parents a child of each of them and one dev evaluation were still paid for.
    calls = each * ((limit - 2 * screen * n) // (min(batch, hard - dev) * n) - each) if parents else 0
    reason = ""
    if evolution.budget == 0:
        reason = "evolution.budget is 0"
    elif hard < evolution.min_hard_set:
        reason = f"fewer than min_hard_set ({evolution.min_hard_set})"
    elif not calls:
        reason = f"the budget does not pay for one child: it takes {2 * screen * n + (1 + each) * batch * n} rollouts"
    return EvolutionSize(hard, dev, hard - dev, budget, calls, reason)


def most_calls(run: PlannedRun) -> int:
    """Reflections of one evolution at most, however many questions are hard."""
    return max(evolution_size(run, hard).calls for hard in range(run.evolution.min_hard_set, run.most_hard + 1))


def largest_budget(run: PlannedRun) -> int:
    """Rollouts of one evolution at most, however many questions are hard."""
    return evolution_size(run, run.most_hard).budget
