"""The policy before training."""

from collections.abc import Callable

import torch
from transformers import PreTrainedModel

from p2o.policy.loading import load_policy


class InitialPolicy:
    """Loads the policy as it was before training when somebody first asks for it, and keeps it.

    It is no submodule of the module that trains, or every checkpoint would hold it.

    Args:
        model: The folder or name of the model.
        device: Where it is put.
    """

    def __init__(self, model: str, device: Callable[[], torch.device]) -> None:
        self.model = model
        self.device = device
        self._loaded: PreTrainedModel | None = None

    def __call__(self) -> PreTrainedModel:
        """The policy before training."""
        if self._loaded is None:
            self._loaded = load_policy(self.model).to(self.device())
        return self._loaded
