"""The sections of a report in their order: each is a pure function of the runs."""

from collections.abc import Callable, Sequence

from p2o.commands.report.blocks import Section
from p2o.commands.report.runs import Run
from p2o.commands.report.sections.bare_and_templated import bare_and_templated
from p2o.commands.report.sections.completions import completions
from p2o.commands.report.sections.context_ratio import context_ratio
from p2o.commands.report.sections.convergence import convergence
from p2o.commands.report.sections.cost import cost
from p2o.commands.report.sections.coverage import coverage
from p2o.commands.report.sections.evolution import evolution
from p2o.commands.report.sections.hard_set import hard_set
from p2o.commands.report.sections.internalisation import internalisation
from p2o.commands.report.sections.learning import learning
from p2o.commands.report.sections.outcomes import outcomes
from p2o.commands.report.sections.overview import overview
from p2o.commands.report.sections.steps import steps
from p2o.commands.report.sections.verdict import verdict

SECTIONS: tuple[Callable[[Sequence[Run]], Section], ...] = (
    verdict,
    overview,
    learning,
    steps,
    hard_set,
    bare_and_templated,
    evolution,
    coverage,
    cost,
    convergence,
    internalisation,
    context_ratio,
    outcomes,
    completions,
)
