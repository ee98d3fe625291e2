"""The loss of an objective over micro-batches, and its gradient."""

import torch

from p2o.objective.aggregation import TokenMean
from p2o.objective.losses import ClippedLoss
from p2o.objective.micro_batches import micro_batches
from p2o.objective.objective import Objective

TEMPERATURE = 0.7


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
    for part in micro_batches(rows, needed, tokens, estimator.bare_gradient, at_least_one=False):
        terms = objective(policy, [rows[i] for i in part], [old[i] for i in part], objective.size(rows))
        terms.loss.backward()
        total += float(terms.loss.detach())
    return total, [parameter.grad.clone() for parameter in policy.parameters()]
