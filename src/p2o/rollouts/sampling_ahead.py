"""Samples the next rollout batch while the last one is trained on."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import takewhile

from p2o.distributed.processes import together
from p2o.engines.base import BackgroundEngine, RolloutEngine
from p2o.errors import InputError
from p2o.objective.engine_correction import EngineCorrection
from p2o.rollouts.groups import group_rollouts
from p2o.rollouts.sampler import SampledGroups, Sampler
from p2o.rollouts.step import RolloutStep
from p2o.rollouts.worker import SubmittedRollouts
from p2o.types import MixtureItem

WAITING = "waiting for rollouts"  # the phase that its time counts as


@dataclass(frozen=True)
class _Ahead:
    """A batch that is being sampled: its place, and the number of the step from whose weights."""

    epoch: int
    number: int
    items: Sequence[MixtureItem]
    sampled_from: int
    rollouts: SubmittedRollouts


class SamplingAhead(Sampler):
    """The groups of `AllGroups`, of which the next are sampled while the last are trained on (off by default).

    They come from the weights of before one or more updates, which is no longer the paper's synchronous method: the
    engine correction weighs each token by how much likelier the policy of its update makes it. It needs an engine that
    samples elsewhere (`VLLMServers`) and `model.correction: TruncatedImportance`. Prompts and seeds are those of
    `AllGroups`. Nothing is sampled beyond the end of an epoch, since the next one has another mixture, nor beyond a
    validation.

    What was under way when a run ended within an epoch is sampled again when it resumes, from the weights of then:
    such a run is not bitwise that which was never ended. A run that resumes between epochs loses nothing.

    Args:
        max_staleness: Updates, each of a whole rollout batch, between the weights that a batch was sampled from and
            those that learn from it, at most. Above 1, so many batches are sampled from the same weights at a time:
            weights are sent more rarely, and the longest completions of one batch hold up the next less.
    """

    def __init__(self, max_staleness: int = 1) -> None:
        if max_staleness < 1:
            raise InputError(f"SamplingAhead needs max_staleness >= 1, got {max_staleness}. Without it: AllGroups.")
        self.max_staleness = max_staleness
        self._ahead: deque[_Ahead] = deque()

    def problems(self, engine: RolloutEngine, correction: EngineCorrection) -> Iterator[str]:
        """An engine that takes turns with training, or completions of old weights that nobody corrects."""
        if not isinstance(engine, BackgroundEngine):
            yield (
                f"model.sampler: SamplingAhead expects a model.engine that samples elsewhere while this process trains "
                f"(VLLMServers), got {type(engine).__name__}, which samples with the trainer's weights or on its "
                "device. Take VLLMServers, or AllGroups."
            )
        if not correction.reads_logps:
            yield (
                "model.sampler: SamplingAhead has completions of older weights, and expects a model.correction that "
                f"weighs their tokens (TruncatedImportance), got {type(correction).__name__}."
            )

    def __call__(self, items: Sequence[MixtureItem], step: RolloutStep) -> SampledGroups:
        """K rollouts of each item; before it returns, further batches are begun if none is under way."""
        with ExitStack() as undone:
            undone.callback(self._ahead.clear)  # what is under way is given up if this one fails or is broken off
            if not (self._ahead and self._is_next(self._ahead[0], items, step)):
                self._ahead.clear()
                self._begin([items, *self._following(step)], step, step.number)
            batch = self._ahead.popleft()
            begun = time.monotonic()
            # Together: to send other weights would break off what another process still waits for.
            completions = together(lambda: batch.rollouts.wait(WAITING))
            waited = time.monotonic() - begun
            if not self._ahead:
                self._begin(self._following(step), step, step.number + 1)
            undone.pop_all()
        groups = group_rollouts(batch.rollouts.graded(completions), items)
        figures = {"ahead/updates_behind": float(step.number - batch.sampled_from), "ahead/seconds_waited": waited}
        return SampledGroups(groups, [], figures)

    @staticmethod
    def _is_next(batch: _Ahead, items: Sequence[MixtureItem], step: RolloutStep) -> bool:
        """Not if an epoch was left early, or if another run has begun."""
        return (batch.epoch, batch.number, list(batch.items)) == (step.epoch, step.number, list(items))

    def _following(self, step: RolloutStep) -> list[Sequence[MixtureItem]]:
        """The batches after this one, as far as they may be sampled now."""
        numbers = range(step.number + 1, step.number + 1 + self.max_staleness)
        return list(takewhile(bool, map(step.ahead, numbers)))

    def _begin(self, batches: Sequence[Sequence[MixtureItem]], step: RolloutStep, first: int) -> None:
        if batches:
            places = zip(range(first, first + len(batches)), batches, step.submit(batches), strict=True)
            self._ahead += [_Ahead(step.epoch, number, items, step.number, found) for number, items, found in places]
