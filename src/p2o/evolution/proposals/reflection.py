"""What stands between a search and its reflector: checks, the ledger, and answers that must not be paid for twice."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from typing import Any

from p2o.contracts import check_record, listed, name_of
from p2o.distributed.processes import on_first
from p2o.endpoints.usage import ZERO_USAGE, Usage
from p2o.errors import InputError
from p2o.evolution.proposals.ledger import Ledger
from p2o.logprobs.shards import is_sharded, whole
from p2o.reflectors.base import Proposal, ReflectionContext, ReflectionFailed, ReflectionJob, Reflector

Check = Callable[[Proposal], Proposal]  # the proposal as it came, or rejected

FIELDS = {"template": str, "rejection": str, "reply": str, "prompt": str, "usage": Usage, "others": tuple}


class Reflection:
    """Asks the reflector of a run on behalf of the search of one epoch.

    If reflection fails within a batch of jobs, the answers that came are kept. The search repeats such a step with the
    same jobs, in this process or in a resumed one, and only those without an answer are asked again.

    In a distributed run every process calls it with the same jobs. The first one asks the reflector, all are told what
    came of it, and so all keep and book the same.

    Args:
        reflector: Proposes templates.
        context: What it may use of the run, given what reflection has spent so far.
        checks: What a proposal must pass, in order.
        ledger: Where costs are booked.
        epoch: What they are booked under.
    """

    def __init__(
        self,
        reflector: Reflector,
        context: Callable[[Usage], ReflectionContext],
        checks: Sequence[Check],
        ledger: Ledger,
        epoch: int,
    ) -> None:
        self.reflector = reflector
        self.context = context
        self.checks = checks
        self.ledger = ledger
        self.epoch = epoch
        self._kept: dict[str, Proposal] = {}

    def __call__(self, jobs: Sequence[ReflectionJob]) -> list[Proposal]:
        """A checked proposal for each job, in order.

        Raises:
            ReflectionFailed: As the reflector raised it; what it answered before is kept and booked.
        """
        asked = [job for job in jobs if job.key not in self._kept]
        try:
            proposals = self._reflect_together(asked) if asked else []
        except ReflectionFailed as failed:
            self._book(failed.usage)
            answers = zip(asked, failed.proposals, strict=False)  # one that fails at once answers nothing
            self._kept |= {job.key: proposal for job, proposal in answers if proposal is not None}
            raise
        self._book(sum((proposal.usage for proposal in proposals), ZERO_USAGE))
        answered = self._kept | {job.key: proposal for job, proposal in zip(asked, proposals, strict=True)}
        self._kept = {job.key: answered[job.key] for job in jobs}
        return [self._check(answered[job.key]) for job in jobs]

    def forget(self) -> None:
        """Drops the answers: the iteration that they belong to is complete."""
        self._kept = {}

    def _reflect_together(self, jobs: Sequence[ReflectionJob]) -> list[Proposal]:
        """Every process gathers a sharded policy, which takes them all; the first one reflects with it."""
        context = self.context(self.ledger.total)
        with ExitStack() as entered:
            if self.reflector.samples and is_sharded(context.policy):
                entered.enter_context(whole(entered.enter_context(self.reflector.reflecting_policy(context))))
            return on_first(lambda: self._reflect(jobs, context))

    def _reflect(self, jobs: Sequence[ReflectionJob], context: ReflectionContext) -> list[Proposal]:
        place, expected = name_of(self.reflector, "reflect"), f"a proposal for each of {len(jobs)} jobs"
        proposals = listed(place, self.reflector.reflect(jobs, context), expected)
        if len(proposals) != len(jobs):
            raise InputError(
                f"{place}: expected {expected}, got {len(proposals)}. Return a rejected Proposal where there is no "
                "template."
            )
        for proposal in proposals:
            check_record(place, proposal, Proposal, FIELDS)
        return proposals

    def _book(self, usage: Usage) -> None:
        self.ledger.add(self.epoch, self.reflector.name, usage)

    def _check(self, proposal: Proposal) -> Proposal:
        for check in self.checks:
            if proposal.template:
                proposal = check(proposal)
        return replace(proposal, others=tuple(map(self._check, proposal.others)))

    def state_dict(self) -> dict[str, Any]:
        """The answers that are kept, and what the reflector keeps beside them, in plain types."""
        proposals = {key: asdict(proposal) for key, proposal in self._kept.items()}
        return {"proposals": proposals, "reflector": self.reflector.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over what `state_dict` of an earlier process described; 0.1.0 kept the answers alone."""
        kept = state if "proposals" not in state else state["proposals"]
        self._kept = {key: Proposal.of(fields) for key, fields in kept.items()}
        self.reflector.load_state_dict(state.get("reflector", {}))
