"""From a template bank to the K templates of a question (Algorithm 2)."""

import math
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from p2o.contracts import listed, name_of
from p2o.errors import InputError
from p2o.mixture.template_use import TemplateUse
from p2o.prompts.templates import Template, TemplateBank


class AssignmentRule(ABC):
    """Weighs the templates that a question may draw from.

    `reads_use`: whether it looks at what became of templates when they were last used; `reads_gaps`: whether at Δ,
    which costs a forward pass over all templated completions under both prompts; `compares_with_bare`: whether it is
    the same as another rule without bare rollouts beside templated ones, and templates that last.
    """

    reads_use: bool = False
    reads_gaps: bool = False
    compares_with_bare: bool = False

    @abstractmethod
    def __call__(self, templates: Sequence[Template], use: TemplateUse) -> list[float]:
        """A weight of at least 0 for each template; if all are 0, the question stays bare."""


class ByScore(AssignmentRule):
    """By the mean dev scores of the last evolution, or evenly if all are 0 (P²O)."""

    def __call__(self, templates: Sequence[Template], use: TemplateUse) -> list[float]:
        """The dev scores."""
        return by_score(templates)


class WithoutEmpty(AssignmentRule):
    """By score, but never the empty template, which evolution begins with and may have in the bank.

    Then a hard question is asked bare as often as `data.bare_rollouts` says and no oftener, unless nothing else is to
    be drawn: seven families of skills had the empty template in 20 of 25 banks, drawn with 0.22 on average.
    """

    def __call__(self, templates: Sequence[Template], use: TemplateUse) -> list[float]:
        """The dev scores, 0 for the empty template."""
        scores = iter(by_score([template for template in templates if template.text]))
        return [next(scores) if template.text else 0.0 for template in templates]


class ByReliance(AssignmentRule):
    """By dev score times reliance: templates whose completions the bare policy could have written are drawn more.

    HiLL (arXiv 2604.00698) weighs the reward of a hint with exp(min(Δ, 0)/T), Δ = mean log π(y|x) - mean log π(y|x̃); as
    a rule of assignment it is ours (abstract read). Here it is the mean over the template's completions in the last
    epoch that used it, at the temperature of the rollouts; a template that was never used counts as 1.

    Args:
        temperature: T, in nats (HiLL: 0.3).
    """

    reads_use = True
    reads_gaps = True

    def __init__(self, temperature: float = 0.3) -> None:
        if temperature <= 0:
            raise InputError(f"ByReliance needs temperature > 0, got {temperature}.")
        self.temperature = temperature

    def __call__(self, templates: Sequence[Template], use: TemplateUse) -> list[float]:
        """Score times reliance."""
        found = [use.reliance(template.text, self.temperature) for template in templates]
        scores = by_score(templates)
        return [score * (1.0 if known is None else known) for score, known in zip(scores, found, strict=True)]


class WhileHelpful(AssignmentRule):
    """By score, among templates that still help: one that does not is withdrawn for good.

    After SKILL0 (arXiv 2604.02268), which withdraws skills that the policy no longer benefits from; that the help is
    measured in training groups is ours (abstract read). It needs bare rollouts beside templated ones
    (`data.bare_rollouts`), and templates that last: `evolution.carry_over`.

    Args:
        margin: A template helps if the share of its correct rollouts is above that of the bare rollouts of the same
            questions by more than this, in the last epoch that used it.
    """

    reads_use = True
    compares_with_bare = True

    def __init__(self, margin: float = 0.0) -> None:
        if not -1 <= margin < 1:
            raise InputError(f"WhileHelpful needs a margin of at least -1 and below 1, got {margin}.")
        self.margin = margin

    def __call__(self, templates: Sequence[Template], use: TemplateUse) -> list[float]:
        """The score among those that help, evenly if all are 0; 0 for a template that no longer helps."""
        gains = [use.gain(template.text) for template in templates]
        helps = [gain is None or gain > self.margin for gain in gains]
        scores = iter(by_score([template for template, kept in zip(templates, helps, strict=True) if kept]))
        return [next(scores) if kept else 0.0 for kept in helps]


def by_score(templates: Sequence[Template]) -> list[float]:
    """The dev scores, or equal weights if all are 0."""
    scores = [template.score for template in templates]
    return scores if any(scores) else [1.0] * len(scores)


def weights_checked(rule: AssignmentRule, templates: Sequence[Template], use: TemplateUse) -> list[float]:
    """The weights of a rule.

    Raises:
        InputError: There are more or fewer than templates, or one is negative or not finite.
    """
    expected = f"a finite weight of at least 0 for each of {len(templates)} templates"
    came = listed(name_of(rule), rule(templates, use), expected)
    try:
        weights = [float(weight) for weight in came]
    except (TypeError, ValueError):
        weights = []
    if len(weights) != len(templates) or not all(0 <= weight < math.inf for weight in weights):
        raise InputError(f"{name_of(rule)}: expected {expected}, got {came!r:.200}.")
    return weights


def assign(
    bank: TemplateBank,
    question_id: str,
    count: int,
    rng: random.Random,
    same_in_group: bool = False,
    weigh: Callable[[Sequence[Template]], Sequence[float]] = by_score,
) -> tuple[str, ...]:
    """`count` templates for a hard question, drawn from the bank by weight, with replacement.

    A dev question that some template of the bank solves draws only from those that do.

    Args:
        bank: Where to draw from; an empty one gives `count` times "".
        question_id: The hard question.
        count: How many.
        rng: The only source of chance.
        same_in_group: Draw once and repeat it (the paper's ablation).
        weigh: Weighs the templates; if all weights are 0, the question stays bare.
    """
    choice = [bank.templates[index] for index in bank.solvers.get(question_id, range(len(bank)))]
    weights = weigh(choice)
    if not any(weights):
        return ("",) * count
    drawn = rng.choices([template.text for template in choice], weights, k=1 if same_in_group else count)
    return tuple(drawn * count) if same_in_group else tuple(drawn)
