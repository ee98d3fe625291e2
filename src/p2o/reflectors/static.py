"""A reflector that reflects on nothing: written strategies as a baseline, and a stand-in for tests."""

from collections.abc import Sequence

from p2o.errors import InputError
from p2o.reflectors.base import Proposal, ReflectionContext, ReflectionJob, Reflector

EXHAUSTED = "no template left"  # counted, so short and fixed


class StaticReflector(Reflector):
    """Proposes the templates of a fixed list, each once in an evolution and in the order of the list.

    It has no state: which templates an evolution has seen follows from the number of its proposals, so that a resumed
    run proposes what the uninterrupted one would have.

    Args:
        templates: The texts to propose.
    """

    def __init__(self, templates: list[str]) -> None:
        if not templates or not all(template.strip() for template in templates):
            raise InputError(f"StaticReflector needs at least one template and no blank one, got {templates!r}.")
        self.templates = templates

    def reflect(self, jobs: Sequence[ReflectionJob], context: ReflectionContext) -> list[Proposal]:
        """The next template of the list for each job; rejected proposals once all were proposed."""
        return [self._propose(job.number) for job in jobs]

    def _propose(self, number: int) -> Proposal:
        return Proposal(self.templates[number]) if number < len(self.templates) else Proposal("", EXHAUSTED)
