"""The objective of P²O: the policy loss under the gradient context, weighed by context estimator and aggregation."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from p2o.errors import InputError
from p2o.logprobs import Ids, completion_logps, completion_logps_and_entropies, pad, scoring_path
from p2o.objective.aggregation import Aggregation, TokenMean, per_token, weighted_sum
from p2o.objective.context_estimators import ContextEstimator
from p2o.objective.context_gap import gaps_of_successes
from p2o.objective.context_mask import context_mask_stats
from p2o.objective.engine_correction import EngineCorrection, NoCorrection
from p2o.objective.losses import PolicyLoss
from p2o.objective.micro_batches import by_tokens, equal_passes
from p2o.objective.outputs import LossOutput, mean_of
from p2o.objective.regularizers import Regularizer, Weights, k3
from p2o.objective.rows import TrainingSample


@dataclass(frozen=True)
class OldLogps:
    """log π_old(y_t) of one row, under the contexts that somebody reads; of a bare row both are the same."""

    bare: Tensor | None = None  # [T], under x
    templated: Tensor | None = None  # [T], under x̃


Reference = Callable[[], AbstractContextManager[PreTrainedModel]]
"""Gives a policy to compare with, as long as a `with` lasts."""


def no_reference() -> AbstractContextManager[PreTrainedModel]:
    """The reference of an objective that has none.

    Raises:
        ValueError: Always.
    """
    raise ValueError("Expected an Objective with a reference policy, since a regularizer reads it.")


@dataclass(frozen=True)
class Objective:
    """Scores rows under the prompts that its parts ask for, and makes a loss of them.

    Args:
        context: Which log-probs are compared.
        loss: The loss of a token.
        temperature: Of all log-probs.
        aggregation: How tokens are averaged.
        regularizers: Terms that are added to the loss of each token.
        correction: Weighs tokens against the engine's own log-probs.
        reference: π_ref, asked for when a regularizer reads it.
        average: The moving average of π_θ, likewise.
        exact_engine: Whether the engine's log-probs serve as those of π_old under x̃; a correction asks for both.
    """

    context: ContextEstimator
    loss: PolicyLoss
    temperature: float
    aggregation: Aggregation = TokenMean()
    regularizers: Sequence[Regularizer] = ()
    correction: EngineCorrection = NoCorrection()
    reference: Reference = no_reference
    average: Reference = no_reference
    exact_engine: bool = False

    def needs(self, row: TrainingSample) -> bool:
        """Whether the row has a gradient; without one it costs no pass, but may count in the denominator."""
        regularized = any(regularizer.acts_on(row) for regularizer in self.regularizers)
        return self.aggregation(row).weight != 0 and (row.advantage != 0 or regularized)

    def size(self, rows: Sequence[TrainingSample]) -> float:
        """The denominator of a mini-batch, all of whose rows these are; 0 if none counts."""
        return sum(self.aggregation(row).size for row in rows)

    @torch.no_grad()
    def old_logps(
        self, policy: PreTrainedModel, rows: Sequence[TrainingSample], tokens: int, on_policy: bool
    ) -> list[OldLogps]:
        """What context estimator and correction read of π_old, of each row.

        Args:
            policy: π_old, the policy before the first update on these rows.
            rows: Of the mini-batch; rows without signal are not scored.
            tokens: Of one forward pass at most.
            on_policy: Whether only one update follows: then π_θ is π_old when the gradient is taken, and the gradient's
                own log-probs serve as the old ones without a pass of their own.
        """
        scored: list[dict[bool, Tensor]] = [{} for _ in rows]  # whether under x -> [T]
        jobs: list[tuple[int, bool]] = []
        for index, row in enumerate(rows):
            for bare in self._reads(row, on_policy):
                if row.prompt(bare) == row.prompt_ids and self._trusts_engine(row):
                    scored[index][bare] = torch.tensor(row.engine_logps)
                else:
                    jobs.append((index, bare))
        pairs = [(rows[index].prompt(bare), rows[index].completion_ids) for index, bare in jobs]
        parts = by_tokens(pairs, tokens, scoring_path(policy))
        for _ in range(equal_passes(policy, len(parts))):
            completion_logps(policy, [rows[0].prompt_ids], [rows[0].completion_ids], self.temperature)
        for part in parts:
            prompts, completions = zip(*(pairs[place] for place in part), strict=True)
            logps = completion_logps(policy, prompts, completions, self.temperature)
            for place, completion, line in zip(part, completions, logps, strict=True):
                index, bare = jobs[place]
                scored[index][bare] = line[: len(completion)]
        return [OldLogps(found.get(True), found.get(row.is_bare)) for row, found in zip(rows, scored, strict=True)]

    def _reads(self, row: TrainingSample, on_policy: bool) -> list[bool]:
        """Under which contexts π_old of a row must be scored, true for x; a bare row has one, so at most that."""
        if not self._has_policy_loss(row):
            return []
        reads = {True} if self.context.reads_bare else set()
        reads |= {row.is_bare} if self.context.reads_templated or self.correction.reads_logps else set()
        reads -= {self.context.bare_gradient or row.is_bare} if on_policy else set()
        return sorted(reads, key=row.prompt)

    def _trusts_engine(self, row: TrainingSample) -> bool:
        return self.exact_engine and bool(row.engine_logps) and not self.correction.reads_logps

    def _has_policy_loss(self, row: TrainingSample) -> bool:
        return row.advantage != 0 and self.needs(row)

    def __call__(
        self, policy: PreTrainedModel, rows: Sequence[TrainingSample], old: Sequence[OldLogps], size: float
    ) -> LossOutput:
        """The rows' part of the loss of a mini-batch whose denominator is `size`."""
        completions = [row.completion_ids for row in rows]
        prompts = [row.prompt(self.context.bare_gradient) for row in rows]
        logps, entropies = self._score(policy, prompts, completions)  # [R, T], [R, T]
        mask = pad(completions, left=False)[1].bool().to(logps.device)  # [R, T]
        advantages = torch.tensor([[row.advantage] for row in rows], device=logps.device)  # [R, 1]
        shares = torch.tensor([[self.aggregation(row).weight] for row in rows], device=logps.device)  # [R, 1]
        bare = _stack(logps, [scored.bare for scored in old])
        templated = _stack(logps, [scored.templated for scored in old])
        engine = _stack(logps, [self._engine_logps(row) for row in rows])  # [R, T]
        old_logps, weights = (per_token(self.context, each, logps) for each in self.context(bare, templated))
        weights_of_engine = per_token(self.correction, self.correction(templated, engine), logps)  # [R, T]
        losses = per_token(self.loss, self.loss(logps, old_logps, advantages, mask), logps)
        losses = losses * (weights * weights_of_engine)
        losses, context_kl, kl = self._regularized(losses, policy, rows, logps, entropies)
        taught = mask & torch.tensor([[self._has_policy_loss(row)] for row in rows]).to(mask.device)  # [R, T]
        with_template = torch.tensor([[not row.is_bare] for row in rows]).to(mask.device)  # [R, 1]
        compared = torch.tensor([[self._is_compared(*pair)] for pair in zip(rows, old, strict=True)]).to(mask.device)
        both = self.context.bare_gradient and self.context.reads_bare  # on policy, the gradient's own are those under x
        known = [both and scored.templated is not None for scored in old]  # R
        mismatch = (templated - engine).abs()  # [R, T]
        return LossOutput(
            loss=weighted_sum(losses, shares, mask) / size,
            clipped=mean_of(((logps.detach() - old_logps).exp() - 1).abs() > 0.2, taught),
            entropy=mean_of(entropies.detach(), mask),
            kl=mean_of(kl, mask & ~kl.isnan() & ~(with_template & self.context.bare_gradient)),
            context_mask_stats=context_mask_stats(weights, bare - templated, taught, with_template),
            gaps=gaps_of_successes(rows, bare - templated, weights, mask, known),
            context_kl=mean_of(context_kl, mask & ~context_kl.isnan()),
            mismatch=mean_of(mismatch, mask & compared),
            mismatch_max=float(torch.where(mask & compared, mismatch, torch.zeros_like(mismatch)).max()),
        )

    def _score(
        self, policy: PreTrainedModel, prompts: Sequence[Ids], completions: Sequence[Ids]
    ) -> tuple[Tensor, Tensor]:
        """log π_θ(y_t) and entropies [R, T], the latter without a gradient unless a regularizer reads them."""
        logps, entropies = completion_logps_and_entropies(policy, prompts, completions, self.temperature)
        read = any(regularizer.reads_entropies for regularizer in self.regularizers)
        return logps, entropies if read else entropies.detach()

    def _regularized(
        self, losses: Tensor, policy: PreTrainedModel, rows: Sequence[TrainingSample], logps: Tensor, entropies: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The losses with the terms of all regularizers, and what these have compared, each [R, T].

        That is log π_θ - log π_guided, and k3 of π_θ and the policy before training; nan where nobody compared them.
        """
        guided = torch.tensor([[bool(row.guide_ids)] for row in rows], device=logps.device)  # [R, 1]
        context_kl = kl = torch.full_like(logps.detach(), torch.nan)
        known: dict[tuple[bool, Weights], Tensor] = {}
        for regularizer in self.regularizers:
            kind = (regularizer.guided, regularizer.weights)
            if regularizer.reads_reference and kind not in known:
                known[kind] = self._reference_logps(regularizer, policy, rows, logps)
            reference = known.get(kind, torch.zeros_like(logps))
            term = per_token(regularizer, regularizer(logps, reference, entropies), logps)  # [R, T]
            if regularizer.guided:
                term = torch.where(guided, term, torch.zeros_like(term))
                context_kl = torch.where(guided, logps.detach() - known[kind], context_kl)
            elif regularizer.reads_reference:
                kl = k3(logps.detach(), known[kind])
            losses = losses + term
        return losses, context_kl, kl

    def _reference_logps(
        self, regularizer: Regularizer, policy: PreTrainedModel, rows: Sequence[TrainingSample], logps: Tensor
    ) -> Tensor:
        """The log-probs that a regularizer compares with [R, T]: under the guide, or the prompt of the gradient.

        Rows that it does not act on are not scored, but for one if there is no other: processes that share a policy
        make equally many passes.
        """
        scored = [index for index, row in enumerate(rows) if regularizer.acts_on(row)] or [0]
        bare = self.context.bare_gradient
        prompts = [(regularizer.guided and rows[i].guide_ids) or rows[i].prompt(bare) for i in scored]
        completions = [rows[i].completion_ids for i in scored]
        references: dict[Weights, Reference] = {
            "current": lambda: nullcontext(policy),
            "initial": self.reference,
            "average": self.average,
        }
        with torch.no_grad(), references[regularizer.weights]() as reference:
            lines = completion_logps(reference, prompts, completions, self.temperature)  # [S, T]
        found = {i: line[: len(rows[i].completion_ids)] for i, line in zip(scored, lines, strict=True)}
        return _stack(logps, [found.get(i) for i in range(len(rows))])

    def _engine_logps(self, row: TrainingSample) -> Tensor | None:
        if row.engine_logps:
            return torch.tensor(row.engine_logps)
        if self.correction.reads_logps:
            raise InputError(
                f"model.correction: {type(self.correction).__name__} needs the log-probabilities of sampled tokens, "
                "and model.engine returns none. Take another engine, or NoCorrection."
            )
        return None

    def _is_compared(self, row: TrainingSample, scored: OldLogps) -> bool:
        """Whether both trainer and engine told the log-probs of the row's tokens under x̃.

        Of all rows with a policy loss the trainer's are at hand, but where the engine's took their place, and for
        templated rows if the context estimator reads x alone (`Replace`).
        """
        if scored.templated is not None:
            by_trainer = not self._trusts_engine(row)
        else:
            by_trainer = row.prompt(self.context.bare_gradient) == row.prompt_ids  # on policy, or it would be scored
        return bool(row.engine_logps) and self._has_policy_loss(row) and by_trainer


def _stack(logps: Tensor, known: Sequence[Tensor | None]) -> Tensor:
    """Log-probs of each row as [R, T]; a row that has none gets those of the gradient itself."""
    stacked = logps.detach().clone()
    for line, found in zip(stacked, known, strict=True):
        if found is not None:
            line[: len(found)] = found
    return stacked
