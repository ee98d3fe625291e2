"""Has failures judged before another reflector reads them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from p2o.endpoints import ZERO_USAGE, Endpoint, Usage
from p2o.reflectors.base import Example, Proposal, ReflectionContext, ReflectionFailed, ReflectionJob, Reflector
from p2o.reflectors.failure_judge import FailureJudge
from p2o.reflectors.feedback import VERDICTS
from p2o.reflectors.wrapping import WrappingReflector
from p2o.types import Outcome


class DiagnosingReflector(WrappingReflector):
    """Adds the kind of each failure to the feedback that another reflector reads.

    Equal failures are judged once in a call. A failure that the judge names no kind of keeps its feedback. Record it
    from outside (`RecordingReflector` around it): a replay then needs neither the judge nor the reflector.

    Args:
        reflector: Proposes templates from the examples.
        judge: Names the kinds; its tokens are booked with the proposals.
    """

    def __init__(self, reflector: Reflector, judge: FailureJudge) -> None:
        super().__init__(reflector)
        self.judge = judge
        self._known: dict[str, str] = {}  # by key, of jobs without an answer yet: nobody pays for them twice

    @property
    def name(self) -> str:
        """The name of the reflector that does the work, and the model that judges."""
        return f"{self.reflector.name}, judge {self.judge.endpoint.model}"

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Those of the reflector that does the work, and that of the judge."""
        return (*self.reflector.endpoints, self.judge.endpoint)

    def reflect(self, jobs: Sequence[ReflectionJob], context: ReflectionContext) -> list[Proposal]:
        """A proposal for each job, whose usage holds the judging of its failures.

        Raises:
            ReflectionFailed: Judge or reflector cannot go on; what was paid is told with it.
        """
        costs = self._judge(jobs, context)
        judging = sum(costs.values(), ZERO_USAGE)
        diagnosed = [replace(job, examples=tuple(map(self._told, job.examples))) for job in jobs]
        try:
            proposals = self.reflector.reflect(diagnosed, replace(context, spent=context.spent + judging))
        except ReflectionFailed as failed:
            raise ReflectionFailed(str(failed), failed.proposals, failed.usage + judging) from failed
        self._known.clear()
        return [
            replace(proposal, usage=proposal.usage + sum((costs.pop(e, ZERO_USAGE) for e in job.examples), ZERO_USAGE))
            for job, proposal in zip(jobs, proposals, strict=True)
        ]

    def _judge(self, jobs: Sequence[ReflectionJob], context: ReflectionContext) -> dict[Example, Usage]:
        """What judging each failure cost that was not known."""
        examples = dict.fromkeys(example for job in jobs if job.partner is None for example in job.examples)
        failures = [example for example in examples if example.key not in self._known and not _solved(example)]
        results, stopped = self.judge.judge(failures, context.renderer.tokenizer, context.spent)
        costs = {example: usage for example, (_, usage) in zip(failures, results, strict=True)}
        judged = zip(failures, results, strict=True)
        self._known |= {example.key: kind for example, (kind, usage) in judged if kind or usage.tokens}
        if stopped:
            judging = sum(costs.values(), ZERO_USAGE)
            raise ReflectionFailed(f"DiagnosingReflector: {self.judge.endpoint.failure(stopped)}", usage=judging)
        return costs

    def _told(self, example: Example) -> Example:
        kind = self._known.get(example.key)
        if not kind:  # not judged, or the judge has named none
            return example
        return replace(
            example, feedback=f"{example.feedback}\nThe kind of failure: {kind}, {self.judge.taxonomy[kind]}."
        )

    def state_dict(self) -> dict[str, Any]:
        """The kinds of failures whose jobs are not answered yet, and what the reflector keeps."""
        return {"judged": dict(self._known), "reflector": self.reflector.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over what `state_dict` described; a kind that the taxonomy has no more is judged anew."""
        judged = state.get("judged", {})
        self._known = {key: kind for key, kind in judged.items() if not kind or kind in self.judge.taxonomy}
        self.reflector.load_state_dict(state.get("reflector", {}))


def _solved(example: Example) -> bool:
    return example.feedback.startswith(VERDICTS[Outcome.CORRECT])
