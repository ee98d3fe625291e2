"""A reflector that reflects on nothing: written strategies as a baseline, and a stand-in for tests."""

import random
from collections.abc import Sequence

from p2o.errors import InputError
from p2o.reflectors.base import Proposal, ReflectionContext, ReflectionJob, Reflector
from p2o.seeds import derive_seed

EXHAUSTED = "no template left"  # counted, so short and fixed


class StaticReflector(Reflector):
    """Proposes the templates of a fixed list, each once in an evolution.

    It has no state: which templates an evolution has seen follows from its seed and the number of its proposals, so
    that a resumed run proposes what the uninterrupted one would have.

    Args:
        templates: The texts to propose.
        shuffle: Whether each evolution has an order of its own, drawn from its seed, and not that of the list. With a
            list that is longer than the budget pays for, every evolution would else begin with the same few templates
            and none would come to the last ones.
    """

    def __init__(self, templates: list[str], shuffle: bool = False) -> None:
        if not templates or not all(template.strip() for template in templates):
            raise InputError(f"StaticReflector needs at least one template and no blank one, got {templates!r}.")
        self.templates = templates
        self.shuffle = shuffle

    @property
    def known_templates(self) -> Sequence[str]:
        """Those of the list."""
        return self.templates

    def reflect(self, jobs: Sequence[ReflectionJob], context: ReflectionContext) -> list[Proposal]:
        """The next template for each job; rejected proposals once all were proposed."""
        return [self._propose(job) for job in jobs]

    def _propose(self, job: ReflectionJob) -> Proposal:
        if job.number >= len(self.templates):
            return Proposal("", EXHAUSTED)
        order = list(range(len(self.templates)))
        if self.shuffle:
            random.Random(derive_seed(job.evolution_seed, "templates")).shuffle(order)
        return Proposal(self.templates[order[job.number]])
