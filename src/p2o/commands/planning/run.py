"""The run that is planned: its parts, and what is known of it without sampling."""

from dataclasses import dataclass
from statistics import fmean

from p2o.evolution.callback import TemplateEvolution
from p2o.evolution.settings import affordable_parents, evolution_sizes
from p2o.mixture.data_module import MixtureDataModule
from p2o.policy.module import PolicyModule
from p2o.reflectors.base import Reflector
from p2o.rollouts import Workload


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
        probe: Questions that the probe asks.
    """

    module: PolicyModule
    data: MixtureDataModule
    evolution: TemplateEvolution
    epochs: int
    processes: int
    lengths: tuple[int, ...]
    window: int
    probe: int = 0

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

    @property
    def largest_budget(self) -> int:
        """Rollouts of one evolution at most, however many questions are hard."""
        return evolution_size(self, self.questions).budget

    @property
    def reflector(self) -> Reflector:
        """Who reflects, whether it is recorded or not."""
        reflector: Reflector = vars(self.evolution.reflector).get("reflector", self.evolution.reflector)
        return reflector

    @property
    def longest_template(self) -> int:
        """Tokens of a template at most; 0 if the reflector does not say."""
        return int(vars(self.reflector).get("max_template_length", 0))

    @property
    def workload(self) -> Workload:
        """What the sampler is asked for."""
        return Workload(self.epochs, self.questions, self.data.batch_size, self.data.num_generations, self.processes)


@dataclass(frozen=True)
class EvolutionSize:
    """What an evolution on some number of hard questions looks like.

    Args:
        hard: Hard questions.
        dev: Of them, dev questions, V.
        train: Of them, questions to reflect on.
        budget: Rollouts at most.
        calls: Reflections at most: reached if almost all are refused, and no child takes its share of the budget.
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
    parents = affordable_parents(budget - dev * n, min(batch, hard - dev) * n, dev * n, each) if hard > dev else 0
    # After the last parents a child of each of them and one dev evaluation were still paid for.
    calls = each * ((budget - 2 * dev * n) // (min(batch, hard - dev) * n) - each) if parents else 0
    reason = ""
    if evolution.budget == 0:
        reason = "evolution.budget is 0"
    elif hard < evolution.min_hard_set:
        reason = f"fewer than min_hard_set ({evolution.min_hard_set})"
    elif not calls:
        reason = f"the budget does not pay for one child: it takes {2 * dev * n + (1 + each) * batch * n} rollouts"
    return EvolutionSize(hard, dev, hard - dev, budget, calls, reason)


def most_calls(run: PlannedRun) -> int:
    """Reflections of one evolution at most, however many questions are hard."""
    return max(evolution_size(run, hard).calls for hard in range(run.evolution.min_hard_set, run.questions + 1))
