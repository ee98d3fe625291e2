"""A moving average of the policy's weights, which regularizers may compare with."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import get_ema_multi_avg_fn
from transformers import PreTrainedModel

from p2o.errors import InputError
from p2o.logprobs.scoring_path import same_path
from p2o.objective import Regularizer
from p2o.policy.sharding import load_placed


class AveragePolicy:
    """Gives the exponential moving average of the policy, for the time of a `with`.

    It begins as the policy before training, and after every optimizer step w̄ becomes decay·w̄ + (1 - decay)·w.
    Only where a regularizer reads it is there a second copy of the weights, in memory and in every checkpoint.

    Args:
        policy: Gives the policy that is trained.
        load: Loads the policy as it was before its first step, adapters included, onto the device of the other.
        decay: Of the average at every step; None: nobody reads it, and there is none.
    """

    def __init__(
        self, policy: Callable[[], PreTrainedModel], load: Callable[[], PreTrainedModel], decay: float | None
    ) -> None:
        self.policy = policy
        self.load = load
        self.decay = decay
        self._loaded: PreTrainedModel | None = None
        self._waiting: dict[str, Tensor] = {}  # of a checkpoint, until there is a policy to put it into

    @contextmanager
    def __call__(self) -> Iterator[PreTrainedModel]:
        """The average, as long as the `with` lasts."""
        if self._loaded is None:
            self._loaded = self.load().requires_grad_(False)
            _copy(self._waiting, self._loaded)
            self._waiting = {}
        same_path(self._loaded, self.policy())
        yield self._loaded

    def following(self, optimizer: Optimizer) -> Optimizer:
        """The optimizer, each of whose steps the average follows from now on."""
        if self.decay is not None:
            update = get_ema_multi_avg_fn(self.decay)

            def follow(*_: object) -> None:
                with self() as average:
                    names, steps = zip(*_trained(self.policy()).items(), strict=True)
                    kept = dict(average.named_parameters())
                    update([kept[name] for name in names], [step.detach() for step in steps], 0)

            with self():
                optimizer.register_step_post_hook(follow)
        return optimizer

    def state_dict(self) -> dict[str, Any]:
        """The averages of what is trained; nothing if there is none."""
        if self.decay is None:
            return {}
        with self() as average:
            kept = dict(average.named_parameters())
            return {"weights": {name: kept[name].detach() for name in _trained(self.policy())}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over the averages."""
        self._waiting = state.get("weights", {})
        if self._loaded is not None:
            _copy(self._waiting, self._loaded)


def average_policy_of(module: Any, regularizers: Sequence[Regularizer]) -> AveragePolicy:  # noqa: ANN401 (the module, which imports this)
    """The moving average that regularizers compare with, of a module that trains the policy.

    Args:
        module: It has the policy, its model's name and adapters, and the strategy by which it is placed.
        regularizers: Of its objective.

    Raises:
        InputError: They ask for different decays.
    """
    decays = {part.decay for part in regularizers if part.averages}
    if len(decays) > 1:
        raise InputError(
            f"model.regularizers: expected one decay of the average policy, got {sorted(decays)}. Set them alike."
        )

    def load() -> PreTrainedModel:
        return load_placed(module, module.model, adapters=module.adapters, longest=module.longest)

    return AveragePolicy(lambda: module.policy, load, next(iter(decays), None))


def _trained(policy: nn.Module) -> dict[str, Tensor]:
    return {name: parameter for name, parameter in policy.named_parameters() if parameter.requires_grad}


@torch.no_grad()
def _copy(weights: dict[str, Tensor], policy: nn.Module) -> None:
    parameters = dict(policy.named_parameters())
    for name, weight in weights.items():
        parameters[name].copy_(weight)
