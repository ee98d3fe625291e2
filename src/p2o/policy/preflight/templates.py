"""Parts that look at templates, and whether any will come."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from p2o.mixture.data_module import MixtureDataModule
from p2o.mixture.selection import QuestionSelection
from p2o.objective import Regularizer

if TYPE_CHECKING:
    from p2o.policy.module import PolicyModule


def guide_problems(regularizers: Iterable[Regularizer], data: MixtureDataModule, epochs: int) -> Iterator[str]:
    """Regularizers that look at bare rollouts beside templated ones, where no epoch has any."""
    for regularizer in regularizers:
        if regularizer.guided and data.bare_rollouts.extremes(epochs)[1] < 1:
            yield (
                f"model.regularizers: {type(regularizer).__name__} compares bare rollouts of questions that carry "
                "templates with the templated policy, and data.bare_rollouts leaves none. Set it to 1 or more."
            )


def selection_problems(data: MixtureDataModule, learn_from: QuestionSelection | None) -> Iterator[str]:
    """Selections that name what no training question has; None where there is no evolution to learn from any."""
    selections = {"data.carry": data.carry, "data.draw": data.draw, "evolution.learn_from": learn_from}
    for name, selection in selections.items():
        if selection is not None:
            yield from (f"{name}: {problem}" for problem in selection.problems(data.train_questions))


def template_problems(
    module: "PolicyModule", data: MixtureDataModule, evolves: bool, carry_over: bool, epochs: int
) -> Iterator[str]:
    """Parts that would never have what they compare, and templates that nobody would use.

    Args:
        module: Of the run.
        data: Its mixture.
        evolves: Whether evolution has a budget.
        carry_over: Whether templates may last longer than an epoch.
        epochs: Of the run; -1: without end.
    """
    for regularizer in module.update.objective.regularizers:
        if regularizer.guided and not evolves:
            yield (
                f"model.regularizers: {type(regularizer).__name__} compares the policy with itself under templates, "
                "and none will come: evolution has no budget. Give it one, or leave the regularizer out."
            )
    rule = data.assignment
    if rule.compares_with_bare and not (carry_over and data.bare_rollouts.extremes(epochs)[1] >= 1):
        yield (
            f"data.assignment: {type(rule).__name__} compares templates with bare rollouts beside them, epoch by "
            "epoch. Set data.bare_rollouts to 1 or more, and evolution.carry_over to true, so that templates last."
        )
    if evolves and module.sampler.ignores_templates:
        yield (
            f"model.sampler: {type(module.sampler).__name__} asks nobody under a template, so that evolution would "
            "be paid for in vain. Set evolution.budget to 0."
        )
