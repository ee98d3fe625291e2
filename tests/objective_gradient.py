"""Rows of ragged lengths, the loss of an objective over micro-batches, and its gradient."""

import torch

from p2o.logprobs import scoring_path
from p2o.objective.aggregation import TokenMean
from p2o.objective.losses import ClippedLoss
from p2o.objective.micro_batches import micro_batches
from p2o.objective.objective import Objective
from p2o.objective.rows import TrainingSample

TEMPERATURE = 0.7


def make_rows(templated: bool) -> list[TrainingSample]:
    generator = torch.Generator().manual_seed(3)

    def ids(count: int) -> tuple[int, ...]:
        return tuple(torch.randint(0, 250, (count,), generator=generator).tolist())

    rows = []
    for length, advantage in [(5, 1.2), (11, -0.4), (1, -0.8), (7, 0.0), (9, 2.0), (3, -0.3)]:
        bare = ids(4 + length % 3)
        prompt = ids(6) + bare if templated and length % 2 else bare
        rows.append(TrainingSample(bare, prompt, ids(length), advantage))
    return rows


def gradient(
    policy,
    estimator,
    rows,
    tokens=40,
    on_policy=True,
    shift=0.0,
    loss=ClippedLoss(),  # noqa: B008 (no state)
    aggregation=TokenMean(),
    **parts,
):
    objective = Objective(estimator, loss, TEMPERATURE, aggregation, **parts)
    policy.zero_grad()
    old = objective.old_logps(policy, rows, tokens, on_policy)
    with torch.no_grad():  # an update between the old log-probs and the loss
        for parameter in policy.parameters():
            parameter.add_(shift * torch.sin(torch.arange(parameter.numel()).reshape(parameter.shape) * 1.0))
    total = 0.0
    needed = [objective.needs(row) for row in rows]
    path = scoring_path(policy)
    for part in micro_batches(rows, needed, tokens, path, estimator.bare_gradient, at_least_one=False):
        terms = objective(policy, [rows[i] for i in part], [old[i] for i in part], objective.size(rows))
        terms.loss.backward()
        total += float(terms.loss.detach())
    return total, [parameter.grad.clone() for parameter in policy.parameters()]
