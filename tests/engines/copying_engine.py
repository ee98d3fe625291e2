"""A stub of an engine that keeps a copy of the weights, as vLLM does: a second model in this process."""

from copy import deepcopy

import torch

from p2o.engines.base import RolloutEngine
from p2o.engines.transformers import TransformersEngine, check_window
from p2o.engines.weight_sync import full_tensors, must_transfer, weights_fingerprint, without_autocast
from p2o.policy.loading import load_policy


class CopyingEngine(RolloutEngine):
    """Samples with transformers from a model of its own, which it gives the policy's weights when they have changed.

    Args:
        model: Of the same architecture; its weights are spoilt, so that only those that came are sampled from.
    """

    exact_logps = True
    dtype = torch.float32

    def __init__(self, model: str = "p2o/micro-policy") -> None:
        self.copy = load_policy(model)
        with torch.no_grad():
            for parameter in self.copy.parameters():
                parameter.fill_(float("nan"))
        self.fingerprint, self.transfers, self.sampler = (), 0, TransformersEngine()

    def generate(self, policy, prompts, sampling, title):
        check_window(policy, prompts, sampling)
        with without_autocast(policy):
            present = weights_fingerprint(policy)
            if must_transfer(policy, present != self.fingerprint):
                with torch.no_grad():
                    for name, value in full_tensors(policy):
                        self.copy.get_parameter(name).copy_(value)
                self.fingerprint, self.transfers = present, self.transfers + 1
        self.copy.generation_config = deepcopy(policy.generation_config)
        return self.sampler.generate(self.copy, prompts, sampling, title)
