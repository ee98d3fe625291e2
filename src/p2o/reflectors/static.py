"""A reflector that reflects on nothing: the baseline, and a double for tests."""

from collections.abc import Sequence

from p2o.errors import InputError
from p2o.reflectors.base import Proposal, ReflectionContext, ReflectionJob, Reflector


class StaticReflector(Reflector):
    """Proposes templates from a fixed list, chosen by the seed of the job and never the one to be improved.

    It has no state, so that a resumed run proposes what the uninterrupted one proposed.

    Args:
        templates: The texts to propose.
    """

    def __init__(self, templates: list[str]) -> None:
        if not templates or not all(template.strip() for template in templates):
            raise InputError(f"StaticReflector needs at least one template and no blank one, got {templates!r}.")
        self.templates = templates

    def reflect(self, jobs: Sequence[ReflectionJob], context: ReflectionContext) -> list[Proposal]:
        """One template of the list for each job."""
        return [self._propose(job) for job in jobs]

    def _propose(self, job: ReflectionJob) -> Proposal:
        others = [template for template in self.templates if template.strip() != job.template.strip()]
        choice = others or self.templates
        return Proposal(choice[job.seed % len(choice)])
