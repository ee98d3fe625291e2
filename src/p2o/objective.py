"""The objective of P²O: the policy loss under the gradient context, weighed by the context estimator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from p2o.batches import Row, chunks
from p2o.contexts import ContextEstimator
from p2o.logprobs import Ids, completion_logps, pad
from p2o.losses import PolicyLoss, token_mean
from p2o.silence import Silence, silence

OldLogps = Mapping[Ids, Tensor]  # prompt -> log π_old(y | prompt) [T] of one row, for the prompts that were scored


@dataclass(frozen=True)
class Terms:
    """The loss of some rows as a part of their mini-batch, and what to log of it."""

    loss: Tensor
    tokens: int  # completion tokens of the rows
    clipped: float  # share of tokens whose ratio left [1 - 0.2, 1 + 0.2]; 0 in the first step on a rollout batch
    templated_tokens: int
    silenced: float  # share of templated tokens that the context estimator gave weight 0
    silence: Silence  # which they are


@dataclass(frozen=True)
class Objective:
    """Scores rows under the prompts that the context estimator asks for."""

    context: ContextEstimator
    loss: PolicyLoss
    temperature: float

    @torch.no_grad()
    def old_logps(self, policy: PreTrainedModel, rows: Sequence[Row], size: int, on_policy: bool) -> list[OldLogps]:
        """What the estimator reads of π_old, one mapping for each row.

        Args:
            policy: π_old, the policy before the first update on these rows.
            rows: Of the mini-batch; rows without signal are not scored.
            size: Rows per forward pass.
            on_policy: Whether only one update follows: then π_θ is π_old when the gradient is taken, and the gradient's
                own log-probs serve as the old ones without a pass of their own.
        """
        scored: list[dict[Ids, Tensor]] = [{} for _ in rows]
        jobs = [(index, prompt) for index, row in enumerate(rows) for prompt in self._reads(row, on_policy)]
        for part in chunks(jobs, size):
            completions = [rows[index].completion_ids for index, _ in part]
            logps = completion_logps(policy, [prompt for _, prompt in part], completions, self.temperature)
            for (index, prompt), line in zip(part, logps, strict=True):
                scored[index][prompt] = line[: len(rows[index].completion_ids)]
        return list(scored)

    def _reads(self, row: Row, on_policy: bool) -> list[Ids]:
        """The prompts under which π_old of a row must be scored; a bare row has x̃ = x, so at most one."""
        if row.advantage == 0:
            return []
        reads = {row.bare_ids} if self.context.reads_bare else set()
        reads |= {row.prompt_ids} if self.context.reads_templated else set()
        return sorted(reads - {row.prompt(self.context.bare_gradient)} if on_policy else reads)

    def __call__(self, policy: PreTrainedModel, rows: Sequence[Row], old: Sequence[OldLogps], tokens: float) -> Terms:
        """The rows' part of the token mean over a mini-batch of `tokens` completion tokens."""
        completions = [row.completion_ids for row in rows]
        prompts = [row.prompt(self.context.bare_gradient) for row in rows]
        logps = completion_logps(policy, prompts, completions, self.temperature)  # [R, T]
        mask = pad(completions, left=False)[1].bool().to(logps.device)  # [R, T]
        advantages = torch.tensor([[row.advantage] for row in rows], device=logps.device)  # [R, 1]
        bare = _stack(logps, [scored.get(row.bare_ids) for row, scored in zip(rows, old, strict=True)])
        templated = _stack(logps, [scored.get(row.prompt_ids) for row, scored in zip(rows, old, strict=True)])
        old_logps, weights = self.context(bare, templated)  # [R, T], [R, T]
        losses = self.loss(logps, old_logps, advantages)  # [R, T]
        with_template = torch.tensor([[row.prompt_ids != row.bare_ids] for row in rows], device=mask.device)  # [R, 1]
        found = silence(weights, bare - templated, mask, with_template)
        return self._terms(token_mean(losses, weights, mask, tokens), logps.detach() - old_logps, mask, found)

    def _terms(self, loss: Tensor, log_ratio: Tensor, mask: Tensor, found: Silence) -> Terms:
        total = int(found.tokens.sum())
        return Terms(
            loss=loss,
            tokens=int(mask.sum()),
            clipped=float(((log_ratio.exp() - 1).abs() > 0.2)[mask].float().mean()),
            templated_tokens=total,
            silenced=int((found.below + found.above).sum()) / total if total else 0.0,
            silence=found,
        )


def _stack(logps: Tensor, old: Sequence[Tensor | None]) -> Tensor:
    """Old log-probs as [R, T]; a row that was not scored has those of the gradient itself."""
    stacked = logps.detach().clone()
    for line, scored in zip(stacked, old, strict=True):
        if scored is not None:
            line[: len(scored)] = scored
    return stacked
